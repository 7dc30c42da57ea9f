"""The data-plane REST API, driven by the official service SDK (sync and async)."""

import io
from collections.abc import Iterator

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.messaging.webpubsubservice import WebPubSubServiceClient
from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient as AsyncWebPubSubServiceClient
from websockets.exceptions import ConnectionClosedError

from local.webpubsub import connection_string
from tests.local.webpubsub_gateway import HUB, RunningGateway, receive, request, signed

pytest_plugins = ["tests.local.webpubsub_fixtures"]

ODD_GROUPS = ["plain", "with/slash", "with%2Fescape", "sheet:123", "Grüße 群组 ☂", "a?b=c&d#e"]


@pytest.fixture
def service(gateway: RunningGateway) -> Iterator[WebPubSubServiceClient]:
    with gateway.service() as service:
        yield service


async def test_a_message_reaches_all_a_user_a_group_and_a_connection(
    gateway: RunningGateway, service: WebPubSubServiceClient
) -> None:
    async with gateway.connect(user_id="ann", groups=["team"]) as ann:
        connection_id = (await receive(ann))["connectionId"]
        service.send_to_all({"to": "all"}, content_type="application/json")
        service.send_to_user("ann", "für ann", content_type="text/plain")
        service.send_to_group("team", io.BytesIO(b"\x00\xff"), content_type="application/octet-stream")
        service.send_to_connection(connection_id, "[1]", content_type="application/json")
        received = [await receive(ann) for _ in range(4)]
    server = {"type": "message", "from": "server"}
    assert received == [
        {**server, "dataType": "json", "data": {"to": "all"}},
        {**server, "dataType": "text", "data": "für ann"},
        {"type": "message", "from": "group", "group": "team", "dataType": "binary", "data": "AP8="},
        {**server, "dataType": "json", "data": "[1]"},
    ]


async def test_the_async_sdk_sends_and_closes(gateway: RunningGateway) -> None:
    async with (
        AsyncWebPubSubServiceClient.from_connection_string(connection_string(gateway.port), HUB) as service,
        gateway.connect(user_id="ann") as ann,
    ):
        connection_id = (await receive(ann))["connectionId"]
        for group in ODD_GROUPS:
            await service.add_connection_to_group(group, connection_id)
            await service.send_to_group(group, {"group": group}, content_type="application/json")
            message = await receive(ann)
            assert (message["group"], message["data"]) == (group, {"group": group})
        assert await service.connection_exists(connection_id)
        await service.close_connection(connection_id, reason="maintenance")
        assert (await receive(ann))["message"] == "maintenance"
        assert not await service.connection_exists(connection_id)


@pytest.mark.parametrize("group", ODD_GROUPS)
async def test_any_group_name_goes_through_the_path(
    gateway: RunningGateway, service: WebPubSubServiceClient, group: str
) -> None:
    async with gateway.connect(user_id="ann") as ann:
        connection_id = (await receive(ann))["connectionId"]
        service.add_connection_to_group(group, connection_id)
        assert service.group_exists(group)
        assert [member.connection_id for member in service.list_connections(group=group)] == [connection_id]
        service.send_to_group(group, {"n": 1}, content_type="application/json")
        assert (await receive(ann))["group"] == group
        service.remove_connection_from_group(group, connection_id)
        assert not service.group_exists(group)


async def test_what_is_not_there_does_not_exist(gateway: RunningGateway, service: WebPubSubServiceClient) -> None:
    assert not service.group_exists("nobody")
    assert not service.user_exists("nobody")
    assert not service.connection_exists("nobody")
    service.send_to_user("nobody", "hello", content_type="text/plain")
    service.close_connection("nobody")
    with pytest.raises(HttpResponseError) as refused:
        service.add_connection_to_group("team", "nobody")
    assert refused.value.status_code == 404


async def test_a_user_joins_and_leaves_groups_with_every_connection(
    gateway: RunningGateway, service: WebPubSubServiceClient
) -> None:
    async with gateway.connect(user_id="ann") as first, gateway.connect(user_id="ann") as second:
        await receive(first)
        await receive(second)
        assert service.user_exists("ann")
        service.add_user_to_group("team", "ann")
        assert len(list(service.list_connections(group="team"))) == 2
        service.remove_user_from_group("team", "ann")
        assert not service.group_exists("team")
        service.add_user_to_group("one", "ann")
        service.add_user_to_group("two", "ann")
        service.remove_user_from_all_groups("ann")
        assert not service.group_exists("one")
        assert not service.group_exists("two")


async def test_a_connection_leaves_all_its_groups(gateway: RunningGateway, service: WebPubSubServiceClient) -> None:
    async with gateway.connect(groups=["one", "two"]) as socket:
        connection_id = (await receive(socket))["connectionId"]
        service.remove_connection_from_all_groups(connection_id)
        assert not service.group_exists("one")
        assert not service.group_exists("two")


async def test_a_granted_permission_works_until_it_is_revoked(
    gateway: RunningGateway, service: WebPubSubServiceClient
) -> None:
    async with gateway.connect(user_id="ann") as ann:
        connection_id = (await receive(ann))["connectionId"]
        join = {"type": "joinGroup", "group": "team"}
        assert (await request(ann, **join, ackId=1))["error"]["name"] == "Forbidden"
        service.grant_permission("joinLeaveGroup", connection_id, target_name="team")
        assert service.has_permission("joinLeaveGroup", connection_id, target_name="team")
        assert not service.has_permission("joinLeaveGroup", connection_id)
        assert (await request(ann, **join, ackId=2))["success"]
        assert (await request(ann, type="joinGroup", group="other", ackId=3))["error"]["name"] == "Forbidden"
        service.revoke_permission("joinLeaveGroup", connection_id, target_name="team")
        assert (await request(ann, type="leaveGroup", group="team", ackId=4))["error"]["name"] == "Forbidden"


