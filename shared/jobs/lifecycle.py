"""The steps of a running job, as its orchestration calls them. Each may be repeated and changes nothing twice."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from shared.ai.estimates import PriceTable
from shared.errors import AppError, PreconditionFailed, RateLimited, StorageFull, Unauthorized, UpstreamUnavailable
from shared.events.bus import EventBus
from shared.events.ports import MessageQueue
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.identity.refusals import noting_refusal
from shared.ids import JobId
from shared.jobs.kinds import KINDS
from shared.jobs.models import (
    ChunkProgress,
    Cost,
    Job,
    JobError,
    JobPlan,
    JobResult,
    Paused,
    RowOutcome,
    SampleResult,
    TokenCount,
)
from shared.jobs.pausing import GIVEN_UP, next_look
from shared.jobs.planning import plan_rows
from shared.jobs.ports import JobRunner, JobStore, Ledger
from shared.jobs.processing import RowProcessor
from shared.jobs.running import RunningJobs
from shared.jobs.service import GUARD_QUEUE, GUARD_SECONDS
from shared.jobs.steps import (
    ApplyResult,
    ApplyRun,
    Counts,
    JobEnd,
    JobRun,
    Planned,
    ProgressReport,
    SlotResult,
    SlotRun,
)
from shared.jobs.writing import OutcomeWriter
from shared.records import utc_now
from shared.sheets.service import SheetService
from shared.telemetry import get_logger

log = get_logger(__name__)

_SAMPLES = 5
_ATTEMPTS = 10
_LOOK_AGAIN = timedelta(minutes=1)
_TRANSIENT = (UpstreamUnavailable, StorageFull, RateLimited)
_NOT_GOING_ON = JobError(code="job_finished", message="The job has ended already.")


class JobLifecycle:
    """Plan, process, write, report, finish; and the guard that starts what stayed queued."""

    def __init__(
        self,
        identity: Identity,
        sheets: SheetService,
        store: JobStore,
        ledger: Ledger,
        processor: RowProcessor,
        writer: OutcomeWriter,
        events: EventBus,
        queue: MessageQueue,
        prices: PriceTable,
        *,
        model_name: str,
        sign_in_wait: timedelta = timedelta(days=7),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._identity = identity
        self._sheets = sheets
        self._store = store
        self._ledger = ledger
        self._processor = processor
        self._writer = writer
        self._events = events
        self._queue = queue
        self._prices = prices
        self._model_name = model_name
        self._sign_in_wait = sign_in_wait
        self._clock = clock
        self._running = RunningJobs(store, ledger, clock=clock)

    async def plan(self, run: JobRun) -> Planned:
        """Move the job to `processing` and cut its rows into chunks; the second time, what the first one cut."""
        job = await self._store.get(run.owner, run.job_id)
        if job.finished or job.run != run.run:
            return _not_planned(_NOT_GOING_ON)
        plan = job.plan
        try:
            if plan is None or job.paused is not None:
                plan = await self._plan_with_token(job)
        except _TRANSIENT:
            if job.paused is None:
                raise
            return _planned_at(self._clock() + _LOOK_AGAIN)
        except Unauthorized:
            until = await self._pause(run)
            return _not_planned(until) if isinstance(until, JobError) else _planned_at(until)
        except AppError as error:
            return _not_planned(JobError(code=error.code, message=error.detail))
        if job.status != "processing" or job.paused is not None:
            await self._change(run, status="processing", total=plan.total, plan=plan, paused=None)
        return Planned(slots=plan.slots, rows_per_slot=plan.rows_per_slot, total=plan.total)

    async def _plan_with_token(self, job: Job) -> JobPlan:
        """The plan, after the owner's token has opened the sheet."""
        caller = await self._identity.caller_of_user(job.owner)
        async with noting_refusal(self._identity, caller):
            plan = job.plan or await self._plan_all_rows(caller, job)
            await self._sheets.confirm_access(caller, job.sheet_id)
        return plan

    async def _plan_all_rows(self, caller: Caller, job: Job) -> JobPlan:
        sheet = await self._sheets.open(caller, job.sheet_id)
        plan, parts = plan_rows(job.run, [row.id for row in sheet.rows])
        await self._ledger.save_plan(job.job_id, parts)
        return plan

    async def process(self, slot: SlotRun) -> SlotResult:
        """Bring one slot's rows to outcomes."""
        run = slot.job
        job = await self._running.get(run)
        if job.finished or job.plan is None:
            return SlotResult(counts=Counts(), error=_NOT_GOING_ON)
        try:
            caller = await self._identity.caller_of_user(run.owner)
            rows = await self._running.rows(slot)
            first_position = slot.slot * job.plan.rows_per_slot
            async with noting_refusal(self._identity, caller):
                return await self._processor.process(caller, job, KINDS[job.type], rows, first_position)
        except _TRANSIENT:
            raise
        except Unauthorized:
            until = await self._pause(run)
            if isinstance(until, JobError):
                return SlotResult(counts=Counts(), error=until)
            return SlotResult(counts=Counts(), paused_until=until)
        except AppError as error:
            return SlotResult(counts=Counts(), error=JobError(code=error.code, message=error.detail))

    async def apply(self, apply: ApplyRun) -> ApplyResult:
        """Write outcomes to the sheet."""
        run = apply.job
        try:
            job = await self._store.get(run.owner, run.job_id)
            caller = await self._identity.caller_of_user(run.owner)
            async with noting_refusal(self._identity, caller):
                return await self._writer.apply(caller, job, flush=apply.flush)
        except _TRANSIENT:
            return ApplyResult(settled=0, remaining=True, wait_until=self._clock() + timedelta(seconds=5))
        except Unauthorized:
            until = await self._pause(run)
            if isinstance(until, JobError):
                return ApplyResult(settled=0, remaining=True, error=until)
            return ApplyResult(settled=0, remaining=True, paused_until=until)
        except AppError as error:
            problem = JobError(code=error.code, message=error.detail)
            return ApplyResult(settled=0, remaining=True, error=problem)

    async def report(self, report: ProgressReport) -> None:
        """Save and publish how far the job has come. Skipped when there is no room: the next one tells more."""
        mine = ChunkProgress(
            id=f"{report.job.run}-{report.wave}-{report.chunk}", wave=report.wave, **report.counts.model_dump()
        )
        try:
            wave = await self._ledger.save_progress(report.job.job_id, mine)
            counts = report.base
            for chunk in wave:
                counts += Counts(done=chunk.done, failed=chunk.failed, skipped=chunk.skipped)
            await self._change(report.job, progress=counts.rows, failed_rows=counts.failed, skipped_rows=counts.skipped)
        except _TRANSIENT as error:
            log.warning("job %s: progress not reported (%s)", report.job.job_id, error.code)

    async def finish(self, end: JobEnd) -> None:
        """Sum up the ledger and close the job; nothing happens when it is closed."""
        job = await self._store.get(end.job.owner, end.job.job_id)
        if job.finished:
            return
        outcomes = await self._all_outcomes(job.job_id)
        if end.error is not None:
            outcomes = await self._give_up_writing(job.job_id, outcomes, end.error)
        result = self._sum_up(outcomes)
        error = end.error or _nothing_done(outcomes, result)
        await self._change(
            end.job,
            status="failed" if error else "completed",
            error=error,
            result=result,
            paused=None,
            progress=len(outcomes),
            failed_rows=result.failed_rows,
            skipped_rows=result.skipped_rows,
            written_rows=sum(outcome.write_state == "written" for outcome in outcomes),
        )

    async def guard(self, run: JobRun, runner: JobRunner) -> None:
        """Start a job that was saved but never left `queued`; looks again later until it has."""
        try:
            job = await self._store.get(run.owner, run.job_id)
        except AppError:
            log.info("job %s was never saved: nothing to guard", run.job_id)
            return
        if job.status != "queued" or job.run != run.run:
            return
        log.warning("job %s stayed queued: starting it again", run.job_id)
        await self._queue.send(GUARD_QUEUE, run, delay_seconds=GUARD_SECONDS)
        await runner.start(job)

    async def _pause(self, run: JobRun) -> datetime | JobError:
        """Let the job wait for its owner to sign in; when to look again, or why it waits no longer."""
        paused = Paused(reason="needs_sign_in", since=self._clock())
        job = await self._change(run, unless_paused=True, status="processing", paused=paused)
        if job.finished or job.paused is None:
            return _NOT_GOING_ON
        return next_look(job.paused.since, self._clock(), at_most=self._sign_in_wait) or GIVEN_UP

    async def _change(self, run: JobRun, *, unless_paused: bool = False, **changes: Any) -> Job:
        """Save changes of a job that has not ended, and publish its state."""
        for _ in range(_ATTEMPTS):
            job = await self._store.get(run.owner, run.job_id)
            if job.finished or (unless_paused and job.paused is not None):
                return job
            update = {**changes, "updated_at": self._clock()}
            update["progress"] = max(job.progress, changes.get("progress", 0))
            try:
                job = await self._store.replace(job.model_copy(update=update))
            except PreconditionFailed:
                continue
            await self._publish(job)
            return job
        raise UpstreamUnavailable("too many writers on one job")

    async def _publish(self, job: Job) -> None:
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

    async def _all_outcomes(self, job_id: JobId) -> list[RowOutcome]:
        outcomes: list[RowOutcome] = []
        cursor: str | None = None
        while True:
            page, cursor = await self._ledger.list(job_id, limit=500, cursor=cursor)
            outcomes += page
            if cursor is None:
                return outcomes

    async def _give_up_writing(self, job_id: JobId, outcomes: list[RowOutcome], error: JobError) -> list[RowOutcome]:
        """What waits to be written never will be: the rows fail, with the reason why the run could not go on."""
        refusal = {"write_state": "refused", "code": error.code, "message": error.message}
        settled = [o.model_copy(update=refusal) if o.write_state == "pending" else o for o in outcomes]
        await self._ledger.save(job_id, [o for o, was in zip(settled, outcomes, strict=True) if o is not was])
        return settled

    def _sum_up(self, outcomes: list[RowOutcome]) -> JobResult:
        counted = [outcome.counted_as for outcome in outcomes]
        tokens = TokenCount(
            input=sum(outcome.input_tokens for outcome in outcomes),
            output=sum(outcome.output_tokens for outcome in outcomes),
        )
        samples = [outcome for outcome in outcomes if outcome.counted_as == "done" and outcome.value][:_SAMPLES]
        return JobResult(
            processed_rows=counted.count("done"),
            failed_rows=counted.count("failed"),
            skipped_rows=counted.count("skipped"),
            sample_results=tuple(SampleResult(row_id=o.row_id, value=o.value or "") for o in samples),
            tokens=tokens,
            cost=self._cost(tokens),
        )

    def _cost(self, tokens: TokenCount) -> Cost:
        price = self._prices.find(self._model_name)
        if price is None:
            return Cost()
        amount = self._prices.amount(self._model_name, tokens.input, tokens.output)
        return Cost(amount=amount, currency=price.currency)


def _planned_at(until: datetime) -> Planned:
    return Planned(slots=0, rows_per_slot=1, total=0, paused_until=until)


def _not_planned(error: JobError) -> Planned:
    return Planned(slots=0, rows_per_slot=1, total=0, error=error)


def _nothing_done(outcomes: list[RowOutcome], result: JobResult) -> JobError | None:
    if result.processed_rows or not result.failed_rows:
        return None
    first = next(outcome for outcome in outcomes if outcome.counted_as == "failed")
    return JobError(code=first.code or "no_row_succeeded", message=first.message or "No row could be done.")
