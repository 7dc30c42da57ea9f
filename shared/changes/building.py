"""What an edit means: its items, checked against the sheet, with every fault named."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from shared.changes.models import CellChange, ColumnCell, Item, RowAdd, RowDelete, RowMove
from shared.changes.requests import CellOfRow, EditSheet, RowAddition
from shared.errors import FieldError, Forbidden, InvalidInput
from shared.ids import RowId
from shared.sheets.checking import check_cell, check_placement
from shared.sheets.input import CellContent, CellInput
from shared.sheets.models import CellWrite, Row, Sheet
from shared.sheets.row_size import find_oversize

T = TypeVar("T")

MAX_FAULTS = 100


def build_items(sheet: Sheet, request: EditSheet) -> list[Item]:
    """The items of an edit. Raises `InvalidInput` naming every fault, and `Forbidden` for what is locked."""
    return _Building(sheet).build(request)


class _Building:
    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._faults: list[FieldError] = []
        self._first: InvalidInput | None = None

    def build(self, request: EditSheet) -> list[Item]:
        items: list[Item] = []
        items += self._cells(request.cells, set(request.delete_rows))
        items += self._adds(request.add_rows)
        items += self._moves(request)
        items += self._deletes(request.delete_rows)
        if self._first is not None:
            raise InvalidInput(self._first.detail, code=self._first.code, errors=tuple(self._faults[:MAX_FAULTS]))
        return items

    def _cells(self, cells: Sequence[CellOfRow], deleted: set[RowId]) -> list[CellChange]:
        changes: list[CellChange] = []
        seen = Counter((cell.row_id, cell.column_id) for cell in cells)
        for at, cell in enumerate(cells):
            field = f"cells.{at}"
            row = self._row(cell.row_id, f"{field}.rowId")
            if seen[cell.row_id, cell.column_id] > 1:
                self._fault(f"{field}.columnId", "duplicate_cell", "is given more than once for this row")
            elif cell.row_id in deleted:
                self._fault(f"{field}.rowId", "row_deleted_too", "is also among deleteRows")
            elif row is not None:
                write = self._try(lambda c=cell, r=row, f=field: check_cell(self._sheet, r, c, f))
                if write is not None:
                    changes.append(
                        CellChange(
                            row_id=cell.row_id,
                            column_id=cell.column_id,
                            expected=cell.expectation,
                            after=_content(write),
                        )
                    )
        return changes

    def _adds(self, rows: Sequence[RowAddition]) -> list[RowAdd]:
        adds: list[RowAdd] = []
        for at, row in enumerate(rows):
            field = f"addRows.{at}"
            if row.placement is not None:
                placement = row.placement
                self._try(lambda p=placement, f=field: check_placement(self._sheet, p, f"{f}.placement", of=None))
            cells = self._new_cells(row.cells, field)
            oversize = find_oversize(cell.content for cell in cells)
            if oversize is not None:
                self._fault(field, "row_too_large", oversize)
            adds.append(RowAdd(cells=cells, placement=row.placement))
        return adds

    def _new_cells(self, cells: Sequence[CellInput], field: str) -> tuple[ColumnCell, ...]:
        found: list[ColumnCell] = []
        seen = Counter(cell.column_id for cell in cells)
        for at, cell in enumerate(cells):
            place = f"{field}.cells.{at}"
            if seen[cell.column_id] > 1:
                self._fault(f"{place}.columnId", "duplicate_cell", "is given more than once for this row")
                continue
            write = self._try(lambda c=cell, f=place: check_cell(self._sheet, None, c, f))
            if write is not None:
                found.append(ColumnCell(column_id=cell.column_id, content=_content(write)))
        return tuple(found)

    def _moves(self, request: EditSheet) -> list[RowMove]:
        moves: list[RowMove] = []
        seen = Counter(move.row_id for move in request.move_rows)
        for at, move in enumerate(request.move_rows):
            field = f"moveRows.{at}"
            row = self._row(move.row_id, f"{field}.rowId")
            if seen[move.row_id] > 1:
                self._fault(f"{field}.rowId", "duplicate_row", "is given more than once")
            elif move.row_id in request.delete_rows:
                self._fault(f"{field}.rowId", "row_deleted_too", "is also among deleteRows")
            elif row is not None:
                self._try(
                    lambda m=move, f=field: check_placement(self._sheet, m.placement, f"{f}.placement", of=m.row_id)
                )
                moves.append(RowMove(row_id=move.row_id, placement=move.placement))
        return moves

    def _deletes(self, row_ids: Sequence[RowId]) -> list[RowDelete]:
        for at, row_id in enumerate(row_ids):
            self._row(row_id, f"deleteRows.{at}")
        return [RowDelete(row_id=row_id) for row_id in dict.fromkeys(row_ids)]

    def _row(self, row_id: RowId, field: str) -> Row | None:
        row = self._sheet.rows_by_id.get(row_id)
        if row is None:
            self._fault(field, "unknown_row", "is not a row of this sheet")
        elif row.locked_for_user:
            raise Forbidden(f"{field}: the row is locked for you.", code="row_locked")
        return row

    def _try(self, check: Callable[[], T]) -> T | None:
        try:
            return check()
        except InvalidInput as error:
            self._first = self._first or error
            self._faults += error.errors
            return None

    def _fault(self, field: str, code: str, message: str) -> None:
        self._first = self._first or InvalidInput(f"{field} {message}.", code=code)
        self._faults.append(FieldError(field, message))


def _content(write: CellWrite) -> CellContent:
    return CellContent(
        value=write.value,
        object_value=None if write.object_value is None else dict(write.object_value),
        formula=write.formula,
        hyperlink=None if write.hyperlink is None else dict(write.hyperlink),
    )
