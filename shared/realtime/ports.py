"""What realtime needs from the outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from shared.identity.models import Caller
from shared.ids import UserId
from shared.records import Record


class RealtimeGateway(Protocol):
    """Azure Web PubSub's data plane for our hub. Every method may raise `UpstreamUnavailable`.

    A listener (see `listeners.py`) is whom the gateway knows connections by.
    """

    async def client_url(
        self, listener: str, *, user_id: UserId, minutes: int, groups: Sequence[str] = ()
    ) -> tuple[str, datetime]:
        """A WebSocket URL with a token for this listener, who joins `groups` on connecting, and when it expires.

        Its connections can be closed together with all of the user's. The token grants no roles.
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

    async def remove_listener_from_group(self, listener: str, group: str) -> None:
        """Let none of the listener's connections get the group's messages."""
        ...

    async def is_connected(self, listener: str) -> bool:
        """Whether the listener has any connection."""
        ...

    async def close_connection(self, connection_id: str, *, reason: str) -> None:
        """Close a connection, telling the reason; nothing happens when it is gone."""
        ...

    async def close_listener(self, listener: str, *, reason: str) -> None:
        """Close all of a listener's connections, telling the reason."""
        ...


class TopicAccess(Protocol):
    """Who may hear a topic."""

    async def require_access(self, caller: Caller, topic: str) -> None:
        """Raises `NotFound` (`topic_not_found`) unless the caller may hear this topic."""
        ...


class Audience(Record):
    """What a listener's connections hear; `id` is the listener's.

    Until `joinable_until`, a URL that joins the topics works.
    """

    topics: tuple[str, ...]
    joinable_until: datetime
    look_at: datetime


class AudienceStore(Protocol):
    """What listeners hear, by listener."""

    async def find(self, listener: str) -> Audience | None:
        """What is noted, or None."""
        ...

    async def save(self, audience: Audience) -> Audience:
        """Raises `Conflict` or `PreconditionFailed` when another was faster."""
        ...

    async def delete(self, audience: Audience) -> None:
        """Forget it."""
        ...


class Connection(Record):
    """A live WebSocket connection and whose it is."""

    listener: str


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
