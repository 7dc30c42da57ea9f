"""`/sheets/{sheetId}/columns`: list, read, add, change, delete."""

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter

from local.smartsheet.access import Sheet, load_columns, save_columns
from local.smartsheet.change import SheetChange
from local.smartsheet.columns import Column, ColumnIn, build_column, change_column
from local.smartsheet.columns_fill import clear_column, fill_column, rename_in_formulas
from local.smartsheet.endpoints.call import Answer, Call, read_body
from local.smartsheet.errors import ApiError
from local.smartsheet.rows.records import count_rows
from local.smartsheet.rows.writing import MAX_CELLS, MAX_COLUMNS
from local.smartsheet.wire import new_id, paged, success

_COLUMNS_IN: TypeAdapter[list[ColumnIn] | ColumnIn] = TypeAdapter(list[ColumnIn] | ColumnIn)
_COLUMN_IN = TypeAdapter(ColumnIn)
# A column that a project sheet schedules by cannot go.
_DEPENDENCY_TAGS = {"GANTT_START_DATE", "GANTT_END_DATE", "GANTT_DURATION", "GANTT_PREDECESSOR"}


def list_all(call: Call) -> Answer:
    """`GET …/columns`"""
    level = call.query.number("level") or 0
    with call.reading() as (connection, sheet):
        columns = load_columns(connection, sheet.id)
    return paged([_wire(sheet, columns, column, level) for column in columns], call.query)


def get(call: Call) -> Answer:
    """`GET …/columns/{columnId}`"""
    with call.reading() as (connection, sheet):
        columns = load_columns(connection, sheet.id)
        return _wire(sheet, columns, _find(columns, call.ids["columnId"]), call.query.number("level") or 0)


def add(call: Call) -> Answer:
    """`POST …/columns`: one column or several that share one index."""
    body = read_body(_COLUMNS_IN, call.body)
    given = body if isinstance(body, list) else [body]
    with call.changing("ADMIN") as change:
        index = _shared_index(given)
        added = [build_column(column, new_id()) for column in given]
        _check_fit(change, change.columns, added)
        change.columns[index:index] = added
        for column in added:
            change.event("column", "created", id=column.id)
            change.columns = fill_column(change, column)
        save_columns(change.connection, change.sheet.id, change.columns)
        version = change.finish()
    ids = {column.id for column in added}
    result = [_wire(change.sheet, change.columns, column, 2) for column in change.columns if column.id in ids]
    return success(result if isinstance(body, list) else result[0], version=version)


def change_one(call: Call) -> Answer:
    """`PUT …/columns/{columnId}`: title, type, options, position, formula, locks."""
    given = read_body(_COLUMN_IN, call.body)
    with call.changing("EDITOR") as change:
        if not change.sheet.allows("ADMIN"):
            raise ApiError(1301 if "formula" in given.model_fields_set else 1004)
        before = _find(change.columns, call.ids["columnId"])
        after = change_column(before, given)
        others = [column for column in change.columns if column.id != before.id]
        if any(column.title == after.title for column in others):
            raise ApiError(1056)
        if after.system is not None and any(column.system == after.system for column in others):
            raise ApiError(1077, after.system)
        position = change.columns.index(before) if given.index is None else _checked_index(given.index, len(others))
        change.columns = [*others[:position], after, *others[position:]]
        change.event("column", "updated", id=after.id)
        if before.title != after.title:
            rename_in_formulas(change, before.title, after.title)
        if (before.type, before.system, before.formula) != (after.type, after.system, after.formula):
            change.columns = fill_column(change, _find(change.columns, after.id))
        save_columns(change.connection, change.sheet.id, change.columns)
        version = change.finish()
    return success(_wire(change.sheet, change.columns, _find(change.columns, after.id), 2), version=version)


def delete(call: Call) -> Answer:
    """`DELETE …/columns/{columnId}`: not the primary one, not what dependencies need."""
    with call.changing("ADMIN") as change:
        column = _find(change.columns, call.ids["columnId"])
        if column.primary:
            raise ApiError(1065)
        if change.sheet.dependencies and _DEPENDENCY_TAGS & set(column.tags):
            raise ApiError(1098)
        change.columns = [each for each in change.columns if each.id != column.id]
        change.event("column", "deleted", id=column.id)
        clear_column(change, column)
        save_columns(change.connection, change.sheet.id, change.columns)
        change.finish()
    return success()


def _shared_index(given: list[ColumnIn]) -> int:
    for column in given:
        if column.index is None:
            raise ApiError(1012, "column.index")
        if column.index != given[0].index:
            raise ApiError(1135, column.index, given[0].index)
        if column.primary:
            raise ApiError(1055)
    if not given:
        raise ApiError(1012, "column")
    return _checked_index(given[0].index or 0, MAX_COLUMNS)


def _checked_index(index: int, last: int) -> int:
    if index < 0:
        raise ApiError(1031, index, "column.index")
    return min(index, last)


def _check_fit(change: SheetChange, present: list[Column], added: list[Column]) -> None:
    if _repeats(column.title for column in added):
        raise ApiError(1133)
    if _repeats(column.system for column in added if column.system is not None):
        raise ApiError(1134)
    if {column.title for column in present} & {column.title for column in added}:
        raise ApiError(1056)
    taken = {column.system for column in present if column.system is not None}
    for column in added:
        if column.system in taken:
            raise ApiError(1077, column.system)
    total = len(present) + len(added)
    if total > MAX_COLUMNS:
        raise ApiError(1061, f"sheet.columns ({total}, at most {MAX_COLUMNS})")
    cells = total * count_rows(change.connection, change.sheet.id)
    if cells > MAX_CELLS:
        raise ApiError(1061, f"sheet cells ({cells}, at most {MAX_CELLS})")


def _repeats(values: Iterable[object]) -> bool:
    listed = list(values)
    return len(set(listed)) < len(listed)


def _find(columns: list[Column], column_id: int) -> Column:
    for column in columns:
        if column.id == column_id:
            return column
    raise ApiError(1006)


def _wire(sheet: Sheet, columns: list[Column], column: Column, level: int) -> dict[str, Any]:
    return column.wire(columns.index(column), level=level, may_edit_locked=sheet.allows("ADMIN"))
