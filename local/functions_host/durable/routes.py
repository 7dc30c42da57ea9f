"""The HTTP API of a task hub, twice: for the SDK on loopback, and for everybody who has the system key.

Paths, status codes and bodies are those of the extension's `HttpApiHandler`. Refused by name with 501:
entities, rewind, restart.
"""

import hmac
import json
from collections.abc import Awaitable, Callable
from functools import partial

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from local.functions_host.durable.client_binding import PUBLIC_PATH, RPC_PATH, management_urls
from local.functions_host.durable.errors import (
    DurableError,
    FunctionMissing,
    InstanceExists,
    InstanceFinished,
    InstanceMissing,
    InstanceUnfinished,
    InvalidRequest,
    StorageFull,
)
from local.functions_host.durable.hub import DurableTaskHub
from local.functions_host.durable.queries import InstanceFilter

Endpoint = Callable[[Request], Awaitable[Response]]
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
TOKEN_HEADER = "x-ms-continuation-token"  # noqa: S105 - a header's name
STATUS_OF = {
    FunctionMissing: 400,
    InvalidRequest: 400,
    InstanceExists: 409,
    InstanceMissing: 404,
    InstanceFinished: 410,
    InstanceUnfinished: 412,
}


def durable_routes(hub: DurableTaskHub, *, system_key: Callable[[], str]) -> list[BaseRoute]:
    """`/durabletask/…` for clients in this host's functions, `/runtime/webhooks/durabletask/…` with the system key.

    The first answers only to loopback, and not to web pages; the second wants `?code=` or `x-functions-key`.
    """
    api = _Api(hub, system_key)
    return [
        Mount(RPC_PATH, routes=_routes(api, _refuse_strangers)),
        Mount(PUBLIC_PATH, routes=_routes(api, partial(_refuse_without_key, system_key))),
    ]


def _routes(api: "_Api", guard: Callable[[Request], Response | None]) -> list[Route]:
    def route(path: str, endpoint: Endpoint, *methods: str) -> Route:
        async def guarded(request: Request) -> Response:
            refused = guard(request)
            return refused if refused is not None else await _answer(endpoint, request)

        return Route(path, guarded, methods=list(methods))

    return [
        route("/orchestrators/{name}", api.start, "POST"),
        route("/orchestrators/{name}/{instance_id}", api.start, "POST"),
        route("/instances", api.list, "GET"),
        route("/instances/", api.list, "GET"),
        route("/instances", api.purge_matching, "DELETE"),
        route("/instances/", api.purge_matching, "DELETE"),
        route("/instances/{instance_id}", api.status, "GET"),
        route("/instances/{instance_id}", api.purge, "DELETE"),
        route("/instances/{instance_id}/raiseEvent/{event}", api.raise_event, "POST"),
        route("/instances/{instance_id}/{operation}", api.control, "POST"),
        route("/entities/{rest:path}", api.entities, "GET", "POST", "DELETE"),
        route("/entities", api.entities, "GET"),
    ]


