"""The official Python client, and what the reliable subprotocol promises when a socket breaks."""

import asyncio
from typing import Any

import pytest
from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubclient.aio import WebPubSubClient as AsyncWebPubSubClient
from azure.messaging.webpubsubclient.models import (
    CallbackType,
    OnConnectedArgs,
    OnGroupDataMessageArgs,
    OnServerDataMessageArgs,
    SendMessageError,
    WebPubSubDataType,
    WebPubSubProtocolType,
)
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

from local.webpubsub.frames import RELIABLE_PROTOCOL
from tests.local.webpubsub_gateway import HUB, Answer, RunningGateway, receive, request, signed, until

pytest_plugins = ["tests.local.webpubsub_fixtures"]

BOTH = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]
# The sync client misses an answer that comes before it starts to wait, and goes on after these many seconds.
SHORT_WAITS: dict[str, Any] = {"ack_timeout": 1, "start_timeout": 3}


@pytest.mark.parametrize("protocol", list(WebPubSubProtocolType))
def test_the_python_client_joins_sends_and_receives(gateway: RunningGateway, protocol: WebPubSubProtocolType) -> None:
    gateway.upstream.answers["ask"] = Answer(200, b'{"n": 1}', {"Content-Type": "application/json"})
    url = gateway.client_url(user_id="ann", roles=BOTH)
    client = WebPubSubClient(url, protocol_type=protocol, **SHORT_WAITS)
    from_group: list[Any] = []
    from_server: list[Any] = []

    def on_group_message(message: OnGroupDataMessageArgs) -> None:
        from_group.append((message.group, bytes(message.data) if message.data_type == "binary" else message.data))

    def on_server_message(message: OnServerDataMessageArgs) -> None:
        from_server.append(message.data)

    client.subscribe(CallbackType.GROUP_MESSAGE, on_group_message)
    client.subscribe(CallbackType.SERVER_MESSAGE, on_server_message)
    with client:
        client.join_group("Grüße/群组")
        client.send_to_group("Grüße/群组", {"n": 1}, WebPubSubDataType.JSON)
        client.send_to_group("Grüße/群组", "text", WebPubSubDataType.TEXT)
        client.send_to_group("Grüße/群组", memoryview(b"\x00"), WebPubSubDataType.BINARY)
        client.send_to_group("Grüße/群组", "unheard", WebPubSubDataType.TEXT, no_echo=True)
        client.send_event("ask", "question", WebPubSubDataType.TEXT)
        until(lambda: from_server and len(from_group) == 3)
        client.leave_group("Grüße/群组")
    assert from_group == [("Grüße/群组", {"n": 1}), ("Grüße/群组", "text"), ("Grüße/群组", b"\x00")]
    assert from_server == [{"n": 1}]
    until(lambda: gateway.connections() == 0)


def test_the_python_client_is_told_what_it_may_not(gateway: RunningGateway) -> None:
    client = WebPubSubClient(gateway.client_url(user_id="ann"), message_retry_total=0, **SHORT_WAITS)
    with client, pytest.raises(SendMessageError) as refused:
        client.join_group("team")
    assert refused.value.error_detail is not None
    assert refused.value.error_detail.name == "Forbidden"


def test_the_python_client_recovers_after_a_cut_and_misses_nothing(gateway: RunningGateway) -> None:
    client = WebPubSubClient(gateway.client_url(user_id="ann"), **SHORT_WAITS)
    received: list[int] = []
    ids: list[str] = []
    client.subscribe(CallbackType.CONNECTED, lambda connected: ids.append(connected.connection_id))
    client.subscribe(CallbackType.SERVER_MESSAGE, lambda message: received.append(message.data["n"]))
    with client, gateway.service() as service:
        until(lambda: ids)
        for number in range(10):
            if number == 3:
                gateway.cut(ids[0])
            service.send_to_user("ann", {"n": number}, content_type="application/json")
        until(lambda: len(received) == 10)
        assert received == list(range(10))
        assert client.is_connected()
        assert gateway.connections() == 1
    assert len(ids) == 1
    assert len(gateway.upstream.of_event("connect")) == 1


