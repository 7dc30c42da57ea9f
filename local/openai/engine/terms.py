"""Key terms: RAKE (rapid automatic keyword extraction) with a boost for rare words.

Candidate phrases are the runs of words between grammar, verbs and punctuation; a phrase scores by how telling its
words are, how often it stands in the text, and how early.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from local.openai.engine.text import Word, sentences, speaks_to_a_model, stem, words
from local.openai.engine.vocabulary import breaks_phrase, language, weight

DEFAULT_TERMS = 8
MAX_WORDS = 4
_PARTICIPLE = re.compile(r"[a-z]{2,}(?:ing|ed)")
_JOINS = frozenset((" ", "-", "", " & ", "/"))


@dataclass
class _Candidate:
    text: str
    words: list[Word]
    count: int = 0
    first: int = 0
    forms: Counter[str] = field(default_factory=Counter)


def key_terms(text: str, limit: int = DEFAULT_TERMS) -> list[str]:
    """The key terms of a cleaned text, best first; none where the text says nothing."""
    found = [sentence for sentence in sentences(text) if not speaks_to_a_model(sentence)]
    candidates = _candidates(found, german=language([word.lower for word in words(text[:2000])]) == "de")
    counts = Counter(stem(word.lower) for c in candidates.values() for word in c.words for _ in range(c.count))
    ranked = sorted(candidates.values(), key=lambda c: (-_score(c, counts, len(candidates)), c.first))
    chosen: list[_Candidate] = []
    for candidate in ranked:
        if len(chosen) == limit:
            break
        if not any(_same_thing(candidate, other) for other in chosen):
            chosen.append(candidate)
    return [candidate.forms.most_common(1)[0][0] for candidate in chosen]


def _candidates(found: Iterable[str], german: bool) -> dict[str, _Candidate]:
    """Candidate phrases by the stems of their words."""
    candidates: dict[str, _Candidate] = {}
    position = 0
    for sentence in found:
        for phrase in _phrases(sentence):
            if german:  # nouns have a capital there
                phrase = _nouns(phrase)
            if not phrase:
                continue
            key = " ".join(stem(word.lower) for word in phrase)
            surface = sentence[phrase[0].start : phrase[-1].end]
            candidate = candidates.setdefault(key, _Candidate(surface, phrase, first=position))
            candidate.count += 1
            candidate.forms[surface if not _shouts(sentence, surface) else surface.lower()] += 1
            position += 1
    return candidates


def _phrases(sentence: str) -> Iterable[list[Word]]:
    run: list[Word] = []
    for word in words(sentence):
        if run and sentence[run[-1].end : word.start] not in _JOINS:
            yield from _trimmed(run)
            run = []
        if breaks_phrase(word.lower) and not _is_name(word, sentence):
            yield from _trimmed(run)
            run = []
        else:
            run.append(word)
    yield from _trimmed(run)


def _trimmed(run: list[Word]) -> Iterable[list[Word]]:
    """A run without common words at its ends, at most four words long; a bare number is no term."""
    while run and (weight(run[-1].lower) < 0.6 and len(run) > 2 and run[-1].lower[0].isdigit()):
        run = run[:-1]
    while len(run) > 1 and weight(run[0].lower) < 0.6:
        run = run[1:]
    while len(run) > 2 and _PARTICIPLE.fullmatch(run[0].text):
        run = run[1:]
    while len(run) > 1 and run[-1].text.endswith("ed") and run[-1].text.islower():
        run = run[:-1]
    if len(run) > MAX_WORDS:
        run = run[-MAX_WORDS:] if weight(run[0].lower) < 1 else run[:MAX_WORDS]
    if run and any(weight(word.lower) >= 0.6 and not word.lower[0].isdigit() for word in run):
        yield run


def _nouns(run: list[Word]) -> list[Word]:
    while run and not run[-1].text[0].isupper():
        run = run[:-1]
    while run and not run[0].text[0].isupper():
        run = run[1:]
    return run


def _score(candidate: _Candidate, counts: Counter[str], total: int) -> float:
    telling = sum(weight(w.lower) * (1 + 0.3 * math.log2(counts[stem(w.lower)])) for w in candidate.words)
    size = len(candidate.words)
    score = telling / size * (1 + 0.45 * (min(size, 3) - 1)) * (1 + 0.5 * math.log2(candidate.count))
    score *= 1.2 - 0.3 * candidate.first / max(1, total)
    first = candidate.words[0].text
    if any(word.text.isupper() and len(word.text) > 1 for word in candidate.words):
        score *= 1.15
    elif size > 1 and all(word.text[0].isupper() for word in candidate.words):
        score *= 1.1
    if size == 1 and _PARTICIPLE.fullmatch(first):
        score *= 0.3
    if size == 1 and len(first) < 4 and not first.isupper():
        score *= 0.5
    return score


def _same_thing(candidate: _Candidate, other: _Candidate) -> bool:
    """Whether one phrase holds all words of the other."""
    mine = {stem(word.lower) for word in candidate.words}
    theirs = {stem(word.lower) for word in other.words}
    return mine <= theirs or theirs <= mine


def _shouts(sentence: str, surface: str) -> bool:
    """A text in capitals throughout says nothing by them."""
    return surface.isupper() and sentence.isupper() and len(sentence) > 2 * len(surface)


def _is_name(word: Word, sentence: str) -> bool:
    """An acronym that reads like a grammar word, such as IT or US."""
    return word.text.isupper() and len(word.text) > 1 and not sentence.isupper()
