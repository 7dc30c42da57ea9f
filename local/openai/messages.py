"""The messages of a request: roles, content, and the order in which tools are called and answered."""

import re
from dataclasses import dataclass
from typing import Any

from local.openai.errors import bad_request
from local.openai.parameters import wrong_type

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_FIELDS = frozenset(("role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio", "function_call"))
_NAME = re.compile(r"[^\s<|\\/>]+")


@dataclass(frozen=True)
class SentCall:
    """A tool call in the history that the caller sends back."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Message:
    """One message; `text` joins its text parts."""

    role: str
    text: str
    name: str | None = None
    tool_calls: tuple[SentCall, ...] = ()
    tool_call_id: str | None = None

    @property
    def characters(self) -> int:
        """The length that counts towards the prompt."""
        return len(self.text) + sum(len(call.name) + len(call.arguments) for call in self.tool_calls)


def read_messages(body: dict[str, Any]) -> tuple[Message, ...]:
    """Read `messages`; raises `ApiError` 400 that names the message at fault."""
    raw = body.get("messages")
    if raw is None:
        raise bad_request("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if not isinstance(raw, list):
        raise wrong_type("messages", "an array of objects", raw)
    if not raw:
        raise bad_request(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            "messages",
            "empty_array",
        )
    messages = tuple(_read_message(item, f"messages[{index}]") for index, item in enumerate(raw))
    _check_order(messages)
    return messages


def _read_message(raw: object, path: str) -> Message:
    if not isinstance(raw, dict):
        raise wrong_type(path, "an object", raw)
    for name in raw:
        if name not in _FIELDS:
            raise bad_request(f"Unknown parameter: '{path}.{name}'.", f"{path}.{name}", "unknown_parameter")
    role = raw.get("role")
    if role is None:
        raise bad_request(f"Missing required parameter: '{path}.role'.", f"{path}.role", "missing_required_parameter")
    if role not in ROLES:
        supported = ", ".join(f"'{name}'" for name in ROLES[:-1])
        raise bad_request(
            f"Invalid value: '{role}'. Supported values are: {supported}, and '{ROLES[-1]}'.",
            f"{path}.role",
            "invalid_value",
        )
    calls = _read_calls(raw.get("tool_calls"), role, path)
    name = raw.get("name")
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise bad_request(
            f"Invalid '{path}.name': string does not match pattern. Expected a string that matches the pattern "
            f"'^[^\\s<|\\\\/>]+$'.",
            f"{path}.name",
            "invalid_value",
        )
    return Message(role, _read_text(raw, role, bool(calls), path), name, calls, _tool_call_id(raw, role, path))


def _read_text(raw: dict[str, Any], role: str, calls_tools: bool, path: str) -> str:
    content = raw.get("content")
    if isinstance(content, str):
        return content
    if content is None:
        if role == "assistant" and (calls_tools or raw.get("refusal")):
            return ""
        message = f"Invalid value for 'content': expected a string, got null. ({path}.content)"
        raise bad_request(message, f"{path}.content", "invalid_type")
    if not isinstance(content, list):
        raise wrong_type(f"{path}.content", "one of a string or an array of objects", content)
    return "\n".join(_read_part(part, f"{path}.content[{index}]") for index, part in enumerate(content))


def _read_part(part: object, path: str) -> str:
    if not isinstance(part, dict):
        raise wrong_type(path, "an object", part)
    kind = part.get("type")
    if kind == "refusal":
        return ""
    if kind != "text":
        message = f"Invalid content type. {kind} is only supported by certain models."
        raise bad_request(message, f"{path}.type", "invalid_value")
    if not isinstance(part.get("text"), str):
        raise wrong_type(f"{path}.text", "a string", part.get("text"))
    return part["text"]


def _read_calls(raw: object, role: str, path: str) -> tuple[SentCall, ...]:
    if raw is None:
        return ()
    if role != "assistant":
        raise bad_request(f"Unknown parameter: '{path}.tool_calls'.", f"{path}.tool_calls", "unknown_parameter")
    if not isinstance(raw, list) or not raw:
        message = f"Invalid '{path}.tool_calls': expected an array with minimum length 1."
        raise bad_request(message, f"{path}.tool_calls", "empty_array")
    return tuple(_read_call(item, f"{path}.tool_calls[{index}]") for index, item in enumerate(raw))


def _read_call(raw: object, path: str) -> SentCall:
    function = raw.get("function") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(function, dict):
        raise wrong_type(f"{path}.function", "an object", function)
    fields = {f"{path}.id": raw.get("id")}
    fields |= {f"{path}.function.{name}": function.get(name) for name in ("name", "arguments")}
    for field, value in fields.items():
        if value is None:
            raise bad_request(f"Missing required parameter: '{field}'.", field, "missing_required_parameter")
        if not isinstance(value, str):
            raise wrong_type(field, "a string", value)
    return SentCall(raw["id"], function["name"], function["arguments"])


def _tool_call_id(raw: dict[str, Any], role: str, path: str) -> str | None:
    value = raw.get("tool_call_id")
    if role == "tool" and not isinstance(value, str):
        field = f"{path}.tool_call_id"
        raise bad_request(
            "Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'.", field
        )
    return value if isinstance(value, str) else None


def _check_order(messages: tuple[Message, ...]) -> None:
    """Every tool call is answered right after its message, and nothing is answered that was not called."""
    open_calls: set[str] = set()
    answerable: set[str] = set()
    for index, message in enumerate(messages):
        if message.role == "tool":
            if message.tool_call_id not in answerable:
                raise bad_request(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    f"messages.[{index}].role",
                )
            open_calls.discard(message.tool_call_id)
            continue
        _refuse_open(open_calls, index)
        open_calls = {call.id for call in message.tool_calls}
        answerable = set(open_calls)
    _refuse_open(open_calls, len(messages))


def _refuse_open(open_calls: set[str], index: int) -> None:
    if open_calls:
        raise bad_request(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            "'tool_call_id'. The following tool_call_ids did not have response messages: "
            + ", ".join(sorted(open_calls)),
            f"messages.[{index}].role",
        )
