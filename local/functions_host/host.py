"""The host: everything that runs for one app, behind one ASGI application."""

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send

from local.functions_host.app_settings import AppSettings
from local.functions_host.durable.errors import DurableError
from local.functions_host.durable_part import DurablePart, build_durable, needs_durable
from local.functions_host.execution import DEFAULT_THREADS, FunctionWorker
from local.functions_host.host_json import Extensions, HostJson
from local.functions_host.host_keys import DURABLE_SYSTEM_KEY, AuthLevel, HostKeys
from local.functions_host.http_functions import KEY_HEADER, KEY_PARAMETER, HttpFunctions
from local.functions_host.loader import LoadedApp
from local.functions_host.queue_part import QueuePart
from local.functions_host.request_path import decode_path
from local.functions_host.route_table import RouteTable
from local.functions_host.start_error import StartProblems
from local.functions_host.status_page import ask_parts, status_page
from local.functions_host.timer_part import TimerPart
from local.functions_host.web_page import WebPage

logger = logging.getLogger("host")
PART = "functions_host"
DATA_FOLDER = "host"
PAGE_FOLDER = Path("web") / "dist"
THREADS_SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
DURABLE_PATHS = ("/runtime/webhooks/durabletask", "/durabletask/")

BuildDurable = Callable[..., tuple[DurablePart, list[BaseRoute]]]


class FunctionsHost:
    """An ASGI application. Its lifespan starts and stops the triggers.

    Raises StartError, with the problems of all parts, where the app cannot be run.
    """

    def __init__(
        self,
        app: LoadedApp,
        host_json: HostJson,
        settings: AppSettings,
        *,
        data_dir: Path,
        url: str,
        lease_seconds: int,
        durable: BuildDurable = build_durable,
    ) -> None:
        self._app = app
        self._data_dir = data_dir
        self._url = url
        self._started = time.monotonic()
        self._prefix = host_json.extensions.http.route_prefix
        directory = data_dir / DATA_FOLDER
        directory.mkdir(parents=True, exist_ok=True)
        self._keys = HostKeys.load(directory, app.functions)
        threads = settings.positive_integer(THREADS_SETTING, DEFAULT_THREADS)
        self._worker = FunctionWorker(app, timeout_seconds=host_json.function_timeout_seconds, threads=threads)
        self._durable: DurablePart | None = None
        self._durable_router = Router()
        self._build_parts(host_json.extensions, settings, directory, lease_seconds, durable)
        page = app.directory / PAGE_FOLDER
        self._page = WebPage(page) if (page / "index.html").is_file() else None

    def _build_parts(
        self,
        extensions: Extensions,
        settings: AppSettings,
        directory: Path,
        lease_seconds: int,
        build_durable: BuildDurable,
    ) -> None:
        functions = self._app.functions
        triggers = functions.values()
        problems = StartProblems()
        with problems.gather():
            self._routes = RouteTable(functions, self._prefix, settings)
        with problems.gather():
            self._queues = QueuePart(
                triggers, settings, extensions.queues, self._worker, self._client_binding, lease_seconds=lease_seconds
            )
        with problems.gather():
            self._timers = TimerPart(triggers, settings, directory, self._worker, self._client_binding)
        with problems.gather():
            if needs_durable(functions):
                self._durable, routes = build_durable(
                    functions, self._worker, directory, extensions.durable_task, settings, self._system_key
                )
                self._durable_router = Router(routes)
        problems.check()
        self._http = HttpFunctions(
            self._routes, self._worker, self._keys, settings, extensions.http, self._client_binding
        )

    async def start(self) -> None:
        """Start the engine, then the triggers that use it.

        From here on, what functions print goes to the log: whoever started the host reads one line of stdout.
        """
        sys.stdout = sys.stderr
        if self._durable is not None:
            await self._durable.start()
        self._queues.start()
        self._timers.start()

    async def stop(self) -> None:
        """Take in nothing more, then stop the engine."""
        await self._timers.stop()
        await self._queues.stop()
        if self._durable is not None:
            await self._durable.stop()
        self._worker.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def health(self) -> dict[str, Any]:
        """For `GET /_control/health`."""
        storage = self._queues.storage()
        durable = None if self._durable is None else self._durable.health()
        troubled = storage == "unreachable" or (durable is not None and durable["storage"] != "ok")
        return {
            "part": PART,
            "status": "degraded" if troubled else "ok",
            "functions": list(self._app.functions),
            "queues": self._queues.health(),
            "timers": self._timers.health(),
            "durable": durable,
            "storage": storage,
        }

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except DurableError as error:  # its message is fit for people
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        except Exception as error:
            logger.exception("the host cannot start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = decode_path(scope["raw_path"])
        if path is None:
            response = Response(status_code=400)
        elif path.startswith(DURABLE_PATHS):
            await self._durable_router(scope, receive, send)
            return
        elif path.startswith("/_control/"):
            response = await self._control(Request(scope, receive), path)
        elif path.startswith("/admin/"):
            response = self._admin(Request(scope, receive), path)
        elif await self._http.serve(path, scope, receive, send):
            return
        else:
            response = await self._other(path, scope)
        await response(scope, receive, send)

    async def _other(self, path: str, scope: Scope) -> Response:
        is_api = bool(self._prefix) and path.lower().startswith(f"/{self._prefix.lower()}/")
        if is_api or scope["method"] not in ("GET", "HEAD"):
            return Response(status_code=404)
        if self._page is not None:
            return await self._page.respond(path, scope)
        return status_page() if path == "/" else Response(status_code=404)

    async def _control(self, request: Request, path: str) -> Response:
        if request.headers.get("host", "").rsplit(":", 1)[0] not in LOOPBACK_NAMES:
            return JSONResponse({"error": "control endpoints answer on loopback names only"}, 421)
        if (request.method, path) == ("GET", "/_control/health"):
            return JSONResponse(self.health())
        if (request.method, path) == ("GET", "/_control/status"):
            return JSONResponse(
                {
                    "host": self.health(),
                    "parts": await ask_parts(self._data_dir),
                    "prefix": f"/{self._prefix}" if self._prefix else "",
                    "routes": [
                        {
                            "function": each.function.name,
                            "methods": sorted(each.methods or ()),
                            "route": f"{self._prefix}/{each.route}".strip("/"),
                        }
                        for each in self._routes.routes
                    ],
                }
            )
        return JSONResponse({"error": f"no control {request.method} {path}"}, 404)

    def _admin(self, request: Request, path: str) -> Response:
        key = request.headers.get(KEY_HEADER) or request.query_params.get(KEY_PARAMETER)
        if self._keys.level(key, "") < AuthLevel.ADMIN:
            return Response(status_code=401)
        if (request.method, path) != ("GET", "/admin/host/status"):
            return Response(status_code=404)
        uptime_ms = int((time.monotonic() - self._started) * 1000)
        return JSONResponse({"id": PART, "state": "Running", "version": "4.0", "processUptime": uptime_ms})

    def _client_binding(self) -> str:
        assert self._durable is not None, "an app with a durable client has an engine"
        return self._durable.client_binding(self._url, self._system_key())

    def _system_key(self) -> str:
        return self._keys.system(DURABLE_SYSTEM_KEY)
