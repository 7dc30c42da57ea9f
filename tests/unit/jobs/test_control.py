"""Cancelling, pausing and resuming: soon, once, whatever the job is doing, and every run ends in `finish_job`."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from shared.ai.ports import ModelDeferred
from shared.errors import Conflict, NotFound, UpstreamTimeout, UpstreamUnavailable
from shared.ids import JobId
from shared.jobs.models import Counts
from shared.jobs.requests import JobView
from shared.jobs.steps import ApplyRun, JobEnd, JobRun, ProgressReport, SlotRun
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.killing import Countdown, Killed
from tests.unit.jobs.interrupting import InterruptingModel
from tests.unit.jobs.test_pausing import owned, states
from tests.unit.jobs.world import CALLER, SHEET, World, report_sheet


def interrupted_world(documents: SqliteDocuments, rows: int) -> tuple[World, InterruptingModel]:
    model = InterruptingModel()
    return World(documents, report_sheet(rows), model), model


async def cancel(world: World, job: JobView) -> JobView:
    return await world.control.cancel(CALLER, job.id, world.runner)


async def pause(world: World, job: JobView) -> JobView:
    return await world.control.pause(CALLER, job.id, world.runner)


async def resume(world: World, job: JobView) -> JobView:
    return await world.control.resume(CALLER, job.id, world.runner)


# --- cancelling --------------------------------------------------------------------------------------


async def test_a_queued_job_is_cancelled_at_once_and_its_orchestration_finds_nothing_to_do(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    started = await world.start()
    cancelled = await cancel(world, started)
    assert (cancelled.status, cancelled.control, cancelled.error) == ("cancelled", "cancel", None)
    assert cancelled.result is not None and cancelled.result.processed_rows == 0
    job = await world.run()
    assert job == cancelled
    assert world.model.count == 0
    assert await states(world, started.id) == [("queued", None), ("cancelled", None)]


async def test_what_is_being_worked_on_is_kept_and_nothing_else_is_begun(documents: SqliteDocuments):
    world, model = interrupted_world(documents, 60)
    started = await world.start()
    model.interrupt(10, lambda: cancel(world, started), world.clock)
    job = await world.run()
    assert (job.status, job.error) == ("cancelled", None)
    assert model.count == model.known_at < 60
    assert job.progress == model.count
    assert job.written_rows == sum(map(bool, world.summaries())) == 0
    page = await world.service.rows(CALLER, job.id, limit=100, cursor=None)
    assert {(row.status, row.code, row.write_state) for row in page.items} == {("failed", "cancelled", "refused")}


async def test_what_was_written_stays_and_is_listed(documents: SqliteDocuments):
    world, model = interrupted_world(documents, 1100)
    started = await world.start()
    model.interrupt(1050, lambda: cancel(world, started), world.clock)
    job = await world.run()
    assert job.status == "cancelled"
    assert job.written_rows == sum(map(bool, world.summaries())) >= 500
    assert job.result is not None and job.result.processed_rows == job.written_rows
    page = await world.service.rows(CALLER, job.id, limit=2000, cursor=None)
    written = {row.row_id for row in page.items if row.write_state == "written"}
    assert len(written) == job.written_rows


async def test_a_job_that_waits_for_room_in_the_quota_ends_without_waiting_on(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    started = await world.start()
    world.model.fail_next(ModelDeferred(300), times=3)
    world.during_waits.append(lambda: cancel(world, started))
    before = world.clock()
    job = await world.run()
    assert job.status == "cancelled"
    assert world.clock() - before < timedelta(seconds=300)
    assert world.model.count == 3


async def test_a_batch_whose_answer_was_lost_comes_to_its_end_before_the_job_does(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    started = await world.start()
    world.source.fail("update_rows", UpstreamTimeout("lost"))
    world.during_waits.append(lambda: cancel(world, started))
    job = await world.run()
    assert job.status == "cancelled"
    assert job.written_rows == sum(map(bool, world.summaries())) == 3
    assert (await world.ledger.get_cursor(job.id)).open_rows == ()


async def test_smartsheet_being_down_for_long_does_not_keep_a_cancelled_job_from_ending(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    started = await world.start()
    world.source.fail("update_rows", UpstreamTimeout("lost"), times=99)
    world.during_waits.append(lambda: cancel(world, started))
    before = world.clock()
    job = await world.run()
    assert (job.status, job.written_rows) == ("cancelled", 0)
    assert world.clock() - before < timedelta(minutes=10)
    page = await world.service.rows(CALLER, job.id, limit=10, cursor=None)
    assert {(row.status, row.code) for row in page.items} == {("failed", "write_unconfirmed")}
    assert (await world.ledger.get_cursor(job.id)).open_rows == ()


async def test_a_finished_job_is_answered_as_it_is(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    await world.start()
    done = await world.run()
    assert await cancel(world, done) == done
    assert done.status == "completed"


async def test_cancelling_twice_is_cancelling_once(documents: SqliteDocuments):
    world, model = interrupted_world(documents, 20)
    started = await world.start()

    async def twice() -> None:
        first, second = await cancel(world, started), await cancel(world, started)
        assert (first.status, first.control) == ("processing", "cancel")
        assert first == second

    model.interrupt(3, twice, world.clock)
    job = await world.run()
    assert job.status == "cancelled"
    assert await states(world, started.id) == [("processing", None), ("cancelled", None)]


async def test_a_cancelled_job_whose_orchestration_is_gone_is_ended_by_its_guard(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    started = await world.start()
    run = world.runner.started[-1]
    await world.lifecycle.plan(run)
    world.runner.started.clear()  # its instance is lost
    world.runner.error = UpstreamUnavailable("no answer")
    assert (await cancel(world, started)).status == "processing"
    world.runner.error = None
    _, message, _ = world.queue.sent[-1]
    assert isinstance(message, JobRun)
    await world.guard.look(message, world.runner)
    assert world.runner.started == [run]
    assert (await world.run()).status == "cancelled"
    guards = len(world.queue.sent)
    await world.guard.look(message, world.runner)
    assert len(world.queue.sent) == guards


async def test_nobody_cancels_pauses_or_resumes_a_job_that_is_not_theirs(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    await world.start()
    other = JobId("7f3b2c1e-0000-4000-8000-000000000000")
    for steer in (world.control.cancel, world.control.pause, world.control.resume):
        with pytest.raises(NotFound) as raised:
            await steer(CALLER, other, world.runner)
        assert raised.value.code == "job_not_found"


async def test_steps_that_are_delivered_again_after_the_end_change_nothing(documents: SqliteDocuments):
    world, model = interrupted_world(documents, 4)
    started = await world.start()
    model.interrupt(2, lambda: cancel(world, started), world.clock)
    job = await world.run()
    run, asked, version = world.runner.started[-1], model.count, world.source.sheet(SHEET).version
    world.clock.advance(seconds=2)
    for slot in range(4):
        result = await world.lifecycle.process(SlotRun(job=run, slot=slot))
        assert result.error is not None and result.error.code == "job_finished"
    applied = await world.lifecycle.apply(ApplyRun(job=run, flush=True))
    assert applied.error is not None and applied.error.code == "job_finished"
    await world.lifecycle.report(ProgressReport(job=run, wave=1, chunk=0, base=Counts(), counts=Counts(done=4)))
    await world.finisher.finish(JobEnd(job=run))
    assert await world.job(job.id) == job
    assert (model.count, world.source.sheet(SHEET).version) == (asked, version)


@pytest.mark.parametrize("after_effect", [False, True])
async def test_death_at_any_step_of_a_cancelled_run_ends_cancelled(tmp_path: Path, after_effect: bool):
    deadly = 1
    while True:
        documents = SqliteDocuments(tmp_path / f"{deadly}.db")
        world, model = interrupted_world(documents, 3)
        started = await world.start()
        model.interrupt(2, lambda world=world, started=started: cancel(world, started), world.clock)
        world.restart(Countdown(deadly, after_effect=after_effect))
        try:
            await world.run()
            survived = True
        except Killed:
            survived = False
        world.restart()
        if model.count < 2:
            await cancel(world, started)  # it had not come to that
        await cancel(world, started)
        world.clock.advance(seconds=2)
        job = await world.run()
        assert job.status == "cancelled", f"killed at step {deadly}"
        assert job.written_rows == sum(map(bool, world.summaries())), f"killed at step {deadly}"
        assert (await world.ledger.list_unwritten(job.id, limit=10)) == [], f"killed at step {deadly}"
        await documents.close()
        if survived:
            break
        deadly += 1
    assert deadly > 20


@pytest.mark.parametrize("after_effect", [False, True])
async def test_death_at_any_line_of_cancelling_a_queued_job_leaves_it_to_be_cancelled(
    tmp_path: Path, after_effect: bool
):
    deadly = 1
    while True:
        documents = SqliteDocuments(tmp_path / f"{deadly}.db")
        world = World(documents, report_sheet(2))
        started = await world.start()
        world.restart(Countdown(deadly, after_effect=after_effect))
        try:
            await cancel(world, started)
            survived = True
        except Killed:
            survived = False
        world.restart()
        noted = (await world.job(started.id)).control == "cancel"
        job = await world.run()
        assert job.status == ("cancelled" if noted else "completed"), f"killed at line {deadly}"
        assert not noted or world.model.count == 0, f"killed at line {deadly}"
        await documents.close()
        if survived:
            break
        deadly += 1
    assert deadly > 4


# --- pausing and resuming ----------------------------------------------------------------------------


async def test_a_paused_job_stands_still_until_it_is_resumed_and_asks_about_no_row_twice(documents: SqliteDocuments):
    world, model = interrupted_world(documents, 60)
    started = await world.start()
    seen: list[tuple[int, int, str | None]] = []

    async def look_then_resume() -> None:
        job = await world.job(started.id)
        assert job.paused is not None
        seen.append((model.count, sum(map(bool, world.summaries())), job.paused.reason))
        assert (job.status, job.control) == ("processing", "pause")

    model.interrupt(5, lambda: pause(world, started), world.clock)
    world.during_waits.extend([look_then_resume] * 10)
    world.during_waits.append(lambda: resume(world, started))
    job = await world.run()
    assert (job.status, job.control, job.paused, job.written_rows) == ("completed", "run", None, 60)
    assert model.count == 60
    assert len(set(seen)) == 1 and seen[0][1:] == (0, "user")
    assert await states(world, started.id) == [
        ("processing", None),
        ("processing", "user"),
        ("processing", None),
        ("completed", None),
    ]


async def test_a_resumed_job_goes_on_at_once(documents: SqliteDocuments):
    world, model = interrupted_world(documents, 20)
    started = await world.start()
    model.interrupt(3, lambda: pause(world, started), world.clock)

    async def let_days_pass() -> None:
        world.clock.advance(seconds=30 * 3600)

    world.during_waits.extend([let_days_pass, let_days_pass, lambda: resume(world, started)])
    before = world.clock()
    job = await world.run()
    assert job.status == "completed"
    assert world.clock() - before < timedelta(hours=60, minutes=16), "it slept on after it was resumed"


async def test_a_resume_whose_event_is_lost_is_found_by_the_timer_behind(documents: SqliteDocuments):
    world, model = interrupted_world(documents, 20)
    started = await world.start()
    model.interrupt(3, lambda: pause(world, started), world.clock)

    async def resume_without_event() -> None:
        world.runner.error = UpstreamUnavailable("no answer")
        await resume(world, started)
        world.runner.error = None

    world.during_waits.extend([resume_without_event])
    job = await world.run()
    assert (job.status, job.written_rows) == ("completed", 20)


async def test_a_queued_job_can_be_paused_and_does_nothing_until_it_is_resumed(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    started = await world.start()
    paused = await pause(world, started)
    assert paused.paused is not None
    assert (paused.status, paused.paused.reason) == ("queued", "user")
    asked: list[int] = []

    async def resume_now() -> None:
        asked.append(world.model.count)
        assert (await world.job(started.id)).status == "processing"
        await resume(world, started)

    world.during_waits.append(resume_now)
    job = await world.run()
    assert (job.status, asked) == ("completed", [0])


async def test_a_paused_job_can_be_cancelled(documents: SqliteDocuments):
    world, model = interrupted_world(documents, 20)
    started = await world.start()
    model.interrupt(3, lambda: pause(world, started), world.clock)
    world.during_waits.append(lambda: cancel(world, started))
    job = await world.run()
    assert (job.status, job.paused) == ("cancelled", None)
    calls = Counter(name for name, _ in world.durable.calls)
    assert calls["finish_job"] == 1


async def test_a_job_that_nobody_resumes_fails_in_the_end(documents: SqliteDocuments):
    world, model = interrupted_world(documents, 300)
    started = await world.start()
    model.interrupt(3, lambda: pause(world, started), world.clock)
    before = world.clock()
    job = await world.run()
    assert timedelta(days=7) <= world.clock() - before <= timedelta(days=7, minutes=16)
    assert (job.status, job.paused) == ("failed", None)
    assert job.error is not None and job.error.code == "paused_too_long"
    assert Counter(name for name, _ in world.durable.calls)["plan_job"] < 1000
    assert model.count == model.known_at < 300


async def test_resuming_a_job_that_waits_for_its_owner_looks_at_once(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    started = await world.start()
    owner = owned(world, works=0, signs_in_after=timedelta(hours=10))

    async def let_time_pass() -> None:
        world.clock.advance(seconds=11 * 3600)

    world.during_waits.extend([let_time_pass, lambda: resume(world, started)])
    job = await world.run()
    assert job.status == "completed"
    assert owner.asked > 1


async def test_pausing_and_resuming_twice_are_once_and_what_has_ended_does_neither(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    started = await world.start()
    assert await pause(world, started) == await pause(world, started)
    assert await resume(world, started) == await resume(world, started)
    done = await world.run()
    for steer in (pause, resume):
        with pytest.raises(Conflict) as raised:
            await steer(world, done)
        assert raised.value.code == "job_finished"


async def test_what_is_being_cancelled_can_be_neither_paused_nor_resumed(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    started = await world.start()
    await world.lifecycle.plan(world.runner.started[-1])
    await cancel(world, started)
    for steer in (pause, resume):
        with pytest.raises(Conflict) as raised:
            await steer(world, started)
        assert raised.value.code == "job_cancelled"
    assert (await world.run()).status == "cancelled"


async def test_a_pause_that_is_taken_back_before_anything_noticed_leaves_no_trace(documents: SqliteDocuments):
    world, model = interrupted_world(documents, 30)
    started = await world.start()

    async def pause_and_resume() -> None:
        await pause(world, started)
        await resume(world, started)

    model.interrupt(3, pause_and_resume, world.clock)
    world.during_waits.append(lambda: cancel(world, started))
    job = await world.run()
    assert (job.status, job.written_rows, model.count) == ("completed", 30, 30)
