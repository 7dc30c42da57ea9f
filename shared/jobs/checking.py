"""Whether a job that somebody asks for can be done, and over which rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from shared.errors import FieldError, InvalidInput
from shared.idempotency import request_hash
from shared.identity.models import Caller
from shared.ids import JobId, RowId
from shared.jobs.kinds import KINDS, JobKind, RowJobParameters
from shared.jobs.models import Job
from shared.jobs.requests import StartJob
from shared.records import utc_now
from shared.sheets.checking import require_sheet_writable
from shared.sheets.columns import require_writable, resolve_column, resolve_columns
from shared.sheets.models import Cell, Column, Row, Sheet
from shared.sheets.service import SheetService
from shared.sheets.values import cell_text
from shared.telemetry import current_correlation_id, new_correlation_id

_EMPTY = Cell()


@dataclass(frozen=True, slots=True)
class CheckedJob:
    """A job as it would be saved, without a plan. `filled` are those of its rows that have something to work on."""

    job: Job
    kind: JobKind
    sheet: Sheet
    rows: tuple[RowId, ...]
    filled: tuple[RowId, ...]


class JobChecker:
    """Checks requests against the sheet, as the caller sees it."""

    def __init__(self, sheets: SheetService, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._sheets = sheets
        self._clock = clock

    async def check(self, caller: Caller, request: StartJob, job_id: JobId) -> CheckedJob:
        """The job that was asked for.

        Raises `InvalidInput` (`unknown_job_type`, `unknown_column`, `no_rows`, …), `Forbidden` (`sheet_read_only`),
        `NotFound` (`sheet_not_found`).
        """
        kind = _kind(request)
        parameters = _parameters(kind, request)
        sheet = await self._sheets.open(caller, request.sheet_id)
        require_sheet_writable(sheet)
        sources = resolve_columns(sheet, parameters.source_columns, "parameters.sourceColumns")
        target = resolve_column(sheet, parameters.target_column, "parameters.targetColumn")
        require_writable(target, "parameters.targetColumn")
        if target in sources:
            raise _invalid("parameters.targetColumn", "The target may not be one of the source columns.")
        rows = _select_rows(sheet, request)
        filled = [row.id for row in rows if _is_filled(row, sources)]
        if not filled:
            what = "The sheet has no rows." if not rows else "The source cells of all chosen rows are empty."
            raise InvalidInput(f"There is nothing to do. {what}", code="no_rows")
        now = self._clock()
        job = Job(
            id=job_id,
            owner=caller.user_id,
            type=kind.type,
            sheet_id=sheet.id,
            status="queued",
            total=len(rows),
            source_column_ids=tuple(column.id for column in sources),
            target_column_id=target.id,
            parameters={"sourceColumns": [column.id for column in sources], "targetColumn": target.id},
            request_hash=request_hash(request),
            correlation_id=current_correlation_id() or new_correlation_id(),
            created_at=now,
            updated_at=now,
        )
        return CheckedJob(job, kind, sheet, tuple(row.id for row in rows), tuple(filled))


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


def _select_rows(sheet: Sheet, request: StartJob) -> list[Row]:
    if request.rows is None:
        return list(sheet.rows)
    unknown = [row_id for row_id in request.rows.ids if row_id not in sheet.rows_by_id]
    if unknown:
        raise InvalidInput(
            "Some rows are not in the sheet.",
            code="unknown_row",
            errors=(FieldError("rows.ids", f"not in the sheet: {', '.join(unknown[:5])}"),),
        )
    return [sheet.rows_by_id[row_id] for row_id in dict.fromkeys(request.rows.ids)]


def _is_filled(row: Row, sources: Sequence[Column]) -> bool:
    return any(cell_text(row.cells.get(column.id, _EMPTY)).strip() for column in sources)


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput("The parameters do not fit this sheet.", errors=(FieldError(field, message),))
