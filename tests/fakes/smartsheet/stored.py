"""Sheets in memory, and what other people do to them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import Cell, CellValue, Column, Row, RowLocation, Sheet
from tests.fakes.smartsheet.cells import holds
from tests.fakes.smartsheet.outline import moved, placed, without

_BOTTOM = RowLocation(to_bottom=True)


class StoredSheets:
    """The sheets as they are. Every change raises the version by one, and is foreign to whoever reads."""

    def __init__(self, sheets: Iterable[Sheet], clock: Callable[[], datetime]) -> None:
        self._sheets = {sheet.id: sheet for sheet in sheets}
        self._clock = clock

    def sheet(self, sheet_id: str) -> Sheet:
        """The sheet as it is now."""
        return self._sheets[SheetId(sheet_id)]

    def value(self, sheet_id: str, row_id: str, column_id: str) -> CellValue:
        """What a cell holds now."""
        cell = self._row(sheet_id, row_id).cells.get(ColumnId(column_id))
        return None if cell is None else cell.value

    def edit(self, sheet_id: str, row_id: str, column_id: str, value: CellValue | Cell) -> None:
        """Somebody else sets a cell."""
        cell = value if isinstance(value, Cell) else Cell(value)
        row = self._with_cells(self._row(sheet_id, row_id), {ColumnId(column_id): cell})
        self._put(with_rows(self.sheet(sheet_id), [row]))

    def change_row(self, sheet_id: str, row: Row) -> None:
        """Somebody else changes a row as a whole (locks it)."""
        self._put(with_rows(self.sheet(sheet_id), [row]))

    def add_row(self, sheet_id: str, row: Row, location: RowLocation = _BOTTOM) -> None:
        """Somebody else adds a row, at the end unless told."""
        self._put(placed(self.sheet(sheet_id), [row], location))

    def delete_row(self, sheet_id: str, row_id: str) -> None:
        """Somebody else deletes a row, and with it its children."""
        self._put(without(self.sheet(sheet_id), [RowId(row_id)])[0])

    def move_row(self, sheet_id: str, row_id: str, location: RowLocation) -> None:
        """Somebody else moves a row, and with it its children."""
        self._put(moved(self.sheet(sheet_id), [RowId(row_id)], location))

    def replace_columns(self, sheet_id: str, columns: Sequence[Column]) -> None:
        """Somebody else changes the columns."""
        self._put(replace(self.sheet(sheet_id), columns=tuple(columns)))

    def put_sheet(self, sheet: Sheet) -> None:
        """Somebody else makes a sheet."""
        self._put(sheet)

    def delete_sheet(self, sheet_id: str) -> None:
        """Somebody else deletes the sheet."""
        del self._sheets[SheetId(sheet_id)]

    def _row(self, sheet_id: str, row_id: str) -> Row:
        return self.sheet(sheet_id).rows_by_id[RowId(row_id)]

    def _with_cells(self, row: Row, cells: Mapping[ColumnId, Cell]) -> Row:
        held = {id_: cell for id_, cell in {**row.cells, **cells}.items() if holds(cell)}
        return replace(row, cells=held, modified_at=self._clock())

    def _put(self, sheet: Sheet) -> Sheet:
        stored = replace(sheet, version=sheet.version + 1, modified_at=self._clock())
        self._sheets[sheet.id] = stored
        return stored


def with_rows(sheet: Sheet, rows: Iterable[Row]) -> Sheet:
    """The sheet with these rows in place of those of the same ids."""
    changed = {row.id: row for row in rows}
    return replace(sheet, rows=tuple(changed.get(row.id, row) for row in sheet.rows))
