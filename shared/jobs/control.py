"""What the owner of a running job may want of it: to pause, to go on, to end."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from shared.errors import Conflict, UpstreamUnavailable
from shared.identity.models import Caller
from shared.ids import JobId
from shared.jobs.finishing import JobFinisher
from shared.jobs.guarding import JobGuard
from shared.jobs.models import Job, Paused
from shared.jobs.pausing import CANCELLED
from shared.jobs.ports import JobRunner, JobStore
from shared.jobs.requests import JobView
from shared.jobs.states import JobStates, run_of
from shared.jobs.steps import JobEnd
from shared.records import utc_now
from shared.telemetry import get_logger

log = get_logger(__name__)


class JobControl:
    """Sets the `control` field of jobs, which their activities read, and wakes orchestrations that wait.

    Every method raises `NotFound` (`job_not_found`), also for somebody else's job.
    """

    def __init__(
        self,
        store: JobStore,
        states: JobStates,
        finisher: JobFinisher,
        guard: JobGuard,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._states = states
        self._finisher = finisher
        self._guard = guard
        self._clock = clock

    async def cancel(self, caller: Caller, job_id: JobId, runner: JobRunner) -> JobView:
        """End a job; what it wrote stays. A job that has ended answers as it is: there is nothing left to cancel."""
        job = await self._store.get(caller.user_id, job_id)
        if job.finished:
            return JobView.of(job)
        await self._guard.watch(run_of(job))

        def cancel(job: Job) -> Mapping[str, Any] | None:
            if job.finished or job.control == "cancel":
                return None
            return {"control": "cancel", "signal": job.signal + 1, "paused": None}

        job = await self._states.change(caller.user_id, job_id, cancel)
        if not job.finished:
            log.info("job %s: cancelled while %s", job.id, job.status)
            if job.status == "processing":
                await self._tell(job, runner)
            else:
                await self._finisher.finish(JobEnd(job=run_of(job), error=CANCELLED))
        return JobView.of(await self._store.get(caller.user_id, job_id))

    async def pause(self, caller: Caller, job_id: JobId, runner: JobRunner) -> JobView:
        """Let a job stand still. Raises `Conflict` (`job_finished`, `job_cancelled`)."""

        def pause(job: Job) -> Mapping[str, Any] | None:
            _require_going(job)
            if job.control == "pause":
                return None
            paused = Paused(reason="user", since=self._clock())
            return {"control": "pause", "signal": job.signal + 1, "paused": paused}

        return await self._set(caller, job_id, pause, runner)

    async def resume(self, caller: Caller, job_id: JobId, runner: JobRunner) -> JobView:
        """Let a job go on, or, while it waits for its owner to sign in, look at once whether they have.

        Raises `Conflict` (`job_finished`, `job_cancelled`).
        """

        def resume(job: Job) -> Mapping[str, Any] | None:
            _require_going(job)
            if job.control == "run" and job.paused is None:
                return None
            by_user = job.paused is not None and job.paused.reason == "user"
            return {"control": "run", "signal": job.signal + 1, "paused": None if by_user else job.paused}

        return await self._set(caller, job_id, resume, runner)

    async def _set(
        self, caller: Caller, job_id: JobId, change: Callable[[Job], Mapping[str, Any] | None], runner: JobRunner
    ) -> JobView:
        job = await self._states.change(caller.user_id, job_id, change)
        if job.status == "processing":
            await self._tell(job, runner)
        return JobView.of(job)

    async def _tell(self, job: Job, runner: JobRunner) -> None:
        """Wake the orchestration. It looks by itself later, so that a call that fails delays only."""
        try:
            await runner.signal(job)
        except UpstreamUnavailable as error:
            log.warning("job %s: its orchestration was not told (%s), and will look by itself", job.id, error.code)


def _require_going(job: Job) -> None:
    if job.finished:
        raise Conflict("The job has ended already.", code="job_finished")
    if job.control == "cancel":
        raise Conflict("The job is being cancelled.", code="job_cancelled")
