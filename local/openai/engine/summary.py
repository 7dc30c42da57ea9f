"""Summaries: the most telling sentences of a row, led by its title, closed by its state."""

import re
from dataclasses import dataclass

from local.openai.engine.columns import Kind, prose, read_columns
from local.openai.engine.documents import Document
from local.openai.engine.salience import CLOSED, sentence_scores
from local.openai.engine.text import one_line, sentences, speaks_to_a_model, stem, word_count, words
from local.openai.engine.vocabulary import weight

NOTHING = "No text to summarise."
DEFAULT_WORDS = 35
MAX_SENTENCES_READ = 300
_ROOM_FOR_ANOTHER = 8
_TOO_SHORT_TO_TELL = 3
_GOOD_ENOUGH = 0.6
"""A sentence that fits is taken before a better one that must be cut, if it has this share of its score."""
_LEADING_LINK = re.compile(
    r"(?:however|moreover|furthermore|additionally|in addition|besides|also|therefore|thus|hence|but|and|so),?\s+"
    r"(?=\w)",
    re.IGNORECASE,
)
_SPACELESS = re.compile(r"(?<=[。！？]) ")
_ASIDE = re.compile(r"\s*\([^()]{12,}\)")
_CLAUSE = re.compile(r"[,;:]\s|\s[-–—]\s|\s(?=(?:which|because|although|while|whereas|so that|and|but)\b)")
_TRAILING = re.compile(
    r"(?:[\s,;:–—(-]|\b(?:and|or|but|the|a|an|of|to|for|with|in|on|by|from|that|which|as|at|its|their|this|is|are)$)+$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Limits:
    """How long a summary may be; 0 means that nothing is said about it."""

    words: int = 0
    sentences: int = 0
    characters: int = 0


def summarise(document: Document, limits: Limits | None = None) -> str:
    """A summary of one row within the limits (35 words where none is given)."""
    limits = limits or Limits()
    columns = read_columns(document)
    if not columns:
        return NOTHING
    if len(columns) == 1 and word_count(columns[0][1]) <= _TOO_SHORT_TO_TELL:
        return fit(one_line(columns[0][1]), limits.words or DEFAULT_WORDS, limits.characters)
    room = limits.words or max(DEFAULT_WORDS, limits.sentences * 22)
    title = next((text for _, text, kind in columns if kind is Kind.TITLE), "")
    closing = _state(columns)
    has_prose = any(kind is Kind.PROSE for _, _, kind in columns)
    if not has_prose and len(columns) > 1:
        summary = _of_short_cells(title, columns, closing)
    else:
        told = "; ".join(closing)
        reserved = word_count(told) if word_count(told) <= room // 3 else 0
        body = salient(prose(columns), room - reserved, limits.sentences or 2, title if has_prose else "")
        summary = _with_title(title, body, room - reserved) if has_prose else body
        if told and reserved:
            summary = f"{summary.rstrip('.')} ({told})."
    return fit(summary, room if limits.words else 3 * room, limits.characters)


def salient(text: str, max_words: int, max_sentences: int, title: str = "") -> str:
    """The best sentences of a cleaned text in their order, at most so many words and sentences."""
    found = sentences(text)[:MAX_SENTENCES_READ]
    found = [sentence for sentence in found if not speaks_to_a_model(sentence)] or found
    if not found:
        return one_line(text)
    scores = sentence_scores(found, title)
    ranked = sorted(range(len(found)), key=lambda index: (-scores[index], index))
    good = (index for index in ranked if scores[index] >= _GOOD_ENOUGH * scores[ranked[0]])
    first = next((index for index in good if word_count(found[index]) <= max_words), ranked[0])
    chosen = {first: shorten(_without_links(found[first]), max_words)}
    used = word_count(chosen[first])
    taken = {stem(word.lower) for word in words(found[first])}
    for index in ranked:
        if len(chosen) >= max_sentences or max_words - used < _ROOM_FOR_ANOTHER:
            break
        size = word_count(found[index])
        fresh = {stem(word.lower) for word in words(found[index]) if weight(word.lower) >= 0.6} - taken
        if index not in chosen and 4 <= size <= max_words - used and len(fresh) >= 3:
            chosen[index] = found[index]
            used += size
            taken |= fresh
    return _SPACELESS.sub("", " ".join(_closed(chosen[index]) for index in sorted(chosen)))


def shorten(sentence: str, max_words: int) -> str:
    """A sentence within so many words: asides go first, then the last clauses, then words (with an ellipsis)."""
    if word_count(sentence) <= max_words:
        return sentence
    sentence = _ASIDE.sub("", sentence)
    if word_count(sentence) <= max_words:
        return sentence
    cuts = [match.start() for match in _CLAUSE.finditer(sentence)]
    for cut in reversed(cuts):
        head = sentence[:cut]
        if word_count(head) <= max_words:
            if word_count(head) >= max_words * 0.55:
                return _closed(_TRAILING.sub("", head))
            break
    return _first_words(sentence, max_words)


def fit(text: str, max_words: int, max_characters: int = 0) -> str:
    """A last guard: no limit is exceeded, whatever the text."""
    if word_count(text) > max_words:
        text = _first_words(text, max_words)
    if max_characters and len(text) > max_characters:
        head = text[: max_characters - 1]
        text = _TRAILING.sub("", head[: head.rfind(" ")] if " " in head else head)[: max_characters - 1] + "…"
    return text


def _with_title(title: str, body: str, room: int) -> str:
    """The body led by the row's title, unless the body names it already."""
    title = one_line(title).rstrip(".:")
    about = {stem(word.lower) for word in words(title) if weight(word.lower) >= 0.6}
    named = {stem(word.lower) for word in words(body)}
    if not title or (about and len(about & named) >= 0.6 * len(about)):
        return body
    return f"{title}: {shorten(body, max(5, room - word_count(title)))}"


def _state(columns: list[tuple[str, str, Kind]]) -> list[str]:
    """The row's state in a few words: status, due date, person."""
    said: list[str] = []
    for kind in (Kind.STATUS, Kind.PROGRESS, Kind.DATE, Kind.PERSON):
        for title, text, found in columns:
            if found is kind:
                said.append(_phrase(kind, title, one_line(text)))
                break
    return said


def _phrase(kind: Kind, title: str, text: str) -> str:
    match kind:
        case Kind.STATUS:
            return text.lower() if text.isascii() and text.istitle() else text
        case Kind.PROGRESS:
            return f"{text} complete" if text.endswith("%") else f"{title}: {text}"
        case Kind.DATE:
            return f"due {text}" if re.search(r"due|deadline|by", title, re.IGNORECASE) else f"{title.lower()} {text}"
        case _:
            return f"{title.lower()}: {text}"


def _of_short_cells(title: str, columns: list[tuple[str, str, Kind]], closing: list[str]) -> str:
    others = [f"{name}: {one_line(text)}" for name, text, kind in columns if kind is Kind.OTHER]
    said = "; ".join([*closing, *others])
    return _closed(f"{one_line(title)}: {said}" if title and said else one_line(title) or said)


def _without_links(sentence: str) -> str:
    """A sentence that stands alone needs no "However,"."""
    bare = _LEADING_LINK.sub("", sentence, count=1) if _LEADING_LINK.match(sentence) else sentence
    return bare[:1].upper() + bare[1:] if bare != sentence else sentence


def _first_words(text: str, max_words: int) -> str:
    pieces = text.split()
    if len(pieces) >= max_words:
        return _TRAILING.sub("", " ".join(pieces[:max_words])).rstrip(".") + "…"
    characters = max(2, 2 * max_words)  # a script without spaces
    return text[:characters] + "…" if len(text) > characters else text


def _closed(sentence: str) -> str:
    sentence = sentence.strip()
    return sentence if sentence.endswith((*CLOSED, '"', "”")) or not sentence else sentence.rstrip(",;:") + "."
