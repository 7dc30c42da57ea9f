"""Which ports the parts get."""

import socket
from contextlib import ExitStack
from dataclasses import dataclass, field

from local.azurite import AzuritePorts
from local.standin.serve import HOST

DEFAULT_HOST_PORT = 7071


@dataclass(frozen=True)
class Ports:
    """One port per part; Azurite has three."""

    host: int = DEFAULT_HOST_PORT
    smartsheet: int = 7081
    openai: int = 7082
    webpubsub: int = 7083
    azurite: AzuritePorts = field(default_factory=AzuritePorts)


def chosen_ports(host_port: int) -> Ports:
    """The usual ports with this one for the host; free ones for everything when it is 0."""
    if host_port != 0:
        return Ports(host=host_port)
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(7)]
        for each in sockets:
            each.bind((HOST, 0))
        free = [each.getsockname()[1] for each in sockets]
    return Ports(*free[:4], azurite=AzuritePorts(*free[4:]))


def is_free(port: int) -> bool:
    """Whether a part could listen on this port now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True
