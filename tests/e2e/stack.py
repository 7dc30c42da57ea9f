"""The whole product, started as a person starts it, and the functions host alone, to be killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
BROWSER = {"X-Requested-With": "tests", "Content-Type": "application/json"}


def clean_environment() -> dict[str, str]:
    """The environment without settings of the application: those of the developer would win over the stack's."""
    names = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    return {name: value for name, value in os.environ.items() if name not in names}


class Stack:
    """`python -m local` on free ports. With `own_host=False` the host is left to `Host`."""

    def __init__(self, data_dir: Path, *, own_host: bool = True, environment: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self._arguments = ["--port", "0", "--data-dir", str(data_dir), "--no-open"]
        if not own_host:
            self._arguments.append("--no-host")
        self._environment = {**clean_environment(), **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Stack":
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._log = (self.data_dir / "stack.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local", *self._arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        wait_for(lambda: (self.data_dir / "run.json").exists(), self._alive, what="the stack")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        self._log.close()

    def url(self, part: str) -> str:
        """The base URL of a part."""
        return json.loads((self.data_dir / "run.json").read_text())[part]["url"]

    def control(self, part: str, method: str, path: str, body: Any = None) -> Any:
        """One call of a part's control API."""
        with httpx2.Client(timeout=30) as client:
            answer = client.request(method, f"{self.url(part)}/_control/{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def import_table(self, file: Path) -> dict[str, Any]:
        """`python -m local import`; its last line."""
        done = subprocess.run(
            [sys.executable, "-m", "local", "import", str(file), "--data-dir", str(self.data_dir)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def log_text(self) -> str:
        """All that the stack has printed."""
        return (self.data_dir / "stack.log").read_text(errors="replace")

    def _alive(self) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the stack ended with {self._process.returncode}:\n{self.log_text()[-4000:]}")


class Host:
    """The functions host as a process of its own, beside a stack without one."""

    def __init__(self, stack: Stack, *, environment: dict[str, str] | None = None) -> None:
        self._stack = stack
        settings = json.loads((stack.data_dir / "app.env.json").read_text())
        self.url = settings["PUBLIC_BASE_URL"]
        self._environment = {**clean_environment(), **settings, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        port = self.url.rpartition(":")[2]
        log = (self._stack.data_dir / "host.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.functions_host", "--port", port, "--data-dir", str(self._stack.data_dir)],
            cwd=ROOT,
            env=self._environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()
        wait_for(lambda: _listens(int(port)), self._alive, what="the host")

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def stop(self) -> None:
        """SIGTERM, and wait."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(15)

    def _alive(self) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            log = (self._stack.data_dir / "host.log").read_text(errors="replace")
            raise RuntimeError(f"the host ended with {self._process.returncode}:\n{log[-4000:]}")


class Api:
    """The product's API, as a script calls it."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=url, headers=BROWSER, timeout=30)

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx2.Response:
        """Any call; the answer as it is."""
        return self._client.request(method, f"/api/{path}", json=body, **options)

    def get(self, path: str) -> Any:
        """GET; the body. Fails on an error answer."""
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any) -> Any:
        """POST; the body. Fails on an error answer."""
        answer = self.call("POST", path, body)
        assert answer.status_code in (200, 201, 202), answer.text
        return answer.json()

    def open_session(self, sheet_id: str) -> Any:
        """A session, when it is ACTIVE."""
        session = self.post("sessions", {"sheetId": sheet_id})
        return self.wait(f"sessions/{session['id']}", lambda body: body["state"] == "ACTIVE")

    def start_summaries(self, sheet_id: str, source: str, target: str, rows: list[str] | None = None) -> Any:
        """A SUMMARIZE job."""
        body: dict[str, Any] = {
            "type": "SUMMARIZE",
            "sheetId": sheet_id,
            "parameters": {"sourceColumns": [source], "targetColumn": target},
        }
        if rows is not None:
            body["rows"] = {"ids": rows}
        return self.post("jobs", body)

    def finished_job(self, job_id: str, *, seconds: float = 120, every: float = 0.05) -> Any:
        """The job, when it has ended."""
        ended = ("completed", "failed", "cancelled")
        return self.wait(f"jobs/{job_id}", lambda body: body["status"] in ended, seconds=seconds, every=every)

    def wait(self, path: str, good: Callable[[Any], bool], *, seconds: float = 60, every: float = 0.05) -> Any:
        """Poll until the body is as wanted; connections that fail count as not yet."""
        deadline = time.monotonic() + seconds
        body: Any = None
        while time.monotonic() < deadline:
            try:
                body = self.get(path)
            except httpx2.TransportError:
                body = None
            if body is not None and good(body):
                return body
            time.sleep(every)
        raise AssertionError(f"{path} did not come so far in {seconds} s: {body}")


def wait_for(ready: Callable[[], bool], alive: Callable[[], None], *, what: str) -> None:
    """Wait until something is there; `alive` raises when it never will be."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        alive()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not start")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
