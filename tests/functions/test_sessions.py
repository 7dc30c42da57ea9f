"""Sessions over HTTP, and their queue function."""

import uuid

import pytest
from pydantic import ValidationError

from shared.chat.sessions import LOAD_QUEUE
from shared.errors import UpstreamUnavailable
from shared.functions.sessions import MAX_DEQUEUE_COUNT
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
