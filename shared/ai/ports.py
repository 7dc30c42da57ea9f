"""What the application asks of a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class ModelMessage:
    """One message of the conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One structured call: the answer is JSON that fits `schema` (a strict JSON schema).

    `max_output_tokens` caps the output, and is what the quota reserves beside the prompt's estimate.
    `request_id` goes out as `x-ms-client-request-id`, so that a call can be found in the service's logs.
    """

    messages: tuple[ModelMessage, ...]
    schema_name: str
    schema: Mapping[str, Any]
    max_output_tokens: int
    request_id: str


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """The parsed answer with what it used."""

    content: Mapping[str, Any]
    input_tokens: int
    output_tokens: int
    model: str


class ModelRefusal(Exception):
    """There is no usable answer, and asking again would cost again and end the same: this is the row's outcome.

    `code` is `refused`, `truncated`, `content_filtered`, `input_too_long` or `invalid_answer`; job kinds add
    `unexpected_url` and `unexpected_formula`.
    """

    def __init__(self, code: str, message: str, *, input_tokens: int = 0, output_tokens: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens


class ModelDeferred(Exception):
    """The quota (or the service) has no room now; ask again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"come back in {seconds:.1f} s")
        self.seconds = seconds


class Model(Protocol):
    """A language model that answers in JSON."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Answer one request.

        Waits at most 2 s for quota. Raises `ModelDeferred` when it would take longer or the service is
        unavailable for now (429, 5xx, timeouts, broken circuit), `ModelRefusal` for what asking again would
        not change, and `InvalidInput`/`Unauthorized` for wrong settings (key, deployment).
        """
        ...
