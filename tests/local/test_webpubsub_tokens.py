"""Who may connect, and what a client's token gives."""

import pytest
from websockets.exceptions import InvalidStatus

from tests.local.webpubsub_gateway import HUB, RunningGateway, receive, request, signed

pytest_plugins = ["tests.local.webpubsub_fixtures"]


def audience(gateway: RunningGateway, hub: str = HUB) -> str:
    return f"http://localhost:{gateway.port}/client/hubs/{hub}"


async def refusal(gateway: RunningGateway, token: str | None) -> tuple[int, str]:
    """Status and text of a handshake that is expected to fail."""
    with pytest.raises(InvalidStatus) as refused:
        async with gateway.connect_with(token):
            pass
    response = refused.value.response
    return response.status_code, (response.body or b"").decode()


async def test_an_expired_token_is_refused(gateway: RunningGateway) -> None:
    status, text = await refusal(gateway, signed(audience(gateway), expires_in_seconds=-1))
    assert (status, "expired" in text) == (401, True)


async def test_a_token_that_the_sdk_made_expires_too(gateway: RunningGateway) -> None:
    token = gateway.client_url(minutes_to_expire=-1).partition("access_token=")[2]
    assert (await refusal(gateway, token))[0] == 401


async def test_a_token_of_another_key_is_refused(gateway: RunningGateway) -> None:
    status, text = await refusal(gateway, signed(audience(gateway), key="k" * 44))
    assert (status, "signed" in text) == (401, True)


async def test_a_token_for_another_hub_is_refused(gateway: RunningGateway) -> None:
    status, text = await refusal(gateway, signed(audience(gateway, "other")))
    assert (status, "audience" in text) == (401, True)


async def test_a_token_for_another_service_is_refused(gateway: RunningGateway) -> None:
    assert (await refusal(gateway, signed(f"https://contoso.webpubsub.azure.com/client/hubs/{HUB}")))[0] == 401


@pytest.mark.parametrize("token", [None, "", "no.jwt.atall"])
async def test_a_missing_or_broken_token_is_refused(gateway: RunningGateway, token: str | None) -> None:
    assert (await refusal(gateway, token))[0] == 401


async def test_a_rest_token_opens_no_connection_and_a_client_token_no_rest(gateway: RunningGateway) -> None:
    url = f"http://localhost:{gateway.port}/api/hubs/{HUB}/:send?api-version=2024-12-01"
    assert (await refusal(gateway, signed(url)))[0] == 401
    headers = {"Authorization": f"Bearer {signed(audience(gateway))}", "Content-Type": "text/plain"}
    response = gateway.http.post(url, headers=headers, content=b"x")
    assert (response.status_code, response.json()["code"]) == (401, "Unauthorized")


async def test_an_expired_rest_token_is_refused(gateway: RunningGateway) -> None:
    url = f"http://localhost:{gateway.port}/api/hubs/{HUB}/:send?api-version=2024-12-01"
    headers = {"Authorization": f"Bearer {signed(url, expires_in_seconds=-1)}", "Content-Type": "text/plain"}
    assert gateway.http.post(url, headers=headers, content=b"x").status_code == 401


async def test_a_token_gives_user_roles_and_groups(gateway: RunningGateway) -> None:
    roles = ["webpubsub.sendToGroup.team", "webpubsub.joinLeaveGroup"]
    async with gateway.connect(user_id="ann", roles=roles, groups=["team"]) as ann:
        assert (await receive(ann))["userId"] == "ann"
        assert (await request(ann, type="sendToGroup", group="other", data=1, ackId=1))["error"]["name"] == "Forbidden"
        assert (await request(ann, type="joinGroup", group="other", ackId=2))["success"]
        assert (await request(ann, type="sendToGroup", group="team", data=1, ackId=3))["success"]
        message = await receive(ann)
        assert (message["group"], message["fromUserId"], message["data"]) == ("team", "ann", 1)


async def test_without_roles_a_client_may_only_send_events(gateway: RunningGateway) -> None:
    async with gateway.connect(user_id="ann") as ann:
        await receive(ann)
        assert (await request(ann, type="joinGroup", group="team", ackId=1))["error"]["name"] == "Forbidden"
        assert (await request(ann, type="sendToGroup", group="team", data=1, ackId=2))["error"]["name"] == "Forbidden"
        assert (await request(ann, type="event", event="hello", data=1, ackId=3))["success"]


@pytest.mark.parametrize("protocol", ["protobuf.webpubsub.azure.v1", "protobuf.reliable.webpubsub.azure.v1"])
async def test_a_protobuf_subprotocol_is_refused_by_name(gateway: RunningGateway, protocol: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with gateway.connect(protocol):
            pass
    assert refused.value.response.status_code == 400
    assert protocol in (refused.value.response.body or b"").decode()
