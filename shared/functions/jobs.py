"""Jobs: the API, the orchestrations, their activities, and the guard.

start_job → run_job_v1 → plan_job
                       → run_job_chunk_v1 → process_rows …
                       → apply_outcomes, report_progress
                       → finish_job
"""

from collections.abc import Generator
from typing import Any

import azure.functions as func
from pydantic import Field

from shared.clients.durable import DurableContext, DurableJobRunner, drive, dump
from shared.container import get_container
from shared.errors import Conflict, Forbidden, InvalidInput, NotFound, RateLimited, StorageFull, UpstreamUnavailable
from shared.functions.http import operation
from shared.functions.paging import PageQuery
from shared.functions.registration import DurableClient, DurableOrchestration, Triggers
from shared.functions.routes import Call, NoQuery
from shared.ids import JobId, SheetId
from shared.jobs.guarding import GUARD_QUEUE
from shared.jobs.models import JobStatus, OutcomeStatus
from shared.jobs.orchestrator import run_chunk, run_job
from shared.jobs.ports import JobRunner
from shared.jobs.previewing import JobPreview
from shared.jobs.requests import JobPage, JobView, RerunJob, RowOutcomePage, StartJob
from shared.jobs.steps import ApplyRun, ChunkRun, JobEnd, JobRun, ProgressReport, SlotRun, UndoRun
from shared.jobs.undoing import UNDO_QUEUE
from shared.telemetry import correlated

triggers = Triggers()

_STEERING = (NotFound, StorageFull, UpstreamUnavailable)
_STARTING = (InvalidInput, NotFound, Forbidden, Conflict, RateLimited, StorageFull, UpstreamUnavailable)


class JobsQuery(PageQuery):
    """Which jobs."""

    status: JobStatus | None = None
    sheet_id: SheetId | None = Field(default=None, pattern=r"^\d{1,19}$")


class JobRowsQuery(PageQuery):
    """Which rows."""

    status: OutcomeStatus | None = None


@operation(
    triggers,
    "POST",
    "jobs",
    summary="Start a job over a sheet's rows",
    tag="Jobs",
    body=StartJob,
    answers=JobView,
    status=202,
    errors=(InvalidInput, NotFound, Forbidden, RateLimited, StorageFull, UpstreamUnavailable),
    starts_jobs=True,
)
async def start_job(call: Call[StartJob, NoQuery]) -> JobView:
    """The job is saved and queued; follow it on the topic `job:{id}` or here."""
    jobs = call.container.jobs
    return await jobs.start(call.caller, call.body, _runner(call), idempotency_key=call.idempotency_key)


@operation(
    triggers,
    "POST",
    "jobs/preview",
    summary="Try a job out, and forecast it",
    tag="Jobs",
    body=StartJob,
    answers=JobPreview,
    errors=(InvalidInput, NotFound, Forbidden, RateLimited, UpstreamUnavailable),
    asks_model=True,
)
async def preview_job(call: Call[StartJob, NoQuery]) -> JobPreview:
    """Up to 5 rows are worked on, and nothing is written. 503 `model_busy` when the model has no room for any."""
    return await call.container.job_previewer.preview(call.caller, call.body)


@operation(
    triggers,
    "GET",
    "jobs",
    summary="The caller's jobs",
    tag="Jobs",
    query=JobsQuery,
    answers=JobPage,
    errors=(InvalidInput,),
)
async def list_jobs(call: Call[None, JobsQuery]) -> JobPage:
    """Newest first; all, or those with this status, or over this sheet."""
    query = call.query
    return await call.container.jobs.list(
        call.caller, status=query.status, sheet_id=query.sheet_id, limit=query.limit, cursor=query.cursor
    )


@operation(triggers, "GET", "jobs/{jobId:guid}", summary="A job", tag="Jobs", answers=JobView, errors=(NotFound,))
async def get_job(call: Call[None, NoQuery]) -> JobView:
    """Status, progress and, when finished, the result."""
    return await call.container.jobs.get(call.caller, JobId(call.path["jobId"]))


@operation(
    triggers,
    "GET",
    "jobs/{jobId:guid}/rows",
    summary="What became of each row",
    tag="Jobs",
    query=JobRowsQuery,
    answers=RowOutcomePage,
    errors=(InvalidInput, NotFound),
)
async def list_job_rows(call: Call[None, JobRowsQuery]) -> RowOutcomePage:
    """Outcomes in the order of the plan; all, or those with this status."""
    query = call.query
    job_id = JobId(call.path["jobId"])
    jobs = call.container.jobs
    return await jobs.rows(call.caller, job_id, status=query.status, limit=query.limit, cursor=query.cursor)


@operation(
    triggers,
    "DELETE",
    "jobs/{jobId:guid}",
    summary="Cancel a job",
    tag="Jobs",
    answers=JobView,
    errors=_STEERING,
    starts_jobs=True,
)
async def cancel_job(call: Call[None, NoQuery]) -> JobView:
    """It ends as `cancelled` soon after; what it wrote stays. A job that has ended is answered as it is."""
    return await call.container.job_control.cancel(call.caller, JobId(call.path["jobId"]), _runner(call))


