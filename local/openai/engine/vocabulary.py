"""Word lists: what carries no meaning of its own, what is common, what means nearly the same."""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from local.openai.engine.text import stem

_FOLDER = Path(__file__).parent / "words"


def _read(name: str) -> frozenset[str]:
    return frozenset((_FOLDER / name).read_text(encoding="utf-8").split())


STOP_BY_LANGUAGE = {code: _read(f"stop-{code}.txt") for code in ("en", "de", "fr", "es", "it", "pt", "nl", "ru")}
STOP = frozenset().union(*STOP_BY_LANGUAGE.values())
VERBS = _read("verbs-en.txt")
GENERIC = _read("generic-en.txt")
LINKS = _read("links-en.txt")
"""Words that open a sentence which leans on the one before it."""
NEWS = _read("news-en.txt")
"""Words by which a row tells what happened or what matters."""
BOILERPLATE = _read("boilerplate-en.txt")
_WEAK_STEMS = frozenset(stem(word) for word in VERBS | GENERIC)

_SCRIPTS = (
    ("ja", re.compile(r"[\u3041-\u30ff]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("ko", re.compile(r"[\uac00-\ud7a3]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
)
_ADVERB_LIKE = _read("nouns-in-ly-en.txt")


def _synonym_groups() -> dict[str, frozenset[int]]:
    groups: dict[str, set[int]] = {}
    for number, line in enumerate((_FOLDER / "synonyms.txt").read_text(encoding="utf-8").splitlines()):
        for word in line.split():
            groups.setdefault(stem(word), set()).add(number)
    return {word: frozenset(numbers) for word, numbers in groups.items()}


_GROUPS = _synonym_groups()


@lru_cache(maxsize=20_000)
def carries_meaning(word: str) -> bool:
    """Whether a lower-case word says something by itself."""
    if word in STOP or (len(word) == 1 and not "\u4e00" <= word <= "\u9fff"):
        return False
    return not "\u3041" <= word[0] <= "\u309f"


@lru_cache(maxsize=20_000)
def breaks_phrase(word: str) -> bool:
    """Whether a key phrase ends before this word: grammar, verbs, adverbs."""
    if not carries_meaning(word) or word in VERBS:
        return True
    return len(word) > 4 and word.endswith("ly") and word not in _ADVERB_LIKE


@lru_cache(maxsize=20_000)
def weight(word: str) -> float:
    """How telling a word is, from 0 (grammar) over 0.35 (in every text) to 1."""
    if not carries_meaning(word):
        return 0.0
    if word in GENERIC or word in VERBS or stem(word) in _WEAK_STEMS:
        return 0.35
    return 0.6 if word[0].isdigit() else 1.0


def language(text_words: Sequence[str]) -> str:
    """The ISO 639-1 code of a text, told by its script, else by its most frequent grammar words (`en` where unsure)."""
    joined = "".join(text_words)
    for code, script in _SCRIPTS:
        if script.search(joined):
            return code
    hits = {code: sum(word in stop for word in text_words) for code, stop in STOP_BY_LANGUAGE.items()}
    best = max(hits, key=lambda code: (hits[code], code == "en"))
    return best if hits[best] else "en"


def synonym_groups(word_stem: str) -> frozenset[int]:
    """The groups of near-synonyms that a stem belongs to."""
    return _GROUPS.get(word_stem, frozenset())
