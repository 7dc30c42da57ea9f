"""A chat completion in Azure's JSON: one object, or the chunks of a stream."""

import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from local.openai.answer import Answer
from local.openai.deployments import MODEL
from local.openai.tokens import count_tokens

FINGERPRINT = "fp_offline_rules_1"
_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
_PROMPT_RESULTS = [
    {"prompt_index": 0, "content_filter_results": {**_SAFE, "jailbreak": {"filtered": False, "detected": False}}}
]
_PIECE = re.compile(r"\s*\S{1,12}")


def _completion_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


def _call_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"


@dataclass(frozen=True)
class Completion:
    """`choices` equal answers to one prompt: the rules have no second opinion."""

    answer: Answer
    prompt_tokens: int
    choices: int
    id: str = field(default_factory=_completion_id)
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def completion_tokens(self) -> int:
        """Tokens of all choices."""
        return self.answer.tokens * self.choices

    def usage(self) -> dict[str, Any]:
        """The `usage` object."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"audio_tokens": 0, "cached_tokens": 0},
            "completion_tokens_details": {
                "accepted_prediction_tokens": 0,
                "audio_tokens": 0,
                "reasoning_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def body(self) -> dict[str, Any]:
        """The `chat.completion` object."""
        return {
            "choices": [self._choice(index) for index in range(self.choices)],
            "created": self.created,
            "id": self.id,
            "model": MODEL,
            "object": "chat.completion",
            "prompt_filter_results": _PROMPT_RESULTS,
            "system_fingerprint": FINGERPRINT,
            "usage": self.usage(),
        }

    def chunks(self, include_usage: bool) -> Iterator[tuple[dict[str, Any], int]]:
        """The `chat.completion.chunk` objects, each with the output tokens that it carries."""
        shared = {
            "created": self.created,
            "id": self.id,
            "model": MODEL,
            "object": "chat.completion.chunk",
            "system_fingerprint": FINGERPRINT,
            **({"usage": None} if include_usage else {}),
        }
        yield (
            {
                "choices": [],
                "created": 0,
                "id": "",
                "model": "",
                "object": "",
                "prompt_filter_results": _PROMPT_RESULTS,
            },
            0,
        )
        for index in range(self.choices):
            for delta, tokens in self._deltas():
                yield {"choices": [_chunk_choice(index, delta, None)], **shared}, tokens
            yield {"choices": [_chunk_choice(index, {}, self.answer.finish_reason)], **shared}, 0
        if include_usage:
            yield {"choices": [], **shared, "usage": self.usage()}, 0

    def _choice(self, index: int) -> dict[str, Any]:
        reply = self.answer.reply
        message: dict[str, Any] = {"annotations": [], "role": "assistant", "refusal": reply.refusal}
        message["content"] = None if reply.refusal is not None or reply.tool_calls else reply.text
        if reply.tool_calls:
            message["tool_calls"] = [
                {"function": {"arguments": call.arguments, "name": call.name}, "id": _call_id(), "type": "function"}
                for call in reply.tool_calls
            ]
        return {
            "content_filter_results": {} if reply.tool_calls else _SAFE,
            "finish_reason": self.answer.finish_reason,
            "index": index,
            "logprobs": None,
            "message": message,
        }

    def _deltas(self) -> Iterator[tuple[dict[str, Any], int]]:
        reply = self.answer.reply
        if reply.tool_calls:
            yield {"content": None, "refusal": None, "role": "assistant"}, 0
            for position, call in enumerate(reply.tool_calls):
                head = {
                    "function": {"arguments": "", "name": call.name},
                    "id": _call_id(),
                    "index": position,
                    "type": "function",
                }
                yield {"tool_calls": [head]}, count_tokens(len(call.name))
                for piece in _pieces(call.arguments):
                    part = {"function": {"arguments": piece}, "index": position}
                    yield {"tool_calls": [part]}, count_tokens(len(piece))
            return
        yield {"content": "", "refusal": None, "role": "assistant"}, 0
        name, text = ("content", reply.text) if reply.refusal is None else ("refusal", reply.refusal)
        for piece in _pieces(text):
            yield {name: piece}, count_tokens(len(piece))


def _chunk_choice(index: int, delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    results = _SAFE if delta.get("content") else {}
    return {
        "content_filter_results": results,
        "delta": delta,
        "finish_reason": finish_reason,
        "index": index,
        "logprobs": None,
    }


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces of about a word; nothing is lost, trailing white space included."""
    end = 0
    for match in _PIECE.finditer(text):
        end = match.end()
        yield match.group()
    if end < len(text):
        yield text[end:]
