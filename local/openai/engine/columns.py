"""What a column is about, told by its title and its text: prose, title, status, date, person."""

import re
from enum import Enum

from local.openai.engine.documents import Document
from local.openai.engine.text import clean, one_line, word_count

PROSE_WORDS = 9


class Kind(Enum):
    """The part that a cell plays in its row."""

    PROSE = "prose"
    TITLE = "title"
    STATUS = "status"
    PROGRESS = "progress"
    DATE = "date"
    PERSON = "person"
    OTHER = "other"


_BY_TITLE = (
    (Kind.STATUS, re.compile(r"\b(status|state|health|stage|phase|rag|zustand|stand)\b", re.IGNORECASE)),
    (Kind.PROGRESS, re.compile(r"%\s*complete|percent complete|\bprogress\b", re.IGNORECASE)),
    (Kind.DATE, re.compile(r"\b(due|deadline|end|finish|target|until|by|date|fällig|termin)\b", re.IGNORECASE)),
    (
        Kind.PERSON,
        re.compile(
            r"\b(owner|assigned|assignee|responsible|lead|contact|manager|author|verantwortlich\w*)\b", re.IGNORECASE
        ),
    ),
    (
        Kind.TITLE,
        re.compile(
            r"\b(task|title|name|subject|project|initiative|deliverable|feature|summary|headline|topic|"
            r"activity|milestone|package|item|aufgabe|titel|projekt|vorhaben)\b",
            re.IGNORECASE,
        ),
    ),
)
_CHECKBOX = ("true", "false")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")


def read_columns(document: Document) -> list[tuple[str, str, Kind]]:
    """`(title, cleaned text, kind)` of the cells that say something; the first short cell is the title if none is."""
    columns = [
        (one_line(title), text, _kind(title, text))
        for title, cell in document.fields.items()
        if (text := clean(cell)) and text.lower() not in _CHECKBOX
    ]
    if len(columns) > 1 and not any(kind is Kind.TITLE for _, _, kind in columns):
        for index, (title, text, kind) in enumerate(columns):
            if kind is Kind.OTHER and len(text) > 2 and not text.replace(".", "").replace(",", "").isdigit():
                columns[index] = (title, text, Kind.TITLE)
                break
    return columns


def names_person(title: str) -> bool:
    """Whether a column holds the person who is responsible."""
    return dict(_BY_TITLE)[Kind.PERSON].search(title) is not None


def prose(columns: list[tuple[str, str, Kind]]) -> str:
    """The running text of a row: its prose cells, or all cells where there is none, one per paragraph."""
    chosen = [text for _, text, kind in columns if kind is Kind.PROSE]
    return "\n\n".join(chosen or [text for _, text, _ in columns])


def subject_matter(columns: list[tuple[str, str, Kind]]) -> str:
    """What the row is about: everything but state, dates and people, one cell per paragraph."""
    chosen = [text for _, text, kind in columns if kind in (Kind.TITLE, Kind.PROSE, Kind.OTHER)]
    return "\n\n".join(chosen or [text for _, text, _ in columns])


def _kind(title: str, text: str) -> Kind:
    short = word_count(text) < PROSE_WORDS and "\n" not in text
    for kind, pattern in _BY_TITLE:
        if pattern.search(title) and (short or (kind is Kind.TITLE and word_count(text) <= 2 * PROSE_WORDS)):
            if kind is Kind.DATE and not _DATE.search(text) and not any(c.isdigit() for c in text):
                continue
            return kind
    return Kind.OTHER if short else Kind.PROSE
