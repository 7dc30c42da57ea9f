"""A scripted HTTP server on loopback, for adapters whose SDK brings its own transport."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from pytest_socket import enable_socket


@asynccontextmanager
async def loopback(*routes: web.AbstractRouteDef) -> AsyncIterator[str]:
    """Serve the routes on a free port; yields the base URL. Lifts the test's ban on sockets."""
    enable_socket()
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site.name
    finally:
        await runner.cleanup()


class ScriptedServer:
    """Answers each call with the next status, the last one again and again, and keeps what was asked."""

    def __init__(self, *statuses: int, headers: dict[str, str] | None = None) -> None:
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[str] = []
        self._statuses = list(statuses)
        self._headers = headers or {}

    @property
    def route(self) -> web.AbstractRouteDef:
        """Takes every call."""
        return web.route("*", "/{path:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.calls.append((request.method, request.raw_path))
        self.bodies.append(await request.text())
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return web.Response(status=status, headers=self._headers)
