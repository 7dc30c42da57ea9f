"""The official response schemas, where the reference material lies beside the checkout."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

_FILE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "data" / "smartsheet-openapi.json"

# Members that answers have although the official schema of the operation does not list them, and why.
_BEYOND_THE_SCHEMA = {
    "version": "writes answer with the sheet's new version; the SDK's Result model has it",
    "parentId": "the schema of rows lists siblingId only, the SDK's Row model has both",
    "siblingId": "missing from the schema of single rows",
    "hyperlink": "missing from the schema of single rows' cells",
    "formula": "missing from the schema of single rows' cells and of columns in lists",
    "objectValue": "its schema names only objectType and says nothing of contents",
    "permalink": "the schema of rows spells it permaLink, the SDK permalink",
    "width": "columns in lists are whole columns in reality",
    "primary": "as width",
    "options": "as width",
    "hidden": "as width",
    "description": "as width",
    "locked": "as width, and of single rows",
    "lockedForUser": "as width, and of single rows",
    "systemColumnType": "as width",
    "autoNumberFormat": "as width",
    "tags": "as width",
    "contactOptions": "as width",
    "accessLevel": "single rows carry the caller's access",
    "failedItems": "partial success is described in prose only",
    "result": "partial success is described in prose only",
    "detail": "errors of bulk calls point at the item",
}


@cache
def _operations() -> dict[str, Any]:
    return json.loads(_FILE.read_text())["paths"] if _FILE.exists() else {}


def assert_official(method: str, path: str, body: Any, *, status: str = "200") -> None:
    """Check a body against the operation's schema, also for members that it does not know.

    Does nothing where the description is not beside the checkout: the tests' own assertions hold there too.
    """
    if not _operations():
        return
    schema = _operations()[path][method.lower()]["responses"][status]["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator(_as_json_schema(schema)).validate(body)
    unknown = _unknown_members(schema, body, "") - _BEYOND_THE_SCHEMA.keys()
    assert not unknown, f"{method} {path} answers with members that the API does not have: {unknown}"


def _as_json_schema(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema.

    The official alternatives overlap (`{version}` is also a sheet), so `oneOf` becomes `anyOf`, and an alternative
    counts only where it knows all members.
    """
    if isinstance(schema, list):
        return [_as_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "properties":
            converted[name] = {member: _as_json_schema(each) for member, each in value.items()}
        elif name not in ("nullable", "readOnly", "default"):
            converted["anyOf" if name == "oneOf" else name] = _as_json_schema(value)
    for alternative in converted.get("anyOf", []):
        if "properties" in alternative:
            alternative["properties"] = {name: {} for name in _BEYOND_THE_SCHEMA} | alternative["properties"]
            alternative["additionalProperties"] = False
    if schema.get("nullable") and isinstance(schema.get("type"), str):
        converted["type"] = [schema["type"], "null"]
    return converted


def _unknown_members(schema: Any, body: Any, where: str) -> set[str]:
    alternatives = [schema, *_flattened(schema)]
    if isinstance(body, list):
        items = [each["items"] for each in alternatives if "items" in each]
        return {name for item in body for name in _unknown_members({"allOf": items}, item, where)} if items else set()
    if not isinstance(body, dict):
        return set()
    properties: dict[str, list[Any]] = {}
    for each in alternatives:
        for name, value in each.get("properties", {}).items():
            properties.setdefault(name, []).append(value)
    if not properties or where == "objectValue":
        return set()
    unknown = body.keys() - properties.keys()
    for name in body.keys() & properties.keys():
        unknown |= _unknown_members({"allOf": properties[name]}, body[name], name)
    return unknown


def _flattened(schema: Any) -> list[Any]:
    found: list[Any] = []
    for name in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(name, []):
            found += [part, *_flattened(part)]
    return found