async def test_a_closed_connection_hears_the_reason_and_others_stay(
    gateway: RunningGateway, service: WebPubSubServiceClient
) -> None:
    async with gateway.connect(user_id="ann") as ann, gateway.connect(user_id="bob") as bob:
        await receive(ann)
        bobs_id = (await receive(bob))["connectionId"]
        service.close_all_connections(excluded=[bobs_id], reason="signed out")
        assert await receive(ann) == {"type": "system", "event": "disconnected", "message": "signed out"}
        with pytest.raises(ConnectionClosedError) as closed:
            await ann.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "signed out")
        assert service.connection_exists(bobs_id)
        service.close_group_connections("nobody")
        assert service.connection_exists(bobs_id)
        service.close_user_connections("bob")
        assert (await receive(bob))["event"] == "disconnected"
    assert gateway.connections() == 0


async def test_members_are_listed_page_by_page(gateway: RunningGateway, service: WebPubSubServiceClient) -> None:
    sockets = [await gateway.connect(user_id=f"user-{n}", groups=["team"]) for n in range(5)]
    ids = {(await receive(socket))["connectionId"] for socket in sockets}
    pages = [list(page) for page in service.list_connections(group="team", maxpagesize=2).by_page()]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {member.connection_id for page in pages for member in page} == ids
    assert len(list(service.list_connections(group="team", top=3, maxpagesize=2))) == 3
    for socket in sockets:
        await socket.close()


async def test_a_filter_chooses_the_receivers(gateway: RunningGateway, service: WebPubSubServiceClient) -> None:
    async with gateway.connect(user_id="ann", groups=["a/b"]) as ann, gateway.connect(user_id="bob") as bob:
        await receive(ann)
        await receive(bob)
        service.send_to_all("first", content_type="text/plain", filter="'a/b' in groups or userId eq 'eve'")
        service.send_to_all("second", content_type="text/plain", filter="startswith(userId, 'b')")
        assert (await receive(ann))["data"] == "first"
        assert (await receive(bob))["data"] == "second"


async def test_a_filter_out_of_grammar_is_refused(gateway: RunningGateway, service: WebPubSubServiceClient) -> None:
    with pytest.raises(HttpResponseError) as refused:
        service.send_to_all("x", content_type="text/plain", filter="email eq 'ann@example.com'")
    assert refused.value.status_code == 400
    assert "filter: unexpected 'email'" in refused.value.message


async def test_a_message_over_the_limit_is_refused(gateway: RunningGateway, service: WebPubSubServiceClient) -> None:
    service.send_to_all("x" * 1024 * 1024, content_type="text/plain")
    with pytest.raises(HttpResponseError) as refused:
        service.send_to_all("x" * 1024 * 1024 + "x", content_type="text/plain")
    assert refused.value.status_code == 413


async def test_a_wrong_key_is_unauthorised(gateway: RunningGateway) -> None:
    wrong = f"Endpoint=http://localhost:{gateway.port};AccessKey={'x' * 44};Version=1.0"
    with WebPubSubServiceClient.from_connection_string(wrong, HUB) as service, pytest.raises(ClientAuthenticationError):
        service.send_to_all("x", content_type="text/plain")


@pytest.mark.parametrize(
    ("method", "path", "content_type", "status", "named"),
    [
        ("POST", ":send?api-version=2024-12-01", "application/xml", 415, "application/xml"),
        ("POST", ":send?api-version=2024-12-01", "application/json", 400, "the body is not json"),
        ("POST", ":send?api-version=2024-12-01&messageTtlSeconds=301", "text/plain", 400, "messageTtlSeconds"),
        ("POST", ":send", "text/plain", 400, "api-version"),
        ("PUT", "permissions/fly/connections/x?api-version=2024-12-01", "text/plain", 400, "permission"),
        ("POST", ":generateToken?api-version=2024-12-01&minutesToExpire=0", "text/plain", 400, "minutesToExpire"),
        ("POST", ":generateToken?api-version=2024-12-01&minutesToExpire=ten", "text/plain", 400, "minutesToExpire"),
        ("GET", f"groups/{'g' * 1025}/connections?api-version=2024-12-01", "text/plain", 400, "group"),
        ("POST", ":addToGroups?api-version=2024-12-01", "text/plain", 404, ":addToGroups"),
    ],
)
def test_bad_input_is_refused_by_name(
    gateway: RunningGateway, method: str, path: str, content_type: str, status: int, named: str
) -> None:
    url = f"http://localhost:{gateway.port}/api/hubs/{HUB}/{path}"
    headers = {"Authorization": f"Bearer {signed(url)}", "Content-Type": content_type}
    response = gateway.http.request(method, url, headers=headers, content=b"<x/>")
    assert response.status_code == status
    assert named in response.json()["message"]
    assert response.headers["x-ms-error-code"] == response.json()["code"]


async def test_a_generated_token_opens_a_connection(gateway: RunningGateway) -> None:
    query = "api-version=2024-12-01&userId=ann&role=webpubsub.sendToGroup&group=team&minutesToExpire=5"
    url = f"http://localhost:{gateway.port}/api/hubs/{HUB}/:generateToken?{query}"
    response = gateway.http.post(url, headers={"Authorization": f"Bearer {signed(url)}"})
    async with gateway.connect_with(response.json()["token"]) as socket:
        assert (await receive(socket))["userId"] == "ann"
        sent = await request(socket, type="sendToGroup", group="team", dataType="text", data="hi", ackId=1)
        assert sent == {"type": "ack", "ackId": 1, "success": True}
        assert (await receive(socket))["data"] == "hi"
