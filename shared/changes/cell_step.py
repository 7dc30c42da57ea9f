"""Cells: set in bulk, row by row."""

from collections import defaultdict
from collections.abc import Sequence

from shared.changes.content import column_of, content_of, holds, looks_like, same, shows, write_of
from shared.changes.kinds import Sent, StepKind, refused, settled
from shared.changes.models import CellChange, Item, WriteIntent
from shared.changes.target import Target
from shared.ids import RowId
from shared.sheets.models import Cell, CellWrite, Column, RowWrite, Sheet

OVERWRITTEN = "overwritten"


class CellStep(StepKind):
    """See `StepKind`. A cell is its own truth: what it holds tells whether it was written."""

    async def look(self, target: Target, items: Sequence[Item], intent: WriteIntent | None) -> Sheet:
        """Only these rows and columns."""
        cells = _cells(items)
        column_ids = list(dict.fromkeys(target.column(cell.column_id) for cell in cells))
        row_ids = list(dict.fromkeys(target.row(cell.row_id) for cell in cells))
        return await target.sheets.reread(target.caller, target.sheet_id, column_ids=column_ids, row_ids=row_ids)

    def settle(self, target: Target, items: Sequence[Item], truth: Sheet, intent: WriteIntent | None) -> list[Item]:
        """A cell that holds neither what it held nor what it shall hold was changed by somebody else."""
        columns = {column.id: column for column in truth.columns}
        settle = _sent if intent else _unsent
        done: list[Item] = []
        for cell in _cells(items):
            row = truth.rows_by_id.get(target.row(cell.row_id))
            column = columns.get(target.column(cell.column_id))
            if cell.state != "pending":
                done.append(cell)
            elif row is None or column is None:
                done.append(refused(cell, "row_not_found" if row is None else "column_not_found"))
            else:
                done.append(settle(target, cell, column, row.cells.get(column.id)))
        return done

    async def send(self, target: Target, items: Sequence[Item], truth: Sheet) -> Sent:
        """One bulk update with partial success: what Smartsheet refuses, it refuses by row."""
        columns = {column.id: column for column in truth.columns}
        rows: defaultdict[RowId, list[CellWrite]] = defaultdict(list)
        for cell in _cells(items):
            if cell.state == "pending":
                column = columns[target.column(cell.column_id)]
                rows[target.row(cell.row_id)].append(
                    write_of(column, cell.after, truth.access_level if target.restores else None)
                )
        writes = [RowWrite(row_id, tuple(cells)) for row_id, cells in rows.items()]
        answer = await target.sheets.write_rows(
            target.caller, target.sheet_id, writes, change_agent=target.change_agent
        )
        refusals = {failure.row_id: failure.code for failure in answer.failures}
        return Sent(answer.version, [_answered(cell, refusals.get(target.row(cell.row_id))) for cell in _cells(items)])

    def compare(self, target: Target, items: Sequence[Item], now: Sheet, *, overlap: bool) -> list[Item]:
        """A written cell that holds something else by now was written over at once."""
        return [self._compared(target, cell, now) for cell in _cells(items)]

    def _compared(self, target: Target, cell: CellChange, now: Sheet) -> CellChange:
        row = now.rows_by_id.get(target.row(cell.row_id))
        column = column_of(now, target.column(cell.column_id))
        if cell.state != "written" or row is None or column is None:
            return cell
        found = row.cells.get(column.id)
        return (
            cell
            if shows(column, found, cell.after)
            else settled(cell, "conflict", code=OVERWRITTEN, current=content_of(found))
        )


def _unsent(target: Target, cell: CellChange, column: Column, found: Cell | None) -> CellChange:
    current = content_of(found)
    if same(found, cell.after, restored=target.restores):
        return settled(cell, "unchanged", before=current)
    if cell.before is not None:
        as_expected = holds(column, found, cell.before)
    else:
        alike = holds if target.restores else looks_like  # what we wrote had no other link; what people mean may have
        as_expected = cell.expected is None or alike(column, found, cell.expected)
    if not as_expected and shows(column, found, cell.after):
        return settled(cell, "unchanged", before=current)  # somebody else did it already, if with other words
    if not as_expected:
        return settled(cell, "conflict", current=current)
    if cell.before == current:
        return cell
    return cell.model_copy(update={"before": current, "was_linked": found is not None and found.linked})


def _sent(target: Target, cell: CellChange, column: Column, found: Cell | None) -> CellChange:
    if shows(column, found, cell.after):
        return settled(cell, "written")
    if cell.before is not None and holds(column, found, cell.before):
        return cell
    return settled(cell, "conflict", current=content_of(found))


def _answered(cell: CellChange, refusal: str | None) -> CellChange:
    if cell.state != "pending":
        return cell
    return settled(cell, "written") if refusal is None else refused(cell, refusal)


def _cells(items: Sequence[Item]) -> list[CellChange]:
    return [item for item in items if isinstance(item, CellChange)]
