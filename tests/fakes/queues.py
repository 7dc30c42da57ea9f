"""Queues and Web PubSub in memory."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from shared.errors import UpstreamUnavailable
from shared.records import utc_now


class FakeQueues:
    """`MessageQueue` that keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, BaseModel, int]] = []

    async def send(self, queue: str, message: BaseModel, *, delay_seconds: int = 0) -> None:
        self.sent.append((queue, message, delay_seconds))


class FakeGateway:
    """`RealtimeGateway` that keeps what was pushed, who is in which group, and whom it closed: `closed` are users."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, Mapping[str, Any]]] = []
        self.groups: dict[str, set[str]] = {}
        self.closed: list[tuple[str, str]] = []
        self.closed_connections: list[tuple[str, str]] = []
        self.closed_listeners: list[tuple[str, str]] = []
        self.connected: set[str] = set()
        self.removed: list[tuple[str, str]] = []
        self.down = False

    async def client_url(self, listener: str, *, user_id: str, minutes: int, groups: Sequence[str] = ()) -> Any:
        return f"ws://gateway/?user={listener}&groups={','.join(groups)}", utc_now() + timedelta(minutes=minutes)

    async def send_to_group(self, group: str, event: Mapping[str, Any]) -> None:
        if self.down:
            raise UpstreamUnavailable("the gateway is down")
        self.pushed.append((group, event))

    async def add_to_group(self, group: str, connection_id: str) -> bool:
        self.groups.setdefault(group, set()).add(connection_id)
        return True

    async def remove_from_group(self, group: str, connection_id: str) -> None:
        self.groups.get(group, set()).discard(connection_id)

    async def close_user(self, user_id: str, *, reason: str) -> None:
        if self.down:
            raise UpstreamUnavailable("the gateway is down")
        self.closed.append((user_id, reason))

    async def close_connection(self, connection_id: str, *, reason: str) -> None:
        if self.down:
            raise UpstreamUnavailable("the gateway is down")
        self.closed_connections.append((connection_id, reason))

    async def close_listener(self, listener: str, *, reason: str) -> None:
        if self.down:
            raise UpstreamUnavailable("the gateway is down")
        self.connected.discard(listener)
        self.closed_listeners.append((listener, reason))

    async def remove_listener_from_group(self, listener: str, group: str) -> None:
        self.removed.append((listener, group))

    async def is_connected(self, listener: str) -> bool:
        if self.down:
            raise UpstreamUnavailable("the gateway is down")
        return listener in self.connected
