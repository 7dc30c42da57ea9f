"""Doing rows of a finished job again: those that failed, or those that somebody names."""

import uuid
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from shared.errors import Conflict, FieldError, InvalidInput, PreconditionFailed
from shared.idempotency import request_hash, require_same_request, resource_id
from shared.identity.models import Caller
from shared.ids import JobId, RowId
from shared.jobs.finishing import JobFinisher, count
from shared.jobs.guarding import JobGuard
from shared.jobs.launching import JobLauncher
from shared.jobs.models import Counts, Job, JobPlan, RunStart
from shared.jobs.planning import parts_of, plan_rows
from shared.jobs.ports import JobRunner, JobStore, Ledger
from shared.jobs.requests import JobView, RerunJob
from shared.jobs.states import JobStates, run_of
from shared.records import Frozen, utc_now
from shared.sheets.checking import require_sheet_writable
from shared.sheets.columns import require_writable, resolve_column, resolve_columns
from shared.sheets.service import SheetService
from shared.telemetry import get_logger

log = get_logger(__name__)

_STARTS_KEPT = 50


class _Retry(Frozen):
    """What a request without a body says."""


class JobReruns:
    """Starts further runs of jobs. Rows of other runs keep their outcomes.

    Every method raises `NotFound` (`job_not_found`), `Conflict` (`job_not_finished`, `undo_in_progress`), and what
    makes the sheet one that the job cannot write to.
    """

    def __init__(
        self,
        sheets: SheetService,
        store: JobStore,
        ledger: Ledger,
        states: JobStates,
        finisher: JobFinisher,
        guard: JobGuard,
        launcher: JobLauncher,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sheets = sheets
        self._store = store
        self._ledger = ledger
        self._states = states
        self._finisher = finisher
        self._guard = guard
        self._launcher = launcher
        self._clock = clock

    async def retry(
        self, caller: Caller, job_id: JobId, runner: JobRunner, *, idempotency_key: str | None = None
    ) -> JobView:
        """Do the rows again that failed, or that the job did not come to.

        What somebody entered into their target cells since stays. Raises `InvalidInput` (`no_rows`).
        """
        job = await self._store.get(caller.user_id, job_id)
        start = self._start(job, "retry", _Retry(), idempotency_key)
        if _repeats(job, start, _Retry()):
            return JobView.of(job)
        _require_finished(job)
        await self._require_writable(caller, job)
        fine = {o.row_id for o in await self._finisher.outcomes(job_id) if o.counted_as != "failed"}
        rows = await self._rows(job)
        chosen = {row: position for row, position in rows.items() if row not in fine}
        if rows and not chosen:
            raise InvalidInput("No row of this job has failed.", code="no_rows")
        return await self._run(job, start, chosen, {"afresh": False, "instruction": None}, runner)

    async def rerun(
        self,
        caller: Caller,
        job_id: JobId,
        request: RerunJob,
        runner: JobRunner,
        *,
        idempotency_key: str | None = None,
    ) -> JobView:
        """Do these rows again, whatever became of them and whatever their target cells hold by now.

        Raises `InvalidInput` (`unknown_row`) for rows that are none of the job's.
        """
        job = await self._store.get(caller.user_id, job_id)
        start = self._start(job, "rerun", request, idempotency_key)
        if _repeats(job, start, request):
            return JobView.of(job)
        _require_finished(job)
        await self._require_writable(caller, job)
        rows = await self._rows(job)
        unknown = [row for row in request.row_ids if row not in rows]
        if unknown:
            fault = FieldError("rowIds", f"not among the job's rows: {', '.join(unknown[:5])}")
            raise InvalidInput("Some rows are not among those of the job.", code="unknown_row", errors=(fault,))
        wanted = set(request.row_ids)
        chosen = {row: position for row, position in rows.items() if row in wanted}
        return await self._run(job, start, chosen, {"afresh": True, "instruction": request.instruction}, runner)

    async def _run(
        self, job: Job, start: RunStart, chosen: dict[RowId, int], changes: dict[str, Any], runner: JobRunner
    ) -> JobView:
        """Save and start the next run over these rows; without any, over all of a sheet that was never planned."""
        kept = await self._kept(job.job_id, chosen)
        plan = await self._plan(job, start.run, chosen) if chosen else None
        now = self._clock()
        update = {
            **changes,
            "run": start.run,
            "status": "queued",
            "control": "run",
            "plan": plan,
            "kept": kept,
            "progress": kept.rows,
            "failed_rows": kept.failed,
            "skipped_rows": kept.skipped,
            "paused": None,
            "error": None,
            "result": None,
            "starts": (*job.starts, start)[-_STARTS_KEPT:],
            "run_started_at": now,
            "updated_at": now,
        }
        job = job.model_copy(update=update)
        await self._guard.watch(run_of(job))
        try:
            job = await self._store.replace(job)
        except PreconditionFailed:
            raise Conflict("Another run of this job was started just now.", code="job_not_finished") from None
        await self._states.publish(job)
        log.info("job %s: run %d over %d rows, queued", job.id, job.run, len(chosen) or job.total)
        await self._launcher.launch(job, runner)
        return JobView.of(job)

    async def _rows(self, job: Job) -> dict[RowId, int]:
        """The job's rows and their places; empty for one that never came to planning them."""
        rows: dict[RowId, int] = {}
        if job.all_rows is not None:
            for part_id in parts_of(job.all_rows):
                part = await self._ledger.get_part(job.job_id, part_id)
                for slot, places in zip(part.slots, part.positions, strict=True):
                    rows |= dict(zip(slot, places, strict=True))
        return rows

    async def _kept(self, job_id: JobId, chosen: Collection[RowId]) -> Counts:
        return count([o for o in await self._finisher.outcomes(job_id) if o.row_id not in chosen])

    async def _plan(self, job: Job, run: int, chosen: dict[RowId, int]) -> JobPlan:
        """Under a key of its own: of two who start the next run at once, neither plans for the other."""
        plan, parts = plan_rows(f"run{run}-{uuid.uuid4().hex[:12]}", list(chosen), list(chosen.values()))
        await self._ledger.save_plan(job.job_id, parts)
        return plan

    async def _require_writable(self, caller: Caller, job: Job) -> None:
        sheet = await self._sheets.open(caller, job.sheet_id)
        require_sheet_writable(sheet)
        resolve_columns(sheet, job.source_column_ids, "parameters.sourceColumns")
        target = resolve_column(sheet, job.target_column_id, "parameters.targetColumn")
        require_writable(target, "parameters.targetColumn")

    def _start(self, job: Job, what: str, request: BaseModel, key: str | None) -> RunStart:
        start_id = resource_id(job.owner, f"jobs/{job.id}/{what}", key)
        return RunStart(id=start_id, run=job.run + 1, request_hash=request_hash(request))


def _repeats(job: Job, start: RunStart, request: BaseModel) -> bool:
    """Whether the same request was made before. Raises `InvalidInput` (`idempotency_key_reused`)."""
    known = next((each for each in job.starts if each.id == start.id), None)
    if known is not None:
        require_same_request(known.request_hash, request)
    return known is not None


def _require_finished(job: Job) -> None:
    if not job.finished:
        raise Conflict("The job has not ended yet.", code="job_not_finished")
    job.require_no_undo()
