"""Fixtures of the tests that run local parts as they are run for real: as processes."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from local.azurite import AzuritePorts, azurite_command, azurite_connection_string, free_azurite_ports
from local.standin.serve import HOST

START_SECONDS = 30.0
STOP_SECONDS = 15.0


def stop_group(process: subprocess.Popen[bytes] | subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
    """End a process that leads a group of its own, and all that it started; its exit status."""
    if process.poll() is None:
        os.killpg(process.pid, number)
    return process.wait(STOP_SECONDS)


def _wait_until_listening(process: subprocess.Popen[bytes], ports: AzuritePorts) -> None:
    deadline = time.monotonic() + START_SECONDS
    for port in ports:
        while True:
            try:
                socket.create_connection((HOST, port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"Azurite does not listen on {port}") from None
                time.sleep(0.05)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of an Azurite that all tests of the session share; use queues of your own."""
    ports = free_azurite_ports()
    command = azurite_command(tmp_path_factory.mktemp("azurite"), ports)
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_listening(process, ports)
        yield azurite_connection_string(ports)
    finally:
        stop_group(process)
