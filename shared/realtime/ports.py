"""What realtime needs from the outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from shared.records import Record


class RealtimeGateway(Protocol):
    """Azure Web PubSub's data plane for our hub. Every method may raise `UpstreamUnavailable`."""

    async def client_url(self, user_id: str, *, minutes: int, groups: Sequence[str] = ()) -> tuple[str, datetime]:
        """A WebSocket URL with a token for this user, who joins `groups` on connecting, and when it expires.

        The token grants no roles.
        """
        ...

    async def send_to_group(self, group: str, event: Mapping[str, Any]) -> None:
        """Push one JSON message to every connection in the group."""
        ...

    async def add_to_group(self, group: str, connection_id: str) -> bool:
        """Let the connection get the group's messages; False when the connection is gone."""
        ...

    async def remove_from_group(self, group: str, connection_id: str) -> None:
        """Undo `add_to_group`; nothing happens when the connection is gone."""
        ...


class Connection(Record):
    """A live WebSocket connection and whose it is."""

    user_id: str


class ConnectionStore(Protocol):
    """The live connections, by connection id."""

    async def save(self, connection: Connection) -> None:
        """Remember a connection for at most a day."""
        ...

    async def find(self, connection_id: str) -> Connection | None:
        """The connection, or None when it is unknown."""
        ...

    async def delete(self, connection_id: str) -> None:
        """Forget it; nothing happens when it is unknown."""
        ...
