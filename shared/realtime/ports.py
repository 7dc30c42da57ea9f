"""What realtime needs from the outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from shared.identity.models import Caller
from shared.ids import UserId
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

    async def remove_user_from_group(self, user_id: str, group: str) -> None:
        """Let none of the user's connections get the group's messages."""
        ...

    async def user_is_connected(self, user_id: str) -> bool:
        """Whether the user has any connection."""
        ...


class TopicAccess(Protocol):
    """Who may hear a topic."""

    async def require_access(self, caller: Caller, topic: str) -> None:
        """Raises `NotFound` (`topic_not_found`) unless the caller may hear this topic."""
        ...


class Audience(Record):
    """What a user's connections hear; `id` is the user's. Until `joinable_until`, a URL that joins topics works."""

    topics: tuple[str, ...]
    joinable_until: datetime
    look_at: datetime


class AudienceStore(Protocol):
    """What users hear, by user."""

    async def find(self, user_id: UserId) -> Audience | None:
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
