"""Negotiation, event history, and what Web PubSub tells us about connections."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest

from shared.identity.service import SINGLE_USER
from shared.realtime.audiences import AccessUpkeep
from shared.records import utc_now
from tests.fakes.clock import FakeClock
from tests.functions.client import Answer, Functions
from tests.functions.environment import PUSH_KEY
from tests.functions.world import SHEET, UNKNOWN_SHEET, World

TOPIC = f"sheet:{SHEET}"
CONNECTION = "connection-1"


def signature(connection_id: str, key: str = PUSH_KEY) -> str:
    return "sha256=" + hmac.new(key.encode(), connection_id.encode(), hashlib.sha256).hexdigest()


async def tell(functions: Functions, kind: str, body: bytes = b"", **headers: str | None) -> Answer:
    """An upstream event, as the service sends it: no page, no X-Requested-With."""
    sent: dict[str, str | None] = {
        "Host": "whatever.example",
        "X-Requested-With": None,
        "ce-connectionId": CONNECTION,
        "ce-signature": signature(CONNECTION),
        "ce-type": f"azure.webpubsub.{kind}",
        "ce-userId": SINGLE_USER,
    }
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await functions.request("receive_realtime_event", method="POST", raw=body, headers=sent)


def topic(name: Any) -> bytes:
    return json.dumps({"topic": name}).encode()


async def test_negotiation_gives_a_url_that_joins_the_topics(functions: Functions):
    answer = await functions.request("negotiate", body={"topics": [TOPIC]})
    assert answer.status == 200
    assert answer.json["url"].endswith(f"user={SINGLE_USER}&groups={TOPIC}")


@pytest.mark.parametrize(
    "name", [f"sheet:{UNKNOWN_SHEET}", "job:none", "session:none", "user:bob", "weather:1", "sheet"]
)
async def test_topics_of_others_do_not_exist(functions: Functions, name: str):
    answer = await functions.request("negotiate", body={"topics": [TOPIC, name]})
    assert (answer.status, answer.json["code"]) == (404, "topic_not_found")
    history = await functions.request("list_events", query={"topic": name})
    assert (history.status, history.json["code"]) == (404, "topic_not_found")


async def test_too_many_topics_are_refused(functions: Functions):
    answer = await functions.request("negotiate", body={"topics": [TOPIC] * 21})
    assert (answer.status, answer.json["code"]) == (422, "too_many_topics")


async def test_the_history_tells_what_came_after_and_what_is_newest(functions: Functions, world: World):
    for version in (2, 3):
        await world.container.events.publish(TOPIC, "sheet_update", {"version": version})
    answer = await functions.request("list_events", query={"topic": TOPIC, "after": "1"})
    assert (answer.status, answer.json["lastSeq"], answer.json["nextCursor"]) == (200, 2, None)
    (event,) = answer.json["items"]
    assert (event["event"], event["seq"], event["data"]) == ("sheet_update", 2, {"version": 3})
    assert (await functions.request("list_events", query={"topic": TOPIC, "after": str(2**53 - 1)})).json["items"] == []


async def test_the_service_may_ask_whether_it_may_send_events(functions: Functions):
    headers = {"WebHook-Request-Origin": "localhost:7083", "Host": "whatever.example", "X-Requested-With": None}
    answer = await functions.request("receive_realtime_event", method="OPTIONS", headers=headers)
    assert (answer.status, answer.headers["WebHook-Allowed-Origin"]) == (200, "localhost:7083")


@pytest.mark.parametrize(
    "offered",
    [None, "", "sha256=", "sha256=" + "0" * 64, signature("connection-2"), signature(CONNECTION, "another key"), "é"],
)
@pytest.mark.parametrize("kind", ["sys.connected", "user.subscribe", "user.unknown"])
async def test_an_event_without_our_signature_changes_nothing(
    functions: Functions, world: World, offered: str | None, kind: str
):
    await tell(functions, "sys.connected")
    answer = await tell(functions, kind, topic(TOPIC), ce_signature=offered, ce_userId="mallory")
    assert (answer.status, answer.json["code"]) == (401, "invalid_signature")
    assert world.gateway.groups == {}
    assert (await tell(functions, "user.subscribe", topic(TOPIC))).json["event"] == "subscribed"


async def test_one_good_signature_among_several_is_enough(functions: Functions):
    both = f"{signature(CONNECTION, 'the secondary key')},{signature(CONNECTION)}"
    assert (await tell(functions, "sys.connected", ce_signature=both)).status == 204


@pytest.mark.parametrize("kind", ["sys.connect", "sys.connected"])
async def test_a_connection_hears_a_topic_until_it_unsubscribes(functions: Functions, world: World, kind: str):
    assert (await tell(functions, kind)).status == 204
    subscribed = await tell(functions, "user.subscribe", topic(TOPIC))
    assert (subscribed.status, subscribed.json["event"], subscribed.json["topic"]) == (200, "subscribed", TOPIC)
    assert subscribed.json["data"] == {"lastSeq": 0}
    assert world.gateway.groups[TOPIC] == {CONNECTION}
    left = await tell(functions, "user.unsubscribe", topic(TOPIC))
    assert (left.status, left.json["event"]) == (200, "unsubscribed")
    assert world.gateway.groups[TOPIC] == set()


async def test_a_connection_that_ended_is_no_longer_known(functions: Functions):
    await tell(functions, "sys.connected")
    assert (await tell(functions, "sys.disconnected")).status == 204
    answer = await tell(functions, "user.subscribe", topic(TOPIC))
    assert (answer.status, answer.json["data"]["code"]) == (200, "connection_not_found")


@pytest.mark.parametrize("kind", ["user.subscribe", "user.unsubscribe"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 50_000, b'"job:1"', topic(7), topic(""), topic("x" * 201), b'{"topic": "a:b", "x": 1}'],
)
async def test_a_broken_body_is_refused_in_words_and_does_not_cut_the_line(
    functions: Functions, kind: str, body: bytes
):
    await tell(functions, "sys.connected")
    answer = await tell(functions, kind, body)
    assert (answer.status, answer.json["event"], answer.json["data"]["code"]) == (200, "error", "invalid_input")


@pytest.mark.parametrize("kind", ["user.shout", "user.", "", "user.subscribe2"])
async def test_an_unknown_event_is_refused_in_words(functions: Functions, kind: str):
    answer = await tell(functions, kind, topic(TOPIC))
    assert (answer.status, answer.json["data"]["code"]) == (200, "unknown_event")


async def test_an_unknown_system_event_is_only_noted(functions: Functions):
    assert (await tell(functions, "sys.reconnected")).status == 204


async def test_topics_of_others_are_refused_in_words(functions: Functions, world: World):
    await tell(functions, "sys.connected")
    answer = await tell(functions, "user.subscribe", topic(f"sheet:{UNKNOWN_SHEET}"))
    assert (answer.status, answer.json["data"]["code"]) == (200, "topic_not_found")
    assert world.gateway.groups == {}


async def test_an_unexpected_exception_does_not_cut_the_line_either(
    functions: Functions, world: World, caplog: pytest.LogCaptureFixture
):
    await tell(functions, "sys.connected")
    world.fail_reads(RuntimeError("kaboom"))
    answer = await tell(functions, "user.subscribe", topic(TOPIC))
    assert (answer.status, answer.json["data"]["code"]) == (200, "internal")
    assert "kaboom" not in answer.text and "kaboom" in caplog.text


async def test_a_connection_that_cannot_be_remembered_is_not_let_in(functions: Functions, world: World):
    await world.fill_disk()
    answer = await tell(functions, "sys.connect")
    assert (answer.status, answer.json["code"]) == (507, "storage_full")


async def test_a_topic_that_is_gone_is_taken_from_who_heard_it(functions: Functions, world: World):
    session = (await functions.request("create_session", body={"sheetId": SHEET})).json
    heard = f"session:{session['id']}"
    await functions.request("negotiate", body={"topics": [TOPIC, heard]})
    await functions.request("delete_session", path={"id": session["id"]})
    await functions.tick("recheck_access")
    assert world.gateway.removed == []  # it is not their turn
    soon = FakeClock(utc_now() + timedelta(minutes=1))
    container = world.container
    container.access_upkeep = AccessUpkeep(
        world.gateway, container._audience_store, container._due, container.identity, container.realtime, clock=soon
    )
    await functions.tick("recheck_access")
    assert world.gateway.removed == [(SINGLE_USER, heard)]
