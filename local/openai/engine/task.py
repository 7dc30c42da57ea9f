"""What a conversation asks for, told by the general form of the prompt: the instruction and the wanted properties."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from local.openai.engine.summary import Limits
from local.openai.engine.text import sentences
from local.openai.messages import Message


class TaskKind(Enum):
    """The tasks that the rules can do. `CUSTOM` is any other question about a row."""

    SUMMARY = "summary"
    TERMS = "terms"
    ALIGNMENT = "alignment"
    CLASSIFICATION = "classification"
    CUSTOM = "custom"


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Task:
    """What is asked.

    `request` is the instruction without its frame; `criterion` is what a text is scored against; `labels` are what it
    is classified into (empty: not said).
    """

    kind: TaskKind
    instruction: str
    request: str = ""
    criterion: str = ""
    labels: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    max_terms: int = 0
    scale: tuple[float, float] | None = None


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE | re.MULTILINE)


_BY_PROPERTY = (
    (TaskKind.ALIGNMENT, _words(r"^(?:alignment|alignment_?score|relevance|score|rating|fit)$")),
    (TaskKind.TERMS, _words(r"^(?:key_?)?(?:terms|keywords|phrases|tags|topics)$")),
    (TaskKind.CLASSIFICATION, _words(r"^(?:label|labels|category|categories|class|classification)$")),
    (TaskKind.SUMMARY, _words(r"^(?:summary|abstract|tl_?dr|synopsis)$")),
)
_BY_WORDING = (
    (
        TaskKind.ALIGNMENT,
        _words(r"\balign(?:s|ed|ment)?\b", r"\b(?:score|rate|grade)\b", r"\brelevan(?:t|ce) (?:to|for)\b"),
    ),
    (
        TaskKind.TERMS,
        _words(r"\bkey[ -]?(?:terms|words|phrases)\b", r"\bextract\b.{0,40}\bterms\b", r"\bterminology\b"),
    ),
    (
        TaskKind.CLASSIFICATION,
        _words(
            r"\bclassif",
            r"\bcategori[sz]e",
            r"\blabel (?:the|each|this)\b",
            r"\b(?:into )?one of (?:the following|these)\b",
        ),
    ),
    (
        TaskKind.SUMMARY,
        _words(
            r"\bsummar(?:y|ise|ize|ising|izing|ies)\b",
            r"\bcondense\b",
            r"\bshorten\b",
            r"\bgist\b",
            r"\btl;?dr\b",
            r"\bfasse\b.*\bzusammen\b",
        ),
    ),
)
_FRAME = _words(
    r"<documents>",
    r"\b(?:json|schema|instructions?|untrusted)\b",
    r"^you (?:are|work|process|receive|get|will)\b",
    r"\bdocuments? (?:is|are)\b",
    r"^(?:answer|reply|respond) (?:only|with|in|yes|as)\b",
)
"""Sentences that say how to work, not what is asked."""

_QUOTED = r"(?:\"{1,3}([^\"]+)\"{1,3}|“([^”]+)”|«([^»]+)»|'([^'\n]{3,})'(?!\w))"
_CRITERION = (
    re.compile(r"<criterion>\s*(.+?)\s*</criterion>", re.IGNORECASE | re.DOTALL),
    _words(rf"\b(?:criterion|criteria|goal|objective|mission|strategy)\b(?: is|:| =)\s*{_QUOTED}"),
    _words(r"^\s*(?:the )?(?:criterion|criteria|goal|objective|mission)(?: is|:| =)\s*([^\n]+)"),
    _words(rf"\b(?:align(?:s|ed|ment)?|fits?|match(?:es)?|supports?|relevan(?:t|ce))\b[^.\n\"“«]{{0,60}}?\s*{_QUOTED}"),
    _words(
        r"\b(?:align(?:s|ed|ment)?|relevan(?:t|ce)) (?:with|to|for)\s+"
        r"(?:the (?:following )?(?:criterion|goal|statement)\s*:?\s*)?([^\n]+?)"
        r"(?=\.\s|\.?$|\n|,? (?:on a scale|from \d|from zero|between \d|as a (?:score|number)))"
    ),
)
_LABELS = _words(
    r"\b(?:one of(?: the following| these)?(?: labels| categories| values)?|labels?(?: are)?|categories(?: are)?|into)"
    r"\s*:?\s+([^.\n]+(?:,|\bor\b)[^.\n]+)"
)
_NUMBER = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_COUNT = rf"\b(\d+|{'|'.join(_NUMBER)})"
_MAX_WORDS = _words(rf"{_COUNT}[- ](?:words?|wörter\w*)\b")
_MAX_SENTENCES = _words(
    rf"{_COUNT}(?: short| concise| plain| brief| complete)?[- ]sentences?\b", r"\ba (?:single|short) sentence\b"
)
_MAX_CHARACTERS = _words(r"\b(\d[\d,]*) characters\b")
_MAX_TERMS = _words(
    rf"{_COUNT}(?: (?:most )?(?:key|important|relevant|main|distinct|salient))*"
    r"[ -](?:terms|keywords|key ?phrases|phrases|tags|topics|items)\b"
)
_SCALE = _words(
    r"(-?\d+(?:\.\d+)?)\s*(?:to|–|—|-|and|\.\.+|…)\s*(\d+(?:\.\d+)?)\b"
    r"(?!\s*(?:words|sentences|terms|char|key|-|\d))"
)
_OUT_OF = _words(r"\bout of (\d+)\b")
_HIGHEST_SCALE = 1000


def read_task(messages: Sequence[Message], around_documents: str, schema: dict[str, Any] | None) -> Task:
    """The task in the system messages and in the user's words around the documents, never in the documents."""
    said = [message.text for message in messages if message.role in ("system", "developer")]
    instruction = "\n".join([*said, around_documents]).strip()
    request = _request(instruction)
    kind = _by_properties(schema) or _by_wording(request)
    return Task(
        kind=kind,
        instruction=instruction,
        request=request,
        criterion=_criterion(instruction) if kind is TaskKind.ALIGNMENT else "",
        labels=_labels(instruction, schema) if kind is TaskKind.CLASSIFICATION else (),
        limits=read_limits(instruction),
        max_terms=max_count(_MAX_TERMS, instruction),
        scale=read_scale(instruction) if kind is TaskKind.ALIGNMENT else None,
    )


