"""The real adapter and the real SDK on a service that answers by script."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from pydantic import SecretStr

from shared.ai.ports import ModelMessage, ModelRequest
from shared.ai.quota import QuotaGate
from shared.clients.openai import OpenAIModel
from shared.resilience.circuit import CircuitBreaker
from tests.fakes.timers import FakeTimers

SCHEMA = {
    "type": "object",
    "properties": {"summary": {"type": "string"}},
    "required": ["summary"],
    "additionalProperties": False,
}
REQUEST = ModelRequest(
    messages=(ModelMessage("system", "Summarise."), ModelMessage("user", "A pump leaks.")),
    schema_name="summary",
    schema=SCHEMA,
    max_output_tokens=300,
    request_id="job-1:row-1",
)


def completion(content: str | None = '{"summary": "A leak."}', finish: str = "stop", **changes: Any) -> httpx2.Response:
    """A 200 as Azure sends it."""
    message = {"role": "assistant", "content": content, "refusal": changes.pop("refusal", None)}
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "finish_reason": finish, "message": message, "content_filter_results": {}}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 7, "total_tokens": 47},
        **changes.pop("body", {}),
    }
    return httpx2.Response(200, json=body, **changes)


def refused(status: int, code: str | None = None, *, param: str | None = None, **headers: str) -> httpx2.Response:
    """An error in Azure's form; `retry_after_ms="50"` becomes the header `retry-after-ms`."""
    error = {"code": code, "param": param, "message": "SECRET vendor text about sk-12345", "type": "invalid"}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, json={"error": error}, headers=names)


class ScriptedService:
    """Answers with the steps in order, the last one again and again; an exception is raised instead."""

    def __init__(self, *steps: httpx2.Response | Exception, delay_seconds: float = 0) -> None:
        self.requests: list[httpx2.Request] = []
        self.called = asyncio.Event()
        self._delay_seconds = delay_seconds
        self._steps = list(steps) or [completion()]

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        self.called.set()
        await asyncio.sleep(self._delay_seconds)
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, Exception):
            raise step
        return httpx2.Response(step.status_code, headers=step.headers, content=step.content)

    @property
    def body(self) -> dict[str, Any]:
        """What was sent last."""
        return json.loads(self.requests[-1].content)


@asynccontextmanager
async def model_on(
    service: ScriptedService, timers: FakeTimers | None = None, **changes: Any
) -> AsyncIterator[OpenAIModel]:
    """The adapter on a scripted service. Jitter is zero."""
    timers = timers or FakeTimers()
    settings: dict[str, Any] = {
        "api_base": "https://example.openai.azure.com",
        "api_key": SecretStr("key-1"),
        "api_version": "2025-01-01-preview",
        "deployment": "summaries",
        "model": "gpt-4o",
        "timeout_seconds": 5,
        "gate": QuotaGate(tokens_per_minute=100_000, requests_per_minute=6_000, concurrency=4, clock=timers),
        "breaker": CircuitBreaker("the model", failures_to_open=3, open_seconds=30, clock=timers),
        "random": lambda: 0.0,
        "clock": timers,
        **changes,
    }
    model = OpenAIModel(**settings, http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(service)))
    try:
        yield model
    finally:
        await model.aclose()
