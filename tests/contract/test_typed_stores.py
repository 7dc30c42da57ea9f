"""What the stores of the domains must do, on each database; on the fake with the product's indexes only."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.changes.models import Author, CellChange, ChangeSet, ImageChunk, ItemChunk, RowImage
from shared.chat.models import ChatSession
from shared.errors import Conflict, InvalidInput, NotFound, PreconditionFailed
from shared.ids import ChangeSetId, ColumnId, JobId, RowId, SessionId, SheetId, UserId
from shared.jobs.models import ChunkProgress, Job, PlanPart, RowOutcome, WriteCursor
from shared.realtime.ports import Audience, Connection
from shared.sheets.input import CellContent
from shared.stores.changes import DocumentChangeStore
from shared.stores.connections import DocumentAudienceStore, DocumentConnectionStore
from shared.stores.documents import DocumentStore
from shared.stores.events import DocumentEventStore
from shared.stores.jobs import DocumentJobStore, DocumentLedger
from shared.stores.sessions import DocumentSessionStore
from tests.fakes.clock import FakeClock

NOW = FakeClock()()
ADA, BOB = UserId("ada"), UserId("bob")
SHEET = SheetId("7345112399104900")
JOB = JobId("a-job")
CHANGE_SET = ChangeSetId("a-change-set")


def job(number: int, owner: UserId = ADA, **fields: Any) -> Job:
    at = NOW + timedelta(seconds=number)
    values: dict[str, Any] = {
        "id": f"job-{number}",
        "owner": owner,
        "type": "SUMMARIZE",
        "sheet_id": SHEET,
        "status": "queued",
        "source_column_ids": (ColumnId("1"),),
        "target_column_id": ColumnId("2"),
        "request_hash": "hash",
        "parameters": {"limit": 2**60, "words": ["a", None, {"$int": "5"}]},
        "correlation_id": "c",
        "created_at": at,
        "updated_at": at,
    }
    return Job(**values | fields)


def outcome(position: int, **fields: Any) -> RowOutcome:
    values: dict[str, Any] = {
        "id": str(1000 - position),
        "position": position,
        "status": "done",
        "value": "Größe \U0001f600",
        "before": 12345678901234567,
        "input_hash": "hash",
        "write_state": "pending",
        "at": NOW,
    }
    return RowOutcome(**values | fields)


def session(owner: UserId = ADA) -> ChatSession:
    return ChatSession(
        id="a-session",
        owner=owner,
        sheet_id=SHEET,
        title="Plan",
        state="INITIALIZING",
        request_hash="hash",
        correlation_id="c",
        created_at=NOW,
        updated_at=NOW,
    )


def change_set() -> ChangeSet:
    return ChangeSet(
        id="a-change-set",
        owner=ADA,
        sheet_id=SHEET,
        author=Author(kind="user", id=ADA),
        item_count=1,
        created_at=NOW,
        updated_at=NOW,
    )


def chunks(count: int) -> list[ItemChunk]:
    """Chunks of one cell each."""
    return [
        ItemChunk(
            id=f"{n:06d}",
            items=(
                CellChange(
                    row_id=RowId(str(n)),
                    column_id=ColumnId("1"),
                    before=CellContent(value=float(n)),
                    after=CellContent(object_value={"objectType": "MULTI_PICKLIST", "values": ["x", "ä"]}),
                ),
            ),
        )
        for n in range(count)
    ]


async def all_chunks(changes: DocumentChangeStore) -> list[ItemChunk]:
    found: list[ItemChunk] = []
    cursor: str | None = None
    while True:
        page, cursor = await changes.list_chunks(CHANGE_SET, limit=50, cursor=cursor)
        found += [chunk.model_copy(update={"etag": ""}) for chunk in page]
        if cursor is None:
            return found


# --- jobs ------------------------------------------------------------------------------------------


async def test_a_job_is_read_back_as_it_was_created(documents: DocumentStore):
    jobs = DocumentJobStore(documents)
    created = await jobs.create(job(1))
    assert created.etag
    assert await jobs.get(ADA, JobId("job-1")) == created == job(1, etag=created.etag)


async def test_a_job_is_created_once_and_only_its_owner_finds_it(documents: DocumentStore):
    jobs = DocumentJobStore(documents)
    await jobs.create(job(1))
    with pytest.raises(Conflict):
        await jobs.create(job(1))
    with pytest.raises(NotFound) as raised:
        await jobs.get(BOB, JobId("job-1"))
    assert raised.value.code == "job_not_found"


async def test_of_two_changes_to_a_job_one_is_told_to_read_again(documents: DocumentStore):
    jobs = DocumentJobStore(documents)
    read = await jobs.create(job(1))
    results = await asyncio.gather(
        *(jobs.replace(read.model_copy(update={"progress": n})) for n in (1, 2)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Job", "PreconditionFailed"]


async def test_jobs_are_listed_newest_first_page_by_page(documents: DocumentStore):
    jobs = DocumentJobStore(documents)
    for number in (3, 1, 5, 2, 4):
        await jobs.create(job(number))
    await jobs.create(job(6, owner=BOB))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = await jobs.list(ADA, limit=2, cursor=cursor)
        seen += [found.id for found in page]
        if cursor is None:
            break
        assert len(cursor) <= 500  # what the edge takes
    assert seen == ["job-5", "job-4", "job-3", "job-2", "job-1"]
    with pytest.raises(InvalidInput):
        await jobs.list(ADA, limit=2, cursor="of another service")


# --- ledger ----------------------------------------------------------------------------------------


async def test_outcomes_of_more_than_one_batch_are_saved_and_saved_again(documents: DocumentStore):
    ledger = DocumentLedger(documents)
    for _ in range(2):  # everything is delivered twice
        await ledger.save(JOB, [outcome(position) for position in range(230)])
    found, cursor = await ledger.list(JOB, limit=1000, cursor=None)
    assert [row.position for row in found] == list(range(230))
    assert cursor is None
    assert await ledger.find(JOB, RowId("1000")) == found[0]
    assert found[0].model_copy(update={"etag": ""}) == outcome(0)
    assert await ledger.find(JOB, RowId("1")) is None
    assert await ledger.find(JobId("another"), RowId("1000")) is None


async def test_jobs_are_found_by_status_and_sheet_page_by_page(documents: DocumentStore):
    jobs = DocumentJobStore(documents)
    for number in range(6):
        status = "completed" if number % 2 else "queued"
        await jobs.create(job(number, status=status, sheet_id=SHEET if number < 4 else SheetId("1")))
    await jobs.create(job(9, owner=BOB, status="queued"))

    async def found(**wanted: Any) -> list[str]:
        names: list[str] = []
        cursor: str | None = None
        while True:
            page, cursor = await jobs.list(ADA, limit=1, cursor=cursor, **wanted)
            names += [each.id for each in page]
            if cursor is None:
                return names

    assert await found() == [f"job-{number}" for number in (5, 4, 3, 2, 1, 0)]
    assert await found(status="queued") == ["job-4", "job-2", "job-0"]
    assert await found(sheet_id=SHEET) == ["job-3", "job-2", "job-1", "job-0"]
    assert await found(status="completed", sheet_id=SheetId("1")) == ["job-5"]
    assert await found(status="failed") == []


async def test_outcomes_are_found_by_what_they_count_as(documents: DocumentStore):
    ledger = DocumentLedger(documents)
    states = ["written", "conflict", "pending", "refused", "unchanged"]
    await ledger.save(JOB, [outcome(position, write_state=state) for position, state in enumerate(states)])
    await ledger.save(JOB, [outcome(5, status="skipped", write_state="none")])
    for status, positions in {"done": [0, 2, 4], "failed": [1, 3], "skipped": [5]}.items():
        wanted: Any = status
        first, cursor = await ledger.list(JOB, status=wanted, limit=1, cursor=None)
        rest = (await ledger.list(JOB, status=wanted, limit=9, cursor=cursor))[0] if cursor else []
        assert [row.position for row in [*first, *rest]] == positions


async def test_unwritten_outcomes_come_in_the_order_of_the_sheet(documents: DocumentStore):
    ledger = DocumentLedger(documents)
    states = ["pending", "written", "none", "pending", "conflict", "pending"]
    await ledger.save(JOB, [outcome(position, write_state=state) for position, state in enumerate(states)])
    assert [row.position for row in await ledger.list_unwritten(JOB, limit=2)] == [0, 3]
    await ledger.save(JOB, [outcome(0, write_state="written")])
    assert [row.position for row in await ledger.list_unwritten(JOB, limit=10)] == [3, 5]


async def test_plans_and_the_progress_of_a_wave_are_kept(documents: DocumentStore):
    ledger = DocumentLedger(documents)
    part = PlanPart(id="0", slots=((RowId("1"), RowId("2")), (RowId("3"),)), positions=((0, 1), (2,)))
    await ledger.save_plan(JOB, [part, part])
    assert (await ledger.get_part(JOB, "0")).slots == part.slots
    with pytest.raises(NotFound):
        await ledger.get_part(JOB, "1")
    for run, wave, chunk in ((1, 1, "1-1-0"), (1, 2, "1-2-0"), (2, 1, "2-1-0"), (2, 2, "2-2-0"), (2, 2, "2-2-0")):
        last = await ledger.save_progress(JOB, ChunkProgress(id=chunk, run=run, wave=wave, done=5, failed=0, skipped=0))
    assert [progress.id for progress in last] == ["2-2-0"]


async def test_the_cursor_of_the_writer_moves_only_from_where_it_was_read(documents: DocumentStore):
    ledger = DocumentLedger(documents)
    start = await ledger.get_cursor(JOB)
    assert (start.batch, start.etag) == (0, "")
    await ledger.save_cursor(JOB, start.model_copy(update={"open_rows": (RowId("1"),)}))
    with pytest.raises(Conflict):
        await ledger.save_cursor(JOB, start)
    read = await ledger.get_cursor(JOB)
    await ledger.save_cursor(JOB, WriteCursor(id=read.id, batch=1, etag=read.etag))
    with pytest.raises(PreconditionFailed):
        await ledger.save_cursor(JOB, WriteCursor(id=read.id, batch=2, etag=read.etag))
    assert (await ledger.get_cursor(JOB)).batch == 1


# --- events ----------------------------------------------------------------------------------------


async def test_events_of_writers_at_the_same_time_get_numbers_without_gaps(documents: DocumentStore):
    events = DocumentEventStore(documents, retention_days=7)
    topic = "sheet:7345112399104900"
    stored = await asyncio.gather(
        *(events.append(topic, "sheet_update", {"n": n}, at=NOW, correlation_id=None) for n in range(6))
    )
    assert sorted(event.seq for event in stored) == [1, 2, 3, 4, 5, 6]
    assert await events.last_seq(topic) == 6
    by_seq = sorted(stored, key=lambda event: event.seq)
    found = await events.after(topic, 2, limit=3)
    assert [event.model_copy(update={"etag": ""}) for event in found] == by_seq[2:5]
    assert await events.after("sheet:1", 0, limit=3) == []
    assert await events.last_seq("sheet:1") == 0


# --- change-sets -----------------------------------------------------------------------------------


async def test_a_change_set_is_stored_once(documents: DocumentStore):
    changes = DocumentChangeStore(documents)
    many = chunks(120)
    created, _ = await changes.create(change_set(), many)
    with pytest.raises(Conflict):
        await changes.create(change_set(), many)
    with pytest.raises(Conflict):
        await changes.create(change_set().model_copy(update={"sheet_id": SheetId("1")}), [])
    assert await changes.find(SHEET, CHANGE_SET) == created
    assert await all_chunks(changes) == many


async def test_a_change_set_is_saved_by_the_one_who_read_it_last(documents: DocumentStore):
    changes = DocumentChangeStore(documents)
    created, _ = await changes.create(change_set(), chunks(1))
    await changes.save(created)
    with pytest.raises(PreconditionFailed):
        await changes.save(created)
    assert await changes.find(SheetId("1"), CHANGE_SET) is None


async def test_a_change_set_is_found_by_its_id_alone(documents: DocumentStore):
    changes = DocumentChangeStore(documents)
    assert await changes.find_sheet(CHANGE_SET) is None
    await changes.create(change_set(), chunks(1))
    assert await changes.find_sheet(CHANGE_SET) == SHEET


async def test_what_became_of_some_items_replaces_their_chunks(documents: DocumentStore):
    changes = DocumentChangeStore(documents)
    _, many = await changes.create(change_set(), chunks(3))
    (cell,) = many[1].items
    written = many[1].model_copy(update={"items": (cell.model_copy(update={"state": "written"}),)})
    (stored,) = await changes.save_chunks(CHANGE_SET, [written])
    assert [chunk.items for chunk in await all_chunks(changes)] == [many[0].items, written.items, many[2].items]
    with pytest.raises(PreconditionFailed):  # who read it before does not write over it
        await changes.save_chunks(CHANGE_SET, [many[1]])
    assert await changes.save_chunks(CHANGE_SET, [stored]) != [stored]


async def test_the_timeline_has_the_newest_first_and_goes_on_by_cursor(documents: DocumentStore):
    changes = DocumentChangeStore(documents)
    for number in range(3):
        at = NOW + timedelta(seconds=number)
        await changes.create(change_set().model_copy(update={"id": f"cs-{number}", "created_at": at}), [])
    first, cursor = await changes.list_by_sheet(SHEET, limit=2, cursor=None)
    rest, end = await changes.list_by_sheet(SHEET, limit=2, cursor=cursor)
    assert [one.id for one in [*first, *rest]] == ["cs-2", "cs-1", "cs-0"]
    assert end is None


async def test_images_come_back_in_the_asked_order(documents: DocumentStore):
    changes = DocumentChangeStore(documents)
    images = [ImageChunk(id=name, images=(RowImage(row_id=RowId(name), cells=()),)) for name in ("1-0", "1-1")]
    await changes.save_images(CHANGE_SET, images)
    found = await changes.get_images(CHANGE_SET, ["1-1", "1-0"])
    assert [chunk.id for chunk in found] == ["1-1", "1-0"]


# --- sessions and connections ----------------------------------------------------------------------


async def test_a_session_is_its_owners_and_changes_from_what_was_read(documents: DocumentStore):
    sessions = DocumentSessionStore(documents)
    created = await sessions.create(session())
    with pytest.raises(NotFound) as raised:
        await sessions.get(BOB, SessionId("a-session"))
    assert raised.value.code == "session_not_found"
    active = await sessions.replace(created.model_copy(update={"state": "ACTIVE"}))
    assert await sessions.get(ADA, SessionId("a-session")) == active
    with pytest.raises(PreconditionFailed):
        await sessions.replace(created)


async def test_a_session_id_that_no_session_can_have_is_not_found(documents: DocumentStore):
    with pytest.raises(NotFound):
        await DocumentSessionStore(documents).get(ADA, SessionId("../../colls"))


async def test_a_connection_is_remembered_until_it_is_deleted(documents: DocumentStore):
    connections = DocumentConnectionStore(documents)
    await connections.save(Connection(id="c-1", listener=ADA))
    await connections.save(Connection(id="c-1", listener=ADA))
    found = await connections.find("c-1")
    assert found is not None
    assert found.listener == ADA
    await connections.delete("c-1")
    await connections.delete("c-1")
    assert await connections.find("c-1") is None


async def test_what_a_user_hears_is_kept_by_the_one_who_read_it_last(documents: DocumentStore):
    audiences = DocumentAudienceStore(documents)
    noted = Audience(id=ADA, topics=("sheet:1", "job:2"), joinable_until=NOW, look_at=NOW)
    saved = await audiences.save(noted)
    assert await audiences.find(ADA) == saved
    with pytest.raises(Conflict):
        await audiences.save(noted)
    await audiences.save(saved.model_copy(update={"topics": ()}))
    with pytest.raises(PreconditionFailed):
        await audiences.save(saved)
    assert await audiences.find(BOB) is None
    await audiences.delete(saved)
    assert await audiences.find(ADA) is None
