"""The upstream: CloudEvents, the check against abuse, and what its answers decide."""

import asyncio
import base64
import hashlib
import hmac
import json
import subprocess
import sys

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from local.webpubsub.access import ACCESS_KEY, SECONDARY_ACCESS_KEY
from local.webpubsub.frames import JSON_PROTOCOL, RELIABLE_PROTOCOL
from tests.local.webpubsub_gateway import HUB, Answer, RunningGateway, receive, request, until

pytest_plugins = ["tests.local.webpubsub_fixtures"]


async def failed_connect(gateway: RunningGateway, protocol: str | None = JSON_PROTOCOL) -> tuple[int, bytes]:
    with pytest.raises(InvalidStatus) as refused:
        async with gateway.connect(protocol, user_id="ann"):
            pass
    return refused.value.response.status_code, bytes(refused.value.response.body or b"")


async def test_connect_tells_who_wants_in(gateway: RunningGateway) -> None:
    async with gateway.connect(user_id="ann", roles=["webpubsub.sendToGroup"]) as ann:
        connection_id = (await receive(ann))["connectionId"]
    (connect,) = gateway.upstream.of_event("connect")
    assert connect.path == f"/events/{HUB}/connect"
    expected = ",".join(
        "sha256=" + hmac.new(key.encode(), connection_id.encode(), hashlib.sha256).hexdigest()
        for key in (ACCESS_KEY, SECONDARY_ACCESS_KEY)
    )
    assert connect.headers["ce-signature"] == expected
    assert connect.headers["ce-type"] == "azure.webpubsub.sys.connect"
    assert connect.headers["ce-source"] == f"/hubs/{HUB}/client/{connection_id}"
    assert connect.headers["ce-connectionid"] == connection_id
    assert connect.headers["ce-hub"] == HUB
    assert connect.headers["ce-userid"] == "ann"
    assert connect.headers["webhook-request-origin"] == f"localhost:{gateway.port}"
    body = json.loads(connect.body)
    assert body["subprotocols"] == [JSON_PROTOCOL]
    assert body["claims"]["sub"] == ["ann"]
    assert body["claims"]["role"] == ["webpubsub.sendToGroup"]
    assert "access_token" not in body["query"]


async def test_connect_may_set_user_groups_roles_and_state(gateway: RunningGateway) -> None:
    answer = {"userId": "eve", "groups": ["team"], "roles": ["webpubsub.sendToGroup.team"]}
    gateway.upstream.answers["connect"] = Answer(
        200, json.dumps(answer).encode(), {"ce-connectionState": "e30=", "Content-Type": "application/json"}
    )
    async with gateway.connect(user_id="ann") as eve:
        assert (await receive(eve))["userId"] == "eve"
        assert (await request(eve, type="sendToGroup", group="team", data="x", ackId=1))["success"]
        assert (await receive(eve))["fromUserId"] == "eve"
    (disconnected,) = await asyncio.to_thread(gateway.upstream.wait_for, "disconnected")
    assert disconnected.headers["ce-userid"] == "eve"
    assert disconnected.headers["ce-connectionstate"] == "e30="


async def test_connect_may_choose_a_subprotocol_of_its_own(gateway: RunningGateway) -> None:
    gateway.upstream.answers["connect"] = Answer(200, b'{"subprotocol": "chess.v2"}')
    async with gateway.connect("chess.v2") as socket:
        assert socket.subprotocol == "chess.v2"
    assert (await failed_connect(gateway, JSON_PROTOCOL))[0] == 500


async def test_a_refused_client_gets_the_upstreams_answer(gateway: RunningGateway) -> None:
    gateway.upstream.answers["connect"] = Answer(403, b"not you", {"Content-Type": "text/plain"})
    assert await failed_connect(gateway) == (403, b"not you")
    assert gateway.connections() == 0
    assert gateway.upstream.of_event("connected") == []


@pytest.mark.parametrize("answer", [Answer(503), Answer(200, b"[]"), Answer(204, after_seconds=0.5)])
async def test_a_failing_connect_event_fails_the_handshake(gateway: RunningGateway, answer: Answer) -> None:
    gateway.set_limits(upstreamTimeoutMs=200)
    gateway.upstream.answers["connect"] = answer
    assert (await failed_connect(gateway))[0] == 500
    assert gateway.connections() == 0


