"""Undoing what a job wrote: from the last write to the first, in the background if it takes long, nothing twice."""

from pathlib import Path
from typing import TypeVar

import pytest

from shared.changes.models import ContinueChange
from shared.errors import Conflict, Forbidden, InvalidInput, NotFound, UpstreamUnavailable
from shared.ids import JobId
from shared.jobs.requests import JobView
from shared.jobs.steps import UndoRun
from shared.sheets.models import AccessLevel
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.killing import Countdown, Killed
from tests.unit.jobs.test_reruns import rerun, retry
from tests.unit.jobs.world import CALLER, SHEET, SUMMARY, World, report_sheet

T = TypeVar("T")


async def undo(world: World, job: JobView, key: str | None = None) -> JobView:
    return await world.undoing.undo(CALLER, job.id, idempotency_key=key)


def last_message(world: World, kind: type[T]) -> T:
    return [sent for _, sent, _ in world.queue.sent if isinstance(sent, kind)][-1]


async def finished(documents: SqliteDocuments, rows: int) -> tuple[World, JobView]:
    world = World(documents, report_sheet(rows))
    await world.start()
    return world, await world.run()


async def test_everything_that_a_job_wrote_is_put_back(documents: SqliteDocuments):
    world, job = await finished(documents, 1100)
    undone = await undo(world, job)
    assert undone.undo is not None
    assert (undone.status, undone.undo.status, undone.undo.not_undone_count) == ("completed", "undone", 0)
    assert len(undone.undo.change_set_ids) == 3
    assert not any(world.summaries())
    assert await world.job(job.id) == undone


async def test_the_last_write_is_undone_first(documents: SqliteDocuments):
    world, job = await finished(documents, 3)
    world.clock.advance(60)
    await rerun(world, job, "2", instruction="Shorter.")
    again = await world.run()
    assert again.written_rows == 3
    undone = await undo(world, again)
    assert len(undone.undo.change_set_ids if undone.undo else ()) == 2
    assert undone.undo is not None and undone.undo.not_undone_count == 0
    assert world.summaries() == [None, None, None]


async def test_what_somebody_changed_since_is_left_alone_and_told(documents: SqliteDocuments):
    world, job = await finished(documents, 3)
    world.source.edit(SHEET, "2", SUMMARY, "Mine")
    undone = await undo(world, job)
    assert undone.undo is not None
    assert [(row.row_id, row.code) for row in undone.undo.not_undone] == [("2", "conflict")]
    assert undone.undo.not_undone_count == 1
    assert [bool(summary) for summary in world.summaries()] == [False, True, False]


async def test_what_takes_long_goes_on_in_the_background(documents: SqliteDocuments):
    world, job = await finished(documents, 1100)
    world.source.before_next("update_rows", lambda: world.clock.advance(seconds=20))
    begun = await undo(world, job)
    assert begun.undo is not None
    assert (begun.undo.status, len(begun.undo.change_set_ids)) == ("undoing", 1)
    assert sum(map(bool, world.summaries())) >= 600
    await world.undoing.carry_on(last_message(world, UndoRun))
    done = (await world.job(job.id)).undo
    assert done is not None
    assert (done.status, len(done.change_set_ids)) == ("undone", 3)
    assert not any(world.summaries())


async def test_smartsheet_being_down_delays_an_undo(documents: SqliteDocuments):
    world, job = await finished(documents, 3)
    world.source.fail("update_rows", UpstreamUnavailable("Down."), times=20)
    begun = await undo(world, job)
    assert begun.undo is not None and begun.undo.status == "undoing"
    for start in (retry(world, job), undo(world, job)):
        with pytest.raises(Conflict) as raised:
            await start
        assert raised.value.code == "undo_in_progress"
    for _ in range(20):
        world.clock.advance(60)
        await world.submitter.carry_on(last_message(world, ContinueChange))
        await world.undoing.carry_on(last_message(world, UndoRun))
    done = (await world.job(job.id)).undo
    assert done is not None and (done.status, done.not_undone_count) == ("undone", 0)
    assert not any(world.summaries())


