"""Runs the Smartsheet sandbox as a process, and the official client that talks to it."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from local.smartsheet.accounts import OWNER_TOKEN
from tests.local.conftest import stop_group

ROOT = Path(__file__).resolve().parents[2]

PLAN = "Laboratory relocation plan"
PROPOSALS = "Research proposals, autumn round"
BACKLOG = "Service desk backlog"
RISKS = "Risk register"
DECISIONS = "Board decisions 2024 (closed)"
ROTA = "Quay maintenance rota"


class SmartsheetSandbox:
    """The running process: its API for one token at a time, and its control API."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self.pid = pid
        self.http = httpx2.Client(base_url=url, timeout=30)

    def reset(self) -> None:
        """Sample sheets, faults, log of calls and limits as at a first start; the rate limit is off."""
        self.http.post("/_control/reset").raise_for_status()
        self.limit({"requestsPerMinute": 0, "latencyMs": 0, "writeMsPerRow": 0, "callbackRetryMs": 5})

    def limit(self, limits: Mapping[str, float]) -> None:
        """Set some limits."""
        self.http.put("/_control/limits", json=dict(limits)).raise_for_status()

    def fault(self, *faults: Mapping[str, Any]) -> None:
        """Put these faults in force."""
        self.http.put("/_control/faults", json=list(faults)).raise_for_status()

    def calls(self) -> list[dict[str, Any]]:
        """The log of calls."""
        return self.http.get("/_control/calls").json()

    def writes(self, after: int = 0) -> list[dict[str, Any]]:
        """The log of committed cell changes."""
        return self.http.get("/_control/writes", params={"after": after}).json()

    def call(
        self, method: str, path: str, body: Any = None, *, token: str = OWNER_TOKEN, **headers: str
    ) -> httpx2.Response:
        """One call of the API, past the official client."""
        sent = {"Authorization": f"Bearer {token}", **headers}
        return self.http.request(method, f"/2.0{path}", json=body, headers=sent)

    def get(self, path: str, *, token: str = OWNER_TOKEN) -> Any:
        """The body of a read that must succeed."""
        response = self.call("GET", path, token=token)
        assert response.status_code == 200, response.text
        return response.json()

    def refusal(self, method: str, path: str, body: Any = None, *, token: str = OWNER_TOKEN) -> tuple[int, int]:
        """Status and error code of a call that must be refused."""
        response = self.call(method, path, body, token=token)
        assert response.status_code >= 400, response.text
        return response.status_code, response.json()["errorCode"]

    def sheet_id(self, name: str, *, token: str = OWNER_TOKEN) -> int:
        """The id of a sample sheet."""
        sheets = self.get("/sheets?includeAll=true", token=token)["data"]
        return next(sheet["id"] for sheet in sheets if sheet["name"] == name)

    def sheet(self, name: str, query: str = "", *, token: str = OWNER_TOKEN) -> dict[str, Any]:
        """A sample sheet with its rows."""
        return self.get(f"/sheets/{self.sheet_id(name, token=token)}{query}", token=token)


@contextmanager
def running_sandbox(data_dir: Path) -> Iterator[SmartsheetSandbox]:
    """One run of the process, on a free port."""
    command = [sys.executable, "-m", "local.smartsheet", "--port", "0", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        sandbox = SmartsheetSandbox(json.loads(process.stdout.readline())["url"], process.pid)
        try:
            yield sandbox
        finally:
            sandbox.http.close()
            stop_group(process)


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmartsheetSandbox]:
    """A sandbox for the tests of a module; its data directory is that of the session, so the samples are built once."""
    with running_sandbox(tmp_path_factory.getbasetemp() / "smartsheet-sandbox") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: SmartsheetSandbox) -> SmartsheetSandbox:
    """The module's sandbox, put back to its first state."""
    shared_sandbox.reset()
    return shared_sandbox


def titled(sheet: Mapping[str, Any]) -> dict[str, int]:
    """A sheet's column ids by title."""
    return {column["title"]: column["id"] for column in sheet["columns"]}


def values(sheet: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values by column title, empty cells left out."""
    titles = {column["id"]: column["title"] for column in sheet["columns"]}
    return {titles[cell["columnId"]]: cell["value"] for cell in row["cells"] if "value" in cell}


class CallbackReceiver:
    """A webhook endpoint on this machine. `answer` decides status and extra headers of each answer."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[int], int] = lambda number: 200
        self.echo_challenge = True
        self.challenges = 0
        self.arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                challenge = headers.get("smartsheet-hook-challenge")
                with receiver.arrived:
                    receiver.challenges += challenge is not None
                    if challenge is None:
                        receiver.received.append((headers, body))
                    receiver.arrived.notify_all()
                self.send_response(receiver.answer(len(receiver.received)) if challenge is None else 200)
                if challenge is not None and receiver.echo_challenge:
                    self.send_header("Smartsheet-Hook-Response", challenge)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing to say."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The bodies of the first callbacks, once there are `count`."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.received) >= count, timeout=10), self.received
        return [json.loads(body) for _, body in self.received]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    """A webhook endpoint."""
    endpoint = CallbackReceiver()
    yield endpoint
    endpoint.close()