async def test_the_upstream_is_asked_once_whether_it_wants_events(gateway: RunningGateway) -> None:
    gateway.upstream.allowed_origin = f"other.example, localhost:{gateway.port}"
    for _ in range(2):
        async with gateway.connect(user_id="ann") as ann:
            await receive(ann)
    options = [delivered for delivered in gateway.upstream.received if delivered.method == "OPTIONS"]
    assert [question.path for question in options] == [f"/events/{HUB}/validate"]
    assert options[0].headers["webhook-request-origin"] == f"localhost:{gateway.port}"


@pytest.mark.parametrize("origin", [None, "other.example"])
async def test_an_upstream_that_does_not_consent_gets_no_events(gateway: RunningGateway, origin: str | None) -> None:
    gateway.upstream.allowed_origin = origin
    status, text = await failed_connect(gateway)
    assert (status, b"WebHook-Allowed-Origin" in text) == (500, True)
    assert {delivered.method for delivered in gateway.upstream.received} == {"OPTIONS"}


async def test_system_events_arrive_in_order(gateway: RunningGateway) -> None:
    gateway.upstream.answers["connected"] = Answer(after_seconds=0.1)
    async with gateway.connect(user_id="ann") as ann:
        connection_id = (await receive(ann))["connectionId"]
    await asyncio.to_thread(gateway.upstream.wait_for, "disconnected")
    events = [d.event for d in gateway.upstream.received if d.headers.get("ce-connectionid") == connection_id]
    assert events == ["connect", "connected", "disconnected"]
    assert json.loads(gateway.upstream.of_event("disconnected")[0].body) == {"reason": "the client left"}
    logged = [call["event"] for call in gateway.control("GET", "upstream")]
    assert logged == ["validate", "connect", "connected", "disconnected"]


@pytest.mark.parametrize(
    ("frame", "content_type", "body"),
    [
        ({"dataType": "json", "data": {"topic": "sheet:1"}}, "application/json", b'{"topic": "sheet:1"}'),
        ({"dataType": "text", "data": "Grüße"}, "text/plain; charset=utf-8", "Grüße".encode()),
        ({"dataType": "binary", "data": "AP8="}, "application/octet-stream", b"\x00\xff"),
    ],
)
async def test_a_user_event_reaches_the_upstream(
    gateway: RunningGateway, frame: dict[str, object], content_type: str, body: bytes
) -> None:
    async with gateway.connect(user_id="ann") as ann:
        await receive(ann)
        assert (await request(ann, type="event", event="subscribe", ackId=1, **frame))["success"]
    (event,) = gateway.upstream.of_event("subscribe")
    assert event.path == f"/events/{HUB}/subscribe"
    assert event.headers["ce-type"] == "azure.webpubsub.user.subscribe"
    assert event.headers["ce-subprotocol"] == JSON_PROTOCOL
    assert (event.headers["content-type"], event.body) == (content_type, body)


@pytest.mark.parametrize(
    ("content_type", "body", "data_type", "data"),
    [
        ("application/json; charset=utf-8", b'{"ok": true}', "json", {"ok": True}),
        ("text/plain", b"yes", "text", "yes"),
        ("application/octet-stream", b"\x00", "binary", base64.b64encode(b"\x00").decode()),
    ],
)
async def test_the_answer_to_a_user_event_goes_to_its_sender(
    gateway: RunningGateway, content_type: str, body: bytes, data_type: str, data: object
) -> None:
    gateway.upstream.answers["ask"] = Answer(200, body, {"Content-Type": content_type})
    async with gateway.connect(user_id="ann") as ann:
        await receive(ann)
        assert (await request(ann, type="event", event="ask", data=1, ackId=1))["success"]
        assert await receive(ann) == {"type": "message", "from": "server", "dataType": data_type, "data": data}


@pytest.mark.parametrize("protocol", [JSON_PROTOCOL, RELIABLE_PROTOCOL])
@pytest.mark.parametrize("answer", [Answer(500), Answer(403), Answer(204, after_seconds=0.5)])
async def test_a_failed_user_event_drops_the_connection(gateway: RunningGateway, answer: Answer, protocol: str) -> None:
    gateway.set_limits(upstreamTimeoutMs=200)
    gateway.upstream.answers["subscribe"] = answer
    async with gateway.connect(protocol, user_id="ann") as ann:
        await receive(ann)
        ack = await request(ann, type="event", event="subscribe", data=1, ackId=1)
        assert (ack["success"], ack["error"]["name"]) == (False, "InternalServerError")
        assert (await receive(ann))["event"] == "disconnected"
        with pytest.raises(ConnectionClosedError) as closed:
            await ann.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
    assert gateway.connections() == 0
    await asyncio.to_thread(gateway.upstream.wait_for, "disconnected")


