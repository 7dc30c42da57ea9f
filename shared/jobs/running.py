"""What hundreds of activities of a running job ask for again and again: the job, and its plan."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from shared.ids import JobId, RowId
from shared.jobs.models import Job, PlanPart
from shared.jobs.planning import SLOTS_PER_PART, part_id
from shared.jobs.ports import JobStore, Ledger
from shared.jobs.steps import JobRun, SlotRun
from shared.records import utc_now

K = TypeVar("K")
V = TypeVar("V")

_JOB_AGE = timedelta(seconds=1)
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
        job = self._fresh(run.job_id)
        if job is not None:
            return job
        async with self._reading:
            return self._fresh(run.job_id) or await self._read_job(run)

    async def rows(self, slot: SlotRun) -> tuple[RowId, ...]:
        """The rows of a slot. Raises `NotFound` (`plan_not_found`)."""
        key = (slot.job.job_id, part_id(slot.job.run, slot.slot))
        part = self._parts.get(key)
        if part is None:
            async with self._reading:
                part = self._parts.get(key) or await self._read_part(key)
        return part.slots[slot.slot % SLOTS_PER_PART]

    def _fresh(self, job_id: JobId) -> Job | None:
        kept = self._jobs.get(job_id)
        return kept[1] if kept is not None and self._clock() - kept[0] < _JOB_AGE else None

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
