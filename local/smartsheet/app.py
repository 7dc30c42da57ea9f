"""The ASGI application: routes, sign-in, rate limit, one writer per sheet, Smartsheet's error bodies."""

import asyncio
import functools
import json
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from local.smartsheet.accounts import EXPIRED_TOKEN, User, find_user
from local.smartsheet.change import list_writes
from local.smartsheet.database import Database
from local.smartsheet.endpoints import account, columns, rows, search, sheets
from local.smartsheet.endpoints.call import MAX_CHANGE_AGENT, Answer, Call
from local.smartsheet.errors import ApiError, fault_response
from local.smartsheet.limits import Limits, RateLimit
from local.smartsheet.oauth.grants import Grants
from local.smartsheet.oauth.routes import OAuthRoutes
from local.smartsheet.webhooks import records
from local.smartsheet.webhooks.delivery import Delivery
from local.smartsheet.wire import Query, encode, new_id, success
from local.standin.control import Control

JSON = "application/json;charset=UTF-8"
_THREADS = 8
_log = logging.getLogger(__name__)

Operation = Callable[[Call], Answer]

_SHEET = "/sheets/{sheetId:int}"
_COLUMN = f"{_SHEET}/columns/{{columnId:int}}"
_WEBHOOK = "/webhooks/{webhookId:int}"

# Method, path, operation, whether it changes the sheet in its path.
OPERATIONS: list[tuple[str, str, Operation, bool]] = [
    ("GET", "/serverinfo", account.server_info, False),
    ("GET", "/users/me", account.me, False),
    ("GET", "/sheets", sheets.list_all, False),
    ("POST", "/sheets", sheets.create, False),
    ("GET", _SHEET, sheets.get, False),
    ("PUT", _SHEET, sheets.rename, True),
    ("DELETE", _SHEET, sheets.delete, True),
    ("GET", f"{_SHEET}/version", sheets.get_version, False),
    ("GET", f"{_SHEET}/columns", columns.list_all, False),
    ("POST", f"{_SHEET}/columns", columns.add, True),
    ("GET", _COLUMN, columns.get, False),
    ("PUT", _COLUMN, columns.change_one, True),
    ("DELETE", _COLUMN, columns.delete, True),
    ("POST", f"{_SHEET}/rows", rows.add, True),
    ("PUT", f"{_SHEET}/rows", rows.change_many, True),
    ("DELETE", f"{_SHEET}/rows", rows.delete, True),
    ("GET", f"{_SHEET}/rows/{{rowId:int}}", rows.get, False),
    ("GET", "/search", search.everywhere, False),
    ("GET", f"/search{_SHEET}", search.in_sheet, False),
    ("GET", "/webhooks", records.list_all, False),
    ("POST", "/webhooks", records.create, False),
    ("GET", _WEBHOOK, records.get, False),
    ("PUT", _WEBHOOK, records.change, False),
    ("DELETE", _WEBHOOK, records.delete, False),
    ("POST", f"{_WEBHOOK}/resetSharedSecret", records.reset_shared_secret, False),
    # The vendor's Python SDK spells it so.
    ("POST", f"{_WEBHOOK}/resetsharedsecret", records.reset_shared_secret, False),
]


