"""The edge of every HTTP function: correlation, protection against foreign pages, errors."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import azure.functions as func
from pydantic import BaseModel

from shared.clients.durable import DurableJobRunner
from shared.container import Container, get_container
from shared.errors import AppError, Forbidden, Unauthorized, UpstreamTimeout
from shared.functions.answers import finished
from shared.functions.cookies import read_cookies, set_cookie
from shared.functions.counting import count_request
from shared.functions.parsing import bearer_of, idempotency_key_of, parse_any_body, parse_query
from shared.functions.problems import internal_error, problem_response
from shared.functions.registration import DurableClient, HttpFunction, Triggers, header_map
from shared.functions.routes import (
    CALLBACKS,
    JSON_TYPE,
    ROUTES,
    Access,
    Call,
    Callback,
    Handler,
    NoQuery,
    Reply,
    Route,
)
from shared.identity.models import Caller, Credentials, Person
from shared.identity.refusals import noting_refusal
from shared.telemetry import accept_correlation_id, correlated, get_logger

log = get_logger(__name__)

_READING = ("GET", "HEAD")


def operation(
    triggers: Triggers,
    method: str,
    path: str,
    *,
    summary: str,
    tag: str,
    answers: type[BaseModel] | None,
    status: int = 200,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] = NoQuery,
    errors: tuple[type[AppError], ...] = (),
    starts_jobs: bool = False,
    conditional: bool = False,
    media_type: str = JSON_TYPE,
    uploads: tuple[str, ...] = (),
    other_status: int | None = None,
    access: Access = "connected",
    any_host: bool = False,
    asks_model: bool = False,
) -> Callable[[Handler], Handler]:
    """Register a handler `async (Call) -> model` as an HTTP function and as an operation of the OpenAPI document.

    The function is named like the handler. `starts_jobs` gives it the Durable client, also to wake jobs. A handler may
    answer a `Reply` instead of the model: its body is in `media_type`, and has the form of `answers` if that is JSON.
    With `uploads`, the body is an `Upload` of one of these content types.
    """

    def register(handler: Handler) -> Handler:
        name = handler.__name__
        route = Route(
            name,
            method,
            path,
            summary,
            answers,
            status,
            body,
            query,
            errors,
            tag,
            handler,
            starts_jobs,
            conditional,
            media_type,
            uploads,
            other_status,
            access,
            any_host,
            asks_model,
        )
        ROUTES[name] = route
        serve = _with_client(route) if starts_jobs else _without_client(route)
        serve.__name__ = name
        triggers.http(path, list(route.methods), with_client=starts_jobs)(serve)
        return handler

    return register


def callback(
    triggers: Triggers,
    path: str,
    methods: tuple[str, ...],
    *,
    summary: str,
    tag: str,
    headers: tuple[str, ...],
    answers: Mapping[int, str],
    body: Mapping[str, Any] | None = None,
) -> Callable[[HttpFunction], HttpFunction]:
    """Register a function that another service calls, and tell of it in the OpenAPI document. See `Callback`."""

    def register(function: HttpFunction) -> HttpFunction:
        name, description = function.__name__, (function.__doc__ or "").strip()
        CALLBACKS[name] = Callback(name, path, methods, summary, description, tag, headers, answers, body)
        triggers.http(path, list(methods))(function)
        return function

    return register


def _without_client(route: Route) -> HttpFunction:
    async def serve(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(route, req, None)

    return serve


def _with_client(route: Route) -> HttpFunction:
    async def serve(req: func.HttpRequest, client: DurableClient) -> func.HttpResponse:
        return await answer(route, req, client)

    return serve


async def answer(route: Route, request: func.HttpRequest, client: DurableClient | None) -> func.HttpResponse:
    """Serve one request of an operation: check, count, parse, call the handler, reply; all of it under the deadline."""
    headers: dict[str, str] = {}

    async def work() -> func.HttpResponse:
        container = get_container()
        deadline = asyncio.timeout(container.settings.request_seconds)
        try:
            async with deadline:
                return await _served(route, request, client, container, headers)
        except TimeoutError:
            if not deadline.expired():
                raise  # somebody else's deadline, which should not have come up to here
            raise UpstreamTimeout("This took too long; look whether it was done.") from None

    return await serve_request(route.name, request, work, headers)


async def _served(
    route: Route,
    request: func.HttpRequest,
    client: DurableClient | None,
    container: Container,
    headers: MutableMapping[str, str],
) -> func.HttpResponse:
    cookies = read_cookies(header_map(request).get("Cookie", ""), https=container.settings.is_https)
    credentials = Credentials(cookies.get("login"), bearer_of(request))
    if not route.any_host:
        require_own_host(request, container)
        require_own_page(request, container, credentials)
    try:
        signed_in = await _signed_in(route, credentials, container)
    except Unauthorized:
        await count_request(container, route, request, None, headers)  # guesses count, too
        raise
    await count_request(container, route, request, signed_in, headers)
    call = Call(
        container=container,
        signed_in=signed_in,
        path=dict(request.route_params),
        query=parse_query(route.query, request),
        body=parse_any_body(route, request),
        idempotency_key=idempotency_key_of(request) if route.creates else None,
        runner=None if client is None else DurableJobRunner(client),
        if_none_match=header_map(request).get("If-None-Match"),
        cookies=cookies,
    )
    result = await _handled(route, call)
    if isinstance(result, Reply):
        return _reply(result, route, https=container.settings.is_https)
    return json_response(result, route.status)


async def serve_request(
    name: str,
    request: func.HttpRequest,
    work: Callable[[], Awaitable[func.HttpResponse]],
    headers: Mapping[str, str] | None = None,
) -> func.HttpResponse:
    """Whatever becomes of `work`, answer with the correlation id and `headers`; errors as problem documents."""
    started = time.monotonic()
    container = get_container()
    with correlated(accept_correlation_id(header_map(request).get("X-Correlation-ID"))) as correlation_id:
        response = await _worked(name, work, correlation_id)
        response.headers["X-Correlation-ID"] = correlation_id
        for header, value in (headers or {}).items():
            response.headers[header] = value
        container.metrics.record(name, response.status_code, time.monotonic() - started)
        return await finished(request, response, container.settings.own_origins)


async def _worked(
    name: str, work: Callable[[], Awaitable[func.HttpResponse]], correlation_id: str
) -> func.HttpResponse:
    try:
        return await work()
    except AppError as error:
        log.info("%s: %s", name, error.code)
        return problem_response(error, correlation_id)
    except Exception:
        log.exception("%s failed", name)
        return internal_error(correlation_id)


async def _signed_in(route: Route, credentials: Credentials, container: Container) -> Caller | Person | None:
    match route.access:
        case "public":
            return None
        case "person":
            return await container.identity.person_of_request(credentials)
        case "connected":
            return await container.identity.caller_of_request(credentials)


async def _handled(route: Route, call: Call[Any, Any]) -> BaseModel | Reply:
    if not isinstance(call.signed_in, Caller):
        return await route.handler(call)
    async with noting_refusal(call.container.identity, call.signed_in):
        return await route.handler(call)


def require_own_host(request: func.HttpRequest, container: Container) -> None:
    """Refuse requests for another host name. Raises `Forbidden` (`host_not_allowed`)."""
    host = header_map(request).get("Host", "")
    if host.lower() not in {urlsplit(origin).netloc for origin in container.settings.own_origins}:
        raise Forbidden("This host name is not one that this service answers for.", code="host_not_allowed")


def require_own_page(request: func.HttpRequest, container: Container, credentials: Credentials) -> None:
    """Refuse what a foreign page makes a browser send. Raises `Forbidden`.

    A script that signs in by bearer needs no `X-Requested-With`: no browser adds a bearer by itself.
    """
    origin = header_map(request).get("Origin")
    if origin is not None and origin.lower() not in container.settings.own_origins:
        raise Forbidden("Pages of this origin may not call this service.", code="origin_not_allowed")
    by_bearer = credentials.bearer is not None and credentials.cookie is None
    if request.method in _READING or (by_bearer and container.settings.auth_mode == "token"):
        return
    if not header_map(request).get("X-Requested-With"):
        raise Forbidden("Send the header X-Requested-With (any value) with every change.", code="csrf_header_missing")


def _reply(reply: Reply, route: Route, *, https: bool) -> func.HttpResponse:
    status = HTTPStatus.NOT_MODIFIED if reply.not_modified else reply.status or route.status
    response = func.HttpResponse(reply.body, status_code=status, headers=dict(reply.headers), mimetype=route.media_type)
    for cookie in reply.cookies:
        response.headers.add("Set-Cookie", set_cookie(cookie, https=https))
    return response


def json_response(result: BaseModel, status: int = 200) -> func.HttpResponse:
    """A model as the JSON answer."""
    return func.HttpResponse(result.model_dump_json(by_alias=True), status_code=status, mimetype=JSON_TYPE)
