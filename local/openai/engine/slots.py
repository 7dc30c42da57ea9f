"""What belongs into one property, told by its name and description."""

import math
import re
from dataclasses import dataclass, replace
from typing import Any

from local.openai.engine.alignment import align
from local.openai.engine.extraction import NOT_FOUND, affirms, find_number, find_pattern, matching_cell
from local.openai.engine.reading import Reading
from local.openai.engine.summary import fit
from local.openai.engine.task import TaskKind, max_count, read_limits, read_scale
from local.openai.engine.text import one_line, word_count

_ROLES = (
    ("rationale", re.compile(r"rationale|reason|explanation|explain|justification|\bwhy\b|comment|analysis|thinking")),
    ("evidence", re.compile(r"evidence|quote|excerpt|passage|citation|matched|supporting")),
    ("id", re.compile(r"^(?:row |document |doc )?id$|^key$")),
    ("language", re.compile(r"^(?:language|lang|locale)$")),
    ("terms", re.compile(r"terms?\b|keywords?|phrases?|tags?\b|topics?|entities|themes?")),
    ("title", re.compile(r"^(?:title|headline|subject|name|heading)$")),
    ("confidence", re.compile(r"confidence|probability|certainty|likelihood")),
    ("score", re.compile(r"score|alignment|relevance|rating|\bfit\b|grade")),
    ("actions", re.compile(r"action|next step|todo|to do|task")),
    ("sentences", re.compile(r"sentence|point|highlight|finding|bullet|fact|risk|issue|decision")),
    (
        "answer",
        re.compile(
            r"^(?:summary|value|result|text|answer|output|content|response|abstract|synopsis|label|category|class)$"
        ),
    ),
)
_ACTION = re.compile(
    r"\b(?:need|needs|must|should|will|has to|have to|please|todo|action|by (?:mon|tue|wed|thu|fri))\b", re.IGNORECASE
)
_COUNTED = re.compile(
    r"\b(\d+)\s+(?:\w+ )?(?:terms|items|phrases|quotes|keywords|entries|points|tags|sentences)\b", re.IGNORECASE
)
_UNIT_RANGE = (0.0, 1.0)
_PERCENT_RANGE = (0.0, 100.0)


