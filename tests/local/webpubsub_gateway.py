"""A real gateway process and a real upstream server, for the tests of the Web PubSub gateway."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import jwt
from azure.messaging.webpubsubservice import WebPubSubServiceClient
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket
from websockets.typing import Subprotocol

from local.webpubsub import ACCESS_KEY, connection_string
from local.webpubsub.frames import JSON_PROTOCOL, RELIABLE_PROTOCOL

HUB = "chatsheet"
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Delivered:
    """One request that the upstream received; header names are lower-case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        return self.headers.get("ce-eventname", "")


@dataclass(frozen=True)
class Answer:
    """What the upstream answers to an event."""

    status: int = 204
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    after_seconds: float = 0


class UpstreamServer(ThreadingHTTPServer):
    """An event handler that records what it gets and answers what a test tells it to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _UpstreamRequest)
        self.clear()

    def clear(self) -> None:
        """Forget everything; allow every origin, answer 204 to every event."""
        self.received: list[Delivered] = []
        self.answers: dict[str, Answer] = {}
        self.allowed_origin: str | None = "*"

    def of_event(self, event: str) -> list[Delivered]:
        return [delivered for delivered in self.received if delivered.event == event]

    def wait_for(self, event: str, count: int = 1) -> list[Delivered]:
        """Deliveries of an event, once there are `count` of them."""
        until(lambda: len(self.of_event(event)) >= count)
        return self.of_event(event)


class _UpstreamRequest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def upstream(self) -> UpstreamServer:
        assert isinstance(self.server, UpstreamServer)
        return self.server

    def do_OPTIONS(self) -> None:
        self._record(b"")
        allowed = self.upstream.allowed_origin
        self._answer(Answer(200, headers={"WebHook-Allowed-Origin": allowed} if allowed else {}))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        delivered = self._record(body)
        answer = self.upstream.answers.get(delivered.event, Answer())
        time.sleep(answer.after_seconds)
        self._answer(answer)

    def _record(self, body: bytes) -> Delivered:
        headers = {name.lower(): value for name, value in self.headers.items()}
        delivered = Delivered(self.command, self.path, headers, body)
        self.upstream.received.append(delivered)
        return delivered

    def _answer(self, answer: Answer) -> None:
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
        except ConnectionError:
            self.close_connection = True  # the gateway stopped waiting, as a test made it

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


@dataclass(frozen=True)
class RunningGateway:
    """A gateway process with its upstream."""

    port: int
    upstream: UpstreamServer
    http: httpx2.Client

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def service(self) -> WebPubSubServiceClient:
        return WebPubSubServiceClient.from_connection_string(connection_string(self.port), HUB)

    def client_url(self, **token: Any) -> str:
        """A client's URL; `user_id`, `roles`, `groups`, `minutes_to_expire` go into its token."""
        with self.service() as service:
            return service.get_client_access_token(**token)["url"]

    def connect(self, protocol: str | None = JSON_PROTOCOL, **token: Any) -> websocket:
        """A WebSocket as a context manager."""
        return _open(self.client_url(**token), protocol)

    def connect_with(self, token: str | None, protocol: str | None = JSON_PROTOCOL, hub: str = HUB) -> websocket:
        """A WebSocket with a token of one's own making."""
        query = f"?access_token={token}" if token else ""
        return _open(f"ws://localhost:{self.port}/client/hubs/{hub}{query}", protocol)

    def recover(self, connection_id: str, reconnection_token: str) -> websocket:
        """A WebSocket that goes on with a broken connection."""
        query = urlencode({"awps_connection_id": connection_id, "awps_reconnection_token": reconnection_token})
        return _open(f"ws://localhost:{self.port}/client/hubs/{HUB}?{query}", RELIABLE_PROTOCOL)

    def control(self, method: str, path: str, body: object = None) -> Any:
        response = self.http.request(method, f"{self.url}/_control/{path}", json=body)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def set_limits(self, **limits: float) -> None:
        self.control("PUT", "limits", limits)

    def cut(self, connection_id: str) -> None:
        """Break a client's TCP connection."""
        assert self.control("POST", f"cut?connectionId={connection_id}") == {"cut": 1}

    def connections(self) -> int:
        return self.control("GET", "health")["connections"]

    def fresh(self) -> "RunningGateway":
        """As it was at the start: no connections, published limits, nothing received upstream."""
        self.set_limits(
            messageBytes=1024 * 1024,
            bufferedMessages=1000,
            bufferedBytes=16 * 1024 * 1024,
            recoverySeconds=30,
            upstreamTimeoutMs=5000,
        )
        self.control("POST", "reset")
        self.upstream.clear()
        return self


@contextmanager
def running_gateway(data_dir: Path) -> Iterator[RunningGateway]:
    """Start a gateway on a free port, with an upstream at `/events/{hub}/{event}`."""
    upstream = UpstreamServer()
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    template = f"http://127.0.0.1:{upstream.server_port}/events/{{hub}}/{{event}}"
    command = [sys.executable, "-m", "local.webpubsub", "--port", "0", "--data-dir", str(data_dir)]
    process = subprocess.Popen([*command, "--upstream", template], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    http = httpx2.Client(trust_env=False)
    try:
        port = json.loads(process.stdout.readline())["port"]
        gateway = RunningGateway(port, upstream, http)
        until(lambda: _answers(gateway))
        yield gateway
    finally:
        http.close()
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        process.stdout.close()
        upstream.shutdown()
        upstream.server_close()


def signed(audience: str, *, key: str = ACCESS_KEY, expires_in_seconds: int = 60, **claims: Any) -> str:
    """A token of one's own making."""
    return jwt.encode({"aud": audience, "exp": int(time.time()) + expires_in_seconds, **claims}, key, algorithm="HS256")


def _open(url: str, protocol: str | None) -> websocket:
    return websocket(url, subprotocols=[Subprotocol(protocol)] if protocol else None, proxy=None)


def _answers(gateway: RunningGateway) -> bool:
    try:
        return gateway.control("GET", "health")["status"] == "ok"
    except httpx2.TransportError:
        return False


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition that other processes or threads bring about."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


async def receive(socket: ClientConnection) -> dict[str, Any]:
    """The next frame of a JSON client."""
    return json.loads(await socket.recv())


async def request(socket: ClientConnection, **frame: Any) -> dict[str, Any]:
    """Send a frame and return the next one that comes."""
    await socket.send(json.dumps(frame))
    return await receive(socket)