@operation(
    triggers,
    "POST",
    "jobs/{jobId:guid}/pause",
    summary="Let a job stand still",
    tag="Jobs",
    answers=JobView,
    errors=(*_STEERING, Conflict),
    starts_jobs=True,
)
async def pause_job(call: Call[None, NoQuery]) -> JobView:
    """Rows that are being worked on come to their end. A job that nobody resumes within 7 days fails."""
    return await call.container.job_control.pause(call.caller, JobId(call.path["jobId"]), _runner(call))


@operation(
    triggers,
    "POST",
    "jobs/{jobId:guid}/resume",
    summary="Let a job go on",
    tag="Jobs",
    answers=JobView,
    errors=(*_STEERING, Conflict),
    starts_jobs=True,
)
async def resume_job(call: Call[None, NoQuery]) -> JobView:
    """Where it stood. One that waits for its owner to sign in looks at once whether they have."""
    return await call.container.job_control.resume(call.caller, JobId(call.path["jobId"]), _runner(call))


@operation(
    triggers,
    "POST",
    "jobs/{jobId:guid}/retry",
    summary="Do the rows again that failed",
    tag="Jobs",
    answers=JobView,
    status=202,
    errors=_STARTING,
    starts_jobs=True,
)
async def retry_job(call: Call[None, NoQuery]) -> JobView:
    """Those that failed, or that the job did not come to. What somebody entered into their cells since stays."""
    reruns, job_id = call.container.job_reruns, JobId(call.path["jobId"])
    return await reruns.retry(call.caller, job_id, _runner(call), idempotency_key=call.idempotency_key)


@operation(
    triggers,
    "POST",
    "jobs/{jobId:guid}/rerun",
    summary="Do rows afresh",
    tag="Jobs",
    body=RerunJob,
    answers=JobView,
    status=202,
    errors=_STARTING,
    starts_jobs=True,
)
async def rerun_job(call: Call[RerunJob, NoQuery]) -> JobView:
    """Whatever became of these rows, and whatever their target cells hold by now."""
    reruns, job_id = call.container.job_reruns, JobId(call.path["jobId"])
    return await reruns.rerun(call.caller, job_id, call.body, _runner(call), idempotency_key=call.idempotency_key)


@operation(
    triggers,
    "POST",
    "jobs/{jobId:guid}/undo",
    summary="Undo what a job wrote",
    tag="Jobs",
    answers=JobView,
    status=202,
    errors=_STARTING,
)
async def undo_job(call: Call[None, NoQuery]) -> JobView:
    """From the last write to the first. What somebody changed since is left alone, and told in `undo`."""
    job_id = JobId(call.path["jobId"])
    return await call.container.job_undoing.undo(call.caller, job_id, idempotency_key=call.idempotency_key)


@triggers.orchestration
def run_job_v1(context: DurableOrchestration) -> Generator[Any, Any, Any]:
    """One run of a job."""
    job = JobRun.model_validate(context.get_input(expected_type=dict))
    return (yield from drive(run_job(DurableContext(context), job)))


@triggers.orchestration
def run_job_chunk_v1(context: DurableOrchestration) -> Generator[Any, Any, Any]:
    """One chunk of a job's rows."""
    chunk = ChunkRun.model_validate(context.get_input(expected_type=dict))
    return (yield from drive(run_chunk(DurableContext(context), chunk)))


@triggers.activity
async def plan_job(payload: dict[str, Any]) -> dict[str, Any]:
    """Cut the rows into chunks."""
    run = JobRun.model_validate(payload)
    with correlated(run.correlation_id):
        return dump(await get_container().job_lifecycle.plan(run))


@triggers.activity
async def process_rows(payload: dict[str, Any]) -> dict[str, Any]:
    """Bring a few rows to outcomes."""
    slot = SlotRun.model_validate(payload)
    with correlated(slot.job.correlation_id):
        return dump(await get_container().job_lifecycle.process(slot))


@triggers.activity
async def apply_outcomes(payload: dict[str, Any]) -> dict[str, Any]:
    """Write outcomes to the sheet."""
    apply = ApplyRun.model_validate(payload)
    with correlated(apply.job.correlation_id):
        return dump(await get_container().job_lifecycle.apply(apply))


@triggers.activity
async def report_progress(payload: dict[str, Any]) -> None:
    """Save and publish how far a job has come."""
    report = ProgressReport.model_validate(payload)
    with correlated(report.job.correlation_id):
        await get_container().job_lifecycle.report(report)


@triggers.activity
async def finish_job(payload: dict[str, Any]) -> None:
    """Sum up and close a job."""
    end = JobEnd.model_validate(payload)
    with correlated(end.job.correlation_id):
        await get_container().job_finisher.finish(end)


@triggers.queue(GUARD_QUEUE, with_client=True)
async def guard_job(msg: func.QueueMessage, client: DurableClient) -> None:
    """Start a job that stayed queued, or end one that was cancelled, because whoever should have died."""
    run = JobRun.model_validate_json(msg.get_body())
    with correlated(run.correlation_id):
        await get_container().job_guard.look(run, DurableJobRunner(client))


@triggers.queue(UNDO_QUEUE)
async def continue_job_undo(msg: func.QueueMessage) -> None:
    """Bring an undo of a job to its end that was left on the way."""
    message = UndoRun.model_validate_json(msg.get_body())
    with correlated(message.correlation_id):
        await get_container().job_undoing.carry_on(message)


def _runner(call: Call[Any, Any]) -> JobRunner:
    assert call.runner is not None
    return call.runner
