"""A model that answers by script, and otherwise with something that fits the schema."""

import hashlib
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from shared.ai.estimates import CHARACTERS_PER_TOKEN, prompt_characters
from shared.ai.ports import ModelAnswer, ModelRequest

Answer = Callable[[ModelRequest], Mapping[str, Any]]


def fitting_answer(request: ModelRequest) -> Mapping[str, Any]:
    """Something that fits the schema: equal messages get equal answers, others get others."""
    text = "\n".join(message.content for message in request.messages)
    return _fitting(request.schema, f"answer {hashlib.sha256(text.encode()).hexdigest()[:8]}")


class FakeModel:
    """A working `Model` without a model. `requests` holds every request that was made, refused ones too.

    For each request: the next scripted step, else the first rule whose text is in the messages, else `answer`.
    """

    def __init__(self, answer: Answer = fitting_answer, *, name: str = "fake") -> None:
        self.requests: list[ModelRequest] = []
        self._answer = answer
        self._name = name
        self._steps: deque[Mapping[str, Any] | Exception] = deque()
        self._rules: list[tuple[str, Mapping[str, Any] | Exception]] = []

    @property
    def count(self) -> int:
        """How often it was asked."""
        return len(self.requests)

    def answer_next(self, *contents: Mapping[str, Any]) -> None:
        """Answer the next requests with these, in order."""
        self._steps.extend(contents)

    def fail_next(self, error: Exception, *, times: int = 1) -> None:
        """Fail the next requests."""
        self._steps.extend([error] * times)

    def answer_when(self, text: str, content: Mapping[str, Any]) -> None:
        """Answer every request that holds this text with `content`."""
        self._rules.append((text, content))

    def fail_when(self, text: str, error: Exception) -> None:
        """Fail every request that holds this text."""
        self._rules.append((text, error))

    def forget_rules(self) -> None:
        """Answer all requests again."""
        self._rules.clear()

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """See `Model.complete`. Tokens are a quarter of the characters."""
        self.requests.append(request)
        step = self._steps.popleft() if self._steps else self._by_rule(request)
        if isinstance(step, Exception):
            raise step
        return ModelAnswer(
            content=step,
            input_tokens=prompt_characters(request) // CHARACTERS_PER_TOKEN,
            output_tokens=len(str(step)) // CHARACTERS_PER_TOKEN,
            model=self._name,
        )

    def _by_rule(self, request: ModelRequest) -> Mapping[str, Any] | Exception:
        for text, step in self._rules:
            if any(text in message.content for message in request.messages):
                return step
        return self._answer(request)


def _fitting(schema: Mapping[str, Any], text: str) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: _fitting(part, text) for name, part in schema.get("properties", {}).items()}
        case "array":
            return [_fitting(schema["items"], text)]
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case "string":
            return text
        case kind:
            raise ValueError(f"the fake model has no answer for a schema of type {kind}")
