"""Sees to it that what a caller wants of a job comes to happen, whoever died on the way."""

from shared.errors import NotFound
from shared.events.ports import MessageQueue
from shared.jobs.ports import JobRunner, JobStore
from shared.jobs.states import is_over
from shared.jobs.steps import JobRun
from shared.telemetry import get_logger

log = get_logger(__name__)

GUARD_QUEUE = "job-guard"
GUARD_SECONDS = 30


class JobGuard:
    """Looks at jobs that were started or cancelled, until the orchestration has taken that up."""

    def __init__(self, store: JobStore, queue: MessageQueue) -> None:
        self._store = store
        self._queue = queue

    async def watch(self, run: JobRun) -> None:
        """Look at the job in a while. Called before what is guarded is saved."""
        await self._queue.send(GUARD_QUEUE, run, delay_seconds=GUARD_SECONDS)

    async def look(self, run: JobRun, runner: JobRunner) -> None:
        """Start a job that never left `queued`, or was cancelled and has not ended; look again until that is over."""
        try:
            job = await self._store.get(run.owner, run.job_id)
        except NotFound:
            log.info("job %s was never saved: nothing to guard", run.job_id)
            return
        if is_over(job, run) or (job.status != "queued" and job.control != "cancel"):
            return
        log.warning("job %s is %s, control %s: starting it again", run.job_id, job.status, job.control)
        await self.watch(run)
        await runner.start(job)
        if job.control == "cancel":
            await runner.signal(job)