@dataclass(frozen=True)
class Slot:
    """A property: its name, its description, and whether it is the only one of its object."""

    name: str = ""
    description: str = ""
    only: bool = False

    def described(self, schema: dict[str, Any]) -> "Slot":
        """The slot with the description that its schema adds."""
        said = schema.get("description")
        return replace(self, description=said) if isinstance(said, str) and said else self

    @property
    def words(self) -> str:
        """The name as words: `dueDate` is `due date`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", self.name.replace("_", " ").replace("-", " ")).lower().strip()

    @property
    def question(self) -> str:
        """What to look for in a row."""
        return f"{self.words}. {self.description}".strip(". ")

    @property
    def role(self) -> str:
        """The part that the property plays in an answer; empty where its name does not tell."""
        return next((role for role, pattern in _ROLES if pattern.search(self.words)), "")

    def share(self, reading: Reading) -> float:
        """A degree from 0 to 1: of alignment, of confidence, or of what the name says."""
        if self.role == "confidence":
            return reading.label[1] if reading.task.kind is TaskKind.CLASSIFICATION else _confidence(reading)
        if reading.task.kind is TaskKind.ALIGNMENT:
            return reading.alignment.score
        return align(reading.everything, self.question).score

    def affirmed(self, reading: Reading) -> bool:
        """The truth of what the name or the description states."""
        if reading.task.kind is TaskKind.ALIGNMENT and self.role in ("score", ""):
            return reading.alignment.score >= 0.5
        return affirms(reading.everything, re.sub(r"^(?:is|has|are|can|should) ", "", self.words)) or (
            bool(self.description) and affirms(reading.everything, self.description)
        )


def fill_string(slot: Slot, reading: Reading, *, nullable: bool) -> str | None:
    """Text for a string property, within the limits that its description names; null where nothing is found."""
    text = _text(slot, reading)
    if nullable and text in ("", NOT_FOUND):
        return None
    limits = read_limits(slot.description)
    return fit(text, limits.words or word_count(text), limits.characters)


def fill_number(slot: Slot, reading: Reading, schema: dict[str, Any], *, nullable: bool) -> float | int | None:
    """A number: a degree on the scale that schema, description or instruction names, or one that the row states."""
    whole = schema.get("type") == "integer" or (isinstance(schema.get("type"), list) and "integer" in schema["type"])
    scale = _scale(slot, reading, schema)
    if slot.role not in ("score", "confidence") and not (slot.only and reading.task.kind is TaskKind.ALIGNMENT):
        stated = find_number(slot.question, reading.document.fields, reading.everything)
        if stated is not None or "count" in slot.words or scale is None:
            if stated is None:
                return None if nullable else _rounded(scale[0] if scale else 0, whole)
            low, high = scale or (-math.inf, math.inf)
            return _rounded(min(max(stated, low), high), whole)
    low, high = scale or (_UNIT_RANGE if slot.role == "confidence" else _PERCENT_RANGE)
    return _rounded(low + slot.share(reading) * (high - low), whole or high - low >= 20)


def list_items(slot: Slot, reading: Reading, items: dict[str, Any]) -> list[str]:
    """Texts for the items of an array: terms, quotes, sentences."""
    limit = max_count(_COUNTED, slot.description) or reading.task.max_terms or 0
    inner = " ".join(items.get("properties", {})).lower()
    role = slot.role
    if role == "actions":
        found = [sentence for sentence in reading.sentences if _ACTION.search(sentence)]
    elif role in ("evidence", "rationale"):
        found = [match.found for match in reading.alignment.matches] if "matched" in slot.words else reading.evidence
    elif role == "sentences" or (inner and "term" not in inner and "keyword" not in inner and role != "terms"):
        found = reading.sentences
        limit = limit or 5
    else:
        found = reading.terms
    return [one_line(item) for item in (found[:limit] if limit else found)]


def _text(slot: Slot, reading: Reading) -> str:
    match slot.role:
        case "id":
            return reading.document.id or matching_cell(slot.words, reading.document.fields) or ""
        case "rationale":
            return _rationale(reading)
        case "evidence":
            return " … ".join(reading.evidence)
        case "language":
            return reading.language
        case "answer":
            return reading.primary
        case "terms":
            return reading.terms[0] if reading.focus and reading.terms else ", ".join(reading.terms)
        case "title":
            return matching_cell(slot.words, reading.document.fields) or reading.headline
        case _:
            return _searched(slot, reading)


def _searched(slot: Slot, reading: Reading) -> str:
    if slot.only:
        return reading.primary
    if cell := matching_cell(slot.words, reading.document.fields):
        return one_line(cell)
    if (found := find_pattern(slot.question, reading.everything)) is not None:
        return found
    return reading.focus or reading.answer(slot.question)


def _rationale(reading: Reading) -> str:
    match reading.task.kind:
        case TaskKind.ALIGNMENT:
            return reading.alignment.rationale()
        case TaskKind.TERMS:
            return (
                f"These phrases carry most of the text: {', '.join(reading.terms[:3])}."
                if reading.terms
                else "There is no text."
            )
        case TaskKind.CLASSIFICATION:
            said = reading.evidence
            return f'The text says: "{said[0]}"' if said else "Nothing in the text points to one of the labels."
        case _:
            said = reading.evidence
            return f'The text says: "{said[0]}"' if said else "There is no text."


def _confidence(reading: Reading) -> float:
    """How much there is to go by."""
    return round(min(0.9, 0.3 + len(reading.everything) / 1500), 2)


def _scale(slot: Slot, reading: Reading, schema: dict[str, Any]) -> tuple[float, float] | None:
    if "minimum" in schema and "maximum" in schema:
        return float(schema["minimum"]), float(schema["maximum"])
    said = read_scale(slot.description)
    if said is None and slot.role != "confidence":
        said = reading.task.scale
    return said


def _rounded(value: float, whole: bool) -> float | int:
    return round(value) if whole else round(value, 2)
