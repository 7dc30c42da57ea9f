"""Filling any JSON schema from a row: each property by its type, its name, its description and its values."""

import json
import re
from typing import Any

from local.openai.engine.classification import matching_labels
from local.openai.engine.reading import Reading
from local.openai.engine.slots import Slot, fill_number, fill_string, list_items
from local.openai.strict_schema import resolve

MAX_LEVELS = 12
"""Where a schema that refers to itself ends; deeper parts stay empty or null."""


def fill(schema: dict[str, Any], readings: list[Reading]) -> Any:
    """A value that is valid under the schema; several readings fill the array that has an item per row."""
    return _Filler(schema, readings).value(schema, Slot(), readings[0], 0)


class _Filler:
    def __init__(self, root: dict[str, Any], readings: list[Reading]) -> None:
        self._root = root
        self._readings = readings

    def value(self, schema: dict[str, Any], slot: Slot, reading: Reading, level: int) -> Any:
        if level > 2 * MAX_LEVELS:
            return None
        if "$ref" in schema:
            return self.value(resolve(schema, self._root), slot.described(schema), reading, level + 1)
        slot = slot.described(schema)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self._any_of(schema[keyword], slot, reading, level)
        if "const" in schema:
            return schema["const"]
        nullable = schema.get("type") == "null" or (isinstance(schema.get("type"), list) and "null" in schema["type"])
        if "enum" in schema:
            return _choose(schema["enum"], slot, reading)
        return self._typed(_first_type(schema), nullable, schema, slot, reading, level)

    def _typed(
        self, kind: str, nullable: bool, schema: dict[str, Any], slot: Slot, reading: Reading, level: int
    ) -> Any:
        match kind:
            case "object":
                return None if nullable and level > MAX_LEVELS else self._object(schema, reading, level)
            case "array":
                return self._array(schema, slot, reading, level)
            case "string":
                text = fill_string(slot, reading, nullable=nullable)
                return text if text is None else text[: schema.get("maxLength", len(text))]
            case "number" | "integer":
                return fill_number(slot, reading, schema, nullable=nullable)
            case "boolean":
                return slot.affirmed(reading)
            case _:
                return None

    def _object(self, schema: dict[str, Any], reading: Reading, level: int) -> dict[str, Any]:
        properties = {
            name: child if isinstance(child, dict) else {} for name, child in schema.get("properties", {}).items()
        }
        required = schema.get("required", list(properties))
        wanted = {name: child for name, child in properties.items() if name in required or level < MAX_LEVELS}
        only = len(wanted) == 1
        return {name: self.value(child, Slot(name, only=only), reading, level + 1) for name, child in wanted.items()}

    def _array(self, schema: dict[str, Any], slot: Slot, reading: Reading, level: int) -> list[Any]:
        items: dict[str, Any] = schema.get("items") or {"type": "string"}
        if "$ref" in items:
            items = resolve(items, self._root)
        if level > MAX_LEVELS:
            return []
        found: list[Any]
        labels: list[Any] = items.get("enum", [])
        if labels and all(isinstance(label, str) for label in labels):
            found = matching_labels(reading.everything, labels, reading.task.instruction)
        elif _is_plain(items, "object"):
            parts = self._rows_for(items) or [reading.on(part) for part in list_items(slot, reading, items)]
            found = [self._object(items, part, level + 1) for part in parts]
        elif _is_plain(items, "string"):
            found = list_items(slot, reading, items)
        else:
            found = [self.value(items, slot, reading, level + 1)]
        return _sized(found, schema)

    def _rows_for(self, items: dict[str, Any]) -> list[Reading]:
        """Every row, where the schema lists them: several came, and each item is known by its row's id."""
        names = {re.sub(r"[^a-z]", "", name.lower()) for name in items.get("properties", {})}
        packed = len(self._readings) > 1 or bool(self._readings[0].document.id)
        return self._readings if packed and names & {"id", "rowid", "key", "index", "documentid"} else []

    def _any_of(self, options: list[dict[str, Any]], slot: Slot, reading: Reading, level: int) -> Any:
        """The first option that is not null, unless nothing is found for it and null is allowed."""
        real = [option for option in options if option.get("type") != "null"]
        if not real or (len(real) < len(options) and level > MAX_LEVELS):
            return None
        first = real[0]
        kind = _first_type(first)
        if len(real) < len(options) and kind in ("string", "number", "integer") and _is_plain(first, kind):
            return self._typed(kind, True, first, slot.described(first), reading, level)
        return self.value(first, slot, reading, level + 1)


def as_json(value: Any) -> str:
    """JSON text as models write it: compact, characters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _choose(values: list[Any], slot: Slot, reading: Reading) -> Any:
    labels = [value for value in values if isinstance(value, str)]
    if labels:
        return reading.classified(labels)[0]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if numbers:
        wanted = min(numbers) + slot.share(reading) * (max(numbers) - min(numbers))
        return min(numbers, key=lambda value: abs(value - wanted))
    return values[0]


def _sized(found: list[Any], schema: dict[str, Any]) -> list[Any]:
    low, high = schema.get("minItems", 0), schema.get("maxItems", len(found))
    found = found[:high]
    return found + found[-1:] * max(0, low - len(found)) if found else found


def _is_plain(schema: dict[str, Any], kind: str) -> bool:
    """Whether only a type says what an item is."""
    return _first_type(schema) == kind and not {"$ref", "anyOf", "oneOf", "const", "enum"} & schema.keys()


def _first_type(schema: dict[str, Any]) -> str:
    declared = schema.get("type")
    if declared is None:
        return "object" if "properties" in schema else "string"
    return next((kind for kind in _listed(declared) if kind != "null"), "null")


def _listed(declared: Any) -> list[str]:
    return declared if isinstance(declared, list) else [declared]
