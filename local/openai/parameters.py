"""Checks of single request parameters, with the service's own messages."""

from typing import Any

from local.openai.errors import ApiError, bad_request

SERVED = frozenset(
    (
        *("model", "messages", "stream", "stream_options", "stop", "n", "seed", "user", "store", "metadata"),
        *("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"),
        *("max_tokens", "max_completion_tokens", "reasoning_effort", "verbosity", "modalities", "service_tier"),
        *("tools", "tool_choice", "parallel_tool_calls", "response_format"),
        *("prompt_cache_key", "safety_identifier", "user_security_context"),
    )
)
REFUSED = frozenset(
    ("functions", "function_call", "audio", "prediction", "data_sources", "web_search_options", "enhancements")
)
"""Parameters of the real service that nothing here stands behind."""

MAX_STOPS = 4
_NAMES: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def describe(value: object) -> str:
    """The JSON type of a value, as error messages name it."""
    return _NAMES[type(value)]


def wrong_type(path: str, expected: str, value: object) -> ApiError:
    """400: a value of another JSON type."""
    message = f"Invalid type for '{path}': expected {expected}, but got {describe(value)} instead."
    return bad_request(message, path, "invalid_type")


def check_known(body: dict[str, Any]) -> None:
    """Refuse parameters that do not exist, and those that the stand-in does not serve."""
    for name, value in body.items():
        if name in REFUSED and value is not None:
            raise bad_request(
                f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter"
            )
        if name not in SERVED and name not in REFUSED:
            raise bad_request(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    if body.get("logprobs") or body.get("top_logprobs"):
        raise bad_request("This model does not support the 'logprobs' parameter.", "logprobs", "unsupported_parameter")
    if body.get("modalities") not in (None, ["text"]):
        raise bad_request("This model supports only the modality 'text'.", "modalities", "invalid_value")
    for name, kind in (("user", str), ("metadata", dict), ("logit_bias", dict), ("model", str)):
        if body.get(name) is not None and not isinstance(body[name], kind):
            raise wrong_type(name, _NAMES[kind], body[name])


def read_number(body: dict[str, Any], name: str, low: float, high: float) -> float | None:
    """A decimal within `[low, high]`, or None where it is absent or null."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(name, "a decimal", value)
    _check_range(name, "decimal", value, low, high)
    return value


def read_integer(body: dict[str, Any], name: str, low: int | None = None, high: int | None = None) -> int | None:
    """An integer within `[low, high]`, or None where it is absent or null."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "an integer", value)
    _check_range(name, "integer", value, low, high)
    return value


def read_flag(body: dict[str, Any], name: str) -> bool | None:
    """A boolean, or None where it is absent or null."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise wrong_type(name, "a boolean", value)
    return value


def read_stop(body: dict[str, Any]) -> tuple[str, ...]:
    """The stop sequences: a string, or up to four of them."""
    value = body.get("stop")
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise wrong_type("stop", "a string or an array of strings", value)
    if len(value) > MAX_STOPS:
        raise bad_request(
            f"Invalid 'stop': array too long. Expected an array with maximum length {MAX_STOPS}, but got an array with "
            f"length {len(value)} instead.",
            "stop",
            "array_above_max_length",
        )
    return tuple(value)


def _check_range(name: str, kind: str, value: float, low: float | None, high: float | None) -> None:
    if high is not None and value > high:
        message = f"Invalid '{name}': {kind} above maximum value. Expected a value <= {high}, but got {value} instead."
        raise bad_request(message, name, f"{kind}_above_max_value")
    if low is not None and value < low:
        message = f"Invalid '{name}': {kind} below minimum value. Expected a value >= {low}, but got {value} instead."
        raise bad_request(message, name, f"{kind}_below_min_value")
