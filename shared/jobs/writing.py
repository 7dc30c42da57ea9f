"""Writes a job's outcomes to the sheet, one change-set of at most 500 rows after the other.

The cursor names the batch and, while it is open, its rows; everything after that follows from stored things,
so a second delivery, or a restart at any line, goes on where the first one stopped.
"""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from shared.changes.models import Author, CellChange, ChangeSet, Item, Waiting
from shared.changes.service import ChangeService
from shared.errors import PreconditionFailed, StorageFull, UpstreamUnavailable
from shared.identity.models import Caller
from shared.ids import ChangeSetId, JobId
from shared.jobs.models import Job, JobError, RowOutcome, WriteCursor
from shared.jobs.ports import Ledger
from shared.jobs.steps import ApplyResult
from shared.records import utc_now
from shared.sheets.input import CellContent
from shared.sheets.models import MAX_ROWS_PER_CALL

_NAMESPACE = uuid.UUID("4f1b0d8e-43a5-4b5e-9d8e-2f6f0a7a3c11")
_PAUSE = timedelta(seconds=5)
_MESSAGES = {
    "conflict": "Somebody changed the cell meanwhile; it was left as it is.",
    "refused": "The result could not be written to the sheet.",
    "unknown": "Nobody knows whether the result was written: Smartsheet's answer was lost.",
}


class OutcomeWriter:
    """The only writer of a job's outcomes; called by the job's parent orchestration, one call at a time."""

    def __init__(self, ledger: Ledger, changes: ChangeService, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._ledger = ledger
        self._changes = changes
        self._clock = clock

    async def apply(
        self, caller: Caller, job: Job, *, flush: bool, may_begin: Callable[[], Awaitable[bool]]
    ) -> ApplyResult:
        """Write what is unwritten: full batches; with `flush` a smaller one when there is no full one.

        A batch that was begun goes on in any case; before each new one, `may_begin` is asked. Raises what
        `ChangeService.submit` raises for a sheet that cannot be written at all.
        """
        settled = 0
        try:
            while True:
                # The cursor first: while it stays as it is read here, nobody else settles what is pending.
                cursor = await self._ledger.get_cursor(job.job_id)
                pending = await self._ledger.list_unwritten(job.job_id, limit=MAX_ROWS_PER_CALL)
                if not cursor.open_rows:
                    enough = len(pending) == MAX_ROWS_PER_CALL or (flush and not settled)
                    if not (pending and enough and await may_begin()):
                        return ApplyResult(settled=settled, remaining=bool(pending))
                    cursor = await self._open_batch(job.job_id, cursor, pending)
                result = await self._write_batch(caller, job, cursor, pending)
                if isinstance(result, Waiting):
                    return ApplyResult(settled=settled, remaining=True, wait_until=result.until)
                settled += result
        except (StorageFull, UpstreamUnavailable, PreconditionFailed):
            return ApplyResult(settled=settled, remaining=True, wait_until=self._clock() + _PAUSE)

    async def _open_batch(self, job_id: JobId, cursor: WriteCursor, pending: Sequence[RowOutcome]) -> WriteCursor:
        opened = cursor.model_copy(
            update={"batch": cursor.batch + 1, "open_rows": tuple(outcome.row_id for outcome in pending)}
        )
        await self._ledger.save_cursor(job_id, opened)
        return await self._ledger.get_cursor(job_id)

    async def _write_batch(
        self, caller: Caller, job: Job, cursor: WriteCursor, pending: Sequence[RowOutcome]
    ) -> int | Waiting:
        outcomes = await self._outcomes(job.job_id, cursor, pending)
        change_set = self._change_set(job, cursor.batch, len(outcomes))
        cells = [_cell_change(job, outcome) for outcome in outcomes.values()]
        applied = await self._changes.submit(caller, change_set, cells)
        if isinstance(applied, Waiting):
            return applied
        await self._settle(job.job_id, cursor, outcomes, applied.items)
        return len(outcomes)

    async def abandon(self, job: Job, error: JobError) -> None:
        """End a batch that is open where it stands, and record what was written of it.

        Nobody will know any more about a call whose answer was lost: its rows count as not written. Raises
        `PreconditionFailed` while somebody else is at work on the batch.
        """
        cursor = await self._ledger.get_cursor(job.job_id)
        if not cursor.open_rows:
            return
        change_set_id = change_set_of_batch(job.job_id, cursor.batch)
        items = await self._changes.abandon(job.sheet_id, change_set_id, error.code)
        outcomes = await self._outcomes(job.job_id, cursor, []) if items else {}
        await self._settle(job.job_id, cursor, outcomes, items)

    async def _outcomes(
        self, job_id: JobId, cursor: WriteCursor, pending: Sequence[RowOutcome]
    ) -> dict[str, RowOutcome]:
        known = {outcome.row_id: outcome for outcome in pending}
        for row_id in cursor.open_rows:
            if row_id not in known:  # settled by a run that died before it could close the batch
                outcome = await self._ledger.find(job_id, row_id)
                assert outcome is not None
                known[row_id] = outcome
        return {row_id: known[row_id] for row_id in cursor.open_rows}

    async def _settle(
        self, job_id: JobId, cursor: WriteCursor, outcomes: dict[str, RowOutcome], items: Sequence[Item]
    ) -> None:
        settled = [_settled(outcomes[cell.row_id], cell) for cell in items if isinstance(cell, CellChange)]
        await self._ledger.save(job_id, settled)
        await self._ledger.save_cursor(job_id, cursor.model_copy(update={"open_rows": ()}))

    def _change_set(self, job: Job, batch: int, cell_count: int) -> ChangeSet:
        now = self._clock()
        return ChangeSet(
            id=change_set_of_batch(job.job_id, batch),
            owner=job.owner,
            sheet_id=job.sheet_id,
            author=Author(kind="job", id=job.id),
            item_count=cell_count,
            correlation_id=job.correlation_id,
            created_at=now,
            updated_at=now,
        )


def change_set_of_batch(job_id: JobId, batch: int) -> ChangeSetId:
    """The id of the change-set that a batch is written with."""
    return ChangeSetId(str(uuid.uuid5(_NAMESPACE, f"{job_id}/{batch}")))


def _settled(outcome: RowOutcome, cell: CellChange) -> RowOutcome:
    if cell.state == "unknown":
        unknown = {"write_state": "refused", "code": "write_unconfirmed", "message": _MESSAGES["unknown"]}
        return outcome.model_copy(update=unknown)
    code = cell.code or ("conflict" if cell.state == "conflict" else None)
    message = _MESSAGES.get(cell.state)
    return outcome.model_copy(update={"write_state": cell.state, "code": code, "message": message})


def _cell_change(job: Job, outcome: RowOutcome) -> CellChange:
    return CellChange(
        row_id=outcome.row_id,
        column_id=job.target_column_id,
        expected=CellContent(value=outcome.before),
        after=CellContent(value=outcome.value),
    )
