"""Sheets for tests."""

from collections.abc import Sequence

from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import AccessLevel, Cell, CellValue, Column, ColumnType, Row, Sheet
from tests.fakes.smartsheet.cells import holds


def sheet_of(
    columns: Sequence[str | Column],
    rows: Sequence[Sequence[CellValue | Cell]] = (),
    *,
    sheet_id: str = "100",
    name: str = "Plan",
    version: int = 1,
) -> Sheet:
    """A sheet. Columns are titles (text) or whole columns; ids are `1001…` for columns and `1…` for rows."""
    made = tuple(
        column
        if isinstance(column, Column)
        else Column(ColumnId(str(1001 + at)), at, column, ColumnType.TEXT_NUMBER, primary=at == 0)
        for at, column in enumerate(columns)
    )
    return Sheet(
        id=SheetId(sheet_id),
        name=name,
        version=version,
        access_level=AccessLevel.OWNER,
        columns=made,
        rows=tuple(_row(number, made, values) for number, values in enumerate(rows, 1)),
        total_row_count=len(rows),
    )


def _row(number: int, columns: Sequence[Column], values: Sequence[CellValue | Cell]) -> Row:
    cells = {
        column.id: value if isinstance(value, Cell) else Cell(value)
        for column, value in zip(columns, values, strict=False)
    }
    return Row(RowId(str(number)), number, {id_: cell for id_, cell in cells.items() if holds(cell)})
