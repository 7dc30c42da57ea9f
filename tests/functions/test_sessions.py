"""Sessions over HTTP, and their queue function."""

import uuid
from datetime import timedelta

import pytest
from pydantic import ValidationError

from shared.chat.sessions import DELETE_QUEUE, LOAD_QUEUE
from shared.errors import UpstreamUnavailable
from shared.functions.sessions import MAX_DEQUEUE_COUNT
from shared.records import utc_now
from tests.functions.client import Functions
from tests.functions.world import SHEET, UNKNOWN_SHEET, World

BODY = {"sheetId": SHEET}


async def state_of(functions: Functions, session_id: str) -> str:
    return (await functions.request("get_session", path={"id": session_id})).json["state"]


async def test_a_session_is_created_queued_and_found_again(functions: Functions, world: World):
    correlation_id = {"X-Correlation-ID": "correlation-1"}
    created = await functions.request("create_session", body={**BODY, "title": "Mine"}, headers=correlation_id)
    assert (created.status, created.json["state"], created.json["title"]) == (201, "INITIALIZING", "Mine")
    found = await functions.request("get_session", path={"id": created.json["id"]})
    assert (found.status, found.json) == (200, created.json)
    (message,) = world.sent_to(LOAD_QUEUE)
    assert (message.session_id, message.correlation_id) == (created.json["id"], "correlation-1")


async def test_the_queue_function_loads_the_session_under_the_requests_correlation_id(
    functions: Functions, world: World, caplog: pytest.LogCaptureFixture
):
    headers = {"X-Correlation-ID": "correlation-2"}
    session = (await functions.request("create_session", body=BODY, headers=headers)).json
    await functions.deliver("load_session", world.sent_to(LOAD_QUEUE)[0])
    assert await state_of(functions, session["id"]) == "ACTIVE"
    assert f"session {session['id']}: ACTIVE [correlation-2]" in caplog.messages


async def test_the_queue_function_gives_up_on_its_last_attempt_and_not_before(functions: Functions, world: World):
    session = (await functions.request("create_session", body=BODY)).json
    (message,) = world.sent_to(LOAD_QUEUE)
    world.fail_reads(UpstreamUnavailable("down"), times=2)
    with pytest.raises(UpstreamUnavailable):
        await functions.deliver("load_session", message, attempt=MAX_DEQUEUE_COUNT - 1)
    assert await state_of(functions, session["id"]) == "INITIALIZING"
    await functions.deliver("load_session", message, attempt=MAX_DEQUEUE_COUNT)
    assert await state_of(functions, session["id"]) == "ERROR"


async def test_a_broken_message_fails_so_that_the_host_puts_it_aside(functions: Functions):
    for body in (b"", b"not json", b'{"owner": "single"}'):
        with pytest.raises(ValidationError):
            await functions.deliver("load_session", body)


async def test_an_unknown_sheet_and_an_unknown_session_are_not_found(functions: Functions):
    created = await functions.request("create_session", body={"sheetId": UNKNOWN_SHEET})
    assert (created.status, created.json["code"]) == (404, "sheet_not_found")
    found = await functions.request("get_session", path={"id": str(uuid.uuid4())})
    assert (found.status, found.json["code"]) == (404, "session_not_found")


async def test_the_same_idempotency_key_gives_the_same_session_and_no_other(functions: Functions):
    key = {"Idempotency-Key": "once"}
    first, second = [await functions.request("create_session", body=BODY, headers=key) for _ in range(2)]
    assert (first.status, second.status) == (201, 201)
    assert first.json["id"] == second.json["id"]
    other = await functions.request("create_session", body={**BODY, "title": "Other"}, headers=key)
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")


async def create(functions: Functions, world: World) -> str:
    """A session that is ACTIVE."""
    session = (await functions.request("create_session", body=BODY)).json
    await functions.deliver("load_session", world.sent_to(LOAD_QUEUE)[-1])
    return session["id"]


