"""A scripted Smartsheet behind `httpx2.MockTransport`, and a clock that only sleeping moves."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any

import httpx2
from pydantic import SecretStr

from shared.clients.smartsheet.client import SmartsheetClient

TOKEN = SecretStr("secret-token")
START = datetime(2025, 5, 1, 12, tzinfo=UTC)

Answer = httpx2.Response | Exception | Callable[[httpx2.Request], Awaitable[httpx2.Response]]


def answer(body: Any, status: int = 200, **headers: str) -> httpx2.Response:
    """A JSON answer."""
    return httpx2.Response(status, json=body, headers={name.replace("_", "-"): text for name, text in headers.items()})


def error(code: int, status: int, **headers: str) -> httpx2.Response:
    """An error of Smartsheet's; the message quotes what must never reach a caller."""
    return answer({"errorCode": code, "message": "VENDOR-TEXT secret-token", "refId": "abc"}, status, **headers)


def lost(request_error: type[httpx2.RequestError] = httpx2.ReadError) -> Exception:
    """No answer: the connection broke."""
    return request_error("broken")


class ScriptedSmartsheet:
    """Gives its answers in order, the last one for ever; keeps the requests. Use as an async context manager."""

    def __init__(self, *answers: Answer, base_url: str = "https://api.example.com/2.0", **options: Any) -> None:
        self.requests: list[httpx2.Request] = []
        self.slept: list[float] = []
        self.elapsed = 0.0
        self._answers = list(answers)
        options.setdefault("timeout_seconds", 60)
        self.client = SmartsheetClient(
            base_url,
            transport=httpx2.MockTransport(self._serve),
            clock=lambda: self.elapsed,
            sleep=self._sleep,
            random=lambda: 1.0,
            now=lambda: START + timedelta(seconds=self.elapsed),
            **options,
        )

    async def __aenter__(self) -> "ScriptedSmartsheet":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()

    @property
    def bodies(self) -> list[Any]:
        """The JSON bodies of the requests."""
        return [json.loads(request.content) for request in self.requests]

    def then(self, *answers: Answer) -> None:
        """Go on with these answers."""
        self._answers = list(answers)

    async def _serve(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(given, Exception):
            raise given
        if isinstance(given, httpx2.Response):
            return httpx2.Response(given.status_code, headers=given.headers, content=given.content)
        return await given(request)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds
        await asyncio.sleep(0)
