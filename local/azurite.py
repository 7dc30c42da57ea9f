"""How Azurite, the official Storage emulator, is started and addressed."""

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from local.standin.serve import HOST

SCRIPT = Path(__file__).resolve().parents[1] / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"

ACCOUNT_NAME = "devstoreaccount1"
# The account key that Microsoft publishes for the emulator; it protects nothing.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class AzuritePorts(NamedTuple):
    """Where Azurite listens on loopback."""

    blob: int = 10000
    queue: int = 10001
    table: int = 10002


def free_azurite_ports() -> AzuritePorts:
    """Three different ports that are free now."""
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in AzuritePorts._fields]
        for each in sockets:
            each.bind((HOST, 0))
        return AzuritePorts(*(each.getsockname()[1] for each in sockets))


def azurite_command(location: Path, ports: AzuritePorts) -> list[str]:
    """The command line that runs Azurite with its data in `location`.

    Start it in its own process group and stop it with SIGTERM: SIGKILL rolls its data back to an older
    snapshot. `--skipApiVersionCheck`: the storage SDK speaks a newer API version than Azurite knows.
    """
    return [
        *("node", str(SCRIPT), "--silent", "--disableTelemetry", "--skipApiVersionCheck"),
        *("--location", str(location)),
        *("--blobHost", HOST, "--blobPort", str(ports.blob)),
        *("--queueHost", HOST, "--queuePort", str(ports.queue)),
        *("--tableHost", HOST, "--tablePort", str(ports.table)),
    ]


def azurite_connection_string(ports: AzuritePorts) -> str:
    """The full connection string (the Python SDK does not know `UseDevelopmentStorage=true`)."""
    endpoints = {"Blob": ports.blob, "Queue": ports.queue, "Table": ports.table}
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT_NAME};AccountKey={ACCOUNT_KEY};" + "".join(
        f"{service}Endpoint=http://{HOST}:{port}/{ACCOUNT_NAME};" for service, port in endpoints.items()
    )
