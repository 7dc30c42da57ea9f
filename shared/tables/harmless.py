"""Texts that a spreadsheet would run as formulas, made harmless with a leading `'`, and restored.

A text that already looks like one made harmless gets another `'`, so that restoring gives every text back.
"""

import re

_BEGINNINGS_OF_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def made_harmless(text: str) -> str:
    """The text as it may be written into a file that somebody opens in a spreadsheet. Numbers stay as they are."""
    return f"'{text}" if _is_dangerous(text.lstrip("'")) else text


def restored(text: str) -> str:
    """The text that `made_harmless` was given."""
    return text[1:] if text.startswith("'") and _is_dangerous(text.lstrip("'")) else text


def _is_dangerous(text: str) -> bool:
    return text.startswith(_BEGINNINGS_OF_FORMULAS) and not _NUMBER.fullmatch(text)
