"""WebSockets belong to the login or API token that asked for their URL, and end with it."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.realtime.audiences import AccessUpkeep
from shared.records import utc_now
from tests.fakes.clock import FakeClock
from tests.functions.client import Functions
from tests.functions.people import ADA, Browser, Script, new_token
from tests.functions.test_realtime import CONNECTION, tell, topic
from tests.functions.world import SHEET, World

TOPIC = f"sheet:{SHEET}"


@pytest.fixture
def world(people: World) -> World:
    """People sign in here."""
    return people


async def listener(caller: Browser | Script) -> str:
    """Whom the URL is for that this caller gets."""
    answer = await caller.request("negotiate", body={"topics": [TOPIC]})
    assert answer.status == 200
    return parse_qs(urlsplit(answer.json["url"]).query)["user"][0]


async def subscribed(functions: Functions) -> Any:
    """`subscribed`, or why not."""
    answer = await tell(functions, "user.subscribe", topic(TOPIC))
    return answer.json["data"].get("code", answer.json["event"])


async def look_after_a_minute(functions: Functions, world: World) -> None:
    soon = FakeClock(utc_now() + timedelta(minutes=1))
    container = world.container
    container.access_upkeep = AccessUpkeep(
        world.gateway, container._audience_store, container._due, container.identity, container.realtime, clock=soon
    )
    await functions.tick("recheck_access")


async def test_a_connection_hears_as_long_as_its_login_lasts(functions: Functions, ada: Browser, world: World):
    await ada.sign_in(ADA)
    name = await listener(ada)
    for kind in ("sys.connect", "sys.connected"):
        assert (await tell(functions, kind, ce_userId=name)).status == 204
    assert await subscribed(functions) == "subscribed"
    await look_after_a_minute(functions, world)
    assert (world.gateway.closed_connections, world.gateway.closed_listeners) == ([], [])
    await ada.request("sign_out")
    assert await subscribed(functions) == "unauthorized"  # closing it may have failed


async def test_the_url_of_a_login_that_has_ended_opens_no_connection(functions: Functions, ada: Browser, world: World):
    await ada.sign_in(ADA)
    name = await listener(ada)
    await ada.request("sign_out")
    refused = await tell(functions, "sys.connect", ce_userId=name)
    assert (refused.status, refused.json["code"]) == (401, "unauthorized")
    assert (await tell(functions, "sys.connected", ce_userId=name)).status == 204
    assert world.gateway.closed_connections == [(CONNECTION, "signed out")]
    assert await subscribed(functions) == "connection_not_found"


async def test_a_connection_that_was_missed_is_closed_within_the_minute(
    functions: Functions, ada: Browser, bob: Browser, world: World
):
    """Bob's is another browser of the same person."""
    await ada.sign_in(ADA)
    await bob.sign_in(ADA)
    names = [await listener(ada), await listener(bob)]
    await ada.request("sign_out")
    await look_after_a_minute(functions, world)
    assert world.gateway.closed_listeners == [(names[0], "signed out")]


async def test_a_connection_of_a_script_ends_with_its_api_token(functions: Functions, ada: Browser, world: World):
    await ada.sign_in(ADA)
    made = await new_token(ada)
    name = await listener(Script(functions, made["token"]))
    assert (await tell(functions, "sys.connected", ce_userId=name)).status == 204
    assert await subscribed(functions) == "subscribed"
    await ada.request("revoke_api_token", path={"id": made["id"]})
    assert await subscribed(functions) == "unauthorized"
    assert (await tell(functions, "sys.connect", ce_userId=name)).status == 401
    await look_after_a_minute(functions, world)
    assert world.gateway.closed_listeners == [(name, "signed out")]


async def test_a_user_id_alone_opens_no_connection(functions: Functions, ada: Browser, world: World):
    user_id = (await ada.sign_in(ADA)).json["user"]["id"]
    assert (await tell(functions, "sys.connect", ce_userId=user_id)).status == 401


async def test_the_url_holds_nothing_that_signs_anybody_in(functions: Functions, ada: Browser):
    await ada.sign_in(ADA)
    made = await new_token(ada)
    names = [await listener(ada), await listener(Script(functions, made["token"]))]
    assert not [name for name in names if made["token"] in name or ada.cookies["chatsheet"] in name]
    for part in ".".join(names).split("."):
        for headers in ({"Cookie": f"chatsheet={part}"}, {"Authorization": f"Bearer {part}"}):
            assert (await functions.request("get_me", headers=headers)).status == 401


async def test_being_looked_at_does_not_make_a_login_last_longer(functions: Functions, ada: Browser, world: World):
    await ada.sign_in(ADA)
    name = await listener(ada)
    clock = world.container._logins._clock = FakeClock(utc_now())
    clock.advance(11 * 3600)
    assert (await tell(functions, "sys.connect", ce_userId=name)).status == 204
    clock.advance(2 * 3600)
    assert (await tell(functions, "sys.connect", ce_userId=name)).status == 401