async def _answer(endpoint: Endpoint, request: Request) -> Response:
    try:
        return await endpoint(request)
    except StorageFull as error:
        return _problem(507, "storage_full", str(error))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return _error(400, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    except DurableError as error:
        return _error(STATUS_OF[type(error)], str(error))


def _error(status: int, message: str) -> Response:
    """The extension's error body; the SDK shows `ExceptionMessage`."""
    return JSONResponse({"Message": message, "ExceptionMessage": message}, status)


def _problem(status: int, code: str, detail: str) -> Response:
    body = {"type": "about:blank", "title": code.replace("_", " "), "status": status, "detail": detail, "code": code}
    return JSONResponse(body, status, media_type="application/problem+json")


def _not_supported(what: str) -> Response:
    return _problem(501, "not_supported", f"{what} is not supported by the local functions host")


def _refuse_strangers(request: Request) -> Response | None:
    """Only this machine, and no web page: browsers name the page they act for."""
    client = request.client.host if request.client else ""
    from_page = "origin" in request.headers or "sec-fetch-site" in request.headers
    if client in LOOPBACK and request.url.hostname in LOOPBACK and not from_page:
        return None
    return _problem(403, "forbidden", "this address serves Durable clients inside the functions host only")


def _refuse_without_key(system_key: Callable[[], str], request: Request) -> Response | None:
    given = request.query_params.get("code") or request.headers.get("x-functions-key") or ""
    if hmac.compare_digest(given.encode(), system_key().encode()):
        return None
    return _problem(401, "unauthorized", "the system key is needed, as ?code= or x-functions-key")


class _Api:
    def __init__(self, hub: DurableTaskHub, system_key: Callable[[], str]) -> None:
        self._hub = hub
        self._system_key = system_key

    async def start(self, request: Request) -> Response:
        text = await _json_text(request)
        instance_id = await self._hub.start_new(
            request.path_params["name"],
            request.path_params.get("instance_id"),
            text,
            request.query_params.get("version"),
        )
        timeout = _seconds(request, "timeout")
        if timeout is not None and _seconds(request, "pollingInterval") is not None:
            status = await self._hub.wait_until_finished(instance_id, timeout)
            if status is not None and status.finished:
                return JSONResponse(status.output if status.runtime_status == "Completed" else status.payload())
        return self._check_status(request, instance_id)

    async def status(self, request: Request) -> Response:
        query = request.query_params
        status = await self._hub.find_status(
            request.path_params["instance_id"],
            show_input=_flag(query.get("showInput"), True),
            show_history=_flag(query.get("showHistory"), False),
            show_history_output=_flag(query.get("showHistoryOutput"), False),
        )
        if status is None:
            return Response(status_code=404)
        if not status.finished:
            return JSONResponse(status.payload(), 202, {"Location": str(request.url), "Retry-After": "5"})
        failed = status.runtime_status == "Failed" and _flag(query.get("returnInternalServerErrorOnFailure"), False)
        return JSONResponse(status.payload(), 500 if failed else 200)

    async def list(self, request: Request) -> Response:
        statuses, token = await self._hub.list_statuses(_filter(request))
        return JSONResponse([status.payload() for status in statuses], headers={TOKEN_HEADER: token} if token else None)

    async def purge(self, request: Request) -> Response:
        return _purged(await self._hub.purge(request.path_params["instance_id"]))

    async def purge_matching(self, request: Request) -> Response:
        if "createdTimeFrom" not in request.query_params:
            return _error(400, "Please provide value for 'createdTimeFrom' parameter.")
        return _purged(await self._hub.purge_matching(_filter(request)))

    async def raise_event(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _error(400, "Only application/json request content is supported")
        text = await _json_text(request)
        await self._hub.raise_event(request.path_params["instance_id"], request.path_params["event"], text or "null")
        return Response(status_code=202)

    async def control(self, request: Request) -> Response:
        operation = request.path_params["operation"].lower()
        if operation in ("rewind", "restart"):
            return _not_supported(operation)
        controls = {"terminate": self._hub.terminate, "suspend": self._hub.suspend, "resume": self._hub.resume}
        if operation not in controls:
            return Response(status_code=404)
        await controls[operation](request.path_params["instance_id"], request.query_params.get("reason"))
        return Response(status_code=202)

    async def entities(self, request: Request) -> Response:
        return _not_supported("entities")

    def _check_status(self, request: Request, instance_id: str) -> Response:
        urls = management_urls(self._hub.name, str(request.base_url), instance_id, self._system_key())
        return JSONResponse(urls, 202, {"Location": urls["statusQueryGetUri"], "Retry-After": "10"})


def _purged(count: int) -> Response:
    return JSONResponse({"instancesDeleted": count}) if count else Response(status_code=404)


def _filter(request: Request) -> InstanceFilter:
    values: dict[str, object] = dict(request.query_params)
    statuses = [name for text in request.query_params.getlist("runtimeStatus") for name in text.split(",") if name]
    token = request.headers.get(TOKEN_HEADER)
    return InstanceFilter.model_validate({**values, "runtimeStatus": statuses, "continuationToken": token or None})


async def _json_text(request: Request) -> str | None:
    """The body, which must be JSON; None where there is none."""
    body = await request.body()
    if not body.strip():
        return None
    try:
        text = body.decode()
        json.loads(text)
    except ValueError as error:
        raise InvalidRequest(f"Invalid JSON content: {error}") from None
    return None if text.strip() == "null" else text


def _seconds(request: Request, name: str) -> float | None:
    text = request.query_params.get(name)
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        raise InvalidRequest(f"{name}: a number of seconds is needed") from None


def _flag(text: str | None, default: bool) -> bool:
    return default if text is None or text.lower() not in ("true", "false") else text.lower() == "true"