async def test_the_async_python_client_recovers_too(gateway: RunningGateway) -> None:
    client = AsyncWebPubSubClient(gateway.client_url(user_id="ann"))
    received: list[int] = []
    ids: list[str] = []

    async def on_message(message: OnServerDataMessageArgs) -> None:
        received.append(message.data["n"])

    async def on_connected(connected: OnConnectedArgs) -> None:
        ids.append(connected.connection_id)

    await client.subscribe(CallbackType.SERVER_MESSAGE, on_message)
    await client.subscribe(CallbackType.CONNECTED, on_connected)
    async with client:
        with gateway.service() as service:
            await asyncio.to_thread(until, lambda: ids)
            gateway.cut(ids[0])
            for number in range(5):
                await asyncio.to_thread(service.send_to_user, "ann", {"n": number}, content_type="application/json")
            await asyncio.to_thread(until, lambda: len(received) == 5)
    assert received == list(range(5))


async def cut_off(gateway: RunningGateway, socket: ClientConnection, connection_id: str) -> None:
    """Break the TCP connection and wait until the client has seen it."""
    gateway.cut(connection_id)
    with pytest.raises(ConnectionClosedError):
        await socket.recv()


async def test_unacknowledged_messages_come_again_after_recovery(gateway: RunningGateway) -> None:
    with gateway.service() as service:
        async with gateway.connect(RELIABLE_PROTOCOL, user_id="ann") as ann:
            greeting = await receive(ann)
            for number in range(3):
                service.send_to_user("ann", {"n": number}, content_type="application/json")
            assert [(await receive(ann))["sequenceId"] for _ in range(3)] == [1, 2, 3]
            await ann.send('{"type": "sequenceAck", "sequenceId": 2}')
            assert await request(ann, type="ping") == {"type": "pong"}
            await cut_off(gateway, ann, greeting["connectionId"])
        service.send_to_user("ann", {"n": 3}, content_type="application/json")
        async with gateway.recover(greeting["connectionId"], greeting["reconnectionToken"]) as again:
            assert (await receive(again))["connectionId"] == greeting["connectionId"]
            assert [(await receive(again))["sequenceId"] for _ in range(2)] == [3, 4]
    await asyncio.to_thread(gateway.upstream.wait_for, "disconnected")
    assert len(gateway.upstream.of_event("connected")) == 1


async def test_groups_and_ack_numbers_survive_a_recovery(gateway: RunningGateway) -> None:
    async with gateway.connect(RELIABLE_PROTOCOL, user_id="ann", roles=BOTH) as ann:
        greeting = await receive(ann)
        assert (await request(ann, type="joinGroup", group="team", ackId=1))["success"]
        await cut_off(gateway, ann, greeting["connectionId"])
    async with gateway.recover(greeting["connectionId"], greeting["reconnectionToken"]) as again:
        await receive(again)
        assert (await request(again, type="joinGroup", group="team", ackId=1))["error"]["name"] == "Duplicate"
        assert (await request(again, type="sendToGroup", group="team", data=1, ackId=2))["success"]
        assert (await receive(again))["group"] == "team"


async def test_a_second_socket_takes_the_connection_over(gateway: RunningGateway) -> None:
    async with gateway.connect(RELIABLE_PROTOCOL, user_id="ann") as half_open:
        greeting = await receive(half_open)
        async with gateway.recover(greeting["connectionId"], greeting["reconnectionToken"]) as again:
            await receive(again)
            with pytest.raises(ConnectionClosedOK):
                await half_open.recv()
            assert await request(again, type="ping") == {"type": "pong"}
            assert gateway.connections() == 1


