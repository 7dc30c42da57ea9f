"""The upstream: the application's event handler, called with CloudEvents over HTTP."""

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import httpx2
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from local.standin.calls import Calls
from local.webpubsub.access import signature
from local.webpubsub.connection import Connection
from local.webpubsub.limits import Limits
from local.webpubsub.payload import Payload, PayloadRefused, UnknownContentType

SYSTEM_EVENTS = ("connect", "connected", "disconnected")
EventKind = Literal["sys", "user"]

_REFUSAL_KEPT_SECONDS = 5.0
_log = logging.getLogger(__name__)


class UpstreamFailed(Exception):
    """A blocking event that the upstream did not answer with success; the text may be shown to the client."""


class ConnectRefused(Exception):
    """The upstream's 4xx answer to `connect`; the client gets it as it is."""

    def __init__(self, status: int, content_type: str, body: bytes) -> None:
        super().__init__(f"the upstream refused the connection with {status}")
        self.status = status
        self.content_type = content_type
        self.body = body


class ConnectAnswer(BaseModel):
    """What the upstream may decide about a new connection."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True)

    user_id: str | None = None
    groups: list[str] = []
    roles: list[str] = []
    subprotocol: str | None = None


@dataclass(frozen=True)
class EventHandler:
    """An event handler as Azure configures it.

    `url_template` may hold `{hub}` and `{event}`. `user_event_pattern` is `*` for all, or event names with commas.
    """

    url_template: str
    system_events: tuple[str, ...] = SYSTEM_EVENTS
    user_event_pattern: str = "*"

    def __post_init__(self) -> None:
        rest = self.url_template.replace("{hub}", "").replace("{event}", "")
        if urlsplit(rest).scheme not in ("http", "https") or not urlsplit(rest).hostname or "{" in rest:
            raise ValueError(
                f"upstream: {self.url_template!r} is no http(s) URL template; only {{hub}} and {{event}} are replaced"
            )
        for event in self.system_events:
            if event not in SYSTEM_EVENTS:
                raise ValueError(f"system events: {event!r} is not one of {', '.join(SYSTEM_EVENTS)}")

    def handles(self, kind: EventKind, event: str) -> bool:
        """Whether this handler wants the event."""
        if kind == "sys":
            return event in self.system_events
        wanted = [name.strip() for name in self.user_event_pattern.split(",")]
        return "*" in wanted or event in wanted

    def url(self, hub: str, event: str) -> str:
        """Where the event goes."""
        return self.url_template.replace("{hub}", quote(hub, safe="")).replace("{event}", quote(event, safe=""))


class Upstream:
    """Calls the handler; every call is in `log`. Without a handler all events end here, with success."""

    def __init__(self, handler: EventHandler | None, origin: str, limits: Limits) -> None:
        self.log = Calls()
        self._handler = handler
        self._origin = origin
        self._limits = limits
        self._http = httpx2.AsyncClient(trust_env=False, limits=httpx2.Limits(max_connections=None))
        self._granted: set[str] = set()
        self._refused_until: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[bool]] = {}
        self._notices: set[asyncio.Task[None]] = set()

    async def connect(self, connection: Connection, request: dict[str, Any]) -> ConnectAnswer:
        """Ask whether a client may connect. Raises `ConnectRefused` and `UpstreamFailed`."""
        response = await self._call(connection, "sys", "connect", Payload("json", request))
        if response is None:
            return ConnectAnswer()
        if 400 <= response.status_code < 500:
            content_type = response.headers.get("content-type", "text/plain")
            raise ConnectRefused(response.status_code, content_type, response.content)
        _require_success(response, "connect")
        if not response.content:
            return ConnectAnswer()
        try:
            return ConnectAnswer.model_validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "body"
            raise UpstreamFailed(f"the upstream's answer to connect is not valid: {where}: {first['msg']}") from None

    async def user_event(self, connection: Connection, event: str, payload: Payload) -> Payload | None:
        """Deliver a client's event; the answer, if any, is for that client. Raises `UpstreamFailed`."""
        response = await self._call(connection, "user", event, payload)
        if response is None:
            return None
        _require_success(response, event)
        if not response.content:
            return None
        try:
            return Payload.from_body(response.headers.get("content-type", "text/plain"), response.content)
        except (PayloadRefused, UnknownContentType) as error:
            raise UpstreamFailed(f"the upstream's answer to {event} is not valid: {error}") from None

    def notify(self, connection: Connection, event: Literal["connected", "disconnected"], body: dict[str, str]) -> None:
        """Tell the upstream without waiting; notices of one connection arrive in order."""
        notice = asyncio.create_task(self._notify(connection, event, body, connection.notices))
        connection.notices = notice
        self._notices.add(notice)  # the loop itself holds tasks weakly
        notice.add_done_callback(self._notices.discard)

    async def close(self) -> None:
        """Drop what was not delivered, and release the HTTP connections."""
        for notice in self._notices:
            notice.cancel()
        await self._http.aclose()

    def forget(self) -> None:
        """Clear the log and ask the upstream anew whether it wants events."""
        self.log.clear()
        self._granted.clear()
        self._refused_until.clear()

    async def _notify(
        self, connection: Connection, event: str, body: dict[str, str], former: asyncio.Task[None] | None
    ) -> None:
        if former is not None:
            await former
        try:
            response = await self._call(connection, "sys", event, Payload("json", body))
            if response is not None:
                _require_success(response, event)
        except UpstreamFailed as error:
            _log.error("%s of connection %s was not delivered: %s", event, connection.id, error)

    async def _call(
        self, connection: Connection, kind: EventKind, event: str, payload: Payload
    ) -> httpx2.Response | None:
        if self._handler is None or not self._handler.handles(kind, event):
            return None
        await self._require_consent(self._handler.url(connection.hub, "validate"))
        content_type, body = payload.body()
        headers = {**self._headers(connection, kind, event), "Content-Type": content_type}
        url = self._handler.url(connection.hub, event)
        noted = {"kind": kind, "event": event, "hub": connection.hub, "connectionId": connection.id}
        response = await self._send("POST", url, headers, body, noted)
        if kind == "user" or event == "connect":
            connection.state = response.headers.get("ce-connectionState", connection.state)
        return response

    async def _require_consent(self, url: str) -> None:
        """The check against abuse of CloudEvents webhooks, section 4: ask the target once, with OPTIONS.

        A consent holds until the gateway stops. A refusal is kept for a moment only: the application may be
        starting, or be replaced by one that consents. Events that come meanwhile wait for the same answer.
        """
        if url in self._granted:
            return
        if self._refused_until.get(url, 0.0) < time.monotonic():
            if url not in self._asking:
                self._asking[url] = asyncio.create_task(self._ask(url))
                self._asking[url].add_done_callback(lambda _: self._asking.pop(url))
            if await asyncio.shield(self._asking[url]):
                self._granted.add(url)
                return
            self._refused_until[url] = time.monotonic() + _REFUSAL_KEPT_SECONDS
        raise UpstreamFailed(f"the upstream does not allow events from {self._origin} (WebHook-Allowed-Origin)")

    async def _ask(self, url: str) -> bool:
        noted = {"kind": "validate", "event": "validate"}
        response = await self._send("OPTIONS", url, {"WebHook-Request-Origin": self._origin}, b"", noted)
        allowed = [origin.strip() for origin in response.headers.get("WebHook-Allowed-Origin", "").split(",")]
        return response.is_success and ("*" in allowed or self._origin in allowed)

    def _headers(self, connection: Connection, kind: EventKind, event: str) -> dict[str, str]:
        headers = {
            "WebHook-Request-Origin": self._origin,
            "ce-specversion": "1.0",
            "ce-type": f"azure.webpubsub.{kind}.{_header_value(event)}",
            "ce-source": f"/hubs/{connection.hub}/client/{connection.id}",
            "ce-id": str(uuid.uuid4()),
            "ce-time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ce-signature": signature(connection.id),
            "ce-connectionId": connection.id,
            "ce-hub": connection.hub,
            "ce-eventName": _header_value(event),
            "ce-awpsversion": "1.0",
        }
        optional = {
            "ce-userId": connection.user_id and _header_value(connection.user_id),
            "ce-subprotocol": connection.subprotocol,
            "ce-connectionState": connection.state,
        }
        return headers | {name: value for name, value in optional.items() if value}

    async def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes, noted: dict[str, str]
    ) -> httpx2.Response:
        started = time.perf_counter()
        call: dict[str, Any] = {"method": method, "url": url, **noted, "at": datetime.now(UTC).isoformat(), "status": 0}
        timeout_seconds = self._limits.upstream_timeout_ms / 1000
        try:
            async with asyncio.timeout(timeout_seconds):
                response = await self._http.request(method, url, headers=headers, content=body, timeout=timeout_seconds)
            call["status"] = response.status_code
            return response
        except (TimeoutError, httpx2.TimeoutException):
            call["error"] = f"no answer within {timeout_seconds:g} s"
            raise UpstreamFailed(f"the upstream did not answer within {timeout_seconds:g} s") from None
        except httpx2.HTTPError as error:
            call["error"] = type(error).__name__
            raise UpstreamFailed(f"the upstream cannot be reached ({type(error).__name__})") from error
        finally:
            self.log.add({**call, "ms": round((time.perf_counter() - started) * 1000, 1)})


def _require_success(response: httpx2.Response, event: str) -> None:
    if not response.is_success:
        raise UpstreamFailed(f"the upstream answered {event} with {response.status_code}")


def _header_value(value: str) -> str:
    """Percent-encode what an HTTP header cannot hold (CloudEvents HTTP binding, section 3.1.3.2)."""
    return quote(value, safe="!#$&'()*+,/:;<=>?@[\\]^`{|}~")
