"""Texts that a spreadsheet would run as formulas, made harmless with a `'`, and restored.

The `'` goes where a spreadsheet may see a cell begin. That is the beginning of the text, and, within it, behind a line
end, a tab and a `;`: where `;` divides fields (most of Europe), quotes that stand behind a comma do not count, so the
text falls apart there. Spaces and quotes before the formula do not hide it, since programs drop them; neither do the
full-width forms of its first character, which some take for the plain ones. See OWASP, "CSV Injection".

A text that already looks like one made harmless gets another `'`, so that restoring gives every text back.
"""

import re

_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_HIDING = "[' \"]*"
_BEGINNING = "[=+\\-@＝＋－＠]"

_DANGEROUS = re.compile(rf"(?!{_HIDING}{_NUMBER}\Z){_HIDING}(?:{_BEGINNING}|[\t\r\n\0])", re.ASCII)
_DANGEROUS_PART = rf"(?={_HIDING}(?!{_NUMBER}(?:[;\t\r\n]|\Z)){_BEGINNING})"
_PART = re.compile(rf"([;\t\r\n]){_DANGEROUS_PART}", re.ASCII)
_HARMLESS_PART = re.compile(rf"([;\t\r\n])'{_DANGEROUS_PART}", re.ASCII)


def made_harmless(text: str) -> str:
    """The text as it may be written into a file that somebody opens in a spreadsheet. Numbers stay as they are."""
    harmless = _PART.sub(r"\1'", text)
    return f"'{harmless}" if _DANGEROUS.match(text) else harmless


def restored(text: str) -> str:
    """The text that `made_harmless` was given."""
    if text.startswith("'") and _DANGEROUS.match(text):
        text = text[1:]
    return _HARMLESS_PART.sub(r"\1", text)