async def test_a_message_past_its_time_to_live_is_not_repeated(gateway: RunningGateway) -> None:
    async with gateway.connect(RELIABLE_PROTOCOL, user_id="ann") as ann:
        greeting = await receive(ann)
        await cut_off(gateway, ann, greeting["connectionId"])
    for text, ttl_seconds in (("old", 1), ("new", 300)):
        query = f"api-version=2024-12-01&messageTtlSeconds={ttl_seconds}"
        url = f"http://localhost:{gateway.port}/api/hubs/{HUB}/users/ann/:send?{query}"
        headers = {"Authorization": f"Bearer {signed(url)}", "Content-Type": "text/plain"}
        assert gateway.http.post(url, headers=headers, content=text).status_code == 202
    await asyncio.sleep(1.1)
    async with gateway.recover(greeting["connectionId"], greeting["reconnectionToken"]) as again:
        await receive(again)
        assert (await receive(again))["data"] == "new"


async def refused_recovery(gateway: RunningGateway, connection_id: str, token: str) -> int:
    async with gateway.recover(connection_id, token) as socket:
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def test_only_the_right_token_recovers(gateway: RunningGateway) -> None:
    async with gateway.connect(RELIABLE_PROTOCOL) as socket:
        greeting = await receive(socket)
        assert await refused_recovery(gateway, greeting["connectionId"], "guess") == 1008
        assert await refused_recovery(gateway, "unknown", greeting["reconnectionToken"]) == 1008
        assert await request(socket, type="ping") == {"type": "pong"}


async def test_after_the_recovery_time_the_connection_is_gone(gateway: RunningGateway) -> None:
    gateway.set_limits(recoverySeconds=0.05)
    async with gateway.connect(RELIABLE_PROTOCOL, user_id="ann", groups=["team"]) as ann:
        greeting = await receive(ann)
        await cut_off(gateway, ann, greeting["connectionId"])
    (left,) = await asyncio.to_thread(gateway.upstream.wait_for, "disconnected")
    assert left.body == b'{"reason": "the client did not come back"}'
    assert await refused_recovery(gateway, greeting["connectionId"], greeting["reconnectionToken"]) == 1008


async def test_a_plain_connection_ends_with_its_socket(gateway: RunningGateway) -> None:
    async with gateway.connect(user_id="ann") as ann:
        await cut_off(gateway, ann, (await receive(ann))["connectionId"])
    await asyncio.to_thread(gateway.upstream.wait_for, "disconnected")
    assert gateway.connections() == 0


@pytest.mark.parametrize("limit", [{"bufferedMessages": 3}, {"bufferedBytes": 300}])
async def test_a_client_that_acknowledges_too_slowly_is_closed(
    gateway: RunningGateway, limit: dict[str, float]
) -> None:
    gateway.set_limits(**limit)
    async with gateway.connect(RELIABLE_PROTOCOL, user_id="ann") as ann:
        greeting = await receive(ann)
        with gateway.service() as service:
            for _ in range(4):
                service.send_to_user("ann", "x" * 20, content_type="text/plain")
        frames = [await receive(ann) for _ in range(5)]
        assert [frame.get("sequenceId") for frame in frames] == [1, 2, 3, 4, None]
        with pytest.raises(ConnectionClosedError) as closed:
            await ann.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
    assert await refused_recovery(gateway, greeting["connectionId"], greeting["reconnectionToken"]) == 1008


async def test_acknowledged_messages_take_no_room(gateway: RunningGateway) -> None:
    gateway.set_limits(bufferedMessages=2, bufferedBytes=300)
    async with gateway.connect(RELIABLE_PROTOCOL, user_id="ann") as ann:
        await receive(ann)
        with gateway.service() as service:
            for number in range(1, 8):
                service.send_to_user("ann", "x" * 20, content_type="text/plain")
                assert (await receive(ann))["sequenceId"] == number
                await ann.send(f'{{"type": "sequenceAck", "sequenceId": {number}}}')
                assert await request(ann, type="ping") == {"type": "pong"}
