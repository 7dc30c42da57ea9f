"""The edge of every HTTP function: correlation, protection against foreign pages, parsing, errors."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
from pydantic import BaseModel, SecretStr, ValidationError

from shared.clients.durable import DurableJobRunner
from shared.container import Container, get_container
from shared.errors import AppError, FieldError, Forbidden, InvalidInput, UpstreamTimeout
from shared.functions.answers import finished
from shared.functions.cookies import read_cookies, set_cookie
from shared.functions.problems import internal_error, invalid_input, problem_response
from shared.functions.registration import DurableClient, HttpFunction, Triggers, header_map
from shared.functions.routes import (
    JSON_TYPE,
    MAX_KEY_CHARACTERS,
    ROUTES,
    Access,
    Call,
    Handler,
    NoQuery,
    Reply,
    Route,
    Upload,
)
from shared.identity.models import Caller, Credentials, Person
from shared.identity.refusals import noting_refusal
from shared.resilience.rate_limits import Allowance, RequestClass
from shared.tables.reading import MAX_FILE_BYTES
from shared.telemetry import accept_correlation_id, correlated, get_logger

log = get_logger(__name__)

MAX_BODY_BYTES = 1_000_000
MAX_UPLOAD_BYTES = MAX_FILE_BYTES
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
        )
        ROUTES[name] = route
        serve = _with_client(route) if starts_jobs else _without_client(route)
        serve.__name__ = name
        triggers.http(path, [method], with_client=starts_jobs)(serve)
        return handler

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
    """Serve one request of an operation: check, parse, call the handler, reply."""

    async def work() -> func.HttpResponse:
        container = get_container()
        cookies = read_cookies(header_map(request).get("Cookie", ""), https=container.settings.is_https)
        credentials = Credentials(cookies.get("login"), _bearer(request))
        if not route.any_host:
            require_own_host(request, container)
            require_own_page(request, container, credentials)
        signed_in = await _signed_in(route, credentials, container)
        allowance = await container.rate_limiter.admit(_who(signed_in, request), _class_of(route))
        call = Call(
            container=container,
            signed_in=signed_in,
            path=dict(request.route_params),
            query=_parse_query(route.query, request),
            body=_parse_any_body(route, request),
            idempotency_key=_idempotency_key(request) if route.creates else None,
            runner=None if client is None else DurableJobRunner(client),
            if_none_match=header_map(request).get("If-None-Match"),
            cookies=cookies,
        )
        async with asyncio.timeout(container.settings.request_seconds):
            result = await _handled(route, call)
        if isinstance(result, Reply):
            response = _reply(result, route, https=container.settings.is_https)
        else:
            response = json_response(result, route.status)
        _tell_allowance(response, allowance)
        return response

    return await serve_request(route.name, request, work)


async def serve_request(
    name: str, request: func.HttpRequest, work: Callable[[], Awaitable[func.HttpResponse]]
) -> func.HttpResponse:
    """Whatever becomes of `work`, answer with the correlation id; errors as problem documents."""
    started = time.monotonic()
    container = get_container()
    with correlated(accept_correlation_id(header_map(request).get("X-Correlation-ID"))) as correlation_id:
        response = await _worked(name, work, correlation_id)
        response.headers["X-Correlation-ID"] = correlation_id
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
    except TimeoutError:
        log.warning("%s took too long", name)
        return problem_response(UpstreamTimeout("This took too long; look whether it was done."), correlation_id)
    except Exception:
        log.exception("%s failed", name)
        return internal_error(correlation_id)


def _who(signed_in: Caller | Person | None, request: func.HttpRequest) -> str:
    """Whom a request is counted for: the person, or the address that the platform's front end saw last.

    What stands before it in the header, the client may have written (Azure App Service appends the address).
    """
    if signed_in is not None:
        return signed_in.user_id
    last = header_map(request).get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return f"address:{_without_port(last)}"


def _without_port(address: str) -> str:
    """`192.0.2.1:5000` and `[2001:db8::1]:5000` name a connection; what is counted is who makes them."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _class_of(route: Route) -> RequestClass:
    if route.access == "public" and (route.method != "GET" or route.redirects):
        return "sign_in"  # the redirects are the ways to Smartsheet's sign-in, and back
    if (route.starts_jobs and route.creates) or route.uploads:
        return "start"
    return "read" if route.method == "GET" else "write"


