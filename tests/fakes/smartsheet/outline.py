"""Where rows go, by the outline of the local Smartsheet sandbox."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from local.smartsheet.errors import ApiError
from local.smartsheet.rows.outline import Outline, Place
from shared.ids import RowId
from shared.sheets.models import Row, RowLocation, Sheet


def placed(sheet: Sheet, rows: Sequence[Row], location: RowLocation) -> Sheet:
    """The sheet with new rows at a location. Raises `ApiError` where nothing can go there."""
    if location.indent or location.outdent:
        raise ApiError(1062)
    _check_anchor(sheet, location, ())
    outline = _outline(sheet)
    outline.insert([int(row.id) for row in rows], _place(location))
    return _arranged(sheet, outline, (*sheet.rows, *rows))


def moved(sheet: Sheet, row_ids: Sequence[RowId], location: RowLocation) -> Sheet:
    """The sheet with rows moved, along with their children. Raises `ApiError` where they cannot go there."""
    _check_anchor(sheet, location, row_ids)
    outline = _outline(sheet)
    if location.indent or location.outdent:
        for row_id in row_ids:
            if not (outline.indent if location.indent else outline.outdent)(int(row_id)):
                raise ApiError(1062)
    else:
        outline.move([int(row_id) for row_id in row_ids], _place(location))
    return _arranged(sheet, outline, sheet.rows)


def without(sheet: Sheet, row_ids: Iterable[RowId]) -> tuple[Sheet, tuple[RowId, ...]]:
    """The sheet without these rows and their children, and the ids that went."""
    outline = _outline(sheet)
    gone = outline.remove([int(row_id) for row_id in row_ids])
    return _arranged(sheet, outline, sheet.rows), tuple(RowId(str(row_id)) for row_id in gone)


def _outline(sheet: Sheet) -> Outline:
    return Outline((int(row.id), None if row.parent_id is None else int(row.parent_id)) for row in sheet.rows)


def _arranged(sheet: Sheet, outline: Outline, rows: Iterable[Row]) -> Sheet:
    by_id = {int(row.id): row for row in rows}
    arranged = tuple(
        replace(by_id[row_id], number=number, parent_id=None if parent is None else RowId(str(parent)))
        for number, (row_id, parent) in enumerate(outline.entries, 1)
    )
    return replace(sheet, rows=arranged, total_row_count=len(arranged))


def _place(location: RowLocation) -> Place:
    if location.parent_id is not None:
        return Place("last_child" if location.to_bottom else "first_child", int(location.parent_id))
    if location.sibling_id is not None:
        return Place("above" if location.above else "below", int(location.sibling_id))
    return Place("top" if location.to_top else "bottom")


def _check_anchor(sheet: Sheet, location: RowLocation, row_ids: Sequence[RowId]) -> None:
    for anchor, code in ((location.parent_id, 1063), (location.sibling_id, 1064)):
        above = anchor
        while above is not None:
            if above in row_ids or above not in sheet.rows_by_id:
                raise ApiError(code, anchor)
            above = sheet.rows_by_id[above].parent_id
    written = {column.id for column in sheet.columns if column.system_type is None}
    if location.parent_id is not None and not written & sheet.rows_by_id[location.parent_id].cells.keys():
        raise ApiError(1185)