async def test_an_upstream_that_disappears_drops_on_the_next_event(gateway: RunningGateway) -> None:
    async with gateway.connect(user_id="ann") as ann:
        await receive(ann)
        gateway.upstream.answers["subscribe"] = Answer(599)
        assert not (await request(ann, type="event", event="subscribe", data=1, ackId=1))["success"]


async def test_a_repeated_ack_id_is_a_duplicate_and_has_no_second_effect(gateway: RunningGateway) -> None:
    async with gateway.connect(user_id="ann") as ann:
        await receive(ann)
        event = {"type": "event", "event": "count", "data": 1, "ackId": 7}
        assert (await request(ann, **event))["success"]
        assert (await request(ann, **event))["error"]["name"] == "Duplicate"
    assert len(gateway.upstream.of_event("count")) == 1


async def test_a_forbidden_request_may_be_repeated_under_its_ack_id(gateway: RunningGateway) -> None:
    async with gateway.connect(user_id="ann") as ann:
        connection_id = (await receive(ann))["connectionId"]
        join = {"type": "joinGroup", "group": "team", "ackId": 7}
        assert (await request(ann, **join))["error"]["name"] == "Forbidden"
        with gateway.service() as service:
            service.grant_permission("joinLeaveGroup", connection_id)
        assert (await request(ann, **join))["success"]


async def test_a_simple_client_talks_in_bare_frames(gateway: RunningGateway) -> None:
    gateway.upstream.answers["message"] = Answer(200, b"pong", {"Content-Type": "text/plain"})
    async with gateway.connect(None, user_id="ann") as ann:
        await ann.send("ping")
        assert await ann.recv() == "pong"
        await ann.send(b"\x01")
        assert await ann.recv() == "pong"
        with gateway.service() as service:
            service.send_to_user("ann", {"n": 1}, content_type="application/json")
        assert await ann.recv() == '{"n": 1}'
        gateway.upstream.answers["message"] = Answer(500)
        await ann.send("ping")
        with pytest.raises(ConnectionClosedError):
            await ann.recv()
    text, binary, _ = gateway.upstream.of_event("message")
    assert (text.headers["content-type"], text.body) == ("text/plain; charset=utf-8", b"ping")
    assert (binary.headers["content-type"], binary.body) == ("application/octet-stream", b"\x01")


async def test_a_ping_is_answered(gateway: RunningGateway) -> None:
    async with gateway.connect() as socket:
        await receive(socket)
        assert await request(socket, type="ping") == {"type": "pong"}


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ("not json", "Invalid JSON"),
        ('{"type": "invoke"}', "invoke"),
        ('{"type": "joinGroup"}', "group"),
        ('{"type": "event", "event": "x", "dataType": "text", "data": 1}', "data must be a string"),
        ('{"type": "event", "event": "x", "dataType": "binary", "data": "?"}', "base64"),
        ('{"type": "event", "event": "x", "dataType": "protobuf", "data": ""}', "dataType"),
        (b"\x00", "text frames"),
    ],
)
async def test_a_frame_that_breaks_the_protocol_ends_the_connection(
    gateway: RunningGateway, sent: str | bytes, named: str
) -> None:
    async with gateway.connect() as socket:
        await receive(socket)
        await socket.send(sent)
        assert named in (await receive(socket))["message"]
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


async def test_a_frame_over_the_limit_ends_the_connection(gateway: RunningGateway) -> None:
    gateway.set_limits(messageBytes=100)
    async with gateway.connect() as socket:
        await receive(socket)
        await socket.send("x" * 101)
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
    await asyncio.to_thread(until, lambda: gateway.connections() == 0)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--upstream", "localhost:7071/api"], "no http(s) URL template"),
        (["--upstream", "http://localhost/{connection}"], "only {hub} and {event}"),
        (["--upstream", "http://localhost/x", "--system-events", "connect,left"], "'left'"),
    ],
)
def test_a_wrong_event_handler_is_refused_at_the_start(options: list[str], named: str) -> None:
    command = [sys.executable, "-m", "local.webpubsub", "--port", "0", *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (result.returncode, named in result.stderr) == (2, True)
