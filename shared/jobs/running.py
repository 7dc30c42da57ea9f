"""What hundreds of activities of a running job ask for again and again: the job, and its plan."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from shared.ids import JobId, RowId
from shared.jobs.models import Control, Job, JobPlan, PlanPart
from shared.jobs.planning import SLOTS_PER_PART, part_id
from shared.jobs.ports import JobStore, Ledger
from shared.jobs.states import is_over
from shared.jobs.steps import JobRun, SlotRun
from shared.records import utc_now

K = TypeVar("K")
V = TypeVar("V")

JOB_AGE = timedelta(seconds=1)
_KEPT = 200


class RunningJobs:
    """Jobs at most a second old, and parts of plans, which never change once their run was planned.

    Activities begin by the dozen: those that miss the same thing wait for one read of it.
    """

    def __init__(self, store: JobStore, ledger: Ledger, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._jobs: OrderedDict[JobId, tuple[datetime, Job]] = OrderedDict()
        self._parts: OrderedDict[tuple[JobId, str], PlanPart] = OrderedDict()
        self._reading = asyncio.Lock()

    async def get(self, run: JobRun) -> Job:
        """The run's job. Raises `NotFound` (`job_not_found`)."""
        job = self._fresh(run)
        if job is not None:
            return job
        async with self._reading:
            return self._fresh(run) or await self._read_job(run)

    def keep(self, job: Job) -> None:
        """Have a job that was read right now be what others get within the next second."""
        _keep(self._jobs, job.job_id, (self._clock(), job))

    async def control(self, run: JobRun) -> Control | Literal["over"]:
        """What the run shall do, as of a second ago at most; `over` when nothing of it may happen any more."""
        job = await self.get(run)
        return "over" if is_over(job, run) else job.control

    async def rows(self, slot: SlotRun, plan: JobPlan) -> dict[RowId, int]:
        """The rows of a slot, and their places in the job. Raises `NotFound` (`plan_not_found`)."""
        key = (slot.job.job_id, part_id(plan.key, slot.slot))
        part = self._parts.get(key)
        if part is None:
            async with self._reading:
                part = self._parts.get(key) or await self._read_part(key)
        at = slot.slot % SLOTS_PER_PART
        return dict(zip(part.slots[at], part.positions[at], strict=True))

    def _fresh(self, run: JobRun) -> Job | None:
        """The job as it was read; not as it was before this run began."""
        at, job = self._jobs.get(run.job_id, (None, None))
        if at is None or job is None or job.run < run.run:
            return None
        return job if self._clock() - at < JOB_AGE else None

    async def _read_job(self, run: JobRun) -> Job:
        asked_at = self._clock()
        job = await self._store.get(run.owner, run.job_id)
        _keep(self._jobs, run.job_id, (asked_at, job))
        return job

    async def _read_part(self, key: tuple[JobId, str]) -> PlanPart:
        part = await self._ledger.get_part(*key)
        _keep(self._parts, key, part)
        return part


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _KEPT:
        kept.popitem(last=False)