async def test_an_undo_whose_owner_may_no_longer_write_stops_and_says_why(documents: SqliteDocuments):
    world, job = await finished(documents, 1100)
    world.source.before_next("update_rows", lambda: world.clock.advance(seconds=20))
    await undo(world, job)
    world.clock.advance(60)
    world.source.share("token", SHEET, AccessLevel.VIEWER)
    await world.undoing.carry_on(last_message(world, UndoRun))
    stopped = (await world.job(job.id)).undo
    assert stopped is not None and stopped.error is not None
    assert (stopped.status, stopped.error.code, len(stopped.change_set_ids)) == ("stopped", "forbidden", 1)
    world.source.share("token", SHEET, AccessLevel.EDITOR)
    world.clock.advance(60)
    again = (await undo(world, job)).undo
    assert again is not None and again.status == "undone"
    assert not any(world.summaries())


async def test_who_may_not_write_cannot_undo(documents: SqliteDocuments):
    world, job = await finished(documents, 3)
    world.source.share("token", SHEET, AccessLevel.VIEWER)
    with pytest.raises(Forbidden):
        await undo(world, job)
    stopped = (await world.job(job.id)).undo
    assert stopped is not None and (stopped.status, stopped.change_set_ids) == ("stopped", ())
    world.restart()  # with nothing in the cache that says otherwise, nothing is begun
    with pytest.raises(Forbidden) as raised:
        await undo(world, job)
    assert raised.value.code == "sheet_read_only"
    assert (await world.job(job.id)).undo == stopped
    assert all(world.summaries())


async def test_a_running_job_and_one_that_wrote_nothing_cannot_be_undone(documents: SqliteDocuments):
    world = World(documents, report_sheet(3))
    job = await world.start()
    with pytest.raises(Conflict) as raised:
        await undo(world, job)
    assert raised.value.code == "job_not_finished"
    cancelled = await world.control.cancel(CALLER, job.id, world.runner)
    with pytest.raises(InvalidInput) as refused:
        await undo(world, cancelled)
    assert refused.value.code == "nothing_to_undo"


async def test_somebody_elses_job_is_not_found(documents: SqliteDocuments):
    world, job = await finished(documents, 3)
    with pytest.raises(NotFound) as raised:
        await undo(world, job.model_copy(update={"id": JobId("7f3b2c1e-0000-4000-8000-000000000000")}))
    assert raised.value.code == "job_not_found"


async def test_the_same_key_undoes_once_and_messages_that_come_again_do_nothing(documents: SqliteDocuments):
    world, job = await finished(documents, 3)
    first = await undo(world, job, "k")
    version = world.source.sheet(SHEET).version
    assert await undo(world, job, "k") == first
    await world.undoing.carry_on(last_message(world, UndoRun))
    assert await world.job(job.id) == first
    assert world.source.sheet(SHEET).version == version


async def test_rows_can_be_done_afresh_after_an_undo(documents: SqliteDocuments):
    world, job = await finished(documents, 3)
    undone = await undo(world, job)
    world.clock.advance(60)
    await rerun(world, undone, "1", "2", "3")
    done = await world.run()
    assert (done.written_rows, done.failed_rows) == (3, 0)
    assert all(world.summaries())


@pytest.mark.parametrize("after_effect", [False, True])
async def test_death_at_any_line_of_an_undo_ends_with_all_put_back_once(tmp_path: Path, after_effect: bool):
    deadly = 1
    while True:
        documents = SqliteDocuments(tmp_path / f"{deadly}.db")
        world, job = await finished(documents, 2)
        world.clock.advance(60)
        await rerun(world, job, "1", instruction="Shorter.")
        await world.run()
        version = world.source.sheet(SHEET).version
        world.restart(Countdown(deadly, after_effect=after_effect))
        try:
            await undo(world, job)
            survived = True
        except Killed:
            survived = False
        world.restart()
        begun = (await world.job(job.id)).undo is not None
        for _ in range(8):  # as often as messages come back; a lost answer is waited for
            world.clock.advance(seconds=61)
            for guard in [sent for _, sent, _ in world.queue.sent if isinstance(sent, ContinueChange)]:
                await world.submitter.carry_on(guard)
            if begun:
                await world.undoing.carry_on(last_message(world, UndoRun))
        state = (await world.job(job.id)).undo
        assert (state.status if state else None) == ("undone" if begun else None), f"killed at line {deadly}"
        assert all(world.summaries()) if not begun else not any(world.summaries()), f"killed at line {deadly}"
        assert world.source.sheet(SHEET).version == version + (2 if begun else 0), f"twice when killed at {deadly}"
        await documents.close()
        if survived:
            break
        deadly += 1
    assert deadly > 15
