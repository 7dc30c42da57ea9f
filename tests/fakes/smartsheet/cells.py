"""What a written cell holds, and why it is refused: by the rules of the local Smartsheet sandbox."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from local.smartsheet.cells import Cell as StoredCell
from local.smartsheet.columns import Column as StoredColumn
from local.smartsheet.errors import ApiError
from local.smartsheet.values import Rules, read_object, read_value
from shared.clients.smartsheet.failures import Subject, answer_failure
from shared.errors import AppError
from shared.ids import ColumnId
from shared.sheets.models import Cell, CellWrite, Column, Row
from shared.sheets.values import text_length

UNCOMPUTED = "#UNPARSEABLE"  # what every formula shows here
MAX_TEXT = 4000


def holds(cell: Cell) -> bool:
    """Whether there is anything in it."""
    return cell.value not in (None, "") or cell.formula is not None or bool(cell.object_value)


def contents(cells: Mapping[ColumnId, Cell]) -> dict[ColumnId, Cell]:
    """The cells without how they are shown, which follows from the rest."""
    return {id_: replace(cell, display_value=None) for id_, cell in cells.items()}


def told(row: Row) -> Row:
    """The row as an answer to a write has it: without object values."""
    return replace(row, cells={id_: replace(cell, object_value=None) for id_, cell in row.cells.items()})


def written_cells(
    columns: Mapping[ColumnId, Column], writes: Iterable[CellWrite], *, passes_locks: bool
) -> dict[ColumnId, Cell]:
    """The cells as they are after these writes. Raises `ApiError` for the first that Smartsheet refuses."""
    return {write.column_id: _written(columns.get(write.column_id), write, passes_locks) for write in writes}


def stored_column(column: Column) -> StoredColumn:
    """The column as the sandbox has it."""
    return StoredColumn(
        int(column.id),
        column.title,
        column.type,
        primary=column.primary,
        system=column.system_type,
        options=list(column.options),
        contacts=[dict(contact) for contact in column.contact_options],
        symbol=column.symbol,
        validation=column.validation,
        width=column.width or 150,
        locked=column.locked,
        hidden=column.hidden,
        description=column.description,
        formula=column.formula,
    )


def shared_cell(cell: StoredCell) -> Cell:
    """The sandbox's cell as the application reads it."""
    return Cell(cell.value, cell.display, cell.formula, cell.object_value, cell.hyperlink)


def app_error(error: ApiError, subject: Subject = "rows") -> AppError:
    """What the application's client makes of an error of Smartsheet's."""
    return answer_failure(error.status, json.dumps(error.body()).encode(), None, write=True, subject=subject).error


def stamped(columns: Sequence[Column], row: Row, by: str, now: datetime, *, new: bool, number: int = 0) -> Row:
    """The row with the system cells that a change of it sets; `number` is a new row's automatic number."""
    cells = dict(row.cells)
    for column in columns:
        match column.system_type:
            case "AUTO_NUMBER" if new:
                cells[column.id] = Cell(str(number), str(number))
            case "CREATED_BY" | "MODIFIED_BY" if new or column.system_type == "MODIFIED_BY":
                cells[column.id] = Cell(f"{by}@example.com", by)
            case "CREATED_DATE" | "MODIFIED_DATE" if new or column.system_type == "MODIFIED_DATE":
                cells[column.id] = Cell(now.isoformat())
            case _ if new and column.formula is not None:
                cells[column.id] = Cell(UNCOMPUTED, UNCOMPUTED, column.formula)
            case _:
                pass
    return replace(row, cells=cells, modified_at=now, created_at=now if new else row.created_at)


def _written(column: Column | None, write: CellWrite, passes_locks: bool) -> Cell:
    if column is None:
        raise ApiError(1036, write.column_id)
    if column.system_type is not None:
        raise ApiError(1046, column.id)
    if column.formula is not None:
        raise ApiError(1302)
    if column.locked and not passes_locks:
        raise ApiError(1039, column.id)
    if isinstance(write.value, str) and text_length(write.value) > MAX_TEXT:
        raise ApiError(1041, "value", MAX_TEXT, len(write.value))
    if write.formula is not None:
        if not write.formula.startswith("="):
            raise ApiError(1162)
        return Cell(UNCOMPUTED, UNCOMPUTED, write.formula)
    stored = stored_column(column)
    if write.object_value is not None:
        return shared_cell(read_object(stored, dict(write.object_value), Rules()))
    if write.hyperlink is not None:
        if not isinstance(write.value, str):
            raise ApiError(1113)
        return Cell(write.value, write.value, hyperlink=dict(write.hyperlink))
    return shared_cell(read_value(stored, write.value, Rules()))
