"""Whether what a caller sends fits a sheet, and the writes that it means.

Nothing here asks Smartsheet: a value that passes is taken by it with its strict defaults, as far as the sheet is as
it was read. What only Smartsheet knows (whether the target of a link exists, which columns project settings compute)
comes back as a refused row. Every fault names the field, what is wrong and what would be right, and a stable code.
"""

from typing import Literal

from shared.errors import Forbidden
from shared.ids import RowId
from shared.sheets.cell_rules import WRITABLE_TYPES, fit_formula, fit_hyperlink, fit_object, fit_value
from shared.sheets.column_rules import check_column
from shared.sheets.columns import refuse, require_writable
from shared.sheets.input import CellInput, Placement
from shared.sheets.models import AccessLevel, CellWrite, Column, Row, RowLocation, Sheet
from shared.sheets.outline import is_within, previous_sibling

__all__ = [
    "check_cell",
    "check_column",
    "check_placement",
    "find_not_writable",
    "require_columns_writable",
    "require_sheet_writable",
]

_READERS = (AccessLevel.VIEWER, AccessLevel.COMMENTER)


def find_not_writable(sheet: Sheet) -> Literal["viewer", "read_only_sheet"] | None:
    """Why the caller cannot change the sheet: may only read or comment, or nobody may; None when they can."""
    if sheet.access_level in _READERS:
        return "viewer"
    return "read_only_sheet" if sheet.read_only else None


def require_sheet_writable(sheet: Sheet) -> None:
    """Raise `Forbidden` (`sheet_read_only`) unless the caller may change the sheet."""
    if find_not_writable(sheet) is not None:
        raise Forbidden("You may read this sheet, but not change it.", code="sheet_read_only")


def require_columns_writable(sheet: Sheet) -> None:
    """Raise `Forbidden` (`sheet_read_only`, `columns_read_only`) unless the caller may change columns."""
    require_sheet_writable(sheet)
    if not sheet.access_level.passes_locks:
        raise Forbidden("Only administrators and the owner of a sheet change its columns.", code="columns_read_only")


def check_cell(sheet: Sheet, row: Row | None, given: CellInput, field: str) -> CellWrite:
    """The write that sets a cell of this row, or of a new one. `field` is the path of the cell in the input.

    Raises `InvalidInput`; codes: `unknown_column`, `row_locked`, what `require_writable` says of the column, and by
    content `not_an_option`, `object_value_needed`, `value_needed`, `not_a_contact`, `not_a_date`, `not_a_time`,
    `not_a_boolean`, `not_a_duration`, `not_a_number`, `number_out_of_range`, `not_text_or_number`, `not_a_formula`,
    `invalid_hyperlink`, `value_too_long`.
    """
    column = next((column for column in sheet.columns if column.id == given.column_id), None)
    if column is None:
        refuse(f"{field}.columnId", "unknown_column", "there is no column of this id in the sheet")
    if row is not None and row.locked_for_user:
        refuse(field, "row_locked", f"row {row.number} is locked for you")
    require_writable(column, f"{field}.columnId", types=WRITABLE_TYPES)
    return _content(column, given, field)


def check_placement(sheet: Sheet, placement: Placement, field: str, *, of: RowId | None) -> RowLocation:
    """Where the row `of` goes, or a new one. `field` is the path of the placement in the input.

    Raises `InvalidInput`: `unknown_row` for a parent or sibling (or a row) that is not there, `row_locked`,
    `invalid_location` for a place that there is not.
    """
    _check_anchor(sheet, placement.parent_id, f"{field}.parentId", of)
    _check_anchor(sheet, placement.sibling_id, f"{field}.siblingId", of)
    if placement.parent_id is not None:
        _check_parent(sheet, sheet.rows_by_id[placement.parent_id], f"{field}.parentId")
    if of is None:
        if placement.indent or placement.outdent:
            refuse(field, "invalid_location", "a new row goes to the top, the bottom, a parent or a sibling")
    else:
        _check_step(sheet, placement, field, of)
    return RowLocation(
        to_top=placement.to_top,
        to_bottom=placement.to_bottom,
        parent_id=placement.parent_id,
        sibling_id=placement.sibling_id,
        above=placement.above,
        indent=placement.indent,
        outdent=placement.outdent,
    )


def _content(column: Column, given: CellInput, field: str) -> CellWrite:
    if given.hyperlink is not None:
        if given.formula is not None or given.object_value is not None:
            refuse(f"{field}.hyperlink", "invalid_hyperlink", "goes along with a value")
        link = fit_hyperlink(column, given.value, given.hyperlink, f"{field}.hyperlink")
        return CellWrite(column.id, fit_value(column, given.value, f"{field}.value"), hyperlink=link)
    if given.formula is not None:
        return CellWrite(column.id, formula=fit_formula(given.formula, f"{field}.formula"))
    if given.object_value is not None:
        return CellWrite(column.id, object_value=fit_object(column, given.object_value, f"{field}.objectValue"))
    return CellWrite(column.id, fit_value(column, given.value, f"{field}.value"))


def _check_anchor(sheet: Sheet, anchor: RowId | None, field: str, of: RowId | None) -> None:
    if anchor is None:
        return
    if anchor not in sheet.rows_by_id:
        refuse(field, "unknown_row", "there is no row of this id in the sheet")
    if of is not None and is_within(sheet.rows_by_id, anchor, of):
        refuse(field, "invalid_location", "a row cannot be placed beside or below itself or its children")


def _check_parent(sheet: Sheet, parent: Row, field: str) -> None:
    written = {column.id for column in sheet.columns if column.system_type is None}
    if not written & parent.cells.keys():
        refuse(field, "invalid_location", f"row {parent.number} is empty, and cannot have children")


def _check_step(sheet: Sheet, placement: Placement, field: str, of: RowId) -> None:
    row = sheet.rows_by_id.get(of)
    if row is None:
        refuse(field, "unknown_row", "the row to be placed is not in the sheet")
    if row.locked_for_user:
        refuse(field, "row_locked", f"row {row.number} is locked for you")
    if placement.indent and previous_sibling(sheet.rows, row) is None:
        refuse(f"{field}.indent", "invalid_location", "there is no row above on the same level to be its parent")
    if placement.outdent and row.parent_id is None:
        refuse(f"{field}.outdent", "invalid_location", "the row has no parent")
