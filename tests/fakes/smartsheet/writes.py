"""What writes do to the sheets, and what they answer. A refusal is raised as `ApiError`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from local.smartsheet.errors import ApiError
from shared.clients.smartsheet.failures import row_fault
from shared.errors import Forbidden
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import (
    AddAnswer,
    AddFailure,
    ColumnAnswer,
    ColumnWrite,
    DeleteAnswer,
    NewRow,
    Row,
    RowFailure,
    RowWrite,
    Sheet,
    WriteAnswer,
)
from tests.fakes.smartsheet.cells import contents, holds, stamped, told, written_cells
from tests.fakes.smartsheet.columns import with_changed_column, with_new_columns, without_column
from tests.fakes.smartsheet.outline import moved, placed, without
from tests.fakes.smartsheet.stored import StoredSheets, with_rows


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes."""

    token: str
    passes_locks: bool


class SheetWrites(StoredSheets):
    """The sheets, and what writes do to them."""

    def __init__(self, sheets: Iterable[Sheet], clock: Callable[[], datetime]) -> None:
        super().__init__(sheets, clock)
        self._last_id = 0

    def _update(self, writer: Writer, sheet_id: SheetId, writes: Sequence[RowWrite]) -> WriteAnswer:
        if len({write.row_id for write in writes}) < len(writes):
            raise ApiError(1137)
        before = self._sheets[sheet_id]
        written: list[Row] = []
        failures: list[RowFailure] = []
        for write in writes:
            try:
                written.append(self._updated(before, write, writer))
            except ApiError as error:
                failures.append(RowFailure(write.row_id, *row_fault(error.code)))
        row_ids = [row.id for row in written]
        after = with_rows(before, written)
        location = writes[0].location
        if location is not None and written:
            after = moved(after, row_ids, location)
            stamps = [self._stamped(after, after.rows_by_id[row_id], writer.token) for row_id in row_ids]
            after = with_rows(after, stamps)
        if after != before:
            after = self._put(after)
        return WriteAnswer(after.version, tuple(told(after.rows_by_id[id_]) for id_ in row_ids), tuple(failures))

    def _updated(self, sheet: Sheet, write: RowWrite, writer: Writer) -> Row:
        row = sheet.rows_by_id.get(write.row_id)
        if row is None:
            raise ApiError(1006)
        if row.locked and not writer.passes_locks:
            raise ApiError(1050)
        columns = {column.id: column for column in sheet.columns}
        cells = {**row.cells, **written_cells(columns, write.cells, passes_locks=writer.passes_locks)}
        held = {id_: cell for id_, cell in cells.items() if holds(cell)}
        return (
            row
            if contents(held) == contents(row.cells)
            else self._stamped(sheet, replace(row, cells=held), writer.token)
        )

    def _add(self, writer: Writer, sheet_id: SheetId, given: Sequence[NewRow]) -> AddAnswer:
        before = self._sheets[sheet_id]
        columns = {column.id: column for column in before.columns}
        new: list[Row | None] = []
        failures: list[AddFailure] = []
        for at, row in enumerate(given):
            try:
                cells = written_cells(columns, row.cells, passes_locks=writer.passes_locks)
            except ApiError as error:
                failures.append(AddFailure(at, *row_fault(error.code)))
                new.append(None)
                continue
            held = {id_: cell for id_, cell in cells.items() if holds(cell)}
            number = self._next_id(before)
            made = Row(RowId(str(number)), 0, held)
            new.append(stamped(before.columns, made, writer.token, self._clock(), new=True, number=number))
        taken = [row for row in new if row is not None]
        after = placed(before, taken, given[0].location)
        if taken:
            after = self._put(after)
        answered = tuple(None if row is None else told(after.rows_by_id[row.id]) for row in new)
        return AddAnswer(after.version, answered, tuple(failures))

    def _delete(self, writer: Writer, sheet_id: SheetId, row_ids: Sequence[RowId]) -> DeleteAnswer:
        before = self._sheets[sheet_id]
        after, gone = without(before, row_ids)
        if any(before.rows_by_id[row_id].locked for row_id in gone) and not writer.passes_locks:
            raise ApiError(1092)
        if gone:
            after = self._put(after)
        return DeleteAnswer(after.version, gone)

    def _add_columns(self, writer: Writer, sheet_id: SheetId, columns: Sequence[ColumnWrite]) -> ColumnAnswer:
        _require_locks_passed(writer)
        before = self._sheets[sheet_id]
        first = max([self._next_id(before), *(int(column.id) + 1 for column in before.columns)])
        self._last_id = first + len(columns)
        after = self._put(with_new_columns(before, columns, first))
        old = {column.id for column in before.columns}
        return ColumnAnswer(after.version, tuple(column for column in after.columns if column.id not in old))

    def _update_column(
        self, writer: Writer, sheet_id: SheetId, column_id: ColumnId, column: ColumnWrite
    ) -> ColumnAnswer:
        _require_locks_passed(writer)
        after = self._put(with_changed_column(self._sheets[sheet_id], column_id, column))
        return ColumnAnswer(after.version, tuple(column for column in after.columns if column.id == column_id))

    def _delete_column(self, writer: Writer, sheet_id: SheetId, column_id: ColumnId) -> ColumnAnswer:
        _require_locks_passed(writer)
        self._put(without_column(self._sheets[sheet_id], column_id))
        return ColumnAnswer(None)

    def _stamped(self, sheet: Sheet, row: Row, by: str) -> Row:
        return stamped(sheet.columns, row, by, self._clock(), new=False)

    def _next_id(self, sheet: Sheet) -> int:
        self._last_id = max([self._last_id, *(int(row.id) for row in sheet.rows)]) + 1
        return self._last_id


def _require_locks_passed(writer: Writer) -> None:
    if not writer.passes_locks:
        raise Forbidden("Your access does not allow this.", code="forbidden")