async def test_sessions_are_listed_page_by_page(functions: Functions, world: World):
    created = {await create(functions, world) for _ in range(3)}
    first = await functions.request("list_sessions", query={"limit": "2"})
    second = await functions.request("list_sessions", query={"limit": "2", "cursor": first.json["nextCursor"]})
    assert (first.status, second.status, second.json["nextCursor"]) == (200, 200, None)
    assert {session["id"] for session in first.json["items"] + second.json["items"]} == created
    bad = await functions.request("list_sessions", query={"cursor": "of another service"})
    assert (bad.status, bad.json["code"]) == (422, "invalid_cursor")


async def test_a_session_is_renamed_closed_and_then_stays_closed(functions: Functions, world: World):
    path = {"id": await create(functions, world)}
    renamed = await functions.request("update_session", path=path, body={"title": "Mine"})
    assert (renamed.status, renamed.json["title"], renamed.json["state"]) == (200, "Mine", "ACTIVE")
    closed = await functions.request("update_session", path=path, body={"state": "CLOSED"})
    assert (closed.status, closed.json["title"], closed.json["state"]) == (200, "Mine", "CLOSED")
    load = await functions.request("request_session_load", path=path)
    assert (load.status, load.json["code"]) == (409, "invalid_transition")


async def test_an_update_names_what_is_wrong_with_it(functions: Functions, world: World):
    path = {"id": await create(functions, world)}
    unknown = await functions.request("update_session", path=path, body={"state": "ACTIVE", "sheetId": "1"})
    assert (unknown.status, set(unknown.fields)) == (422, {"state", "sheetId"})
    empty = await functions.request("update_session", path=path, body={})
    assert (empty.status, empty.fields) == (422, {"body": "give title, state, or both"})


async def test_loading_again_leads_out_of_error(functions: Functions, world: World):
    session_id = (await functions.request("create_session", body=BODY)).json["id"]
    world.fail_reads(UpstreamUnavailable("down"))
    await functions.deliver("load_session", world.sent_to(LOAD_QUEUE)[-1], attempt=MAX_DEQUEUE_COUNT)
    assert await state_of(functions, session_id) == "ERROR"
    answers = [await functions.request("request_session_load", path={"id": session_id}) for _ in range(2)]
    assert [(answer.status, answer.json["state"]) for answer in answers] == [(202, "INITIALIZING")] * 2
    for message in world.sent_to(LOAD_QUEUE):
        await functions.deliver("load_session", message)
    assert await state_of(functions, session_id) == "ACTIVE"


async def test_a_deleted_session_is_gone_and_its_messages_are_purged_by_the_queue_function(
    functions: Functions, world: World
):
    session_id = await create(functions, world)
    deleted = await functions.request("delete_session", path={"id": session_id})
    assert (deleted.status, deleted.json) == (200, {"id": session_id, "deleted": True})
    for name in ("get_session", "delete_session", "request_session_load"):
        answer = await functions.request(name, path={"id": session_id})
        assert (answer.status, answer.json["code"]) == (404, "session_not_found")
    (message,) = world.sent_to(DELETE_QUEUE)
    for _ in range(2):
        await functions.deliver("purge_session", message)
    remains = await world.container._session_store.find(message.owner, message.session_id)
    assert remains.deletion == "done"


async def test_the_timer_puts_a_lost_load_into_the_queue_again(functions: Functions, world: World):
    session = (await functions.request("create_session", body=BODY)).json
    world.queues.sent.clear()
    await functions.tick("repair_sessions")
    assert world.sent_to(LOAD_QUEUE) == []
    two_minutes_later = utc_now() + timedelta(minutes=2)
    world.container.session_upkeep._clock = lambda: two_minutes_later
    await functions.tick("repair_sessions")
    (message,) = world.sent_to(LOAD_QUEUE)
    assert message.session_id == session["id"]
