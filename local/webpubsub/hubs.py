"""The connections of every hub, and who is in which group."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable

from local.webpubsub.connection import Connection
from local.webpubsub.frames import Message, disconnected_frame
from local.webpubsub.limits import Limits

POLICY_VIOLATION = 1008
"""The close code that tells a reliable client not to try a recovery."""


class Hub:
    """Connections and groups of one hub. `on_removed(connection, reason)` is called once per connection."""

    def __init__(self, limits: Limits, on_removed: Callable[[Connection, str], None]) -> None:
        self._limits = limits
        self._on_removed = on_removed
        self._connections: dict[str, Connection] = {}
        self._groups: dict[str, dict[str, Connection]] = defaultdict(dict)

    def add(self, connection: Connection, groups: Iterable[str]) -> None:
        """Take in a connection whose handshake the upstream allowed."""
        self._connections[connection.id] = connection
        for group in groups:
            self.join(connection, group)

    def find(self, connection_id: str) -> Connection | None:
        """The connection with this id."""
        return self._connections.get(connection_id)

    def connections(self) -> list[Connection]:
        """Everybody."""
        return list(self._connections.values())

    def members(self, group: str) -> list[Connection]:
        """The connections in a group."""
        return list(self._groups[group].values()) if group in self._groups else []

    def of_user(self, user_id: str) -> list[Connection]:
        """The connections of a user."""
        return [connection for connection in self._connections.values() if connection.user_id == user_id]

    def join(self, connection: Connection, group: str) -> None:
        """Put a connection into a group; once is as good as twice."""
        self._groups[group][connection.id] = connection
        connection.groups.add(group)

    def leave(self, connection: Connection, group: str) -> None:
        """Take a connection out of a group."""
        connection.groups.discard(group)
        members = self._groups.get(group, {})
        members.pop(connection.id, None)
        if not members:
            self._groups.pop(group, None)

    def leave_all(self, connection: Connection) -> None:
        """Take a connection out of every group."""
        for group in list(connection.groups):
            self.leave(connection, group)

    def deliver(self, message: Message, to: Iterable[Connection]) -> None:
        """Send a message; who cannot keep up is closed."""
        for connection in to:
            if not connection.deliver(message):
                self.close(connection, "the client is too slow: too much is waiting for it")

    def close(self, connection: Connection, reason: str) -> None:
        """End a connection from the service's side; it cannot be recovered."""
        if connection.socket is not None:
            if connection.speaks_json:
                connection.socket.send(disconnected_frame(reason))
            connection.socket.close(POLICY_VIOLATION, reason)
        self.remove(connection, reason)

    def lost(self, connection: Connection) -> None:
        """Keep a connection whose socket broke, until the recovery time is over."""
        connection.socket = None
        connection.expiry = asyncio.get_running_loop().call_later(
            self._limits.recovery_seconds, self.remove, connection, "the client did not come back"
        )

    def remove(self, connection: Connection, reason: str) -> None:
        """Forget a connection; later calls for it do nothing."""
        if self._connections.pop(connection.id, None) is None:
            return
        connection.socket = None
        if connection.expiry is not None:
            connection.expiry.cancel()
        self.leave_all(connection)
        self._on_removed(connection, reason)
