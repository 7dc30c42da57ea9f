"""What a change of a column does to the cells of its sheet."""

from dataclasses import replace

from local.smartsheet.accounts import USERS
from local.smartsheet.cells import Cell, read_fragment
from local.smartsheet.change import SheetChange
from local.smartsheet.columns import Column
from local.smartsheet.formulas import rename_column
from local.smartsheet.rows.derived import Recalculation, auto_number
from local.smartsheet.rows.records import Row, load_outline, read_rows, row_of, update_rows
from local.smartsheet.values import Rules, read_value, text_cell


def fill_column(change: SheetChange, column: Column) -> list[Column]:
    """Fill or convert a column's cells after it was added or got another type or formula.

    Contents that do not fit the new type stay as text. Gives the sheet's columns (auto-numbers advance).
    """
    rows = _all_rows(change)
    numbered = column
    for row in rows:
        cell = _new_content(numbered, row)
        if column.auto is not None and numbered.auto is not None:
            numbered = replace(numbered, auto=numbered.auto | {"next": numbered.auto["next"] + 1})
        before = row.cells.pop(column.id, None)
        if not cell.empty:
            row.cells[column.id] = cell.fragment()
        if not column.computed:
            change.cell(row.id, column.id, before, row.cells.get(column.id))
    columns = [numbered if each.id == column.id else each for each in change.columns]
    change.columns = columns
    _store(change, rows, recalculate=True)
    return columns


def clear_column(change: SheetChange, column: Column) -> None:
    """Remove a deleted column's cells."""
    rows = [row for row in _all_rows(change) if column.id in row.cells]
    for row in rows:
        change.cell(row.id, column.id, row.cells.pop(column.id), None, told=False)
    _store(change, rows, recalculate=True)


def rename_in_formulas(change: SheetChange, old: str, new: str) -> None:
    """Let formulas follow a column's new title."""
    change.columns = [
        replace(column, formula=rename_column(column.formula, old, new)) if column.formula else column
        for column in change.columns
    ]
    rows = [row for row in _all_rows(change) if row.has_formula]
    for row in rows:
        for column_id, fragment in row.cells.items():
            cell = read_fragment(fragment)
            if cell.formula is not None:
                row.cells[column_id] = replace(cell, formula=rename_column(cell.formula, old, new)).fragment()
    _store(change, rows, recalculate=False)


def _new_content(column: Column, row: Row) -> Cell:
    if column.formula is not None:
        return Cell(formula=column.formula)
    match column.system:
        case "AUTO_NUMBER" if column.auto is not None:
            return text_cell(auto_number(column.auto))
        case "CREATED_BY" | "MODIFIED_BY":
            user = USERS[row.created_by if column.system == "CREATED_BY" else row.modified_by]
            return Cell(user.email, user.name)
        case "CREATED_DATE" | "MODIFIED_DATE":
            return Cell(row.created_at if column.system == "CREATED_DATE" else row.modified_at)
        case _:
            cell = read_fragment(row.cells.get(column.id))
            # Multi-value contents convert by the text they show, everything else by its value.
            value = cell.display if cell.object_value is not None else cell.value
            converted = read_value(column, value, Rules(strict=False, override=True))
            return replace(converted, hyperlink=cell.hyperlink)


def _all_rows(change: SheetChange) -> list[Row]:
    return [row_of(record) for record in read_rows(change.connection, change.sheet.id)]


def _store(change: SheetChange, rows: list[Row], *, recalculate: bool) -> None:
    if recalculate:
        outline = load_outline(change.connection, change.sheet.id)
        recalculation = Recalculation(change, outline, {row.id: row for row in rows})
        recalculation.run([row.id for row in rows])
        rows = list({row.id: row for row in (*rows, *recalculation.rows())}.values())
    update_rows(change.connection, rows)
