"""What the operations of the data-plane REST API do. Their status codes are those that the service SDK insists on."""

import base64
import binascii
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.webpubsub.access import ACCESS_KEY
from local.webpubsub.connection import Connection
from local.webpubsub.filters import FilterRefused, parse_filter
from local.webpubsub.frames import Message
from local.webpubsub.gateway import Gateway
from local.webpubsub.hubs import Hub
from local.webpubsub.payload import Payload, PayloadRefused, UnknownContentType

PERMISSIONS = ("joinLeaveGroup", "sendToGroup")
MAX_TTL_SECONDS = 300
MAX_PAGE_SIZE = 200


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str, target: str | None = None) -> None:
        super().__init__(message)
        self.response = JSONResponse(
            {"code": code, "message": message, "target": target}, status, {"x-ms-error-code": code}
        )


class Call:
    """One authorised call: its hub, the names in its path, its parameters."""

    def __init__(self, request: Request, gateway: Gateway, hub_name: str, names: dict[str, str]) -> None:
        self.request = request
        self.gateway = gateway
        self.hub: Hub = gateway.hub(hub_name)
        self.hub_name = hub_name
        self._names = names

    def name(self, part: str) -> str:
        """A name from the path: `group`, `user`, `connection` or `permission`."""
        return self._names[part]

    @property
    def group(self) -> str | None:
        """The group in the path, if there is one."""
        return self._names.get("group")

    def connection(self) -> Connection:
        """The connection that the path names; 404 where there is none."""
        found = self.hub.find(self.name("connection"))
        if found is None:
            raise Refused(404, "NotFound", f"there is no connection {self.name('connection')}", "connectionId")
        return found

    def targets(self) -> list[Connection]:
        """Who is meant: the connection, group or user in the path, or everybody."""
        if "connection" in self._names:
            found = self.hub.find(self.name("connection"))
            return [] if found is None else [found]
        if "group" in self._names:
            return self.hub.members(self.name("group"))
        if "user" in self._names:
            return self.hub.of_user(self.name("user"))
        return self.hub.connections()

    def chosen(self) -> list[Connection]:
        """The targets without those that `excluded` or `filter` leaves out."""
        excluded = set(self.request.query_params.getlist("excluded"))
        expression = self.request.query_params.get("filter")
        try:
            wanted = parse_filter(expression) if expression else None
        except FilterRefused as error:
            raise Refused(400, "BadRequest", f"filter: {error}", "filter") from None
        return [c for c in self.targets() if c.id not in excluded and (wanted is None or wanted(c))]

    def number(self, parameter: str, lowest: int, highest: int) -> int | None:
        """An integer from the query, or None where it is absent."""
        text = self.request.query_params.get(parameter)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit()) or not lowest <= int(text) <= highest:
            raise Refused(400, "BadRequest", f"{parameter} must be an integer from {lowest} to {highest}", parameter)
        return int(text)


async def _send(call: Call) -> Response:
    request, limit = call.request, call.gateway.limits.message_bytes
    receivers = call.chosen()
    ttl_seconds = call.number("messageTtlSeconds", 0, MAX_TTL_SECONDS) or 0
    body = await request.body()
    if len(body) > limit:
        raise Refused(413, "RequestEntityTooLarge", f"a message may have {limit} bytes, this one has {len(body)}")
    try:
        payload = Payload.from_body(request.headers.get("content-type", ""), body)
    except UnknownContentType as error:
        raise Refused(415, "UnsupportedMediaType", str(error)) from None
    except PayloadRefused as error:
        raise Refused(400, "BadRequest", str(error)) from None
    origin = "server" if call.group is None else "group"
    call.hub.deliver(Message(payload, origin, call.group, ttl_seconds=ttl_seconds), receivers)
    return Response(status_code=202)


async def _close(call: Call) -> Response:
    for connection in call.chosen():
        call.hub.close(connection, call.request.query_params.get("reason", ""))
    return Response(status_code=204)


async def _exists(call: Call) -> Response:
    return Response(status_code=200 if call.targets() else 404)


async def _join(call: Call) -> Response:
    call.hub.join(call.connection(), call.name("group"))
    return Response(status_code=200)


async def _join_user(call: Call) -> Response:
    for connection in call.hub.of_user(call.name("user")):
        call.hub.join(connection, call.name("group"))
    return Response(status_code=200)


async def _leave(call: Call) -> Response:
    connection = call.hub.find(call.name("connection"))
    if connection is not None:
        call.hub.leave(connection, call.name("group"))
    return Response(status_code=204)


async def _leave_user(call: Call) -> Response:
    for connection in call.hub.of_user(call.name("user")):
        call.hub.leave(connection, call.name("group"))
    return Response(status_code=204)


