"""Sessions: known sheets only, loaded in the background, ACTIVE only with their data."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from shared.chat.models import LoadSession
from shared.chat.requests import CreateSession, UpdateSession
from shared.chat.sessions import LOAD_QUEUE
from shared.chat.states import TRANSITIONS, SessionState, require_transition
from shared.errors import Conflict, InvalidInput, NotFound, StorageFull, UpstreamUnavailable
from shared.identity.models import Caller
from shared.ids import SessionId, SheetId, UserId
from shared.stores.documents import Create
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.smartsheet import sheet_of
from tests.unit.chat.world import BOB, CALLER, REQUEST, World

CLOSE = UpdateSession(state="CLOSED")


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents)


async def test_a_session_is_initializing_and_then_active_with_the_sheets_name(world: World):
    session = await world.service.create(CALLER, REQUEST)
    assert session.state == "INITIALIZING"
    await world.deliver()
    loaded = await world.state(session)
    assert (loaded.state, loaded.title, loaded.row_count, loaded.sheet_version) == ("ACTIVE", "Garden", 2, 1)
    (event,) = await world.events.history(f"session:{session.id}", 0)
    assert event.data["state"] == "ACTIVE"


async def test_an_empty_sheet_is_active(world: World):
    session = await world.service.create(CALLER, CreateSession(sheet_id=SheetId("200")))
    await world.deliver()
    assert (await world.state(session)).state == "ACTIVE"


async def test_an_unknown_sheet_is_told_at_once_and_nothing_is_kept(world: World):
    with pytest.raises(NotFound) as raised:
        await world.service.create(CALLER, CreateSession(sheet_id=SheetId("999")))
    assert raised.value.code == "sheet_not_found"
    assert world.queue.sent == []


async def test_a_sheet_that_vanishes_before_loading_leads_to_error(world: World):
    session = await world.service.create(CALLER, REQUEST)
    world.source.delete_sheet("100")
    await world.deliver()
    failed = await world.state(session)
    assert (failed.state, failed.state_reason) == ("ERROR", "sheet_not_found")


async def test_a_passing_fault_is_tried_again_and_the_last_attempt_ends_in_error(world: World):
    session = await world.service.create(CALLER, REQUEST)
    world.source.fail("get_sheet", UpstreamUnavailable("down"), times=2)
    with pytest.raises(UpstreamUnavailable):
        await world.deliver()
    assert (await world.state(session)).state == "INITIALIZING"
    await world.deliver(last_attempt=True)
    assert (await world.state(session)).state_reason == "upstream_unavailable"


async def test_a_second_delivery_changes_nothing(world: World):
    session = await world.service.create(CALLER, REQUEST)
    await world.deliver()
    await world.deliver()
    assert len(await world.events.history(f"session:{session.id}", 0)) == 1


async def test_the_same_idempotency_key_gives_the_same_session(world: World):
    first = await world.service.create(CALLER, REQUEST, idempotency_key="k1")
    second = await world.service.create(CALLER, REQUEST, idempotency_key="k1")
    assert first.id == second.id
    with pytest.raises(InvalidInput) as raised:
        await world.service.create(CALLER, CreateSession(sheet_id=SheetId("200")), idempotency_key="k1")
    assert raised.value.code == "idempotency_key_reused"


async def test_somebody_elses_session_does_not_exist(world: World):
    session = await world.service.create(CALLER, REQUEST)
    with pytest.raises(NotFound):
        await world.service.get(Caller(UserId("bob"), SecretStr("bob")), session.id)


# --- states ----------------------------------------------------------------------------------------

STATES: list[SessionState] = ["INITIALIZING", "ACTIVE", "ERROR", "CLOSED"]
ALLOWED = {
    ("INITIALIZING", "ACTIVE"),
    ("INITIALIZING", "ERROR"),
    ("INITIALIZING", "CLOSED"),
    ("ACTIVE", "ERROR"),
    ("ACTIVE", "INITIALIZING"),
    ("ACTIVE", "CLOSED"),
    ("ERROR", "INITIALIZING"),
    ("ERROR", "CLOSED"),
}


@pytest.mark.parametrize("current", STATES)
@pytest.mark.parametrize("following", STATES)
def test_only_the_steps_of_the_table_are_taken(current: SessionState, following: SessionState):
    assert set(TRANSITIONS) == set(STATES)
    if (current, following) in ALLOWED:
        require_transition(current, following)
        return
    with pytest.raises(Conflict) as raised:
        require_transition(current, following)
    assert raised.value.code == "invalid_transition"


@pytest.mark.parametrize("change", [{"total_row_count": 3}, {"columns": ()}])
async def test_a_session_is_not_active_without_all_of_the_sheet(
    world: World, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    session = await world.service.create(CALLER, REQUEST)
    whole = sheet_of(["Task"], [["Dig"], ["Fill"]], name="Garden")

    async def open_cut(*_: Any, **__: Any) -> Any:
        return replace(whole, **change)

    monkeypatch.setattr(world.sheets, "open", open_cut)
    await world.deliver(last_attempt=True)
    failed = await world.state(session)
    assert (failed.state, failed.state_reason) == ("ERROR", "incomplete_sheet")


async def test_a_session_is_renamed_and_closed_for_good(world: World):
    session = await world.opened()
    renamed = await world.service.update(CALLER, session.id, UpdateSession(title="Mine"))
    assert (renamed.title, renamed.state) == ("Mine", "ACTIVE")
    closed = await world.service.update(CALLER, session.id, CLOSE)
    assert (closed.title, closed.state) == ("Mine", "CLOSED")
    assert await world.service.update(CALLER, session.id, CLOSE) == closed
    with pytest.raises(Conflict) as raised:
        await world.service.request_load(CALLER, session.id)
    assert raised.value.code == "invalid_transition"
    assert await world.state(session) == closed


async def test_a_session_that_is_closed_while_it_loads_stays_closed(world: World):
    session = await world.service.create(CALLER, REQUEST)
    await world.service.update(CALLER, session.id, CLOSE)
    await world.deliver()
    assert (await world.state(session)).state == "CLOSED"


@pytest.mark.parametrize("fields", [{}, {"title": None}, {"title": ""}, {"state": "ACTIVE"}, {"sheetId": "1"}])
def test_an_update_that_says_nothing_or_too_much_is_refused(fields: dict[str, Any]):
    with pytest.raises(ValidationError):
        UpdateSession.model_validate(fields)


async def test_loading_leads_out_of_error_and_asking_twice_changes_nothing(world: World):
    session = await world.service.create(CALLER, REQUEST)
    world.source.fail("get_sheet", UpstreamUnavailable("down"))
    await world.deliver(last_attempt=True)
    assert (await world.state(session)).state == "ERROR"
    first = await world.service.request_load(CALLER, session.id)
    second = await world.service.request_load(CALLER, session.id)
    assert (first.state, first.state_reason) == ("INITIALIZING", None)
    assert second == first
    await world.drain()
    assert (await world.state(session)).state == "ACTIVE"
    states = [event.data["state"] for event in await world.events.history(f"session:{session.id}", 0)]
    assert states == ["ERROR", "INITIALIZING", "ACTIVE"]


async def test_an_active_session_is_loaded_again(world: World):
    session = await world.opened()
    assert (await world.service.request_load(CALLER, session.id)).state == "INITIALIZING"
    await world.drain()
    assert (await world.state(session)).state == "ACTIVE"


async def test_a_rename_during_the_load_is_kept(world: World):
    session = await world.service.create(CALLER, REQUEST)
    await world.service.update(CALLER, session.id, UpdateSession(title="Mine"))
    await world.drain()
    loaded = await world.state(session)
    assert (loaded.state, loaded.title) == ("ACTIVE", "Mine")


# --- lists and owners ------------------------------------------------------------------------------


async def test_sessions_are_listed_newest_first_page_by_page_and_only_ones_own(world: World):
    created = []
    for _ in range(5):
        world.clock.advance(1)
        created.append(await world.service.create(CALLER, REQUEST))
    await world.service.delete(CALLER, created[2].id)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await world.service.list(CALLER, limit=1, cursor=cursor)
        assert page.items
        seen += [session.id for session in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [created[number].id for number in (4, 3, 1, 0)]
    assert (await world.service.list(BOB, limit=10, cursor=None)).items == ()


async def test_somebody_elses_session_cannot_be_changed(world: World):
    session = await world.opened()
    calls = [
        world.service.update(BOB, session.id, CLOSE),
        world.service.request_load(BOB, session.id),
        world.service.delete(BOB, session.id),
    ]
    for call in calls:
        with pytest.raises(NotFound) as raised:
            await call
        assert raised.value.code == "session_not_found"
    assert await world.state(session) == session
    assert world.queue.sent == []


# --- older documents -------------------------------------------------------------------------------

VERSION_1 = {
    "id": "old",
    "owner": CALLER.user_id,
    "sheetId": "100",
    "title": "Plan",
    "requestHash": "hash",
    "correlationId": "c",
    "createdAt": "2026-01-01T00:00:00Z",
    "updatedAt": "2026-01-01T00:00:00Z",
}


async def test_a_session_of_the_first_version_has_no_checked_data_until_it_is_loaded(world: World):
    await world.documents.write("sessions", CALLER.user_id, Create("old", VERSION_1))
    session = await world.service.get(CALLER, SessionId("old"))
    assert (session.state, session.title) == ("INITIALIZING", "Plan")
    await world.service.request_load(CALLER, session.id)
    (queue, message, _) = world.queue.sent[-1]
    assert queue == LOAD_QUEUE and isinstance(message, LoadSession)
    await world.drain()
    assert (await world.state(session)).state == "ACTIVE"
    stored = await world.documents.find("sessions", CALLER.user_id, "old")
    assert stored is not None
    assert stored.body["schemaVersion"] == 3


@pytest.mark.parametrize("looking", ["get", "list", "rename"])
async def test_a_session_of_the_first_version_is_loaded_by_the_timer_once_somebody_has_looked(
    world: World, looking: str
):
    await world.documents.write("sessions", CALLER.user_id, Create("old", VERSION_1))
    await world.pass_minutes(3)
    for _ in range(3):
        if looking == "list":
            await world.service.list(CALLER, limit=10, cursor=None)
            continue
        if looking == "rename":
            await world.service.update(CALLER, SessionId("old"), UpdateSession(title="Plan"))
        await world.service.get(CALLER, SessionId("old"))
    assert len(await world.due.list_due("session", world.clock(), limit=10)) == 1
    await world.pass_minutes(1)
    loaded = await world.service.get(CALLER, SessionId("old"))
    assert (loaded.state, loaded.title, loaded.row_count) == ("ACTIVE", "Plan", 2)
    assert [event.data["state"] for event in await world.events.history("session:old", 0)] == ["ACTIVE"]
    await world.pass_minutes(3)
    assert await world.due.list_due("session", world.clock(), limit=10) == []


async def test_reading_a_session_of_the_first_version_does_not_fail_where_nothing_can_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    await world.documents.write("sessions", CALLER.user_id, Create("old", VERSION_1))

    async def full(*_: Any, **__: Any) -> None:
        raise StorageFull("no room")

    with monkeypatch.context() as patch:
        patch.setattr(world.due, "add", full)
        assert (await world.service.get(CALLER, SessionId("old"))).state == "INITIALIZING"
    await world.service.get(CALLER, SessionId("old"))
    await world.pass_minutes(1)
    assert (await world.service.get(CALLER, SessionId("old"))).state == "ACTIVE"


async def test_a_session_of_the_second_version_is_read_and_stored_in_the_newest(world: World):
    body = {**VERSION_1, "schemaVersion": 2, "state": "ERROR", "stateReason": "timeout", "loadRepairs": 1}
    await world.documents.write("sessions", CALLER.user_id, Create("old", body))
    await world.service.request_load(CALLER, SessionId("old"))
    await world.drain()
    assert await world.announced(SessionId("old")) == ["INITIALIZING", "ACTIVE"]
    stored = await world.documents.find("sessions", CALLER.user_id, "old")
    assert stored is not None
    assert stored.body["schemaVersion"] == 3


async def test_a_state_of_the_first_version_is_kept(world: World):
    await world.documents.write("sessions", CALLER.user_id, Create("old", {**VERSION_1, "state": "CLOSED"}))
    assert (await world.service.get(CALLER, SessionId("old"))).state == "CLOSED"


async def test_a_document_of_a_newer_release_is_not_misread(world: World):
    newer = {**VERSION_1, "schemaVersion": 4, "mood": "good"}
    await world.documents.write("sessions", CALLER.user_id, Create("old", newer))
    with pytest.raises(UpstreamUnavailable) as raised:
        await world.service.get(CALLER, SessionId("old"))
    assert raised.value.code == "newer_schema"
