"""Starts the orchestration of a run that was saved."""

from shared.errors import PreconditionFailed, StorageFull, UpstreamUnavailable
from shared.jobs.finishing import JobFinisher
from shared.jobs.models import Job, JobError
from shared.jobs.ports import JobRunner
from shared.jobs.states import run_of
from shared.jobs.steps import JobEnd
from shared.telemetry import get_logger

log = get_logger(__name__)


class JobLauncher:
    """What starting and starting afresh have in common."""

    def __init__(self, finisher: JobFinisher) -> None:
        self._finisher = finisher

    async def launch(self, job: Job, runner: JobRunner) -> None:
        """Start the job's current run; one that could not be reached is started by the guard later.

        Raises `StorageFull`: then the job has failed.
        """
        try:
            await runner.start(job)
        except StorageFull:
            error = JobError(code="storage_full", message="The job could not be started: the storage is full.")
            try:
                await self._finisher.finish(JobEnd(job=run_of(job), error=error))
            except (PreconditionFailed, StorageFull, UpstreamUnavailable):
                log.warning("job %s: not started, and stays queued; its guard will start it", job.id)
            raise
        except UpstreamUnavailable as error:
            log.warning("job %s: not started yet (%s); its guard will", job.id, error.code)