def read_limits(text: str) -> Limits:
    """The length that an instruction or a description allows; the smallest where several are named."""
    characters = [int(found.replace(",", "")) for found in _MAX_CHARACTERS.findall(text)]
    sentences = [_number(match[1] or "one") for match in _MAX_SENTENCES.finditer(text)]
    words = [_number(match[1]) for match in _MAX_WORDS.finditer(text)]
    return Limits(min(words, default=0), max(sentences, default=0), min(characters, default=0))


def read_scale(text: str) -> tuple[float, float] | None:
    """The range of a score: `0-100`, `from 1 to 5`, `out of 10`."""
    for match in _SCALE.finditer(text):
        low, high = float(match[1]), float(match[2])
        if low < high <= _HIGHEST_SCALE:
            return low, high
    if match := _OUT_OF.search(text):
        return 0.0, float(match[1])
    return None


def max_count(pattern: re.Pattern[str], text: str) -> int:
    """The largest number that stands before the counted thing ("3 to 8 terms": 8); 0 where none does."""
    return max((_number(match[1]) for match in pattern.finditer(text)), default=0)


def _number(word: str) -> int:
    return _NUMBER.get(word.lower()) or int(word)


def _by_properties(schema: dict[str, Any] | None) -> TaskKind | None:
    names = list(_property_names(schema or {}))
    for kind, pattern in _BY_PROPERTY:
        if any(pattern.match(name) for name in names):
            return kind
    return None


def _property_names(schema: dict[str, Any]) -> Sequence[str]:
    """The names at the top, or those of the rows where the top only lists rows."""
    properties = schema.get("properties", {})
    names = list(properties)
    for child in properties.values():
        items = child.get("items") if isinstance(child, dict) else None
        if isinstance(items, dict):
            names += list(items.get("properties", {}))
    return names


def _by_wording(instruction: str) -> TaskKind:
    """The kind that is named first."""
    found = [(match.start(), kind) for kind, pattern in _BY_WORDING if (match := pattern.search(instruction))]
    return min(found, key=lambda item: item[0])[1] if found else TaskKind.CUSTOM


def _request(instruction: str) -> str:
    """What is asked: its questions if any, else what is no frame, else all of it."""
    asked = [sentence for sentence in sentences(instruction) if not _FRAME.search(sentence)]
    questions = [sentence for sentence in asked if sentence.endswith("?")]
    return " ".join(questions or asked) or instruction


def _criterion(instruction: str) -> str:
    for pattern in _CRITERION:
        if match := pattern.search(instruction):
            return next(group for group in match.groups() if group).strip().rstrip(".")
    return instruction


def _labels(instruction: str, schema: dict[str, Any] | None) -> tuple[str, ...]:
    """The values of the schema's first enumeration, else the labels that the instruction lists."""
    for child in (schema or {}).get("properties", {}).values():
        if values := tuple(value for value in child.get("enum", ()) if isinstance(value, str)):
            return values
    match = _LABELS.search(instruction)
    if not match:
        return ()
    parts = re.split(r"\s*,\s*(?:or |and )?|\s+or\s+|\s*\|\s*", match[1])
    return tuple(part.strip(" \"'“”.:;") for part in parts if part.strip(" \"'“”.:;"))
