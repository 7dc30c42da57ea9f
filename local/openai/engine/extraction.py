"""Answers to other questions about a row: a column's value, a date, an amount, yes or no, or the sentence that fits."""

import re

from local.openai.engine.alignment import align, evidence
from local.openai.engine.classification import classify
from local.openai.engine.columns import names_person
from local.openai.engine.text import clean, one_line, stem, words
from local.openai.engine.vocabulary import carries_meaning, weight

NOT_FOUND = "Not stated."
YES_FROM = 0.3
"""The share of a statement that a text must speak of to affirm it."""

FITTING_FROM = 0.25
"""What a sentence must reach to pass as an answer."""

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*"
DATE = re.compile(
    rf"\b\d{{4}}-\d{{2}}-\d{{2}}\b|\b\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}\b|\b\d{{1,2}}\.? {_MONTH}\.?(?: \d{{4}})?\b"
    rf"|\b{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b",
    re.IGNORECASE,
)
NUMBER = re.compile(r"(?<![\w.,])-?\d[\d,]*(?:\.\d+)?(?![\w])")
_AMOUNT = re.compile(
    r"(?:[€$£¥]|(?:USD|EUR|GBP|CHF)\s)\s?\d[\d.,]*(?:\s?(?:k|m|bn|million|billion|thousand)\b)?"
    r"|\d[\d.,]*\s?(?:€|\$|£|euros?\b|dollars?\b|usd\b|eur\b)",
    re.IGNORECASE,
)
_PATTERNS = tuple(
    (re.compile(asked, re.IGNORECASE), pattern)
    for asked, pattern in (
        (r"\be-?mails?\b", re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")),
        (r"\b(?:url|link|website|web ?site|homepage)s?\b", re.compile(r"(?:https?://|\bwww\.)[^\s<>\"')]+")),
        (r"\b(?:phone|telephone|mobile)\b", re.compile(r"(?<![\d-])(?!\d{4}-\d|\d{1,2}[./]\d)\+?\d[\d\s()./-]{6,}\d")),
        (r"\b(?:percent(?:age)?|share)\b|%", re.compile(r"\d+(?:[.,]\d+)?\s?%")),
        (r"\b(?:amount|cost|price|budget|how much|spend|fee|revenue)\b", _AMOUNT),
        (r"\b(?:date|deadline|when|due)\b", DATE),
    )
)
_YES_NO = re.compile(
    r"^\s*(?:is|are|was|were|does|do|did|has|have|can|will|should)\b[^.]*\?|\byes\s*(?:/|or)\s*no\b|\btrue\s*(?:/|or)\s*false\b",
    re.IGNORECASE | re.MULTILINE,
)
_PERSON = re.compile(r"\b(?:who|person|owner|responsible|assignee|name of)\b", re.IGNORECASE)
_SENTIMENT = re.compile(r"\bsentiment\b|\bmood\b", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:no|not|never|without|none|isn't|aren't|wasn't|don't|doesn't)\b", re.IGNORECASE)


def answer(question: str, fields: dict[str, str], text: str) -> str:
    """A short answer from a row, or "Not stated.": rules find what stands there and compose nothing."""
    cell = matching_cell(question, fields)
    found = find_pattern(question, cell or text) or find_pattern(question, text)
    if found is not None:
        return found
    if _SENTIMENT.search(question):
        return classify(text, ["positive", "neutral", "negative"])[0]
    if _YES_NO.search(question):
        return "Yes" if affirms(text, question) else "No"
    if cell:
        return one_line(cell)
    if _PERSON.search(question):
        return next((one_line(cell) for title, cell in fields.items() if cell and names_person(title)), NOT_FOUND)
    fitting = evidence(text, question, limit=1, least=FITTING_FROM)
    return fitting[0] if fitting else NOT_FOUND


def find_pattern(question: str, text: str) -> str | None:
    """The first e-mail address, link, date, amount … that a question asks for; None where there is none."""
    for asked, pattern in _PATTERNS:
        if asked.search(question) and (match := pattern.search(text)):
            return one_line(match.group()).rstrip(".,")
    return None


def find_number(question: str, fields: dict[str, str], text: str) -> float | None:
    """The number of the cell that a question names, else the one nearest to its words in the text."""
    cell = matching_cell(question, fields)
    if cell and (match := NUMBER.search(cell)):
        return _value(match.group())
    numbers = list(NUMBER.finditer(text))
    if not numbers:
        return None
    asked = {stem(word.lower) for word in words(question) if weight(word.lower) > 0}
    near = [word.start for word in words(text) if stem(word.lower) in asked]
    if not near:
        return None
    return _value(min(numbers, key=lambda match: min(abs(match.start() - at) for at in near)).group())


def matching_cell(question: str, fields: dict[str, str]) -> str | None:
    """The text of the column whose title a question names in full; None where no title is named."""
    asked = {stem(word.lower) for word in words(question)}
    best: tuple[int, str] | None = None
    for title, cell in fields.items():
        named = {stem(word.lower) for word in words(title) if carries_meaning(word.lower)}
        if named and named <= asked and clean(cell) and (best is None or len(named) > best[0]):
            best = (len(named), clean(cell))
    return best[1] if best else None


def affirms(text: str, statement: str) -> bool:
    """Whether a text speaks of a statement and does not deny it."""
    found = align(text, statement)
    if found.score < YES_FROM:
        return False
    said = " ".join(evidence(text, statement, limit=1))
    return not _DENIED.search(said)


def _value(number: str) -> float:
    return float(number.replace(",", ""))
