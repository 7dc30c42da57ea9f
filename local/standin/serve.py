"""Runs one stand-in: `python -m local.<part> --port N --data-dir D`, loopback only, until SIGTERM."""

import argparse
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

HOST = "127.0.0.1"
EXIT_USAGE = 2
BACKLOG = 2048


def arguments(part: str, default_port: int, description: str) -> argparse.ArgumentParser:
    """The options that every part has; a part may add its own."""
    parser = argparse.ArgumentParser(prog=f"python -m local.{part}", description=description)
    parser.add_argument("--port", type=int, default=default_port, help="0 takes a free one")
    parser.add_argument("--data-dir", type=Path, default=Path(".data"), help="where this part keeps its files")
    return parser


def listen(port: int, part: str) -> socket.socket:
    """A listening socket on loopback; says plainly when the port is taken, and exits with 2."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(BACKLOG)  # whoever reads the first line may connect at once
    except OSError as error:
        print(f"{part}: port {port} cannot be used ({error.strerror}); choose another with --port", file=sys.stderr)
        raise SystemExit(EXIT_USAGE) from None
    return listener


def serve(part: str, build: Callable[[str], ASGIApp], *, port: int, graceful_seconds: int = 2) -> None:
    """Serve `build(own base URL)` until SIGTERM or SIGINT; then give open requests `graceful_seconds`.

    The first line on stdout is `{"part", "port", "url"}`, so that whoever started the part with
    `--port 0` learns where it is.
    """
    listener = listen(port, part)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        build(url),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=graceful_seconds,
        ws="websockets-sansio",
    )
    print(json.dumps({"part": part, "port": listener.getsockname()[1], "url": url}), flush=True)
    uvicorn.Server(config).run(sockets=[listener])
