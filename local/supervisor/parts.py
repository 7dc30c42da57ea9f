"""What a part is: a process with ports, an address and a way to see that it works."""

import http.client
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from local.standin.serve import HOST

PROBE_SECONDS = 2.0


@dataclass(frozen=True)
class Part:
    """One process that the supervisor starts.

    `wave`: parts of a wave start together, the next wave starts when all of them are healthy.
    `stop_seconds`: how long it may take to stop after SIGTERM before SIGKILL ends it.
    """

    name: str
    stands_for: str
    command: list[str]
    ports: tuple[int, ...]
    url: str
    is_healthy: Callable[[], bool]
    environment: dict[str, str] = field(default_factory=dict[str, str])
    wave: int = 0
    stop_seconds: float = 1.5


def answers_health(port: int) -> Callable[[], bool]:
    """A probe of `GET /_control/health`, which all our own parts have."""

    def probe() -> bool:
        connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", "/_control/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return probe


def accepts_connections(*ports: int) -> Callable[[], bool]:
    """A probe for a part without a health page: it listens on all its ports."""

    def probe() -> bool:
        try:
            for port in ports:
                socket.create_connection((HOST, port), PROBE_SECONDS).close()
        except OSError:
            return False
        return True

    return probe


def shown_address(url: str) -> str:
    """Scheme, host and port of an address: what may be shown of one that could hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
