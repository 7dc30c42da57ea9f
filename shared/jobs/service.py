"""Starting jobs and looking at them."""

from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import ValidationError

from shared.errors import (
    Conflict,
    FieldError,
    InvalidInput,
)
from shared.idempotency import request_hash, require_same_request, resource_id
from shared.identity.models import Caller
from shared.ids import JobId, RowId, SheetId
from shared.jobs.guarding import JobGuard
from shared.jobs.kinds import KINDS, JobKind, RowJobParameters
from shared.jobs.launching import JobLauncher
from shared.jobs.models import Job, JobPlan, JobStatus, OutcomeStatus
from shared.jobs.planning import plan_rows
from shared.jobs.ports import JobRunner, JobStore, Ledger
from shared.jobs.requests import JobPage, JobView, RowOutcomePage, RowOutcomeView, StartJob
from shared.jobs.states import run_of
from shared.records import utc_now
from shared.sheets.checking import require_sheet_writable
from shared.sheets.columns import require_writable, resolve_column, resolve_columns
from shared.sheets.models import Cell, Column, Sheet
from shared.sheets.service import SheetService
from shared.sheets.values import cell_text
from shared.telemetry import current_correlation_id, get_logger, new_correlation_id

log = get_logger(__name__)


class JobService:
    """Use cases of callers."""

    def __init__(
        self,
        sheets: SheetService,
        store: JobStore,
        ledger: Ledger,
        guard: JobGuard,
        launcher: JobLauncher,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sheets = sheets
        self._store = store
        self._ledger = ledger
        self._guard = guard
        self._launcher = launcher
        self._clock = clock

    async def start(
        self, caller: Caller, request: StartJob, runner: JobRunner, *, idempotency_key: str | None = None
    ) -> JobView:
        """Check, save and start a job.

        Raises `InvalidInput` (`unknown_job_type`, `unknown_column`, `no_rows`, …), `Forbidden`
        (`sheet_read_only`), `NotFound` (`sheet_not_found`), `StorageFull` (the job did not start).
        """
        job_id = JobId(resource_id(caller.user_id, "jobs", idempotency_key))
        job = await self._check(caller, request, job_id)
        await self._guard.watch(run_of(job))
        try:
            job = await self._store.create(job)
        except Conflict:
            stored = await self._store.get(caller.user_id, job_id)
            require_same_request(stored.request_hash, request)
            return JobView.of(stored)
        log.info("job %s: %s over %d rows, queued", job.id, job.type, job.total)
        await self._launcher.launch(job, runner)
        return JobView.of(job)

    async def get(self, caller: Caller, job_id: JobId) -> JobView:
        """One of the caller's jobs. Raises `NotFound` (`job_not_found`)."""
        return JobView.of(await self._store.get(caller.user_id, job_id))

    async def list(
        self,
        caller: Caller,
        *,
        status: JobStatus | None = None,
        sheet_id: SheetId | None = None,
        limit: int,
        cursor: str | None,
    ) -> JobPage:
        """The caller's jobs with this status and over this sheet, newest first."""
        owner = caller.user_id
        jobs, next_cursor = await self._store.list(owner, status=status, sheet_id=sheet_id, limit=limit, cursor=cursor)
        return JobPage(items=tuple(JobView.of(job) for job in jobs), next_cursor=next_cursor)

    async def rows(
        self, caller: Caller, job_id: JobId, *, status: OutcomeStatus | None = None, limit: int, cursor: str | None
    ) -> RowOutcomePage:
        """What became of each row, or of those with this status, in the order of the plan."""
        await self._store.get(caller.user_id, job_id)
        outcomes, next_cursor = await self._ledger.list(job_id, status=status, limit=limit, cursor=cursor)
        items = tuple(
            RowOutcomeView(
                row_id=outcome.row_id,
                status=outcome.counted_as,
                code=outcome.code,
                message=outcome.message,
                value=outcome.value,
                note=outcome.note,
                write_state=outcome.write_state,
            )
            for outcome in outcomes
        )
        return RowOutcomePage(items=items, next_cursor=next_cursor)

    async def _check(self, caller: Caller, request: StartJob, job_id: JobId) -> Job:
        kind = _kind(request)
        parameters = _parameters(kind, request)
        sheet = await self._sheets.open(caller, request.sheet_id)
        require_sheet_writable(sheet)
        sources = resolve_columns(sheet, parameters.source_columns, "parameters.sourceColumns")
        target = resolve_column(sheet, parameters.target_column, "parameters.targetColumn")
        require_writable(target, "parameters.targetColumn")
        if target in sources:
            raise _invalid("parameters.targetColumn", "The target may not be one of the source columns.")
        rows = _select_rows(sheet, request, sources)
        plan = await self._plan_chosen(job_id, rows) if request.rows else None
        now = self._clock()
        return Job(
            id=job_id,
            owner=caller.user_id,
            type=kind.type,
            sheet_id=sheet.id,
            status="queued",
            total=len(rows),
            source_column_ids=tuple(column.id for column in sources),
            target_column_id=target.id,
            plan=plan,
            all_rows=plan,
            parameters={"sourceColumns": [column.id for column in sources], "targetColumn": target.id},
            request_hash=request_hash(request),
            correlation_id=current_correlation_id() or new_correlation_id(),
            created_at=now,
            updated_at=now,
        )

    async def _plan_chosen(self, job_id: JobId, rows: Sequence[RowId]) -> JobPlan:
        """Rows chosen by id are planned at once: ids of thousands of rows have no place in the job itself."""
        plan, parts = plan_rows("run1", rows)
        await self._ledger.save_plan(job_id, parts)
        return plan


def _kind(request: StartJob) -> JobKind:
    kind = KINDS.get(request.type)
    if kind is None:
        known = ", ".join(sorted(KINDS))
        raise InvalidInput(
            "There is no such kind of job.",
            code="unknown_job_type",
            errors=(FieldError("type", f"must be one of: {known}"),),
        )
    return kind


def _parameters(kind: JobKind, request: StartJob) -> RowJobParameters:
    try:
        return kind.parameters.model_validate(request.parameters)
    except ValidationError as error:
        faults = tuple(
            FieldError(".".join(["parameters", *map(str, fault["loc"])]), fault["msg"])
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise InvalidInput("The parameters do not fit this kind of job.", errors=faults) from None


def _select_rows(sheet: Sheet, request: StartJob, sources: Sequence[Column]) -> list[RowId]:
    if request.rows is not None:
        unknown = [row_id for row_id in request.rows.ids if row_id not in sheet.rows_by_id]
        if unknown:
            raise InvalidInput(
                "Some rows are not in the sheet.",
                code="unknown_row",
                errors=(FieldError("rows.ids", f"not in the sheet: {', '.join(unknown[:5])}"),),
            )
        rows = [sheet.rows_by_id[row_id] for row_id in dict.fromkeys(request.rows.ids)]
    else:
        rows = list(sheet.rows)
    empty = Cell()
    if not any(cell_text(row.cells.get(column.id, empty)).strip() for row in rows for column in sources):
        what = "The sheet has no rows." if not rows else "The source cells of all chosen rows are empty."
        raise InvalidInput(f"There is nothing to do. {what}", code="no_rows")
    return [row.id for row in rows]


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput("The parameters do not fit this sheet.", errors=(FieldError(field, message),))
