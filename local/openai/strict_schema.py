"""The subset of JSON schema that structured outputs accept.

Source: "Structured outputs", section "JSON Schema support and limitations": every property required, no further
properties, no keywords that only constrain values, at most 100 properties and five nested objects, an object at the
root.
"""

from typing import Any

MAX_PROPERTIES = 100
MAX_LEVELS = 5
MAX_ENUM_VALUES = 500
TYPES = frozenset(("string", "number", "boolean", "integer", "object", "array", "null"))
_UNSUPPORTED = frozenset(
    (
        *("minLength", "maxLength", "pattern", "format", "default"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("patternProperties", "unevaluatedProperties", "propertyNames", "minProperties", "maxProperties"),
        *("unevaluatedItems", "prefixItems", "contains", "minContains", "maxContains"),
        *("minItems", "maxItems", "uniqueItems"),
        *("allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas"),
    )
)


class SchemaError(ValueError):
    """Says where a schema breaks which rule."""


def check_schema(schema: object, *, strict: bool) -> None:
    """Raise `SchemaError` unless the schema is one that the service accepts; `strict` applies the whole subset."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        got = schema.get("type") if isinstance(schema, dict) else None
        raise SchemaError(f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{got}\"'.")
    if strict:
        _StrictCheck(schema).run()


class _StrictCheck:
    """One walk over a schema, counting what is limited as a whole."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._properties = 0
        self._enum_values = 0

    def run(self) -> None:
        self._check(self._root, (), 1)
        for keyword in ("$defs", "definitions"):
            for name, definition in self._root.get(keyword, {}).items():
                self._check(definition, (keyword, name), 1)
        if self._properties > MAX_PROPERTIES:
            raise SchemaError(f"Expected at most {MAX_PROPERTIES} object properties in total, got {self._properties}.")
        if self._enum_values > MAX_ENUM_VALUES:
            raise SchemaError(f"Expected at most {MAX_ENUM_VALUES} enum values in total, got {self._enum_values}.")

    def _check(self, schema: object, path: tuple[str, ...], level: int) -> None:
        if not isinstance(schema, dict):
            raise SchemaError(f"In context={path!r}, expected a schema object.")
        if "$ref" in schema:
            resolve(schema, self._root)
            return
        for keyword in schema:
            if keyword in _UNSUPPORTED:
                raise SchemaError(f"In context={path!r}, '{keyword}' is not permitted.")
        if "anyOf" in schema:
            for index, option in enumerate(schema["anyOf"]):
                self._check(option, (*path, "anyOf", str(index)), level)
            return
        self._enum_values += len(schema.get("enum", ()))
        types = _types(schema, path)
        if "object" in types:
            self._check_object(schema, path, level)
        if "array" in types:
            if "items" not in schema:
                raise SchemaError(f"In context={path!r}, array schema missing items.")
            self._check(schema["items"], (*path, "items"), level)

    def _check_object(self, schema: dict[str, Any], path: tuple[str, ...], level: int) -> None:
        if level > MAX_LEVELS:
            raise SchemaError(f"In context={path!r}, expected at most {MAX_LEVELS} levels of nesting.")
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False:
            raise SchemaError(
                f"In context={path!r}, 'additionalProperties' is required to be supplied and to be false."
            )
        required = schema.get("required", [])
        missing = [name for name in properties if name not in required]
        if missing:
            raise SchemaError(
                f"In context={path!r}, 'required' is required to be supplied and to be an array including every key in "
                f"properties. Missing '{missing[0]}'."
            )
        extra = [name for name in required if name not in properties]
        if extra:
            raise SchemaError(f"In context={path!r}, 'required' names '{extra[0]}', which is not in properties.")
        self._properties += len(properties)
        for name, child in properties.items():
            self._check(child, (*path, "properties", name), level + 1)


def resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """What a `$ref` within the document points at; raises `SchemaError` where it points nowhere."""
    reference = schema["$ref"]
    target: Any = root
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise SchemaError(f"reference '{reference}' must point into the same schema.")
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            target = target.get(step) if isinstance(target, dict) else None
    if not isinstance(target, dict):
        raise SchemaError(f"reference '{reference}' can not be resolved.")
    return target


def _types(schema: dict[str, Any], path: tuple[str, ...]) -> frozenset[str]:
    declared = schema.get("type")
    if declared is None:
        if "enum" in schema or "const" in schema:
            return frozenset()
        raise SchemaError(f"In context={path!r}, schema must have a 'type' key.")
    types: frozenset[str] = frozenset(declared if isinstance(declared, list) else [declared])
    if unknown := types - TYPES:
        raise SchemaError(f"In context={path!r}, {sorted(map(str, unknown))[0]!r} is not a type.")
    return types
