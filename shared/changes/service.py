"""Applies change-sets: re-read, save an intent, one bulk call, record.

Smartsheet has no conditional write, so the claim is that no foreign edit is lost silently. It may be killed
at any line and called again: what is stored says how far it came.

    approved ──re-read──▶ conflicts, refusals and equal cells are final
             ──intent───▶ applying ──bulk call──▶ answer ──record──▶ applied
                             │                      │
                             └── no answer ─────────┴─▶ re-read: took effect → record
                                                        did not, and the write timeout passed → send again
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from shared.changes.models import Applied, CellChange, ChangeSet, Waiting, WriteIntent
from shared.changes.ports import ChangeStore
from shared.errors import (
    PreconditionFailed,
    RateLimited,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.identity.models import Caller
from shared.ids import ChangeSetId, ColumnId, RowId, SheetId
from shared.records import utc_now
from shared.sheets.models import Cell, CellWrite, Column, RowWrite, Sheet, WriteAnswer
from shared.sheets.service import SheetService
from shared.sheets.values import canonical
from shared.telemetry import get_logger

log = get_logger(__name__)

_PAUSE_SECONDS = 5.0
_ATTEMPTS = 8
_EMPTY = Cell()


class ChangeService:
    """Stores and applies change-sets. `write_timeout` is how long a call without answer may still take effect."""

    def __init__(
        self,
        sheets: SheetService,
        store: ChangeStore,
        *,
        write_timeout: timedelta,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sheets = sheets
        self._store = store
        self._write_timeout = write_timeout
        self._clock = clock
        self._sheet_locks: defaultdict[SheetId, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def record(self, change_set: ChangeSet, cells: Sequence[CellChange]) -> None:
        """Store an approved change-set of at most 500 rows; nothing happens when it is stored already."""
        await self._store.create(change_set, cells)

    async def apply(self, caller: Caller, sheet_id: SheetId, change_set_id: ChangeSetId) -> Applied | Waiting:
        """Bring a stored change-set to its end, or say when to go on.

        Raises `Unauthorized`, `Forbidden`, `NotFound` (the sheet, with this token) and `StorageFull`.
        """
        async with self._sheet_locks[sheet_id]:
            try:
                return await self._apply(caller, sheet_id, change_set_id)
            except PreconditionFailed:
                return self._wait(1.0, "another runner applies this change-set")
            except RateLimited as error:
                return self._wait(error.retry_after_seconds, error.code)
            except UpstreamUnavailable as error:
                return self._wait(error.retry_after_seconds or _PAUSE_SECONDS, error.code)

    async def _apply(self, caller: Caller, sheet_id: SheetId, change_set_id: ChangeSetId) -> Applied | Waiting:
        change_set = await self._store.get(sheet_id, change_set_id)
        cells = await self._store.get_cells(change_set_id)
        if change_set.status == "applied":
            return Applied(cells=tuple(cells), possible_overlap=change_set.possible_overlap)
        may_resend_at = self._may_resend_at(change_set)
        resend = self._clock() >= may_resend_at  # decided before the re-read: what it shows is newer than that
        truth = await self._reread(caller, sheet_id, cells)
        stored = cells
        cells = [self._settle(cell, truth, sent=change_set.intent is not None) for cell in stored]
        if not any(cell.state == "pending" for cell in cells):
            return await self._finish(change_set, cells, truth.version)
        if not resend:
            return Waiting(until=may_resend_at, reason="unknown_fate")
        if change_set.intent is not None and change_set.intent.attempt >= _ATTEMPTS:
            given_up = [_refuse(cell, "write_unconfirmed") for cell in cells]
            return await self._finish(change_set, given_up, truth.version)
        if cells != stored:  # what is settled now must be known as such after a crash
            await self._store.save_cells(change_set_id, cells)
        return await self._send(caller, change_set, cells, truth)

    async def _send(
        self, caller: Caller, change_set: ChangeSet, cells: list[CellChange], truth: Sheet
    ) -> Applied | Waiting:
        attempt = 1 if change_set.intent is None else change_set.intent.attempt + 1
        intent = WriteIntent(sheet_version=truth.version, sent_at=self._clock(), attempt=attempt)
        change_set = await self._save(change_set, status="applying", intent=intent)
        rows = _row_writes(cells)
        log.info("change-set %s: writing %d rows, attempt %d", change_set.id, len(rows), attempt)
        try:
            answer = await self._sheets.write_rows(
                caller, change_set.sheet_id, rows, change_agent=f"chatsheet:{change_set.id}"
            )
        except (UpstreamTimeout, UpstreamFault):
            return await self._look_after_lost_answer(caller, change_set, cells)
        except (UpstreamUnavailable, RateLimited):
            await self._save(change_set, status="approved", intent=None)  # certainly not written
            raise
        overlap = answer.version > truth.version + 1
        cells = [_answered(cell, answer) for cell in cells]
        if overlap:
            log.warning("change-set %s: the version rose by more than one write", change_set.id)
            now = await self._reread(caller, change_set.sheet_id, cells)
            cells = [self._compare_after_overlap(cell, now) for cell in cells]
        return await self._finish(change_set, cells, answer.version, overlap=overlap)

    async def _look_after_lost_answer(
        self, caller: Caller, change_set: ChangeSet, cells: list[CellChange]
    ) -> Applied | Waiting:
        truth = await self._reread(caller, change_set.sheet_id, cells)
        cells = [self._settle(cell, truth, sent=True) for cell in cells]
        if any(cell.state == "pending" for cell in cells):
            return Waiting(until=self._may_resend_at(change_set), reason="unknown_fate")
        return await self._finish(change_set, cells, truth.version)

    async def _finish(
        self, change_set: ChangeSet, cells: Sequence[CellChange], version: int, *, overlap: bool = False
    ) -> Applied:
        await self._store.save_cells(change_set.change_set_id, cells)
        await self._save(change_set, status="applied", version_after=version, possible_overlap=overlap)
        return Applied(cells=tuple(cells), possible_overlap=overlap)

    async def _save(self, change_set: ChangeSet, **changes: object) -> ChangeSet:
        return await self._store.save(change_set.model_copy(update={**changes, "updated_at": self._clock()}))

    async def _reread(self, caller: Caller, sheet_id: SheetId, cells: Sequence[CellChange]) -> Sheet:
        column_ids = list(dict.fromkeys(cell.column_id for cell in cells))
        row_ids = list(dict.fromkeys(cell.row_id for cell in cells))
        return await self._sheets.reread(caller, sheet_id, column_ids=column_ids, row_ids=row_ids)

    def _settle(self, cell: CellChange, truth: Sheet, *, sent: bool) -> CellChange:
        """What the re-read says of a cell whose fate is open; `sent`: a call with it went out before."""
        if cell.state != "pending":
            return cell
        row = truth.rows_by_id.get(cell.row_id)
        column = _column(truth, cell.column_id)
        if row is None or column is None:
            return _refuse(cell, "row_not_found" if row is None else "column_not_found")
        found = row.cells.get(cell.column_id, _EMPTY)
        current = canonical(column, found)
        if current == canonical(column, cell.after) and found.formula is None:
            return cell.model_copy(update={"state": "written" if sent else "unchanged"})
        if current == canonical(column, cell.before):
            return cell
        return cell.model_copy(update={"state": "conflict", "current": found.value})

    def _compare_after_overlap(self, cell: CellChange, truth: Sheet) -> CellChange:
        if cell.state != "written":
            return cell
        checked = self._settle(cell.model_copy(update={"state": "pending"}), truth, sent=True)
        return cell if checked.state in ("written", "pending") else checked

    def _may_resend_at(self, change_set: ChangeSet) -> datetime:
        intent = change_set.intent
        return self._clock() if intent is None else intent.sent_at + self._write_timeout

    def _wait(self, seconds: float, reason: str) -> Waiting:
        return Waiting(until=self._clock() + timedelta(seconds=seconds), reason=reason)


def _refuse(cell: CellChange, code: str) -> CellChange:
    return cell.model_copy(update={"state": "refused", "code": code}) if cell.state == "pending" else cell


def _answered(cell: CellChange, answer: WriteAnswer) -> CellChange:
    if cell.state != "pending":
        return cell
    failure = next((failure for failure in answer.failures if failure.row_id == cell.row_id), None)
    return _refuse(cell, failure.code) if failure else cell.model_copy(update={"state": "written"})


def _column(sheet: Sheet, column_id: ColumnId) -> Column | None:
    return next((column for column in sheet.columns if column.id == column_id), None)


def _row_writes(cells: Sequence[CellChange]) -> list[RowWrite]:
    rows: defaultdict[RowId, list[CellWrite]] = defaultdict(list)
    for cell in cells:
        if cell.state == "pending":
            rows[cell.row_id].append(CellWrite(cell.column_id, cell.after))
    return [RowWrite(row_id, tuple(writes)) for row_id, writes in rows.items()]
