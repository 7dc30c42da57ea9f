"""Characters that a person cannot see, but a model reads: they hide instructions in cells, and data in answers."""

import re

# Control and bidirectional characters, fillers, tags and variation selectors: what a person cannot see. Line breaks
# and tabs stay; U+FE0F stays, which makes emoji colourful.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff]"
)
# Joiners belong between characters of scripts and emoji that need them, and nowhere else.
_STRAY_JOINER = re.compile(
    "(?<![\u0590-\u1fff\ua800-\uabff\ufb1d-\ufdff\ufe0f\ufe70-\ufeff\u2190-\u2bff\U0001f000-\U0001faff])[\u200c\u200d]"
    "|[\u200c\u200d](?![\u0590-\u1fff\ua800-\uabff\ufb1d-\ufdff\ufe70-\ufeff\u2190-\u2bff\U0001f000-\U0001faff])"
)
_LINE_BREAK = re.compile("\r\n?|[\u2028\u2029]")


def without_invisible(text: str) -> str:
    """The text without characters that a person cannot see; line breaks become `\\n`."""
    return _STRAY_JOINER.sub("", _INVISIBLE.sub("", _LINE_BREAK.sub("\n", text)))
