"""Works on rows: the model's answer for each, saved in the ledger before anything else happens with it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from shared.ai.ports import Model, ModelAnswer, ModelDeferred, ModelRefusal
from shared.errors import StorageFull, UpstreamUnavailable
from shared.identity.models import Caller
from shared.ids import RowId
from shared.jobs.kinds import JobKind, input_hash, with_instruction
from shared.jobs.models import Control, Counts, Job, RowOutcome
from shared.jobs.pausing import CANCELLED, NOT_GOING_ON
from shared.jobs.ports import Ledger
from shared.jobs.running import JOB_AGE
from shared.jobs.steps import SlotResult
from shared.records import utc_now
from shared.sheets.models import Cell, Row, Sheet
from shared.sheets.service import SheetService
from shared.sheets.values import cell_text
from shared.telemetry import get_logger

log = get_logger(__name__)

_PAUSE = timedelta(seconds=5)
_SNAPSHOT_SECONDS = 3600.0  # a job works on the sheet as it was when it started; writes look again
_EMPTY = Cell()

Wanted = Control | Literal["over"]
AskControl = Callable[[], Awaitable[Wanted]]
"""What the run shall do now; asked before each row, and again before its outcome is saved."""


class RowProcessor:
    """Turns rows into outcomes, at most `rows_at_once` in this process.

    Rows wait here rather than at the quota, which sends away whoever waits for long: a row behind others of its
    own activity is not idle time that somebody pays for.
    """

    def __init__(
        self,
        sheets: SheetService,
        ledger: Ledger,
        model: Model,
        *,
        model_name: str,
        rows_at_once: int,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sheets = sheets
        self._ledger = ledger
        self._model = model
        self._model_name = model_name
        self._room = asyncio.Semaphore(rows_at_once)
        self._clock = clock

    async def process(
        self,
        caller: Caller,
        job: Job,
        kind: JobKind,
        row_ids: Mapping[RowId, int],
        control: AskControl,
    ) -> SlotResult:
        """Bring every row to an outcome, or say until when the rest has to wait, or why it is not to be done.

        A row that has an outcome of this run already is counted and not worked on again. `row_ids` says each row's
        place among all rows of the job.
        """
        try:
            sheet = await self._sheets.open(caller, job.sheet_id, max_age_seconds=self._max_age(job))
        except UpstreamUnavailable as error:
            wait = timedelta(seconds=error.retry_after_seconds) if error.retry_after_seconds else _PAUSE
            return self._deferred(Counts(), wait)
        rows = [self._row(sheet, job, kind, row_id, position, control) for row_id, position in row_ids.items()]
        results = await asyncio.gather(*rows)
        counts = _count([result for result in results if isinstance(result, RowOutcome)])
        if "over" in results or "cancel" in results:
            return SlotResult(counts=counts, error=NOT_GOING_ON if "over" in results else CANCELLED)
        if "pause" in results:
            return SlotResult(counts=counts, paused_until=self._clock() + JOB_AGE)
        waits = [result for result in results if isinstance(result, timedelta)]
        return self._deferred(counts, max(waits)) if waits else SlotResult(counts=counts)

    async def try_row(self, sheet: Sheet, job: Job, kind: JobKind, row_id: RowId) -> RowOutcome:
        """The outcome that a row would have, which is saved nowhere. Raises what `Model.complete` does but refusals."""
        async with self._room:
            return await self._work(sheet, job, kind, row_id, 0, None)

    async def _row(
        self, sheet: Sheet, job: Job, kind: JobKind, row_id: RowId, position: int, control: AskControl
    ) -> RowOutcome | timedelta | Wanted:
        """The row's outcome; else how long it has to wait, or what the run shall do instead of working on it."""
        try:
            known = await self._ledger.find(job.job_id, row_id)
            if known is not None and known.run >= job.run:
                return known
            async with self._room:
                wanted = await control()
                if wanted != "run":
                    return wanted
                outcome = await self._work(sheet, job, kind, row_id, position, known)
                if await control() == "over":
                    return "over"
                await self._ledger.save(job.job_id, [outcome])
        except ModelDeferred as deferred:
            return timedelta(seconds=deferred.seconds)
        except StorageFull:
            log.warning("job %s: no room for outcomes; the row waits", job.id)
            return _PAUSE
        return outcome

    async def _work(
        self, sheet: Sheet, job: Job, kind: JobKind, row_id: RowId, position: int, former: RowOutcome | None
    ) -> RowOutcome:
        row = sheet.rows_by_id.get(row_id)
        source = _source(sheet, job, row)
        request = kind.request(source=source, request_id=f"{job.id}:{row_id}", parameters=job.parameters)
        request = with_instruction(request, job.instruction)
        outcome = RowOutcome(
            id=row_id,
            run=job.run,
            position=position,
            status="failed",
            before=row.cells.get(job.target_column_id, _EMPTY).value if row else None,
            input_hash=input_hash(kind.type, request, job.parameters, source, self._model_name),
            input_tokens=former.input_tokens if former else 0,
            output_tokens=former.output_tokens if former else 0,
            at=self._clock(),
        )
        if row is None:
            return _failed(outcome, "row_not_found", "The row is no longer in the sheet.")
        if not source:
            return outcome.model_copy(
                update={"status": "skipped", "code": "empty_source", "message": "The source cells are empty."}
            )
        if former is not None and not job.afresh and outcome.before not in (former.before, former.value):
            conflict = outcome.model_copy(update={"before": former.before})
            return _failed(conflict, "conflict", "Somebody changed the cell meanwhile; it was left as it is.")
        try:
            answer = await self._model.complete(request)
        except ModelRefusal as refusal:
            return _failed(_with_tokens(outcome, refusal), refusal.code, refusal.message)
        outcome = _with_tokens(outcome, answer)
        try:
            cell = kind.outcome(answer.content, source=source, parameters=job.parameters)
        except ModelRefusal as refusal:
            return _failed(outcome, refusal.code, refusal.message)
        return outcome.model_copy(
            update={"status": "done", "value": cell.text, "note": cell.note, "write_state": "pending"}
        )

    def _max_age(self, job: Job) -> float:
        """The first run works on the sheet as it was when it started; a later one, not as it was before itself."""
        if job.run_started_at is None:
            return _SNAPSHOT_SECONDS
        return min(_SNAPSHOT_SECONDS, max(0.0, (self._clock() - job.run_started_at).total_seconds()))

    def _deferred(self, counts: Counts, wait: timedelta) -> SlotResult:
        return SlotResult(counts=counts, deferred_until=self._clock() + wait)


def _source(sheet: Sheet, job: Job, row: Row | None) -> list[tuple[str, str]]:
    """Title and text of the row's source cells that hold something."""
    if row is None:
        return []
    titles = {column.id: column.title for column in sheet.columns}
    texts = [(titles.get(id_, id_), cell_text(row.cells.get(id_, _EMPTY))) for id_ in job.source_column_ids]
    return [(title, text) for title, text in texts if text.strip()]


def _with_tokens(outcome: RowOutcome, used: ModelAnswer | ModelRefusal) -> RowOutcome:
    return outcome.model_copy(
        update={
            "input_tokens": outcome.input_tokens + used.input_tokens,
            "output_tokens": outcome.output_tokens + used.output_tokens,
        }
    )


def _count(outcomes: Sequence[RowOutcome]) -> Counts:
    by_status = [outcome.status for outcome in outcomes]
    return Counts(done=by_status.count("done"), failed=by_status.count("failed"), skipped=by_status.count("skipped"))


def _failed(outcome: RowOutcome, code: str, message: str) -> RowOutcome:
    return outcome.model_copy(update={"status": "failed", "code": code, "message": message})
