"""What the activities of a running job read together."""

import asyncio

import pytest

from shared.errors import NotFound, UpstreamUnavailable
from shared.ids import JobId, UserId
from shared.jobs.models import Job, JobPlan, PlanPart
from shared.jobs.running import RunningJobs
from shared.jobs.steps import JobRun, SlotRun
from shared.stores.jobs import DocumentJobStore, DocumentLedger
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.unit.jobs.world import World, report_sheet


class CountingJobs(DocumentJobStore):
    """Counts reads; the first `failures` of them fail."""

    reads = 0
    failures = 0

    async def get(self, owner: UserId, job_id: JobId) -> Job:
        self.reads += 1
        if self.reads <= self.failures:
            raise UpstreamUnavailable("the database is away")
        return await super().get(owner, job_id)


class CountingLedger(DocumentLedger):
    """Counts reads of plans."""

    reads = 0

    async def get_part(self, job_id: JobId, part_id: str) -> PlanPart:
        self.reads += 1
        return await super().get_part(job_id, part_id)


PLAN = JobPlan(slots=150, rows_per_slot=1, total=150)


async def started(documents: SqliteDocuments) -> JobRun:
    world = World(documents, report_sheet(150))
    await world.start(rows={"ids": [str(row) for row in range(1, 151)]})
    return world.runner.started[-1]


async def test_activities_that_begin_together_share_one_read_of_the_job_and_of_each_part(documents: SqliteDocuments):
    run = await started(documents)
    jobs, ledger, clock = CountingJobs(documents), CountingLedger(documents), FakeClock()
    running = RunningJobs(jobs, ledger, clock=clock)
    found = await asyncio.gather(*(running.get(run) for _ in range(20)))
    rows = await asyncio.gather(*(running.rows(SlotRun(job=run, slot=slot), PLAN) for slot in range(150)))
    assert {job.id for job in found} == {run.job_id}
    assert [row for part in rows for row in part] == [str(row) for row in range(1, 151)]
    assert (jobs.reads, ledger.reads) == (1, 2)
    clock.advance(seconds=1)
    await asyncio.gather(*(running.get(run) for _ in range(20)))
    assert jobs.reads == 2


async def test_a_read_that_failed_is_made_again_by_the_next(documents: SqliteDocuments):
    run = await started(documents)
    jobs = CountingJobs(documents)
    jobs.failures = 1
    running = RunningJobs(jobs, DocumentLedger(documents), clock=FakeClock())
    first, second = await asyncio.gather(running.get(run), running.get(run), return_exceptions=True)
    assert isinstance(first, UpstreamUnavailable)
    assert isinstance(second, Job)


async def test_the_plan_of_another_run_is_not_mistaken_for_this_ones(documents: SqliteDocuments):
    run = await started(documents)
    running = RunningJobs(DocumentJobStore(documents), DocumentLedger(documents))
    await running.rows(SlotRun(job=run, slot=0), PLAN)
    with pytest.raises(NotFound, match="no such plan"):
        await running.rows(SlotRun(job=run, slot=0), PLAN.model_copy(update={"key": "run2"}))
