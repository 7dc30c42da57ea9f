"""From a model's words to a cell's text. Model output is untrusted: a text in the row may have steered it."""

import re

from shared.ai.ports import ModelRefusal
from shared.jobs.kinds.documents import CUT_NOTE, is_cut
from shared.jobs.kinds.invisible import without_invisible
from shared.jobs.kinds.kind import CellText, Source
from shared.sheets.models import MAX_CELL_CHARACTERS

SHORTENED_NOTE = f"The answer was shortened to the {MAX_CELL_CHARACTERS:,} characters that a cell can hold."

_BLANK_LINES = re.compile(r"[ \t]*\n(?:[ \t]*\n)+")

_URL_END = r"[^\s<>\"'`()\[\]{}|\\^]"
_URL = re.compile(
    rf"[a-z][a-z0-9+.-]{{0,30}}://{_URL_END}+"
    rf"|(?:mailto|javascript|vbscript):{_URL_END}+"
    rf"|data:[\w.+-]+/[\w.+-]+[;,]{_URL_END}*"
    rf"|\bwww\.{_URL_END}+"
    rf"|(?<![\w@./-])(?:[a-z0-9-]+\.)+[a-z]{{2,24}}(?::\d+)?/{_URL_END}*",
    re.IGNORECASE,
)
_PUNCTUATION = ".,;:!?…*_~"


def to_cell_text(words: str, source: Source) -> CellText:
    """The text that may be written for this row.

    Characters that a person cannot see are taken out; what is longer than a cell ends in `…`. Raises
    `ModelRefusal`: `invalid_answer` for nothing at all, `unexpected_formula` for a text that starts with `=` (it is
    never written as a formula, but would become one where the cell is copied or exported), `unexpected_url` for a
    URL that is not verbatim in the row.
    """
    text = _BLANK_LINES.sub("\n\n", without_invisible(words)).strip()
    if not text:
        raise ModelRefusal("invalid_answer", "The model's answer is empty.")
    if text.startswith(("=", "＝")):
        raise ModelRefusal("unexpected_formula", "The model's answer looks like a formula.")
    if find_urls(text) - _urls_of(source):
        raise ModelRefusal("unexpected_url", "The model's answer holds a link that is not in the row.")
    notes = [CUT_NOTE] if is_cut(source) else []
    if len(text) > MAX_CELL_CHARACTERS:
        text = text[: MAX_CELL_CHARACTERS - 1].rstrip() + "…"
        notes.append(SHORTENED_NOTE)
    return CellText(text, " ".join(notes) or None)


def find_urls(text: str) -> set[str]:
    """The URLs in a text, also `www.…` and `name.tld/…`, without the punctuation behind them."""
    if ":" not in text and "/" not in text and "www." not in text.lower():
        return set()
    return {match.group().rstrip(_PUNCTUATION) for match in _URL.finditer(text)}


def _urls_of(source: Source) -> set[str]:
    return {url for part in source for text in part for url in find_urls(without_invisible(text))}
