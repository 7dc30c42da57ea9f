"""The ASGI layer around every stand-in: `/_control/*`, faults, the log of calls."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.standin.calls import Calls
from local.standin.faults import Fault, FaultList, Faults

FaultResponse = Callable[[Fault], Response]


def plain_fault_response(fault: Fault) -> Response:
    """The answer of a fault where the service has no error body of its own."""
    return Response(status_code=fault.status or 500)


class Control:
    """Wraps a stand-in's application.

    Every HTTP call is logged with `method, path, query, status, ms, at, clientRequestId` (the header
    `x-ms-client-request-id`) and whatever the application puts into `scope["state"]["call"]` (a dict).
    Where an answer never left, `status` is 0. Websocket connections pass through unlogged.

    `limits` is a mutable pydantic model that the application reads on each request; `PUT
    /_control/limits` sets the fields that are given. `reset` puts the stand-in's data back.
    """

    def __init__(
        self,
        name: str,
        app: ASGIApp,
        *,
        limits: BaseModel | None = None,
        reset: Callable[[], Awaitable[None]] | None = None,
        fault_response: FaultResponse = plain_fault_response,
        health: Callable[[], dict[str, Any]] | None = None,
        routes: dict[str, Callable[[Request], Awaitable[Response]]] | None = None,
    ) -> None:
        self.name = name
        self.faults = Faults()
        self.calls = Calls()
        self._app = app
        self._limits = limits
        self._reset = reset
        self._fault_response = fault_response
        self._health = health
        self._routes = routes or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"].startswith("/_control/"):
            response = await self._control(Request(scope, receive))
            await response(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        scope.setdefault("state", {})["call"] = noted = dict[str, Any]()
        fault = self.faults.pick(scope["method"], scope["path"])
        try:
            if fault is None:
                await self._app(scope, receive, send_and_note)
            else:
                await self._meet(fault, scope, receive, send_and_note)
        finally:
            headers = dict(scope["headers"])
            self.calls.add(
                {
                    "method": scope["method"],
                    "path": scope["path"],
                    "query": {k: v[-1] for k, v in parse_qs(scope["query_string"].decode("latin-1")).items()},
                    "status": status,
                    "ms": round((time.perf_counter() - started) * 1000, 1),
                    "at": datetime.now(UTC).isoformat(),
                    "clientRequestId": headers.get(b"x-ms-client-request-id", b"").decode("latin-1") or None,
                    **noted,
                }
            )

    async def _meet(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(fault.latency_ms / 1000)
        if fault.phase == "after":
            await self._app(scope, receive, _swallow if fault.drop or fault.status else send)
        elif not fault.drop and fault.status is None:
            await self._app(scope, receive, send)
        if fault.drop:
            await abort_connection(receive)
        elif fault.status is not None:
            await self._fault_response(fault)(scope, receive, send)

    async def _control(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/_control/")
        match (request.method, path):
            case ("GET", "health"):
                return JSONResponse({"part": self.name, "status": "ok", **(self._health() if self._health else {})})
            case ("GET", "faults"):
                return JSONResponse(
                    [fault.model_dump(by_alias=True, exclude_none=True) for fault in self.faults.current()]
                )
            case ("PUT", "faults"):
                return await self._put(request, lambda body: self.faults.replace(FaultList.validate_json(body)))
            case ("DELETE", "faults"):
                self.faults.clear()
                return Response(status_code=204)
            case ("GET", "limits") if self._limits is not None:
                return JSONResponse(self._limits.model_dump(by_alias=True))
            case ("PUT", "limits") if self._limits is not None:
                return await self._put(request, self._set_limits)
            case ("GET", "calls"):
                return JSONResponse(self.calls.list(int(request.query_params.get("after", "0"))))
            case ("POST", "reset"):
                self.faults.clear()
                self.calls.clear()
                if self._reset is not None:
                    await self._reset()
                return Response(status_code=204)
            case _ if f"{request.method} {path}" in self._routes:
                return await self._routes[f"{request.method} {path}"](request)
            case _:
                return JSONResponse({"error": f"no control {request.method} /_control/{path}"}, 404)

    def _set_limits(self, body: bytes) -> None:
        assert self._limits is not None
        given = type(self._limits).model_validate_json(body)
        for field in given.model_fields_set:
            setattr(self._limits, field, getattr(given, field))

    @staticmethod
    async def _put(request: Request, apply: Callable[[bytes], None]) -> Response:
        try:
            apply(await request.body())
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)]
            return JSONResponse({"error": "; ".join(faults)}, 422)
        return Response(status_code=204)


async def _swallow(message: Message) -> None:
    """Take an answer that the caller shall never see."""


async def abort_connection(receive: Receive) -> None:
    """Cut the TCP connection: the caller sees a reset, not an answer. Returns when the server knows it is gone.

    ASGI has no word for it; uvicorn's `receive` is a method of the object that owns the transport.
    """
    cycle: Any = getattr(receive, "__self__", None)
    if cycle is None:
        raise RuntimeError("a dropped connection needs uvicorn as the server")
    cycle.transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass  # what is left of the request
