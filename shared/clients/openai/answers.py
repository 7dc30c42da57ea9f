"""From the service's completion to our answer."""

import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, Field, ValidationError

from shared.ai.ports import ModelAnswer, ModelRefusal
from shared.clients.openai.connection import CallLost


class Message(BaseModel):
    """What the model said; of the SDK's many fields, those that a structured answer needs."""

    content: str | None = None
    refusal: str | None = None


class Choice(BaseModel):
    """One of the answers; only one is asked for."""

    message: Message
    finish_reason: str | None = None


class Usage(BaseModel):
    """Tokens as the service counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Completion(BaseModel):
    """A chat completion."""

    model: str = ""
    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None


def read_completion(content: bytes) -> Completion:
    """Parse the body of a 200. Raises `CallLost` when it is not a completion."""
    try:
        return Completion.model_validate_json(content)
    except ValidationError:
        raise CallLost("the body is not a completion") from None


def structured_answer(completion: Completion, usage: Usage, model: str) -> ModelAnswer:
    """The JSON object in a completion. Raises `ModelRefusal` where there is none that can be used."""
    choice = completion.choices[0]
    if choice.finish_reason == "content_filter":
        raise _refusal("content_filtered", "The content filter stopped the answer.", usage)
    if choice.message.refusal:
        raise _refusal("refused", "The model refused to answer.", usage)
    if choice.finish_reason == "length":
        raise _refusal("truncated", "The answer was longer than allowed and was cut off.", usage)
    try:
        parsed: object = json.loads(choice.message.content or "")
    except ValueError:
        raise _refusal("invalid_answer", "The model did not answer with JSON.", usage) from None
    if not isinstance(parsed, dict):
        raise _refusal("invalid_answer", "The model did not answer with a JSON object.", usage)
    return ModelAnswer(
        content=cast("Mapping[str, Any]", parsed),
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        model=completion.model or model,
    )


def _refusal(code: str, message: str, usage: Usage) -> ModelRefusal:
    return ModelRefusal(code, message, input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)
