"""`response_format`: plain text, any JSON object, or JSON that follows a schema."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from local.openai.errors import bad_request
from local.openai.messages import Message
from local.openai.parameters import wrong_type
from local.openai.strict_schema import SchemaError, check_schema

SCHEMA_SINCE = "2024-08-01-preview"
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True)
class ResponseFormat:
    """`schema` is set where `kind` is `json_schema`."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: dict[str, Any] | None = None


def read_response_format(body: dict[str, Any], messages: tuple[Message, ...], api_version: str) -> ResponseFormat:
    """Read `response_format`; raises `ApiError` 400 that says which rule a schema breaks."""
    raw = body.get("response_format")
    if raw is None:
        return ResponseFormat()
    if not isinstance(raw, dict):
        raise wrong_type("response_format", "an object", raw)
    match raw.get("type"):
        case "text":
            return ResponseFormat()
        case "json_object":
            if not any("json" in message.text.lower() for message in messages):
                raise bad_request(
                    "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
                    "'json_object'.",
                    "messages",
                )
            return ResponseFormat("json_object")
        case "json_schema":
            if api_version != "v1" and api_version < SCHEMA_SINCE:
                message = (
                    f"response_format value as json_schema is enabled only for api versions {SCHEMA_SINCE} and later"
                )
                raise bad_request(message, "response_format", "BadRequest")
            return ResponseFormat("json_schema", _read_schema(raw.get("json_schema")))
        case other:
            raise bad_request(
                f"Invalid value: '{other}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
                "response_format.type",
                "invalid_value",
            )


def _read_schema(raw: object) -> dict[str, Any]:
    path = "response_format.json_schema"
    if not isinstance(raw, dict):
        raise bad_request(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")
    for field in raw:
        if field not in ("name", "description", "schema", "strict"):
            raise bad_request(f"Unknown parameter: '{path}.{field}'.", f"{path}.{field}", "unknown_parameter")
    name, schema = raw.get("name"), raw.get("schema")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = f"Invalid '{path}.name': expected a string that matches the pattern '^[a-zA-Z0-9_-]{{1,64}}$'."
        raise bad_request(message, f"{path}.name", "invalid_value")
    if schema is None:
        raise bad_request(
            f"Missing required parameter: '{path}.schema'.", f"{path}.schema", "missing_required_parameter"
        )
    try:
        check_schema(schema, strict=bool(raw.get("strict")))
    except SchemaError as error:
        raise bad_request(f"Invalid schema for response_format '{name}': {error}", "response_format") from error
    return schema