def _tell_allowance(response: func.HttpResponse, allowance: Allowance | None) -> None:
    if allowance is not None:
        response.headers["RateLimit-Limit"] = str(allowance.limit)
        response.headers["RateLimit-Remaining"] = str(allowance.remaining)
        response.headers["RateLimit-Reset"] = str(allowance.reset_seconds)


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


def _parse_any_body(route: Route, request: func.HttpRequest) -> BaseModel | None:
    if route.uploads:
        return parse_upload(route.uploads, request)
    return None if route.body is None else parse_body(route.body, request)


def parse_upload(content_types: tuple[str, ...], request: func.HttpRequest) -> Upload:
    """The body as a file. Raises `InvalidInput` (`unsupported_media_type`, `body_too_large`)."""
    content_type = _content_type(request)
    if content_type not in content_types:
        raise InvalidInput(f"Send the file as {', '.join(content_types)}.", code="unsupported_media_type")
    raw = request.get_body()
    if len(raw) > MAX_UPLOAD_BYTES:
        raise InvalidInput(f"The file may have at most {MAX_UPLOAD_BYTES:,} bytes.", code="body_too_large")
    return Upload(content_type=content_type, content=raw)


def _content_type(request: func.HttpRequest) -> str:
    return header_map(request).get("Content-Type", "").split(";")[0].strip().lower()


def _bearer(request: func.HttpRequest) -> SecretStr | None:
    scheme, _, token = header_map(request).get("Authorization", "").strip().partition(" ")
    return SecretStr(token.strip()) if scheme.lower() == "bearer" else None


def parse_body(model: type[BaseModel], request: func.HttpRequest) -> BaseModel:
    """The JSON body as `model`. Raises `InvalidInput` (`unsupported_media_type`, `malformed_json`, …)."""
    if _content_type(request) != "application/json":
        raise InvalidInput("Send the body as application/json.", code="unsupported_media_type")
    raw = request.get_body()
    if len(raw) > MAX_BODY_BYTES:
        raise InvalidInput(f"The body may have at most {MAX_BODY_BYTES:,} bytes.", code="body_too_large")
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise InvalidInput(f"The body cannot be read. {first['msg']}.", code="malformed_json") from None
        raise invalid_input(error, where="body") from None


def _parse_query(model: type[BaseModel], request: func.HttpRequest) -> BaseModel:
    # The worker leaves empty values out of `params`; `limit=` is no way to say nothing about the limit.
    query = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    empty = {name: value for name, value in query if not value}
    try:
        return model.model_validate({**empty, **request.params})
    except ValidationError as error:
        raise invalid_input(error, where="query") from None


def _idempotency_key(request: func.HttpRequest) -> str | None:
    key = header_map(request).get("Idempotency-Key")
    if key is not None and not 1 <= len(key.strip()) <= MAX_KEY_CHARACTERS:
        fault = FieldError("Idempotency-Key", f"must have 1 to {MAX_KEY_CHARACTERS} characters, or be left out")
        raise InvalidInput("The Idempotency-Key cannot be used.", errors=(fault,))
    return key


def _reply(reply: Reply, route: Route, *, https: bool) -> func.HttpResponse:
    status = HTTPStatus.NOT_MODIFIED if reply.not_modified else reply.status or route.status
    response = func.HttpResponse(reply.body, status_code=status, headers=dict(reply.headers), mimetype=route.media_type)
    for cookie in reply.cookies:
        response.headers.add("Set-Cookie", set_cookie(cookie, https=https))
    return response


def json_response(result: BaseModel, status: int = 200) -> func.HttpResponse:
    """A model as the JSON answer."""
    return func.HttpResponse(result.model_dump_json(by_alias=True), status_code=status, mimetype=JSON_TYPE)
