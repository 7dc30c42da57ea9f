"""Changes of a job's state: saved under its ETag, then told to who follows it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from shared.errors import PreconditionFailed, UpstreamUnavailable
from shared.events.bus import EventBus
from shared.ids import JobId, UserId
from shared.jobs.models import Job
from shared.jobs.ports import JobStore
from shared.jobs.steps import JobRun
from shared.records import utc_now

_ATTEMPTS = 10

Change = Callable[[Job], Mapping[str, Any] | None]
"""The fields to change, given the job as it is now; None leaves it as it is."""


class JobStates:
    """The way in which whatever changes a job that may run at the same time does it."""

    def __init__(self, store: JobStore, events: EventBus, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._events = events
        self._clock = clock

    async def change(self, owner: UserId, job_id: JobId, change: Change) -> Job:
        """Save what `change` makes of the job, and publish it; the job as it is then.

        `change` is asked again when somebody else changed the job meanwhile. Raises what it raises, and `NotFound`.
        """
        for _ in range(_ATTEMPTS):
            job = await self._store.get(owner, job_id)
            changes = change(job)
            if changes is None:
                return job
            try:
                job = await self._store.replace(job.model_copy(update={**changes, "updated_at": self._clock()}))
            except PreconditionFailed:
                continue
            await self.publish(job)
            return job
        raise UpstreamUnavailable("too many writers on one job")

    async def change_run(self, run: JobRun, change: Change) -> Job:
        """The same for a step of a run: nothing happens once the run is over. `progress` never falls."""

        def while_it_runs(job: Job) -> Mapping[str, Any] | None:
            changes = None if is_over(job, run) else change(job)
            if changes is None:
                return None
            return {**changes, "progress": max(job.progress, changes.get("progress", 0))}

        return await self.change(run.owner, run.job_id, while_it_runs)

    async def publish(self, job: Job) -> None:
        """Tell the job's state to who follows it."""
        data = {
            "jobId": job.id,
            "status": job.status,
            "paused": None if job.paused is None else {"reason": job.paused.reason},
            "progress": job.progress,
            "total": job.total,
            "failedRows": job.failed_rows,
            "skippedRows": job.skipped_rows,
            "writtenRows": job.written_rows,
        }
        await self._events.publish(f"job:{job.id}", "job_status", data)


def is_over(job: Job, run: JobRun) -> bool:
    """Whether nothing more may happen in this run: the job has ended, or was started afresh since."""
    return job.finished or job.run != run.run


def run_of(job: Job) -> JobRun:
    """The job's current run."""
    return JobRun(owner=job.owner, job_id=job.job_id, run=job.run, correlation_id=job.correlation_id)
