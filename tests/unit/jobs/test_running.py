"""A job from start to end: every row has one outcome, written once, whatever happens on the way."""

from pathlib import Path

import pytest

from shared.ai.ports import ModelDeferred, ModelRefusal
from shared.errors import UpstreamTimeout
from shared.sheets.models import Cell
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.killing import Countdown, Killed
from tests.unit.jobs.world import CALLER, SHEET, SUMMARY, TEXT, World, report_sheet


async def test_every_row_is_summarised_and_written_with_one_call_per_500(documents: SqliteDocuments):
    world = World(documents, report_sheet(1100))
    started = await world.start()
    assert (started.status, started.total) == ("queued", 1100)
    job = await world.run()
    assert (job.status, job.progress, job.written_rows) == ("completed", 1100, 1100)
    assert all(world.summaries())
    assert job.result is not None
    assert (job.result.processed_rows, job.result.failed_rows, job.result.skipped_rows) == (1100, 0, 0)
    assert len(job.result.sample_results) == 5
    assert job.result.tokens.input > 0
    assert job.result.cost.currency == "EUR"
    assert job.result.cost.amount
    # One load, then one re-read and one write for each 500 rows begun.
    assert (world.source.count("get_sheet"), world.source.count("update_rows")) == (1 + 3, 3)


async def test_progress_is_published_in_order_and_ends_with_completed(documents: SqliteDocuments):
    world = World(documents, report_sheet(300))
    job = await world.start()
    await world.run()
    events = await world.events.history(f"job:{job.id}", 0)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    progress = [event.data["progress"] for event in events]
    assert progress == sorted(progress)
    assert events[0].data["status"] == "processing"
    assert events[-1].data == {
        "jobId": job.id,
        "status": "completed",
        "paused": None,
        "progress": 300,
        "total": 300,
        "failedRows": 0,
        "skippedRows": 0,
        "writtenRows": 300,
    }
    assert len(events) > 3


async def test_rows_without_source_text_are_skipped_and_bad_answers_fail_only_their_row(documents: SqliteDocuments):
    world = World(documents, report_sheet(4))
    world.source.edit(SHEET, "1", TEXT, Cell())
    world.model.fail_when("station 2", ModelRefusal("content_filtered", "The service declined this text."))
    await world.start()
    job = await world.run()
    assert job.status == "completed"
    assert (job.failed_rows, job.skipped_rows, job.written_rows) == (1, 1, 2)
    page = await world.service.rows(CALLER, job.id, limit=10, cursor=None)
    assert [(row.status, row.code) for row in page.items] == [
        ("skipped", "empty_source"),
        ("failed", "content_filtered"),
        ("done", None),
        ("done", None),
    ]


async def test_a_job_in_which_nothing_worked_has_failed(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    world.model.fail_when("station", ModelRefusal("content_filtered", "The service declined this text."))
    await world.start()
    job = await world.run()
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.code == "content_filtered"


async def test_rows_without_room_in_the_quota_wait_and_are_done_later(documents: SqliteDocuments):
    world = World(documents, report_sheet(5))
    world.model.fail_next(ModelDeferred(30), times=3)
    await world.start()
    before = world.clock()
    job = await world.run()
    assert (job.status, job.written_rows) == ("completed", 5)
    assert (world.clock() - before).total_seconds() >= 30


async def test_a_cell_that_somebody_changed_meanwhile_is_not_overwritten(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    await world.start()
    world.source.before_next("get_sheet", lambda: world.source.edit(SHEET, "2", SUMMARY, "Mine"))
    job = await world.run()
    assert world.source.value(SHEET, "2", SUMMARY) == "Mine"
    assert (job.written_rows, job.failed_rows) == (2, 1)
    page = await world.service.rows(CALLER, job.id, limit=10, cursor=None)
    assert [(row.write_state, row.code) for row in page.items][1] == ("conflict", "conflict")


async def test_a_lost_write_is_found_or_sent_again(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    await world.start()
    world.source.fail("update_rows", UpstreamTimeout("lost"), after_effect=True)
    job = await world.run()
    assert (job.status, job.written_rows) == ("completed", 3)
    assert world.source.sheet(SHEET).version == 2


async def test_chosen_rows_only(documents: SqliteDocuments):
    world = World(documents, report_sheet(5))
    await world.start(rows={"ids": ["4", "2"]})
    job = await world.run()
    assert (job.total, job.written_rows) == (2, 2)
    assert [bool(summary) for summary in world.summaries()] == [False, True, False, True, False]


@pytest.mark.parametrize("after_effect", [False, True])
async def test_death_at_any_step_ends_with_each_row_written_once(tmp_path: Path, after_effect: bool):
    deadly = 1
    while True:
        documents = SqliteDocuments(tmp_path / f"{deadly}.db")
        world = World(documents, report_sheet(2))
        await world.start()
        world.restart(Countdown(deadly, after_effect=after_effect))
        try:
            await world.run()
            survived = True
        except Killed:
            survived = False
        world.restart()
        # Durable runs the orchestration again from its history; running it from its start is harsher.
        job = await world.run()
        assert (job.status, job.written_rows) == ("completed", 2), f"killed at step {deadly}"
        assert world.source.sheet(SHEET).version == 2, f"written twice when killed at step {deadly}"
        assert world.model.count <= 2 + 1, f"asked again about a known row when killed at step {deadly}"
        await documents.close()
        if survived:
            break
        deadly += 1
    assert deadly > 30
