"""The next version of a sheet, made from the last one and the answer to our own write.

Every function gives None when the answer does not tell all that changed. The caller has made sure that the version
rose by one, and that the sheet computes nothing. A write that changes nothing leaves the version as it is, so a
version that rose says nothing of our write unless the write certainly changed something. One case cannot be told
apart: somebody else set, in one call, other rows and the very values that we then wrote.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shared.ids import ColumnId, RowId
from shared.sheets.models import Cell, CellWrite, ColumnType, NewRow, Row, RowWrite, Sheet
from shared.sheets.outline import with_descendants, with_inserted, without

_OBJECT_TYPES = frozenset({ColumnType.CONTACT_LIST, ColumnType.MULTI_CONTACT_LIST, ColumnType.MULTI_PICKLIST})
_WRITER_COLUMNS = frozenset({"MODIFIED_BY", "MODIFIED_DATE"})


def with_cells_written(sheet: Sheet, sent: Iterable[RowWrite], answered: Iterable[Row]) -> Sheet | None:
    """After cells were set.

    None when rows moved or got formulas, when the answer leaves out what was set (contacts, multiple values) or who
    set it when, when it names rows not known here or shows other cells changed, or when nothing is seen to have
    changed.
    """
    writes = {write.row_id: write for write in sent}
    if any(write.location is not None for write in writes.values()):
        return None
    told = {column.id for column in sheet.columns if column.system_type in _WRITER_COLUMNS}
    untold = _untold(sheet)
    merged: dict[RowId, Row] = {}
    changed = False
    for answer in answered:
        row, write = sheet.rows_by_id.get(answer.id), writes.get(answer.id)
        if row is None or write is None:
            return None
        if not told <= answer.cells.keys() or not _echoes(answer, write.cells, untold):
            return None
        ids = {cell.column_id for cell in write.cells}
        if not _agrees(row, answer, told | ids):
            return None
        changed = changed or any(_value(row.cells, id_) != _value(answer.cells, id_) for id_ in ids)
        merged[row.id] = _merged(row, answer, told | ids)
    if not changed:
        return None
    rows = tuple(merged.get(row.id, row) for row in sheet.rows)
    return replace(sheet, rows=rows, modified_at=_latest(merged.values()))


def with_rows_added(sheet: Sheet, sent: Sequence[NewRow], answered: Sequence[Row | None]) -> Sheet | None:
    """After rows were added at one location.

    None when the answer leaves out what was set or what Smartsheet set itself, when it puts the rows elsewhere than
    expected, or when no row was added.
    """
    told = {column.id for column in sheet.columns if column.system_type is not None}
    untold = _untold(sheet)
    new: list[Row] = []
    for given, answer in zip(sent, answered, strict=True):
        if answer is None:
            continue
        if answer.id in sheet.rows_by_id or not told <= answer.cells.keys():
            return None
        if not _echoes(answer, given.cells, untold):
            return None
        new.append(replace(answer, locked_for_user=answer.locked))
    rows = with_inserted(sheet.rows, new, sent[0].location) if new else None
    if rows is None:
        return None
    after = replace(sheet, rows=rows, total_row_count=len(rows), modified_at=_latest(new))
    return after if all(_is_where(answer, after.rows_by_id[answer.id]) for answer in new) else None


def with_rows_deleted(sheet: Sheet, gone: Collection[RowId]) -> Sheet | None:
    """After these rows went, children included. None when the answer named others than were below each other here.

    When the sheet was last modified is not told, so it is not known.
    """
    if not gone or with_descendants(sheet.rows, gone) != set(gone):
        return None
    rows = without(sheet.rows, set(gone))
    return replace(sheet, rows=rows, total_row_count=len(rows), modified_at=None)


def _untold(sheet: Sheet) -> set[ColumnId]:
    """The columns of which answers to writes show the text only."""
    return {column.id for column in sheet.columns if column.type in _OBJECT_TYPES}


def _echoes(answer: Row, writes: Iterable[CellWrite], untold: Collection[ColumnId]) -> bool:
    """Whether the answer shows everything that was set, and in full; a formula makes the sheet compute cells."""
    for write in writes:
        if write.formula is not None or write.object_value is not None:
            return False
        if write.value in (None, "") and write.hyperlink is None:
            if write.column_id in answer.cells:
                return False
            continue
        cell = answer.cells.get(write.column_id)
        if cell is None or write.column_id in untold:
            return False
        if write.hyperlink is not None and cell.hyperlink is None:
            return False
    return True


def _agrees(row: Row, answer: Row, changed: Collection[ColumnId]) -> bool:
    """Whether the cells that the answer shows beside the changed ones are those held: nobody else was there."""
    return all(_value(row.cells, id_) == _value(answer.cells, id_) for id_ in answer.cells if id_ not in changed)


def _merged(row: Row, answer: Row, changed: Collection[ColumnId]) -> Row:
    """The row with the changed cells as the answer has them, or without them where it has none.

    The other cells of an answer are poorer than the ones held: writes answer without object values.
    """
    cells = {id_: cell for id_, cell in row.cells.items() if id_ not in changed}
    cells.update((id_, cell) for id_, cell in answer.cells.items() if id_ in changed)
    return replace(row, cells=cells, modified_at=answer.modified_at or row.modified_at)


def _value(cells: Mapping[ColumnId, Cell], column_id: ColumnId) -> object:
    cell = cells.get(column_id)
    return None if cell is None else (cell.value, cell.formula, cell.hyperlink)


def _is_where(answer: Row, placed: Row) -> bool:
    return answer.number == placed.number and answer.parent_id in (None, placed.parent_id)


def _latest(rows: Iterable[Row]) -> datetime | None:
    """When the newest of these rows was modified: the moment of the write."""
    return max((row.modified_at for row in rows if row.modified_at is not None), default=None)
