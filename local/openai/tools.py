"""The tools of a request and the choice among them."""

import re
from dataclasses import dataclass
from typing import Any

from local.openai.errors import bad_request
from local.openai.parameters import wrong_type
from local.openai.strict_schema import SchemaError, check_schema

MAX_TOOLS = 128
MAX_DESCRIPTION = 1024
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MODES = ("none", "auto", "required")


@dataclass(frozen=True)
class Tool:
    """A function that the model may call; `parameters` is a JSON schema of type object."""

    name: str
    description: str
    parameters: dict[str, Any]


def read_tools(body: dict[str, Any]) -> tuple[Tool, ...]:
    """Read `tools`; raises `ApiError` 400 that names the tool at fault."""
    raw = body.get("tools")
    if raw is None:
        return ()
    if not isinstance(raw, list):
        raise wrong_type("tools", "an array of objects", raw)
    if not 1 <= len(raw) <= MAX_TOOLS:
        message = f"Invalid 'tools': expected an array of 1 to {MAX_TOOLS} items, but got {len(raw)} instead."
        raise bad_request(message, "tools", "array_above_max_length" if raw else "empty_array")
    return tuple(_read_tool(item, f"tools[{index}]") for index, item in enumerate(raw))


def read_tool_choice(body: dict[str, Any], tools: tuple[Tool, ...]) -> str:
    """`none`, `auto`, `required`, or `function:<name>`."""
    raw = body.get("tool_choice")
    if raw is None:
        return "auto" if tools else "none"
    if not tools:
        message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        raise bad_request(message, "tool_choice")
    if isinstance(raw, str):
        if raw not in _MODES:
            message = f"Invalid value: '{raw}'. Supported values are: 'none', 'auto', and 'required'."
            raise bad_request(message, "tool_choice", "invalid_value")
        return raw
    function = raw.get("function") if isinstance(raw, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(raw, dict) or raw.get("type") != "function" or not isinstance(name, str):
        message = "Invalid value for 'tool_choice': expected a mode or {'type': 'function', 'function': {'name': …}}."
        raise bad_request(message, "tool_choice", "invalid_value")
    if name not in {tool.name for tool in tools}:
        raise bad_request(
            f"Invalid value for 'tool_choice': function '{name}' not found in 'tools' parameter.",
            "tool_choice",
            "invalid_value",
        )
    return f"function:{name}"


def _read_tool(raw: object, path: str) -> Tool:
    if not isinstance(raw, dict):
        raise wrong_type(path, "an object", raw)
    if raw.get("type") != "function":
        message = f"Invalid value: '{raw.get('type')}'. Supported values are: 'function'."
        raise bad_request(message, f"{path}.type", "invalid_value")
    function = raw.get("function")
    if not isinstance(function, dict):
        raise wrong_type(f"{path}.function", "an object", function)
    for field in function:
        if field not in ("name", "description", "parameters", "strict"):
            unknown = f"{path}.function.{field}"
            raise bad_request(f"Unknown parameter: '{unknown}'.", unknown, "unknown_parameter")
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise bad_request(
            f"Invalid '{path}.function.name': string does not match pattern. Expected a string that matches the "
            "pattern '^[a-zA-Z0-9_-]{1,64}$'.",
            f"{path}.function.name",
            "invalid_value",
        )
    return Tool(name, _description(function, path), _parameters(function, name, path))


def _description(function: dict[str, Any], path: str) -> str:
    value = function.get("description") or ""
    if not isinstance(value, str):
        raise wrong_type(f"{path}.function.description", "a string", value)
    if len(value) > MAX_DESCRIPTION:
        raise bad_request(
            f"Invalid '{path}.function.description': string too long. Expected a string with maximum length "
            f"{MAX_DESCRIPTION}, but got a string with length {len(value)} instead.",
            f"{path}.function.description",
            "string_above_max_length",
        )
    return value


def _parameters(function: dict[str, Any], name: str, path: str) -> dict[str, Any]:
    parameters = function.get("parameters")
    if parameters is None:
        return {"type": "object", "properties": {}}
    try:
        check_schema(parameters, strict=bool(function.get("strict")))
    except SchemaError as error:
        raise bad_request(
            f"Invalid schema for function '{name}': {error}",
            f"{path}.function.parameters",
            "invalid_function_parameters",
        ) from error
    return parameters
