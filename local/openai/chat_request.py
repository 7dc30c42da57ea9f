"""A chat completion request, checked as the service checks it."""

import json
from dataclasses import dataclass
from typing import Any

from local.openai.deployments import CONTEXT_TOKENS, DEFAULT_RESERVED_OUTPUT, MAX_OUTPUT_TOKENS, Deployment
from local.openai.errors import bad_request
from local.openai.messages import Message, read_messages
from local.openai.parameters import check_known, read_flag, read_integer, read_number, read_stop
from local.openai.response_format import ResponseFormat, read_response_format
from local.openai.tokens import count_tokens
from local.openai.tools import Tool, read_tool_choice, read_tools

MAX_CHOICES = 128
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias")


@dataclass(frozen=True)
class ChatRequest:
    """`tool_choice` is `none`, `auto`, `required`, or `function:` and the name of the tool that must be called."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    tool_choice: str
    parallel_tool_calls: bool
    response_format: ResponseFormat
    max_tokens: int | None
    choices: int
    stop: tuple[str, ...]
    stream: bool
    include_usage: bool
    prompt_tokens: int

    @property
    def reserved_tokens(self) -> int:
        """What the call counts against the token quota: the prompt and the most that it may answer."""
        return self.prompt_tokens + (self.max_tokens or DEFAULT_RESERVED_OUTPUT) * self.choices


def read_body(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request; raises `ApiError` 400 where it is none."""
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise bad_request(
            f"We could not parse the JSON body of your request. (HINT: it must be valid JSON in UTF-8: {error}.)"
        ) from error
    if not isinstance(body, dict):
        raise bad_request("We could not parse the JSON body of your request: the top level must be an object.")
    return body


def read_chat_request(body: dict[str, Any], deployment: Deployment, api_version: str) -> ChatRequest:
    """Check a request body; raises `ApiError` 400 that names the parameter at fault."""
    check_known(body)
    _check_model_fits(body, deployment)
    for name, low, high in (
        ("temperature", 0, 2),
        ("top_p", 0, 1),
        ("presence_penalty", -2, 2),
        ("frequency_penalty", -2, 2),
    ):
        read_number(body, name, low, high)
    read_integer(body, "seed")
    messages = read_messages(body)
    tools = read_tools(body)
    response_format = read_response_format(body, messages, api_version)
    stream = read_flag(body, "stream") or False
    request = ChatRequest(
        messages=messages,
        tools=tools,
        tool_choice=read_tool_choice(body, tools),
        parallel_tool_calls=_parallel(body, tools),
        response_format=response_format,
        max_tokens=_max_tokens(body),
        choices=read_integer(body, "n", 1, MAX_CHOICES) or 1,
        stop=read_stop(body),
        stream=stream,
        include_usage=_include_usage(body, stream),
        prompt_tokens=_prompt_tokens(body, messages),
    )
    if request.prompt_tokens > CONTEXT_TOKENS:
        raise bad_request(
            f"This model's maximum context length is {CONTEXT_TOKENS} tokens. However, your messages resulted in "
            f"{request.prompt_tokens} tokens. Please reduce the length of the messages.",
            "messages",
            "context_length_exceeded",
        )
    return request


def _check_model_fits(body: dict[str, Any], deployment: Deployment) -> None:
    """Reasoning models refuse sampling parameters and `max_tokens`; the others refuse `reasoning_effort`."""
    if not deployment.reasoning:
        if body.get("reasoning_effort") is not None:
            raise bad_request("Unrecognized request argument supplied: reasoning_effort", "reasoning_effort")
        return
    if body.get("max_tokens") is not None:
        raise bad_request(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    for name in _SAMPLING:
        if body.get(name) is not None:
            raise bad_request(
                f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter"
            )


def _max_tokens(body: dict[str, Any]) -> int | None:
    names = [name for name in ("max_tokens", "max_completion_tokens") if body.get(name) is not None]
    if len(names) == 2:
        raise bad_request(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            "max_tokens",
            "invalid_parameter_combination",
        )
    if not names:
        return None
    value = read_integer(body, names[0], 1)
    if value is not None and value > MAX_OUTPUT_TOKENS:
        raise bad_request(
            f"{names[0]} is too large: {value}. This model supports at most {MAX_OUTPUT_TOKENS} completion tokens, "
            f"whereas you provided {value}.",
            names[0],
            "invalid_value",
        )
    return value


def _parallel(body: dict[str, Any], tools: tuple[Tool, ...]) -> bool:
    value = read_flag(body, "parallel_tool_calls")
    if value is not None and not tools:
        raise bad_request(
            "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are "
            "specified.",
            "parallel_tool_calls",
        )
    return value is not False


def _include_usage(body: dict[str, Any], stream: bool) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not stream:
        raise bad_request("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    if not isinstance(options, dict):
        raise bad_request("Invalid type for 'stream_options': expected an object.", "stream_options", "invalid_type")
    for name in options:
        if name not in ("include_usage", "include_obfuscation"):
            path = f"stream_options.{name}"
            raise bad_request(f"Unknown parameter: '{path}'.", path, "unknown_parameter")
    return read_flag(options, "include_usage") or False


def _prompt_tokens(body: dict[str, Any], messages: tuple[Message, ...]) -> int:
    characters = sum(message.characters for message in messages)
    for name in ("tools", "response_format"):
        if body.get(name):
            characters += len(json.dumps(body[name], ensure_ascii=False, separators=(",", ":")))
    return count_tokens(characters)
