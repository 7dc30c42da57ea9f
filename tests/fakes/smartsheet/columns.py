"""Adding, changing and deleting columns, by the rules of the local Smartsheet sandbox."""

from collections.abc import Sequence
from dataclasses import replace

from local.smartsheet.columns import Column as StoredColumn
from local.smartsheet.columns import ColumnIn, ContactOption, build_column, change_column
from local.smartsheet.errors import ApiError
from local.smartsheet.values import Rules, read_value
from shared.ids import ColumnId
from shared.sheets.models import Cell, Column, ColumnWrite, Row, Sheet
from tests.fakes.smartsheet.cells import UNCOMPUTED, holds, shared_cell, stored_column


def with_new_columns(sheet: Sheet, given: Sequence[ColumnWrite], first_id: int) -> Sheet:
    """The sheet with columns added at their index. Raises `ApiError`."""
    if not given or any(column.index is None or column.index != given[0].index for column in given):
        raise ValueError("a call adds one column or more, all at the same index")
    new = [_shared(build_column(_column_in(column), first_id + at)) for at, column in enumerate(given)]
    at = min(given[0].index or 0, len(sheet.columns))
    return _checked(_arranged(sheet, [*sheet.columns[:at], *new, *sheet.columns[at:]], new))


def with_changed_column(sheet: Sheet, column_id: ColumnId, given: ColumnWrite) -> Sheet:
    """The sheet with a column changed. Raises `ApiError`."""
    before = _find(sheet, column_id)
    after = _shared(change_column(stored_column(before), _column_in(given)))
    others = [column for column in sheet.columns if column.id != column_id]
    at = sheet.columns.index(before) if given.index is None else min(given.index, len(others))
    refilled = (before.type, before.system_type, before.formula) != (after.type, after.system_type, after.formula)
    return _checked(_arranged(sheet, [*others[:at], after, *others[at:]], [after] if refilled else []))


def without_column(sheet: Sheet, column_id: ColumnId) -> Sheet:
    """The sheet without a column and its cells. Raises `ApiError`."""
    if _find(sheet, column_id).primary:
        raise ApiError(1065)
    return _arranged(sheet, [column for column in sheet.columns if column.id != column_id], [])


def _arranged(sheet: Sheet, columns: Sequence[Column], filled: Sequence[Column]) -> Sheet:
    ids = {column.id for column in columns}

    def row_with(row: Row) -> Row:
        cells = {id_: cell for id_, cell in row.cells.items() if id_ in ids}
        cells |= {column.id: _filled(column, row) for column in filled}
        return replace(row, cells={id_: cell for id_, cell in cells.items() if holds(cell)})

    numbered = tuple(replace(column, index=at) for at, column in enumerate(columns))
    return replace(sheet, columns=numbered, rows=tuple(row_with(row) for row in sheet.rows))


def _filled(column: Column, row: Row) -> Cell:
    """What a cell of a column holds after the column came, or got another type or formula."""
    if column.formula is not None:
        return Cell(UNCOMPUTED, UNCOMPUTED, column.formula)
    moments = {"CREATED_DATE": row.created_at, "MODIFIED_DATE": row.modified_at}
    match column.system_type:
        case None:
            cell = row.cells.get(column.id, Cell())
            value = cell.display_value if cell.object_value is not None else cell.value
            return shared_cell(read_value(stored_column(column), value, Rules(strict=False, override=True)))
        case "AUTO_NUMBER":
            return Cell(str(row.number), str(row.number))
        case "CREATED_BY" | "MODIFIED_BY":
            return Cell("somebody@example.com", "somebody")
        case system:
            moment = moments.get(system)
            return Cell(None if moment is None else moment.isoformat())


def _checked(sheet: Sheet) -> Sheet:
    titles = [column.title for column in sheet.columns]
    if len(set(titles)) < len(titles):
        raise ApiError(1056)
    systems = [column.system_type for column in sheet.columns if column.system_type is not None]
    if len(set(systems)) < len(systems):
        raise ApiError(1134)
    return sheet


def _find(sheet: Sheet, column_id: ColumnId) -> Column:
    column = next((column for column in sheet.columns if column.id == column_id), None)
    if column is None:
        raise ApiError(1006)
    return column


def _column_in(given: ColumnWrite) -> ColumnIn:
    contacts = given.contact_options
    named = {
        "title": given.title,
        "type": given.type,
        "index": given.index,
        "options": None if given.options is None else list(given.options),
        "contact_options": None if contacts is None else [ContactOption.model_validate(each) for each in contacts],
        "symbol": given.symbol,
        "validation": given.validation,
        "system_column_type": given.system_type,
        "formula": given.formula,
        "locked": given.locked,
        "hidden": given.hidden,
        "width": given.width,
        "description": given.description,
    }
    return ColumnIn(**{name: value for name, value in named.items() if value is not None})


def _shared(column: StoredColumn) -> Column:
    return Column(
        id=ColumnId(str(column.id)),
        index=0,
        title=column.title,
        type=column.type,
        primary=column.primary,
        options=tuple(column.options),
        validation=column.validation,
        system_type=column.system,
        formula=column.formula,
        locked=column.locked,
        hidden=column.hidden,
        symbol=column.symbol,
        width=column.width,
        description=column.description,
        contact_options=tuple(column.contacts),
    )
