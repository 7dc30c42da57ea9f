"""Runs the functions host as a process, for the tests of this folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.local.conftest import stop_group

ROOT = Path(__file__).resolve().parents[2]
APP = Path(__file__).with_name("host_app")
WAIT_SECONDS = 20.0
SETTINGS = {"FUNCTIONS_WORKER_RUNTIME": "python", "ORDERS_QUEUE": "orders", "GREETING": "hello from the file"}


def copy_app(directory: Path, settings: dict[str, str] | None = None) -> Path:
    """The fixture app with a `local.settings.json`, in a directory that the test may change."""
    app_dir = directory / "app"
    shutil.copytree(APP, app_dir, ignore=shutil.ignore_patterns("__pycache__"))
    values = {**SETTINGS, "NOTES": str(directory / "notes.jsonl"), **(settings or {})}
    (app_dir / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": values}))
    return app_dir


class HostProcess:
    """One run of the host."""

    def __init__(self, app_dir: Path, *arguments: str) -> None:
        self.data_dir = app_dir.parent / "data"
        self.log = app_dir.parent / "host.log"
        self._notes = app_dir.parent / "notes.jsonl"
        command = [sys.executable, "-m", "local.functions_host", "--port", "0"]
        command += ["--data-dir", str(self.data_dir), "--app-dir", str(app_dir), *arguments]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=_environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        self.url: str = json.loads(self.first_line)["url"] if self.first_line else ""

    def wait_healthy(self) -> None:
        """Return when the host answers."""
        self.wait_for(lambda: httpx2.get(f"{self.url}/_control/health").is_success)

    def keys(self) -> dict[str, Any]:
        """The host's key file."""
        return json.loads((self.data_dir / "host" / "keys.json").read_text())

    def all_notes(self) -> list[dict[str, Any]]:
        """What the app noted so far."""
        return [json.loads(line) for line in self._notes.read_text().splitlines()] if self._notes.exists() else []

    def notes(self, name: str) -> list[dict[str, Any]]:
        """What the app noted under a name so far."""
        return [note for note in self.all_notes() if note["name"] == name]

    def wait_for(self, condition: Any) -> Any:
        """The first true value of `condition()`; fails after a while."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            if value := condition():
                return value
            time.sleep(0.02)
        raise AssertionError(f"it did not happen; the host's log:\n{self.log.read_text()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the process; its exit status."""
        status = stop_group(self.process, number)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@contextmanager
def running_host(app_dir: Path, *arguments: str) -> Iterator[HostProcess]:
    """A host that answers, stopped at the end."""
    host = HostProcess(app_dir, *arguments)
    try:
        host.wait_healthy()
        yield host
    finally:
        host.stop()


def _environment() -> dict[str, str]:
    """No setting of the developer's own shell reaches the app."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AzureWebJobs", "FUNCTIONS_"))}
