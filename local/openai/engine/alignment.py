"""How well a text aligns with a criterion: shared words, near-synonyms, and what says the opposite."""

import re
from dataclasses import dataclass
from functools import lru_cache

from local.openai.engine.text import one_line, sentences, speaks_to_a_model, stem, word_count, words
from local.openai.engine.vocabulary import synonym_groups, weight

_SAME, _SYNONYM, _RELATED = 1.0, 0.75, 0.6
_ROOT_LENGTH = 5
_AGAINST = re.compile(
    r"\b(?:not|no longer|without|never|cancel\w*|reject\w*|out of scope|unrelated|irrelevant|does not|doesn't|won't|"
    r"lack\w*)\b",
    re.IGNORECASE,
)
_SENTENCES_READ = 60
_QUOTED = 4
"""How many matches and misses a rationale names."""


@dataclass(frozen=True)
class Match:
    """A word of the criterion, the words of the text that meet it, and how closely (0 to 1)."""

    wanted: str
    found: str
    closeness: float


@dataclass(frozen=True)
class Alignment:
    """`score` from 0 to 1, with what it rests on."""

    score: float
    matches: tuple[Match, ...]
    missing: tuple[str, ...]
    against: bool

    def rationale(self) -> str:
        """One or two sentences that quote the matched phrases."""
        if not self.matches:
            wanted = _listed(self.missing[:_QUOTED])
            return f"The text mentions nothing of {wanted}." if wanted else "There is no text to compare."
        said = [
            f'"{m.found}"' if m.closeness == _SAME else f'"{m.found}" (for "{m.wanted}")'
            for m in _distinct(self.matches)
        ]
        strength = "strongly" if self.score >= 0.7 else "partly" if self.score >= 0.35 else "weakly"
        text = f"The text aligns {strength}: it speaks of {_listed(said[:_QUOTED])}"
        text += f", but not of {_listed(self.missing[:_QUOTED])}." if self.missing else "."
        return f"{text} It also says the opposite in places." if self.against else text


def align(text: str, criterion: str) -> Alignment:
    """Compare a cleaned text with a criterion."""
    wanted = _wanted(criterion)
    found = [(word.text, word.lower, stem(word.lower)) for word in words(text) if weight(word.lower) > 0]
    if not found or not wanted:
        return Alignment(0.0, (), tuple(word for word, _, _ in wanted), False)
    by_stem = {word_stem: surface for surface, _, word_stem in reversed(found)}
    matches, missing, reached, total = [], [], 0.0, 0.0
    for surface, word_stem, importance in wanted:
        total += importance
        match = _best(surface, word_stem, by_stem)
        if match is None:
            missing.append(surface)
        else:
            matches.append(match)
            reached += importance * match.closeness
    coverage = reached / total
    distinct = len({match.found.lower() for match in matches})
    density = min(
        1.0, sum(1 for _, _, s in found if any(s == stem(m.found.lower()) for m in matches)) / max(6, len(found) / 4)
    )
    score = coverage**0.75 * 0.8 + 0.2 * density * min(1.0, distinct / 2)
    against = _contradicts(text, matches)
    score = score * 0.6 if against else score
    return Alignment(round(min(1.0, score), 4), tuple(matches), tuple(missing), against)


def evidence(text: str, criterion: str, limit: int = 3, least: float = 0.01) -> list[str]:
    """The sentences of a text that speak most of a criterion, in their order."""
    said = [sentence for sentence in sentences(text)[:_SENTENCES_READ] if not speaks_to_a_model(sentence)]
    scored = [(align(sentence, criterion).score, index, sentence) for index, sentence in enumerate(said)]
    best = sorted((item for item in scored if item[0] >= least), key=lambda item: (-item[0], item[1]))[:limit]
    return [one_line(sentence) for _, _, sentence in sorted(best, key=lambda item: item[1])]


@lru_cache(maxsize=512)
def _wanted(criterion: str) -> tuple[tuple[str, str, float], ...]:
    """`(word, stem, importance)` of the criterion's telling words, each once; the first five words weigh most."""
    seen: dict[str, tuple[str, str, float]] = {}
    for word in words(criterion):
        importance = weight(word.lower)
        word_stem = stem(word.lower)
        if importance > 0 and word_stem not in seen:
            seen[word_stem] = (word.text, word_stem, importance * (1.0 if len(seen) < 5 else 0.7))
    return tuple(seen.values())


def _best(surface: str, word_stem: str, by_stem: dict[str, str]) -> Match | None:
    if word_stem in by_stem:
        return Match(surface, by_stem[word_stem], _SAME)
    groups = synonym_groups(word_stem)
    related: Match | None = None
    for other, found in by_stem.items():
        if groups and groups & synonym_groups(other):
            return Match(surface, found, _SYNONYM)
        if related is None and _share_a_root(word_stem, other):
            related = Match(surface, found, _RELATED)
    return related


def _share_a_root(one: str, other: str) -> bool:
    if one[:_ROOT_LENGTH] != other[:_ROOT_LENGTH] or min(len(one), len(other)) < _ROOT_LENGTH:
        return False
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return same >= 0.7 * max(len(one), len(other))


def _contradicts(text: str, matches: list[Match]) -> bool:
    """Whether most sentences that hold a match also deny something."""
    needles = [match.found.lower() for match in matches]
    touching = [s for s in sentences(text)[:_SENTENCES_READ] if any(needle in s.lower() for needle in needles)]
    denying = [s for s in touching if _AGAINST.search(s) and word_count(s) < 40]
    return len(denying) * 2 > len(touching)


def _distinct(matches: tuple[Match, ...]) -> list[Match]:
    ordered = sorted(matches, key=lambda match: -match.closeness)
    return list({match.found.lower(): match for match in reversed(ordered)}.values())[::-1]


def _listed(items: list[str] | tuple[str, ...]) -> str:
    items = [item if item.startswith('"') else f'"{item}"' for item in items]
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + f" and {items[-1]}" if items else ""
