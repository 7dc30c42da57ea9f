"""How telling each sentence of a text is."""

from collections import Counter

from local.openai.engine.text import Word, stem, words
from local.openai.engine.vocabulary import BOILERPLATE, LINKS, NEWS, weight

CLOSED = (".", "!", "?", "…", "。", "！", "？")
_LEAD = (1.45, 1.15)
"""What the first and the second sentence gain by their place."""
_REPEATS_COUNTED = 4
_LONG_WORDS = 45
_BOILERPLATE_PHRASES = ("for more information", "click here", "all rights reserved", "see also", "package contains")


def sentence_scores(found: list[str], title: str = "") -> list[float]:
    """A score for each sentence, the higher the more telling; words of the title count more."""
    lines = [words(sentence) for sentence in found]
    telling = [{stem(word.lower): weight(word.lower) for word in line} for line in lines]
    counts = Counter(stem(word.lower) for line in lines for word in line)
    about = {stem(word.lower) for word in words(title)}
    scores: list[float] = []
    for index, (sentence, line, weights) in enumerate(zip(found, lines, telling, strict=True)):
        mass = sum(
            w * min(counts[s], _REPEATS_COUNTED) ** 0.6 * (1.3 if s in about else 1) for s, w in weights.items() if w
        )
        place = _LEAD[index] if index < len(_LEAD) else 1.0
        scores.append(mass / max(6, len(line)) ** 0.55 * place * _manner(sentence, index, line))
    return scores


def _manner(sentence: str, index: int, line: tuple[Word, ...]) -> float:
    """How much the way of speaking adds to or takes from a sentence."""
    factor = _length(len(line)) * _ending(sentence)
    lowered = sentence.lower()
    spoken = {word.lower for word in line}
    if line and (line[0].lower in LINKS or lowered.startswith(("in addition", "for example", "based on"))):
        factor *= 0.7
    if sentence.count(",") > len(line) / 4 or (index and sentence[0].islower()):
        factor *= 0.65
    if spoken & BOILERPLATE or "://" in lowered or any(phrase in lowered for phrase in _BOILERPLATE_PHRASES):
        factor *= 0.5
    return factor * 1.2 if spoken & NEWS else factor


def _length(size: int) -> float:
    if size < 4:
        return 0.35
    return 0.8 if size > _LONG_WORDS else 1.0


def _ending(sentence: str) -> float:
    if sentence.endswith("?"):
        return 0.7
    if sentence.endswith(":"):
        return 0.4
    return 1.0 if sentence.endswith(CLOSED) else 0.85
