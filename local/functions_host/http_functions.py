"""Serves the HTTP functions of the app."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from azure.functions import Out
from azure.functions.http import HttpRequest
from starlette.types import Receive, Scope, Send

from local.functions_host.app_settings import AppSettings
from local.functions_host.execution import FunctionWorker
from local.functions_host.functions import LoadedFunction
from local.functions_host.host_json import HttpOptions
from local.functions_host.host_keys import AuthLevel, HostKeys
from local.functions_host.http_response import HttpAnswer, encode_answer
from local.functions_host.http_throttle import HttpThrottle
from local.functions_host.request_path import encode_path, query_parameters
from local.functions_host.route_table import HttpRoute, RouteTable
from local.functions_host.signatures import RETURN

logger = logging.getLogger("host.http")
DEFAULT_BODY_LIMIT = 100 * 1024 * 1024
BODY_LIMIT_SETTING = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
KEY_HEADER = "x-functions-key"
KEY_PARAMETER = "code"

ClientBinding = Callable[[], str]
Headers = dict[str, str]


class ResponseOut(Out[Any]):
    """The `func.Out` parameter of a function whose http output binding has a name of its own."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        """Give the response."""
        self._value = val

    def get(self) -> Any:
        """The response given last."""
        return self._value


class HttpFunctions:
    """From an ASGI request to the function and back.

    An exception of the function is answered with 500 and no body; a wrong or missing key with 401; a
    disabled function with 404. A request without Content-Length reaches the function without its body, as
    in the real host (https://github.com/Azure/azure-functions-host/issues/7930).
    """

    def __init__(
        self,
        routes: RouteTable,
        worker: FunctionWorker,
        keys: HostKeys,
        settings: AppSettings,
        options: HttpOptions,
        client_binding: ClientBinding,
    ) -> None:
        self._routes = routes
        self._worker = worker
        self._keys = keys
        self._throttle = HttpThrottle(options)
        self._client_binding = client_binding
        self._body_limit = settings.positive_integer(BODY_LIMIT_SETTING, DEFAULT_BODY_LIMIT)
        self._custom_headers = [
            (name.lower().encode("ascii"), value.encode("ascii")) for name, value in options.custom_headers.items()
        ]
        names = {each.function.name for each in routes.routes}
        self._disabled = frozenset(name for name in names if settings.is_disabled(name))

    async def serve(self, path: str, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer the request if one of the routes fits the decoded `path`; say whether that was so."""
        matched = self._routes.match(scope["method"], path)
        if matched is None:
            return False
        if self._throttle.is_full:
            answer = HttpAnswer(429)
        else:
            async with self._throttle:
                answer = await self._answer(matched[0], matched[1], path, scope, receive)
        headers = answer.headers + self._custom_headers
        if answer.status not in (204, 304) and (answer.body or scope["method"] != "HEAD"):
            headers.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        return True

    async def _answer(
        self, route: HttpRoute, route_parameters: dict[str, str], path: str, scope: Scope, receive: Receive
    ) -> HttpAnswer:
        function = route.function
        headers = _request_headers(scope["headers"])
        key = headers.get(KEY_HEADER) or _key_in_query(scope["query_string"])
        level = self._keys.level(key, function.name)
        if level < AuthLevel[function.trigger.properties.get("authLevel", "FUNCTION")]:
            return HttpAnswer(401)
        if function.name in self._disabled and level < AuthLevel.ADMIN:
            return HttpAnswer(404)
        length = int(headers.get("content-length", "0"))
        if length > self._body_limit:
            return HttpAnswer(413)
        if "transfer-encoding" in headers:
            logger.warning("%s: a chunked request reaches a function without its body", function.name)
        request = HttpRequest(
            method=scope["method"],
            url=_url(scope, path, headers),
            headers=headers,
            params=query_parameters(scope["query_string"]),
            route_params=route_parameters,
            body_type="bytes",
            body=await _read_body(receive) if length else b"",
        )
        return await self._call(function, request)

    async def _call(self, function: LoadedFunction, request: HttpRequest) -> HttpAnswer:
        arguments: dict[str, Any] = {function.trigger.name: request}
        encode: Callable[[Any], HttpAnswer] = encode_answer
        for binding in function.bindings:
            if binding.type == "durableClient":
                arguments[binding.name] = self._client_binding()
            elif binding.type == "http" and binding.name != RETURN:
                arguments[binding.name] = out = ResponseOut()
                encode = partial(_encode_out, out)
        try:
            return await self._worker.run(function, arguments, encode=encode)
        except Exception:  # noqa: BLE001 - logged with its trace by the worker
            return HttpAnswer(500)


def _encode_out(out: ResponseOut, returned: Any) -> HttpAnswer:
    value = out.get()
    return HttpAnswer(200) if value is None else encode_answer(value)


def _request_headers(raw: list[tuple[bytes, bytes]]) -> Headers:
    """Lower-case names; values of a repeated header joined by commas."""
    headers: Headers = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if headers.get(name) and value else headers.get(name) or value
    return headers


def _key_in_query(query: bytes) -> str | None:
    if b"code=" not in query.lower():
        return None
    given = parse_qsl(query.decode("latin-1"))
    return next((value for name, value in given if name.lower() == KEY_PARAMETER), None)


def _url(scope: Scope, path: str, headers: Headers) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{scope['scheme']}://{headers.get('host', '')}{encode_path(path)}{'?' if query else ''}{query}"


async def _read_body(receive: Receive) -> bytes:
    message = await receive()
    if not message.get("more_body"):
        return message.get("body", b"")
    chunks = [message["body"]]
    while message.get("more_body"):
        message = await receive()
        chunks.append(message.get("body", b""))
    return b"".join(chunks)
