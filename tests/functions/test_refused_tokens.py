"""What becomes of requests and background work when Smartsheet refuses a token, for good or just once."""

import pytest

from shared.changes.submitting import GUARD_QUEUE
from shared.errors import Unauthorized, UpstreamUnavailable
from shared.jobs.steps import ApplyRun, JobRun, SlotRun
from tests.functions.client import Functions
from tests.functions.people import ADA, Browser
from tests.functions.world import SHEET, World

ANOTHER = "ada-another-token"
TEXT, SUMMARY = "1002", "1003"


@pytest.fixture
def world(people: World) -> World:
    """People sign in here."""
    return people


def once() -> Unauthorized:
    """Smartsheet's refusal of a call, though it takes the token."""
    return Unauthorized("Out.", code="needs_sign_in")


async def is_connected(browser: Browser) -> bool:
    return (await browser.request("get_me")).json["accountConnected"]


# --- for good ---------------------------------------------------------------------------------------


async def test_a_token_that_smartsheet_refuses_is_not_used_again_until_its_owner_signs_in(ada: Browser, world: World):
    await ada.sign_in(ADA)
    world.source.revoke(ADA)
    refused = await ada.request("list_sheets")
    assert (refused.status, refused.json["code"]) == (401, "needs_sign_in")
    calls = len(world.source.calls)
    again = await ada.request("list_sheets")
    assert (again.status, again.json["code"], len(world.source.calls)) == (401, "needs_sign_in", calls)
    assert not await is_connected(ada)
    await ada.sign_in(ANOTHER)
    assert await is_connected(ada)
    assert (await ada.request("list_sheets")).status == 200


async def test_a_refusal_in_the_background_is_noted_too(functions: Functions, ada: Browser, world: World):
    await ada.sign_in(ADA)
    session = (await ada.request("create_session", body={"sheetId": SHEET})).json
    world.source.revoke(ADA)
    (message,) = world.sent_to("session-load")
    await functions.deliver("load_session", message)
    assert not await is_connected(ada)
    await ada.sign_in(ANOTHER)
    loaded = (await ada.request("get_session", path={"id": session["id"]})).json
    assert (loaded["state"], loaded["stateReason"]) == ("ERROR", "needs_sign_in")


# --- just once --------------------------------------------------------------------------------------


async def test_a_request_can_be_tried_again(ada: Browser, world: World):
    await ada.sign_in(ADA)
    world.source.fail("list_sheets", once())
    refused = await ada.request("list_sheets")
    assert (refused.status, refused.json["code"], refused.headers["Retry-After"]) == (503, "token_renewed", "1")
    assert await is_connected(ada)
    assert (await ada.request("list_sheets")).status == 200


async def test_a_session_is_loaded_with_the_next_delivery(functions: Functions, ada: Browser, world: World):
    await ada.sign_in(ADA)
    session = (await ada.request("create_session", body={"sheetId": SHEET})).json
    world.source.fail("get_sheet", once())
    (message,) = world.sent_to("session-load")
    with pytest.raises(UpstreamUnavailable):
        await functions.deliver("load_session", message)
    await functions.deliver("load_session", message)
    assert (await ada.request("get_session", path={"id": session["id"]})).json["state"] == "ACTIVE"


async def test_a_change_set_is_brought_to_its_end(functions: Functions, ada: Browser, world: World):
    await ada.sign_in(ADA)
    world.source.fail("update_rows", once(), times=2)
    body = {"cells": [{"columnId": SUMMARY, "value": "Fixed"}]}
    refused = await ada.request("change_row", path={"sheetId": SHEET, "rowId": "1"}, body=body)
    assert (refused.status, refused.json["code"]) == (503, "token_renewed")
    (message,) = world.sent_to(GUARD_QUEUE)
    with pytest.raises(UpstreamUnavailable):
        await functions.deliver("continue_change", message)
    await functions.deliver("continue_change", message)
    assert world.source.value(SHEET, "1", SUMMARY) == "Fixed"
    (change_set,) = (await ada.request("list_changes", query={"sheetId": SHEET})).json["items"]
    assert change_set["status"] == "applied"


async def test_a_job_does_not_pause(functions: Functions, ada: Browser, world: World):
    await ada.sign_in(ADA)
    parameters = {"sourceColumns": [TEXT], "targetColumn": SUMMARY}
    body = {"type": "SUMMARIZE", "sheetId": SHEET, "parameters": parameters}
    job = (await ada.request("start_job", body=body)).json
    run = JobRun.model_validate(world.durable.started[0][2])
    planned = await functions.activity("plan_job", run)
    for slot in range(planned["slots"]):
        await functions.activity("process_rows", SlotRun(job=run, slot=slot))
    world.source.fail("update_rows", once())
    waits = await functions.activity("apply_outcomes", ApplyRun(job=run, flush=True))
    assert (waits["settled"], waits["remaining"], waits["pausedUntil"], waits["error"]) == (0, True, None, None)
    assert (await ada.request("get_job", path={"jobId": job["id"]})).json["paused"] is None
    applied = await functions.activity("apply_outcomes", ApplyRun(job=run, flush=True))
    assert (applied["settled"], applied["remaining"]) == (3, False)
