"""The steps of a running job, as its orchestration calls them. Each may be repeated and changes nothing twice."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from shared.errors import AppError, RateLimited, StorageFull, Unauthorized, UpstreamUnavailable
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.identity.refusals import noting_refusal
from shared.jobs.kinds import KINDS
from shared.jobs.models import ChunkProgress, Counts, Job, JobError, JobPlan, Paused
from shared.jobs.pausing import CANCELLED, LONGEST_PAUSE, NOT_GOING_ON, given_up, next_look
from shared.jobs.planning import plan_rows
from shared.jobs.ports import JobStore, Ledger
from shared.jobs.processing import RowProcessor
from shared.jobs.running import JOB_AGE, RunningJobs
from shared.jobs.states import JobStates, is_over
from shared.jobs.steps import ApplyResult, ApplyRun, JobRun, Planned, ProgressReport, SlotResult, SlotRun
from shared.jobs.writing import OutcomeWriter
from shared.records import utc_now
from shared.sheets.service import SheetService
from shared.telemetry import get_logger

log = get_logger(__name__)

_LOOK_AGAIN = timedelta(minutes=1)
_TRANSIENT = (UpstreamUnavailable, StorageFull, RateLimited)


class JobLifecycle:
    """Plan, process, write, report."""

    def __init__(
        self,
        identity: Identity,
        sheets: SheetService,
        store: JobStore,
        ledger: Ledger,
        processor: RowProcessor,
        writer: OutcomeWriter,
        states: JobStates,
        *,
        sign_in_wait: timedelta = timedelta(days=7),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._identity = identity
        self._sheets = sheets
        self._store = store
        self._ledger = ledger
        self._processor = processor
        self._writer = writer
        self._states = states
        self._sign_in_wait = sign_in_wait
        self._clock = clock
        self._running = RunningJobs(store, ledger, clock=clock)

    async def plan(self, run: JobRun) -> Planned:
        """Move the job to `processing` and cut its rows into chunks; the second time, what the first one cut.

        Also tells, at any time, whether the job may go on.
        """
        job = await self._store.get(run.owner, run.job_id)
        if is_over(job, run):
            return Planned(error=NOT_GOING_ON)
        if job.control == "cancel":
            return Planned(error=CANCELLED)
        if job.control == "pause":
            return await self._planned_later(run, "user")
        plan = job.plan
        try:
            if plan is None or job.paused is not None:
                plan = await self._plan_with_token(job)
        except _TRANSIENT:
            if job.paused is None:
                raise
            return _planned_at(self._clock() + _LOOK_AGAIN, job)
        except Unauthorized:
            return await self._planned_later(run, "needs_sign_in")
        except AppError as error:
            return Planned(error=JobError(code=error.code, message=error.detail))
        if job.status != "processing" or job.paused is not None or job.plan is None:
            job = await self._begin(run, plan)
        self._running.keep(job)
        return Planned(slots=plan.slots, rows_per_slot=plan.rows_per_slot, total=plan.total, signal=job.signal)

    async def _begin(self, run: JobRun, plan: JobPlan) -> Job:
        """Save that the job is being worked on; a pause or an end that came meanwhile stays."""

        def begin(job: Job) -> Mapping[str, Any]:
            paused = job.paused if job.control == "pause" else None
            all_rows = job.all_rows or plan
            return {
                "status": "processing",
                "total": all_rows.total,
                "plan": plan,
                "all_rows": all_rows,
                "paused": paused,
            }

        return await self._states.change_run(run, begin)

    async def _plan_with_token(self, job: Job) -> JobPlan:
        """The plan, after the owner's token has opened the sheet."""
        caller = await self._identity.caller_of_user(job.owner)
        async with noting_refusal(self._identity, caller):
            plan = job.plan or await self._plan_all_rows(caller, job)
            await self._sheets.confirm_access(caller, job.sheet_id)
        return plan

    async def _plan_all_rows(self, caller: Caller, job: Job) -> JobPlan:
        sheet = await self._sheets.open(caller, job.sheet_id)
        plan, parts = plan_rows(f"run{job.run}", [row.id for row in sheet.rows])
        await self._ledger.save_plan(job.job_id, parts)
        return plan

    async def process(self, slot: SlotRun) -> SlotResult:
        """Bring one slot's rows to outcomes."""
        run = slot.job
        job = await self._running.get(run)
        if is_over(job, run) or job.plan is None:
            return SlotResult(counts=Counts(), error=NOT_GOING_ON)
        try:
            caller = await self._identity.caller_of_user(run.owner)
            rows = await self._running.rows(slot, job.plan)
            control = partial(self._running.control, run)
            async with noting_refusal(self._identity, caller):
                return await self._processor.process(caller, job, KINDS[job.type], rows, control)
        except _TRANSIENT:
            raise
        except Unauthorized:
            later = await self._planned_later(run, "needs_sign_in")
            return SlotResult(counts=Counts(), paused_until=later.paused_until, error=later.error)
        except AppError as error:
            return SlotResult(counts=Counts(), error=JobError(code=error.code, message=error.detail))

    async def apply(self, apply: ApplyRun) -> ApplyResult:
        """Write outcomes to the sheet."""
        run = apply.job
        job = await self._store.get(run.owner, run.job_id)
        if is_over(job, run):
            return ApplyResult(settled=0, remaining=True, error=NOT_GOING_ON)

        async def may_begin() -> bool:
            return await self._running.control(run) == "run"

        try:
            caller = await self._identity.caller_of_user(run.owner)
            async with noting_refusal(self._identity, caller):
                result = await self._writer.apply(caller, job, flush=apply.flush, may_begin=may_begin)
        except _TRANSIENT:
            result = ApplyResult(settled=0, remaining=True, wait_until=self._clock() + timedelta(seconds=5))
        except Unauthorized:
            later = await self._planned_later(run, "needs_sign_in")
            return ApplyResult(settled=0, remaining=True, paused_until=later.paused_until, error=later.error)
        except AppError as error:
            problem = JobError(code=error.code, message=error.detail)
            return ApplyResult(settled=0, remaining=True, error=problem)
        wanted = await self._running.control(run)
        if wanted == "cancel":
            return result.model_copy(update={"error": CANCELLED})
        return result.model_copy(update={"paused_until": self._clock() + JOB_AGE}) if wanted == "pause" else result

    async def report(self, report: ProgressReport) -> None:
        """Save and publish how far the job has come. Skipped when there is no room: the next one tells more."""
        run = report.job
        mine = ChunkProgress(
            id=f"{run.run}-{report.wave}-{report.chunk}",
            run=run.run,
            wave=report.wave,
            **report.counts.model_dump(),
        )
        try:
            wave = await self._ledger.save_progress(run.job_id, mine)
            counts = report.base
            for chunk in wave:
                counts += Counts(done=chunk.done, failed=chunk.failed, skipped=chunk.skipped)
            await self._states.change_run(run, partial(_progress, counts))
        except _TRANSIENT as error:
            log.warning("job %s: progress not reported (%s)", run.job_id, error.code)

    async def _planned_later(self, run: JobRun, reason: Any) -> Planned:
        """Let the job wait for its owner; when to look again, or why it waits no longer."""
        job = await self._pause(run, reason)
        if is_over(job, run) or job.paused is None:
            return Planned(error=NOT_GOING_ON)
        longest = LONGEST_PAUSE if job.paused.reason == "user" else self._sign_in_wait
        until = next_look(job.paused.since, self._clock(), at_most=longest)
        return Planned(error=given_up(job.paused)) if until is None else _planned_at(until, job)

    async def _pause(self, run: JobRun, reason: Any) -> Job:
        def pause(job: Job) -> Mapping[str, Any] | None:
            if job.paused is not None and job.status == "processing":
                return None
            paused = job.paused or Paused(reason=reason, since=self._clock())
            return {"status": "processing", "paused": paused}

        return await self._states.change_run(run, pause)


def _progress(of_this_run: Counts, job: Job) -> Mapping[str, Any]:
    counts = of_this_run + job.kept
    return {"progress": counts.rows, "failed_rows": counts.failed, "skipped_rows": counts.skipped}


def _planned_at(until: datetime, job: Job) -> Planned:
    reason = None if job.paused is None else job.paused.reason
    return Planned(paused_until=until, paused=reason, signal=job.signal)
