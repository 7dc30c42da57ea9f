"""Starting jobs: what cannot work is said at once, and what was started is started once."""

from dataclasses import replace
from typing import Any

import pytest

from shared.errors import AppError, Forbidden, InvalidInput, NotFound, StorageFull, UpstreamUnavailable
from shared.jobs.steps import JobRun
from shared.sheets.models import AccessLevel, Column, ColumnType
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.smartsheet import FakeSheetSource, sheet_of
from tests.unit.jobs.world import CALLER, SHEET, World, report_sheet


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents, report_sheet(3))


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"type": "PAINT"}, "unknown_job_type", "type"),
        ({"parameters": {}}, "invalid_input", "parameters.sourceColumns"),
        ({"parameters": {"sourceColumns": ["Text"], "targetColumn": "Sumary"}}, None, "parameters.targetColumn"),
        (
            {"parameters": {"sourceColumns": ["Text", "9"], "targetColumn": "Summary"}},
            None,
            "parameters.sourceColumns.1",
        ),
        (
            {"parameters": {"sourceColumns": ["Text"], "targetColumn": "Text"}},
            "invalid_input",
            "parameters.targetColumn",
        ),
        ({"rows": {"ids": ["1", "77"]}}, "unknown_row", "rows.ids"),
    ],
)
async def test_what_cannot_work_is_said_with_the_field(world: World, changes: Any, code: str | None, field: str):
    with pytest.raises(InvalidInput) as raised:
        await world.start(**changes)
    assert field in [error.field for error in raised.value.errors]
    assert code is None or raised.value.code == code
    assert world.runner.started == []


@pytest.mark.parametrize("rows", [[], [["Title only"]], [["Title", "   "]]])
async def test_a_job_without_rows_is_refused(documents: SqliteDocuments, rows: Any):
    world = World(documents, FakeSheetSource(sheet_of(["Title", "Text", "Summary"], rows)))
    with pytest.raises(InvalidInput) as raised:
        await world.start()
    assert raised.value.code == "no_rows"


async def test_an_unknown_sheet_is_not_found(world: World):
    with pytest.raises(NotFound) as raised:
        await world.start(sheetId="404")
    assert raised.value.code == "sheet_not_found"


async def test_a_read_only_sheet_is_refused(world: World):
    world.source.share("token", SHEET, AccessLevel.VIEWER)
    with pytest.raises(Forbidden) as raised:
        await world.start()
    assert raised.value.code == "sheet_read_only"


async def test_a_sheet_that_nobody_may_change_is_refused(documents: SqliteDocuments):
    sheet = replace(sheet_of(["Title", "Text", "Summary"], [["a", "b"]]), read_only=True)
    world = World(documents, FakeSheetSource(sheet))
    with pytest.raises(Forbidden) as raised:
        await world.start()
    assert raised.value.code == "sheet_read_only"


async def test_a_system_column_cannot_be_the_target(documents: SqliteDocuments):
    made = Column("1003", 2, "Created", ColumnType.DATETIME, system_type="CREATED_DATE")  # type: ignore[arg-type]
    sheet = sheet_of(["Title", "Text"], [["a", "b"]])
    world = World(documents, FakeSheetSource(sheet_of([*sheet.columns, made], [["a", "b"]])))
    with pytest.raises(InvalidInput):
        await world.start(parameters={"sourceColumns": ["Text"], "targetColumn": "Created"})


async def test_the_guard_is_queued_before_the_job_is_saved(world: World):
    job = await world.start()
    ((queue, message, delay),) = world.queue.sent
    assert (queue, delay) == ("job-guard", 30)
    assert isinstance(message, JobRun)
    assert message.job_id == job.id


async def test_a_start_that_was_not_confirmed_is_made_up_by_the_guard(world: World):
    world.runner.error = UpstreamUnavailable("no answer")
    job = await world.start()
    assert job.status == "queued"
    world.runner.error = None
    _, message, _ = world.queue.sent[0]
    assert isinstance(message, JobRun)
    await world.guard.look(message, world.runner)
    assert [run.job_id for run in world.runner.started] == [job.id]
    await world.run()
    await world.guard.look(message, world.runner)
    assert len(world.runner.started) == 1


async def test_a_full_storage_is_told_and_the_job_has_failed(world: World):
    world.runner.error = StorageFull("full")
    with pytest.raises(StorageFull):
        await world.start()
    (job,) = (await world.service.list(CALLER, limit=10, cursor=None)).items
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.code == "storage_full"


async def test_the_same_idempotency_key_starts_one_job(world: World):
    first = await world.service.start(CALLER, world.request(), world.runner, idempotency_key="k")
    second = await world.service.start(CALLER, world.request(), world.runner, idempotency_key="k")
    assert first.id == second.id
    assert len(world.runner.started) == 1
    with pytest.raises(AppError) as raised:
        other = world.request(rows={"ids": ["1"]})
        await world.service.start(CALLER, other, world.runner, idempotency_key="k")
    assert raised.value.code == "idempotency_key_reused"


async def test_jobs_are_listed_newest_first(world: World):
    ids = []
    for _ in range(3):
        ids.append((await world.start()).id)
        world.clock.advance(1)
    page = await world.service.list(CALLER, limit=2, cursor=None)
    rest = await world.service.list(CALLER, limit=2, cursor=page.next_cursor)
    assert [job.id for job in (*page.items, *rest.items)] == ids[::-1]
