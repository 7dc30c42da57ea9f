"""Web PubSub's REST API through the SDK."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import jwt
import pytest
from pydantic import SecretStr

from shared.clients.webpubsub import WebPubSubGateway
from shared.errors import UpstreamFault, UpstreamUnavailable
from shared.ids import UserId
from shared.records import utc_now
from shared.resilience.circuit import CircuitBreaker
from tests.unit.clients.loopback import ScriptedServer, loopback

KEY = "a-key-that-is-long-enough-for-hmac-sha-256"


@asynccontextmanager
async def gateway_on(url: str) -> AsyncIterator[WebPubSubGateway]:
    connection = SecretStr(f"Endpoint={url};AccessKey={KEY};Version=1.0;")
    gateway = WebPubSubGateway(connection, breaker=CircuitBreaker("Web PubSub", failures_to_open=2))
    try:
        yield gateway
    finally:
        await gateway.aclose()


async def test_a_clients_url_holds_user_and_groups_and_no_roles():
    async with gateway_on("http://localhost:7083") as gateway:
        url, expires = await gateway.client_url(
            "user-1.login.x", user_id=UserId("user-1"), minutes=30, groups=["user:user-1"]
        )
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path) == ("ws", "localhost:7083", "/client/hubs/chatsheet")
    token = parse_qs(parts.query)["access_token"][0]
    claims = jwt.decode(token, KEY, ["HS256"], audience="http://localhost:7083/client/hubs/chatsheet")
    assert claims["sub"] == "user-1.login.x"
    assert claims["webpubsub.group"] == ["person:user-1", "user:user-1"]
    assert not claims.get("role")
    assert abs(claims["exp"] - expires.timestamp()) < 5
    assert utc_now() + timedelta(minutes=29) < expires


async def test_a_push_is_one_json_message_to_the_group():
    server = ScriptedServer(202)
    async with loopback(server.route) as url, gateway_on(url) as gateway:
        await gateway.send_to_group("sheet:1/2 ä", {"event": "sheet_update", "data": {"rowIds": ["1"]}})
    (method, path), (body,) = server.calls[0], server.bodies
    assert method == "POST"
    group = path.removeprefix("/api/hubs/chatsheet/groups/").partition("/:send?")[0]
    assert "/" not in group
    assert unquote(group) == "sheet:1/2 ä"
    assert json.loads(body) == {"event": "sheet_update", "data": {"rowIds": ["1"]}}


@pytest.mark.parametrize(("status", "joined"), [(200, True), (404, False)])
async def test_a_connection_that_is_gone_does_not_join(status: int, joined: bool):
    server = ScriptedServer(status)
    async with loopback(server.route) as url, gateway_on(url) as gateway:
        assert await gateway.add_to_group("job:1", "c1") is joined
        assert await gateway.connection_exists("c1") is joined


async def test_leaving_and_closing_what_is_gone_does_no_harm():
    server = ScriptedServer(404)
    async with loopback(server.route) as url, gateway_on(url) as gateway:
        await gateway.remove_from_group("job:1", "c1")
        await gateway.close_connection("c1", reason="signed out")
    assert [method for method, _ in server.calls] == ["DELETE", "DELETE"]
    assert "reason=signed%20out" in server.calls[1][1]


async def test_a_refusal_is_a_fault_and_does_not_break_the_circuit():
    server = ScriptedServer(401)
    async with loopback(server.route) as url, gateway_on(url) as gateway:
        for _ in range(3):
            with pytest.raises(UpstreamFault):
                await gateway.send_to_group("job:1", {})
    assert len(server.calls) == 3


async def test_an_outage_is_retried_once_and_then_breaks_the_circuit():
    server = ScriptedServer(503, headers={"retry-after": "0"})
    async with loopback(server.route) as url, gateway_on(url) as gateway:
        for _ in range(3):
            with pytest.raises(UpstreamUnavailable):
                await gateway.send_to_group("job:1", {})
    assert len(server.calls) == 2 * 2


async def test_a_service_that_is_not_there_is_unavailable():
    async with loopback(ScriptedServer(200).route) as url:
        pass
    async with gateway_on(url) as gateway:
        with pytest.raises(UpstreamUnavailable) as raised:
            await gateway.send_to_group("job:1", {})
    assert KEY not in raised.value.detail
    assert url not in raised.value.detail


async def test_all_sockets_of_a_user_or_of_a_listener_are_closed_with_the_reason():
    server = ScriptedServer(204)
    async with loopback(server.route) as url, gateway_on(url) as gateway:
        await gateway.close_user(UserId("user 1/ä"), reason="signed out")
        await gateway.close_listener("user 1/ä.login.x", reason="signed out")
    closed: list[str] = []
    for method, path in server.calls:
        whose, _, query = path.removeprefix("/api/hubs/chatsheet/").partition("/:closeConnections?")
        assert (method, parse_qs(query)["reason"]) == ("POST", ["signed out"])
        closed.append(unquote(whose))
    assert closed == ["groups/person:user 1/ä", "users/user 1/ä.login.x"]


async def test_a_listener_is_taken_from_a_group_whatever_connections_they_have():
    server = ScriptedServer(204)
    async with loopback(server.route) as url, gateway_on(url) as gateway:
        await gateway.remove_listener_from_group("user-1", "sheet:1/2")
    ((method, path),) = server.calls
    user, _, group = path.removeprefix("/api/hubs/chatsheet/users/").partition("?")[0].partition("/groups/")
    assert (method, user, unquote(group)) == ("DELETE", "user-1", "sheet:1/2")


@pytest.mark.parametrize(("status", "connected"), [(200, True), (404, False)])
async def test_whether_a_listener_has_connections_is_asked(status: int, connected: bool):
    server = ScriptedServer(status)
    async with loopback(server.route) as url, gateway_on(url) as gateway:
        assert await gateway.is_connected("user-1") is connected
    assert server.calls[0][0] == "HEAD"