async def _leave_all(call: Call) -> Response:
    for connection in call.targets():
        call.hub.leave_all(connection)
    return Response(status_code=204)


async def _list_members(call: Call) -> Response:
    """One page, ordered by id; the continuation token is the last id of the page before."""
    query = call.request.query_params
    page_size = call.number("maxpagesize", 1, MAX_PAGE_SIZE) or MAX_PAGE_SIZE
    top = call.number("top", 1, 2**31 - 1)
    try:
        after = base64.urlsafe_b64decode(query.get("continuationToken", "").encode()).decode()
    except (binascii.Error, ValueError):
        raise Refused(400, "BadRequest", "continuationToken is not one of ours", "continuationToken") from None
    rest = sorted((c for c in call.targets() if c.id > after), key=lambda connection: connection.id)
    page = rest[: min(page_size, top or page_size)]
    body: dict[str, object] = {"value": [{"connectionId": c.id, "userId": c.user_id} for c in page]}
    left = None if top is None else top - len(page)
    if len(rest) > len(page) and left != 0:
        parameters = {
            "continuationToken": base64.urlsafe_b64encode(page[-1].id.encode()).decode(),
            "maxpagesize": page_size,
            **({"top": left} if left else {}),
        }
        path = call.request.scope["raw_path"].decode("ascii")
        body["nextLink"] = f"http://{call.request.headers['host']}{path}?{urlencode(parameters)}"
    return JSONResponse(body)


def _role(call: Call) -> str:
    permission, target = call.name("permission"), call.request.query_params.get("targetName")
    if permission not in PERMISSIONS:
        raise Refused(400, "BadRequest", f"permission must be one of {', '.join(PERMISSIONS)}", "permission")
    return f"webpubsub.{permission}.{target}" if target else f"webpubsub.{permission}"


async def _grant(call: Call) -> Response:
    role = _role(call)
    call.connection().roles.add(role)
    return Response(status_code=200)


async def _revoke(call: Call) -> Response:
    role = _role(call)
    call.connection().roles.discard(role)
    return Response(status_code=204)


async def _has_permission(call: Call) -> Response:
    role = _role(call)
    return Response(status_code=200 if role in call.connection().roles else 404)


async def _generate_token(call: Call) -> Response:
    query = call.request.query_params
    if query.get("clientType", "Default").lower() != "default":
        raise Refused(400, "BadRequest", "clientType: only Default clients are served here", "clientType")
    minutes = call.number("minutesToExpire", 1, 60 * 24 * 365) or 60
    now = int(time.time())
    claims: dict[str, object] = {
        "aud": f"http://localhost:{call.gateway.port}/client/hubs/{call.hub_name}",
        "iat": now,
        "exp": now + minutes * 60,
    }
    optional = {
        "sub": query.get("userId"),
        "role": query.getlist("role"),
        "webpubsub.group": query.getlist("group"),
    }
    claims |= {name: value for name, value in optional.items() if value}
    return JSONResponse({"token": jwt.encode(claims, ACCESS_KEY, algorithm="HS256")})


Handler = Callable[[Call], Awaitable[Response]]

# Method and path under /api/hubs/{hub}/ → handler. The status codes are those that the service SDK insists on.
OPERATIONS: list[tuple[str, str, Handler]] = [
    ("POST", ":send", _send),
    ("POST", ":closeConnections", _close),
    ("POST", ":generateToken", _generate_token),
    ("HEAD", "groups/{group}", _exists),
    ("POST", "groups/{group}/:send", _send),
    ("POST", "groups/{group}/:closeConnections", _close),
    ("GET", "groups/{group}/connections", _list_members),
    ("PUT", "groups/{group}/connections/{connection}", _join),
    ("DELETE", "groups/{group}/connections/{connection}", _leave),
    ("HEAD", "users/{user}", _exists),
    ("POST", "users/{user}/:send", _send),
    ("POST", "users/{user}/:closeConnections", _close),
    ("PUT", "users/{user}/groups/{group}", _join_user),
    ("DELETE", "users/{user}/groups/{group}", _leave_user),
    ("DELETE", "users/{user}/groups", _leave_all),
    ("HEAD", "connections/{connection}", _exists),
    ("DELETE", "connections/{connection}", _close),
    ("POST", "connections/{connection}/:send", _send),
    ("DELETE", "connections/{connection}/groups", _leave_all),
    ("PUT", "permissions/{permission}/connections/{connection}", _grant),
    ("DELETE", "permissions/{permission}/connections/{connection}", _revoke),
    ("HEAD", "permissions/{permission}/connections/{connection}", _has_permission),
]