class Sandbox:
    """The sandbox on one database. `seed` is the file that a reset goes back to."""

    def __init__(self, database: Database, seed: Path) -> None:
        self.limits = Limits()
        self._database = database
        self._seed = seed
        self._rate = RateLimit(self.limits)
        self._delivery = Delivery(database, self.limits)
        self._grants = Grants(database, self.limits)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="smartsheet")
        self._being_written: set[int] = set()

    def app(self) -> ASGIApp:
        """The application, inside the control layer that every stand-in has."""
        by_path: dict[str, dict[str, tuple[Operation, bool]]] = {}
        for method, path, operation, writes in OPERATIONS:
            by_path.setdefault(f"/2.0{path}", {})[method] = (operation, writes)
        routes = [
            Route(path, functools.partial(self._serve, methods), methods=list(methods))
            for path, methods in by_path.items()
        ]
        routes += OAuthRoutes(self._grants).routes()
        handlers = {404: _not_found, 405: _no_such_method}
        app = Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)  # type: ignore[arg-type]
        return Control(
            "smartsheet",
            app,
            limits=self.limits,
            reset=self._reset,
            fault_response=fault_response,
            routes={"GET writes": self._writes, "GET tokens": self._tokens},
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._delivery.wake()
        yield
        await self._delivery.close()
        self._threads.shutdown()

    async def _serve(self, methods: dict[str, tuple[Operation, bool]], request: Request) -> Response:
        operation, writes = methods.get(request.method) or methods["GET"]
        noted: dict[str, Any] = request.scope["state"]["call"]
        try:
            call = await self._call(request, noted)
            answer = await (self._write(operation, call) if writes else self._run(operation, call))
            if noted.pop("verify", False):
                webhook = await self._delivery.verify(call.ids["webhookId"])
                answer = answer if webhook is None else success(webhook)
        except ApiError as error:
            noted["errorCode"] = error.code
            return error.response()
        except Exception:  # noqa: BLE001 - whatever broke, the caller gets the vendor's 4000 and we the trace
            _log.exception("%s %s failed", request.method, request.url.path)
            return ApiError(4000).response()
        if request.method != "GET":
            self._delivery.wake()
        return Response(answer if isinstance(answer, bytes) else encode(answer), media_type=JSON)

    async def _call(self, request: Request, noted: dict[str, Any]) -> Call:
        user = await self._sign_in(request)
        noted |= {"user": user.email, "requestId": f"{new_id():x}"}
        if self.limits.latency_ms:
            await asyncio.sleep(self.limits.latency_ms / 1000)
        agent = request.headers.get("Smartsheet-Change-Agent")
        if agent is not None and len(agent) > MAX_CHANGE_AGENT:
            raise ApiError(1011, "Smartsheet-Change-Agent")
        body = await request.body()
        if body and not request.headers.get("content-type", "").startswith("application/json"):
            raise ApiError(1124)
        query = Query(dict(request.query_params))
        return Call(self._database, user, request.path_params, query, body, noted["requestId"], agent, noted)

    async def _sign_in(self, request: Request) -> User:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ApiError(1001)
        if token == EXPIRED_TOKEN:
            raise ApiError(1003)
        user = find_user(token)
        if user is None:
            user = await asyncio.get_running_loop().run_in_executor(self._threads, self._grants.user_of, token)
        if user is None:
            raise ApiError(1002)
        if not self._rate.admit(token):
            raise ApiError(4003)
        return user

    async def _write(self, operation: Operation, call: Call) -> Answer:
        """Run a write alone on its sheet: whoever comes meanwhile gets 4004."""
        if call.sheet_id in self._being_written:
            raise ApiError(4004, call.sheet_id)
        self._being_written.add(call.sheet_id)
        try:
            if self.limits.write_ms_per_row:
                await asyncio.sleep(self.limits.write_ms_per_row * _rows_in(call) / 1000)
            return await self._run(operation, call)
        finally:
            self._being_written.discard(call.sheet_id)

    async def _run(self, operation: Operation, call: Call) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, operation, call)

    async def _reset(self) -> None:
        await self._delivery.stop()
        self._rate.clear()
        await asyncio.get_running_loop().run_in_executor(self._threads, self._database.restore, self._seed)
        await asyncio.get_running_loop().run_in_executor(self._threads, self._grants.clear)

    async def _writes(self, request: Request) -> Response:
        def read() -> list[dict[str, Any]]:
            with self._database.read() as connection:
                return list_writes(connection, Query(dict(request.query_params)).number("after") or 0)

        try:
            writes = await asyncio.get_running_loop().run_in_executor(self._threads, read)
        except ApiError as error:
            return error.response()
        return JSONResponse(writes)

    async def _tokens(self, _: Request) -> Response:
        """What the provider gave, so that tests can look for it where it must not be."""
        given = self._grants.given
        return JSONResponse(
            [
                {"user": user.email, "accessToken": tokens.access, "refreshToken": tokens.refresh}
                for user, tokens in given
            ]
        )


def _rows_in(call: Call) -> int:
    """How many rows a write brings, for the artificial delay; 1 where that cannot be said."""
    if ids := call.query.parameters.get("ids"):
        return len(ids.split(","))
    try:
        body = json.loads(call.body or b"{}")
    except ValueError:
        return 1
    return len(body) if isinstance(body, list) else 1


async def _not_found(_: Request, __: HTTPException) -> Response:
    return ApiError(1006).response()


async def _no_such_method(_: Request, __: HTTPException) -> Response:
    return ApiError(1010).response()
