"""The data directory: one stack at a time, and the files that tell others about the running one."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

RUN_FILE = "run.json"
APP_ENVIRONMENT_FILE = "app.env.json"
LOCK_FILE = "lock"


class InUse(Exception):
    """Another stack runs on this data directory."""


def lock(data_dir: Path) -> int:
    """Create the directory and take its lock; the descriptor that holds it. Raises `InUse`.

    The lock belongs to the open file: whoever inherits the descriptor holds it on.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise InUse(f"{data_dir} is used by another running stack (process {owner})") from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a file at once, readable for its owner only."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
    temporary.replace(path)


def read_app_environment(data_dir: Path) -> dict[str, str]:
    """What the running stack gives the application. Raises `FileNotFoundError` where none runs."""
    return json.loads((data_dir / APP_ENVIRONMENT_FILE).read_text())
