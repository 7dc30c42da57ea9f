"""What the WebSocket endpoint and the REST API share."""

from local.webpubsub.connection import Connection
from local.webpubsub.hubs import Hub
from local.webpubsub.limits import Limits
from local.webpubsub.upstream import EventHandler, Upstream


class Gateway:
    """The hubs of one gateway, its limits and its upstream."""

    def __init__(self, port: int, handler: EventHandler | None) -> None:
        self.port = port
        self.limits = Limits()
        self.upstream = Upstream(handler, f"localhost:{port}", self.limits)
        self._hubs: dict[str, Hub] = {}

    def hub(self, name: str) -> Hub:
        """The hub with this name; hubs need no creation."""
        if name not in self._hubs:
            self._hubs[name] = Hub(self.limits, self._tell_disconnected)
        return self._hubs[name]

    def connections(self) -> list[Connection]:
        """The connections of all hubs."""
        return [connection for hub in self._hubs.values() for connection in hub.connections()]

    async def reset(self) -> None:
        """Close every connection, forget the upstream's consent and the log of calls to it."""
        for hub in self._hubs.values():
            for connection in hub.connections():
                hub.close(connection, "the gateway was reset")
        self.upstream.forget()

    def _tell_disconnected(self, connection: Connection, reason: str) -> None:
        self.upstream.notify(connection, "disconnected", {"reason": reason})
