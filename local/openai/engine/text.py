"""Reading a text: cleaning, sentences, words."""

import html
import re
from functools import lru_cache
from typing import NamedTuple

MAX_CHARACTERS = 40_000
"""Longer texts are read up to here: what matters in a cell stands before."""

_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--.*?-->", re.DOTALL)
_SILENT = re.compile(r"<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_BLOCK_TAG = re.compile(r"</?(?:p|div|br|li|ul|ol|h[1-6]|tr|table|section|article|blockquote)\b[^<>]*>", re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
_MARKS = re.compile(r"\*\*|__|`+|^#{1,6}\s+|^>\s+", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200d\ufeff]")
_LINE_BREAK = re.compile(r"\n")
_BULLET = re.compile(r"\s*(?:[-*•·–—‣▪+]|\(?\d{1,2}[.)]|[a-z]\))\s+")
_ENDS = (".", "!", "?", "…", ":", ";", "。", "！", "？", '"', "”", ")")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[¿¡]*[^\W\d_a-zà-ÿа-я]|[\"'“(]*\d)|(?<=[。！？])(?=.)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|incl|dr|mr|mrs|ms|prof|st|no|nr|fig|inc|ltd|co|corp|dept|z\.\s?b|bzw|ca|usw|u\.s|"
    r"jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)|\b[A-Z])\.$",
    re.IGNORECASE,
)
_WORD = re.compile(
    r"\d+(?:[.,:/\-]\d+)*%?"  # 12,000 · 3.5% · 2026-01-31
    r"|[\u4e00-\u9fff\u30a1-\u30fa\u30fc\u3005]+"  # Han and Katakana: content
    r"|[\u3041-\u309f]+"  # Hiragana: mostly grammar
    r"|[^\W\d_\u3040-\u30ff\u4e00-\u9fff](?:[^\W\u3040-\u30ff\u4e00-\u9fff]|['’&/.\-+#](?=[^\W_\u3040-\u30ff\u4e00-\u9fff]))*(?:\+\+|#)?"
)
_TO_A_MODEL = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,30}\binstructions?\b|\bsystem prompt\b|"
    r"\byou are (?:now )?an? (?:ai|assistant)\b"
)
_SPACES = re.compile(r"\s+")
_SOFT_WRAP_LENGTH = 55


class Word(NamedTuple):
    """A word where it stands; `lower` is its form for comparing."""

    text: str
    lower: str
    start: int
    end: int


def clean(text: str) -> str:
    """Plain text: no tags, entities, Markdown marks or control characters; line breaks stay."""
    text = text[:MAX_CHARACTERS].replace("\r\n", "\n")
    if "<" in text and _TAG.search(text):
        text = _TAG.sub(" ", _BLOCK_TAG.sub("\n", _SILENT.sub(" ", text)))
    if "&" in text:
        text = html.unescape(text)
    text = _MARKS.sub("", _LINK.sub(r"\1", text))
    return _CONTROL.sub(" ", text).strip()


def sentences(text: str) -> list[str]:
    """The sentences of a cleaned text, each on one line, without bullets; broken lines are joined again."""
    found: list[str] = []
    for line in _paragraph_lines(text):
        start = 0
        for match in _SENTENCE_END.finditer(line):
            piece = line[start : match.start()]
            if _ABBREVIATION.search(piece):
                continue
            found.append(line[start : match.end()].strip())
            start = match.end()
        found.append(line[start:].strip())
    return [sentence for sentence in found if sentence]


@lru_cache(maxsize=64)
def words(text: str) -> tuple[Word, ...]:
    """The words of a text in order; numbers with separators and names such as `node.js` stay whole."""
    return tuple(Word(found := m.group(), found.lower().replace("’", "'"), *m.span()) for m in _WORD.finditer(text))


def word_count(text: str) -> int:
    """Words as a reader counts them; where a script has no spaces, two characters count as one word."""
    spaced = len(text.split())
    unspaced = sum(1 for c in text if "\u3040" <= c <= "\u9fff") if not text.isascii() else 0
    return spaced + unspaced // 2


def speaks_to_a_model(sentence: str) -> bool:
    """Whether a sentence gives orders to a model instead of saying something about its row."""
    lowered = sentence.lower()
    return ("instruction" in lowered or "prompt" in lowered or "you are" in lowered) and bool(
        _TO_A_MODEL.search(lowered)
    )


def one_line(text: str) -> str:
    """White space of any kind becomes one space."""
    return _SPACES.sub(" ", text).strip()


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The stem of a lower-case English word, for comparing only; other scripts stay as they are."""
    if not word.isascii() or len(word) < 4 or word[0].isdigit():
        return word
    word = word.removesuffix("'s")
    for suffix, keep in (("ies", "y"), ("sses", "ss"), ("ations", "ate"), ("ation", "ate"), ("ings", ""), ("ing", ""),
                         ("ed", ""), ("ly", ""), ("es", ""), ("s", "")):  # fmt: skip
        root = word[: -len(suffix)]
        if word.endswith(suffix) and len(root) >= 3 and not (suffix == "s" and root[-1] in "su"):
            word = root + keep
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word


def _paragraph_lines(text: str) -> list[str]:
    """Lines that belong together joined: a line that was wrapped goes on in the next one."""
    joined: list[str] = []
    previous = ""
    for line in _LINE_BREAK.split(text):
        stripped = line.strip()
        bullet = _BULLET.match(line)
        if bullet:
            stripped = line[bullet.end() :].strip()
        if stripped in ("", "."):
            previous = ""
            continue
        if previous and not bullet and _goes_on(previous, line, stripped):
            joined[-1] += " " + one_line(stripped)
        else:
            joined.append(one_line(stripped))
        previous = line
    return joined


def _goes_on(previous: str, line: str, stripped: str) -> bool:
    if stripped[0].islower():
        return True
    indent = len(line) - len(line.lstrip())
    if indent > len(previous) - len(previous.lstrip()):
        return False
    return len(previous.strip()) >= _SOFT_WRAP_LENGTH and not previous.rstrip().endswith(_ENDS[:1] + _ENDS[4:5])
