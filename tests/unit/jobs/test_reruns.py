"""Retrying failed rows and doing rows afresh: only these rows, once each, and the others keep their outcomes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from shared.ai.ports import ModelRefusal
from shared.errors import Conflict, InvalidInput, NotFound, StorageFull
from shared.ids import JobId, RowId
from shared.jobs.models import JobError
from shared.jobs.requests import JobView, RerunJob
from shared.jobs.steps import JobEnd, JobRun, SlotRun
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.killing import Countdown, Killed
from tests.unit.jobs.interrupting import InterruptingModel
from tests.unit.jobs.world import CALLER, SHEET, SUMMARY, World, report_sheet

REFUSED = ModelRefusal("content_filtered", "The service declined this text.", input_tokens=7)


async def retry(world: World, job: JobView, **changes: Any) -> JobView:
    return await world.reruns.retry(CALLER, job.id, world.runner, **changes)


async def rerun(world: World, job: JobView, *rows: str, **changes: Any) -> JobView:
    key = changes.pop("idempotency_key", None)
    request = RerunJob.model_validate({"rowIds": rows, **changes})
    return await world.reruns.rerun(CALLER, job.id, request, world.runner, idempotency_key=key)


async def outcomes(world: World, job: JobView) -> list[tuple[str, str, str | None, str]]:
    page = await world.service.rows(CALLER, job.id, limit=2000, cursor=None)
    return [(row.row_id, row.status, row.code, row.write_state) for row in page.items]


async def half_done(documents: SqliteDocuments, rows: int = 4) -> tuple[World, JobView]:
    """A finished job whose rows 2 and 4 failed."""
    world = World(documents, report_sheet(rows))
    await world.start()
    for row in ("2", "4"):
        world.model.fail_when(f"station {row} ", REFUSED)
    job = await world.run()
    assert (job.status, job.failed_rows, job.written_rows) == ("completed", 2, rows - 2)
    world.model.forget_rules()
    world.clock.advance(60)
    return world, job


# --- retry -------------------------------------------------------------------------------------------


async def test_failed_rows_are_done_again_and_the_others_are_left_alone(documents: SqliteDocuments):
    world, job = await half_done(documents)
    before, asked, tokens = world.summaries(), world.model.count, job.result
    again = await retry(world, job)
    assert (again.status, again.run, again.progress, again.total, again.failed_rows) == ("queued", 2, 2, 4, 0)
    assert (again.result, again.error) == (None, None)
    assert [run.instance_id for run in world.runner.started] == [f"{job.id}-1", f"{job.id}-2"]
    done = await world.run()
    assert (done.status, done.run, done.progress, done.failed_rows, done.written_rows) == ("completed", 2, 4, 0, 4)
    assert world.model.count == asked + 2
    assert [(b is None) or a == b for a, b in zip(world.summaries(), before, strict=True)] == [True] * 4
    assert all(world.summaries())
    assert [row[0] for row in await outcomes(world, done)] == ["1", "2", "3", "4"]
    assert done.result is not None and tokens is not None
    assert done.result.tokens.input > tokens.tokens.input, "what the first run cost is part of the whole"


async def test_progress_of_a_further_run_begins_where_the_other_rows_are(documents: SqliteDocuments):
    world, job = await half_done(documents, rows=200)
    first = await world.events.history(f"job:{job.id}", 0)
    await retry(world, job)
    await world.run()
    events = (await world.events.history(f"job:{job.id}", 0))[len(first) :]
    assert [event.data["status"] for event in (events[0], events[-1])] == ["queued", "completed"]
    progress = [event.data["progress"] for event in events]
    assert progress == sorted(progress)
    assert (progress[0], progress[-1]) == (198, 200)


async def test_a_retry_without_failed_rows_is_refused(documents: SqliteDocuments):
    world = World(documents, report_sheet(2))
    await world.start()
    job = await world.run()
    with pytest.raises(InvalidInput) as raised:
        await retry(world, job)
    assert raised.value.code == "no_rows"
    assert await world.job(job.id) == job


async def test_what_somebody_entered_since_stays(documents: SqliteDocuments):
    world, job = await half_done(documents)
    world.source.edit(SHEET, "2", SUMMARY, "Mine")
    asked = world.model.count
    await retry(world, job)
    done = await world.run()
    assert world.source.value(SHEET, "2", SUMMARY) == "Mine"
    assert (done.failed_rows, done.written_rows, world.model.count) == (1, 3, asked + 1)
    assert ("2", "failed", "conflict", "none") in await outcomes(world, done)


async def test_rows_that_a_cancelled_run_did_not_come_to_are_done_too(documents: SqliteDocuments):
    model = InterruptingModel()
    world = World(documents, report_sheet(300), model)
    started = await world.start()
    model.interrupt(5, lambda: world.control.cancel(CALLER, started.id, world.runner), world.clock)
    job = await world.run()
    assert job.status == "cancelled" and job.progress < 300
    again = await retry(world, job)
    assert (again.control, again.total) == ("run", 300)
    done = await world.run()
    assert (done.status, done.written_rows, done.failed_rows) == ("completed", 300, 0)
    assert [row[0] for row in await outcomes(world, done)] == [str(row) for row in range(1, 301)]


async def test_a_job_that_was_cancelled_before_it_was_planned_is_done_whole(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    started = await world.start()
    job = await world.control.cancel(CALLER, started.id, world.runner)
    await retry(world, job)
    done = await world.run()
    assert (done.status, done.total, done.written_rows) == ("completed", 3, 3)


async def test_a_batch_that_a_former_run_left_open_is_not_written_with_the_new_values(documents: SqliteDocuments):
    world, job = await half_done(documents)
    again = await retry(world, job)
    run = world.runner.started[-1]
    await world.lifecycle.plan(run)
    for slot in range(2):
        await world.lifecycle.process(SlotRun(job=run, slot=slot))
    pending = await world.ledger.list_unwritten(job.id, limit=10)
    cursor = await world.ledger.get_cursor(job.id)
    opened = {"batch": cursor.batch + 1, "open_rows": tuple(row.row_id for row in pending)}
    await world.ledger.save_cursor(job.id, cursor.model_copy(update=opened))
    broken = JobError(code="infrastructure", message="The job could not go on.")
    await world.finisher.finish(JobEnd(job=run, error=broken))
    assert (await world.ledger.get_cursor(job.id)).open_rows == ()
    assert (await world.job(again.id)).failed_rows == 2
    await retry(world, job)
    done = await world.run()
    assert (done.status, done.written_rows, done.failed_rows) == ("completed", 4, 0)
    values = {row.row_id: row.value for row in (await world.service.rows(CALLER, job.id, limit=9, cursor=None)).items}
    assert [values[RowId(str(row))] for row in range(1, 5)] == world.summaries()


# --- rerun -------------------------------------------------------------------------------------------


async def test_named_rows_are_done_afresh_with_the_persons_words_as_theirs(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    await world.start()
    job = await world.run()
    before = world.summaries()
    words = 'Name the "station" first.'
    await rerun(world, job, "3", "1", instruction=words)
    done = await world.run()
    after = world.summaries()
    assert (done.status, done.progress, done.written_rows) == ("completed", 3, 3)
    assert [a == b for a, b in zip(after, before, strict=True)] == [False, True, False]
    for request in world.model.requests[-2:]:
        own, theirs, row = request.messages
        assert (own.role, theirs.role, row.role) == ("system", "system", "user")
        assert r'"Name the \"station\" first."' in theirs.content
        assert "station" not in own.content
    assert [row[0] for row in await outcomes(world, done)] == ["1", "2", "3"]


async def test_a_run_after_that_knows_nothing_of_the_instruction(documents: SqliteDocuments):
    world = World(documents, report_sheet(2))
    await world.start()
    job = await world.run()
    await rerun(world, job, "1", instruction="Rhyme.")
    job = await world.run()
    await rerun(world, job, "1")
    await world.run()
    assert "Rhyme." not in repr(world.model.requests[-1])


async def test_a_named_row_is_overwritten_whatever_it_holds(documents: SqliteDocuments):
    world = World(documents, report_sheet(2))
    await world.start()
    job = await world.run()
    world.clock.advance(60)
    world.source.edit(SHEET, "1", SUMMARY, "Mine")
    await rerun(world, job, "1")
    done = await world.run()
    assert world.source.value(SHEET, "1", SUMMARY) not in (None, "Mine")
    assert (done.written_rows, done.failed_rows) == (2, 0)


async def test_rows_that_are_none_of_the_jobs_are_refused(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    await world.start(rows={"ids": ["1", "2"]})
    job = await world.run()
    with pytest.raises(InvalidInput) as raised:
        await rerun(world, job, "1", "3")
    assert (raised.value.code, [fault.field for fault in raised.value.errors]) == ("unknown_row", ["rowIds"])
    assert await world.job(job.id) == job


# --- both --------------------------------------------------------------------------------------------


async def test_a_job_that_has_not_ended_cannot_be_started_again(documents: SqliteDocuments):
    world = World(documents, report_sheet(2))
    job = await world.start()
    for start in (retry(world, job), rerun(world, job, "1")):
        with pytest.raises(Conflict) as raised:
            await start
        assert raised.value.code == "job_not_finished"


async def test_somebody_elses_job_is_not_found(documents: SqliteDocuments):
    world, job = await half_done(documents)
    other = job.model_copy(update={"id": JobId("7f3b2c1e-0000-4000-8000-000000000000")})
    for start in (retry(world, other), rerun(world, other, "1")):
        with pytest.raises(NotFound) as raised:
            await start
        assert raised.value.code == "job_not_found"


async def test_one_of_two_retries_at_once_is_told_that_the_job_runs(documents: SqliteDocuments):
    world, job = await half_done(documents)
    results = await asyncio.gather(retry(world, job), rerun(world, job, "1"), return_exceptions=True)
    (refusal,) = [result for result in results if isinstance(result, Conflict)]
    assert refusal.code == "job_not_finished"
    (started,) = [result for result in results if isinstance(result, JobView)]
    asked = world.model.count
    done = await world.run()
    assert world.model.count == asked + (2 if started is results[0] else 1), "it worked on the other one's rows"
    assert done.status == "completed"


async def test_the_same_key_starts_one_run_also_after_it_has_ended(documents: SqliteDocuments):
    world, job = await half_done(documents)
    first = await retry(world, job, idempotency_key="k")
    assert await retry(world, job, idempotency_key="k") == first
    done = await world.run()
    assert await retry(world, job, idempotency_key="k") == done
    again = await rerun(world, job, "1", idempotency_key="k")  # a key of another route
    assert again.run == 3
    with pytest.raises(InvalidInput) as raised:
        await rerun(world, job, "2", idempotency_key="k")
    assert raised.value.code == "idempotency_key_reused"


async def test_a_run_that_could_not_be_stored_with_the_engine_has_failed_and_says_so(documents: SqliteDocuments):
    world, job = await half_done(documents)
    world.runner.error = StorageFull("full")
    with pytest.raises(StorageFull):
        await retry(world, job)
    failed = await world.job(job.id)
    assert failed.error is not None
    assert (failed.status, failed.error.code, failed.progress, failed.written_rows) == ("failed", "storage_full", 4, 2)
    world.runner.error = None
    await retry(world, job)
    assert (await world.run()).written_rows == 4


async def test_late_steps_of_a_former_run_change_nothing_in_the_next(documents: SqliteDocuments):
    world, job = await half_done(documents)
    old = world.runner.started[-1]
    await retry(world, job)
    new = world.runner.started[-1]
    await world.lifecycle.plan(new)
    late = await world.lifecycle.process(SlotRun(job=old, slot=1))
    assert late.error is not None and late.error.code == "job_finished"
    planned = await world.lifecycle.plan(old)
    assert planned.error is not None and planned.error.code == "job_finished"
    await world.finisher.finish(JobEnd(job=old))
    assert (await world.job(job.id)).status == "processing"
    assert (await world.run(new)).status == "completed"


@pytest.mark.parametrize("after_effect", [False, True])
async def test_death_at_any_line_of_a_retry_starts_one_run_or_none(tmp_path: Path, after_effect: bool):
    deadly = 1
    while True:
        documents = SqliteDocuments(tmp_path / f"{deadly}.db")
        world, job = await half_done(documents)
        asked, version = world.model.count, world.source.sheet(SHEET).version
        world.restart(Countdown(deadly, after_effect=after_effect))
        try:
            await retry(world, job, idempotency_key="k")
            survived = True
        except Killed:
            survived = False
        world.restart()
        _, message, _ = world.queue.sent[-1]
        assert isinstance(message, JobRun)
        await world.guard.look(message, world.runner)
        started = [run for run in world.runner.started if run.run == 2]
        assert len(started) == (1 if (await world.job(job.id)).run == 2 else 0), f"killed at line {deadly}"
        await retry(world, job, idempotency_key="k")  # whoever asked asks again
        done = await world.run()
        assert (done.status, done.run, done.written_rows) == ("completed", 2, 4), f"killed at line {deadly}"
        assert (world.model.count, world.source.sheet(SHEET).version) == (asked + 2, version + 1)
        await documents.close()
        if survived:
            break
        deadly += 1
    assert deadly > 5


@pytest.mark.parametrize("after_effect", [False, True])
async def test_death_at_any_step_of_a_rerun_ends_with_each_row_written_once_more(tmp_path: Path, after_effect: bool):
    deadly = 1
    while True:
        documents = SqliteDocuments(tmp_path / f"{deadly}.db")
        world = World(documents, report_sheet(2))
        await world.start()
        job = await world.run()
        await rerun(world, job, "1", "2", instruction="Shorter.")
        asked, version = world.model.count, world.source.sheet(SHEET).version
        world.restart(Countdown(deadly, after_effect=after_effect))
        try:
            await world.run()
            survived = True
        except Killed:
            survived = False
        world.restart()
        done = await world.run()
        assert (done.status, done.written_rows) == ("completed", 2), f"killed at step {deadly}"
        assert world.source.sheet(SHEET).version == version + 1, f"written twice when killed at step {deadly}"
        assert world.model.count <= asked + 2 + 1, f"asked again about a known row when killed at step {deadly}"
        await documents.close()
        if survived:
            break
        deadly += 1
    assert deadly > 30
