"""The writes as they are sent: their paths, queries and bodies, checked before anything goes out."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from shared.clients.smartsheet.transport import Call
from shared.errors import FieldError, InvalidInput, NotFound
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import (
    MAX_CELL_CHARACTERS,
    MAX_DELETED_ROWS_PER_CALL,
    MAX_ROWS_PER_CALL,
    CellWrite,
    ColumnWrite,
    NewRow,
    RowLocation,
    RowWrite,
)
from shared.sheets.values import text_length

_MAX_CHANGE_AGENT = 512
_ROWS = "/sheets/{sheetId}/rows"
_COLUMNS = "/sheets/{sheetId}/columns"
_COLUMN = "/sheets/{sheetId}/columns/{columnId}"


def update_rows_call(sheet_id: SheetId, rows: Sequence[RowWrite], change_agent: str) -> Call:
    """The call that sets cells of rows and moves them; see `SmartsheetClient.update_rows`."""
    _check_count(len(rows), MAX_ROWS_PER_CALL)
    location = _shared_location([row.location for row in rows])
    for at, row in enumerate(rows):
        number(row.row_id, f"rows.{at}.id")
    _check_cells([row.cells for row in rows])
    body = [_row_to_wire(row, location) for row in rows]
    return Call("PUT", _ROWS, sheet_ids(sheet_id), _PARTLY, _json(body), _headers(change_agent))


def add_rows_call(sheet_id: SheetId, rows: Sequence[NewRow], change_agent: str) -> Call:
    """The call that adds rows; see `SmartsheetClient.add_rows`."""
    _check_count(len(rows), MAX_ROWS_PER_CALL)
    location = _shared_location([row.location for row in rows])
    if location.keys() & {"indent", "outdent"}:
        raise ValueError("a new row has no place yet from which it could be indented")
    _check_cells([row.cells for row in rows])
    body = [{**location, "cells": [_cell_to_wire(cell) for cell in row.cells]} for row in rows]
    return Call("POST", _ROWS, sheet_ids(sheet_id), _PARTLY, _json(body), _headers(change_agent))


def delete_rows_call(sheet_id: SheetId, row_ids: Sequence[RowId], change_agent: str) -> Call:
    """The call that deletes rows; see `SmartsheetClient.delete_rows`."""
    _check_count(len(row_ids), MAX_DELETED_ROWS_PER_CALL)
    ids = ",".join(number(row_id, f"rowIds.{at}") for at, row_id in enumerate(row_ids))
    query = {"ids": ids, "ignoreRowsNotFound": "true"}
    return Call("DELETE", _ROWS, sheet_ids(sheet_id), query, headers=_headers(change_agent))


def add_columns_call(sheet_id: SheetId, columns: Sequence[ColumnWrite], change_agent: str) -> Call:
    """The call that adds columns; see `SmartsheetClient.add_columns`."""
    if not columns or any(column.index is None or column.index != columns[0].index for column in columns):
        raise ValueError("a call adds one column or more, all at the same index")
    body = [_column_to_wire(column) for column in columns]
    return Call("POST", _COLUMNS, sheet_ids(sheet_id), {}, _json(body), _headers(change_agent), subject="columns")


def update_column_call(sheet_id: SheetId, column_id: ColumnId, column: ColumnWrite, change_agent: str) -> Call:
    """The call that changes a column; see `SmartsheetClient.update_column`."""
    body, headers = _json(_column_to_wire(column)), _headers(change_agent)
    return Call("PUT", _COLUMN, _column_ids(sheet_id, column_id), {}, body, headers, subject="columns")


def delete_column_call(sheet_id: SheetId, column_id: ColumnId, change_agent: str) -> Call:
    """The call that deletes a column."""
    headers = _headers(change_agent)
    return Call("DELETE", _COLUMN, _column_ids(sheet_id, column_id), headers=headers, subject="columns")


def sheet_ids(sheet_id: SheetId) -> dict[str, str]:
    """The ids in the path of a sheet. Raises `NotFound` for one that cannot be a sheet's."""
    if not _is_number(sheet_id):
        raise NotFound("There is no such sheet: sheet ids are numbers.", code="sheet_not_found")
    return {"sheetId": sheet_id}


def number(id_: str, field: str) -> str:
    """An id that goes out. Raises `InvalidInput` (`invalid_id`) for one that is no number."""
    if not _is_number(id_):
        message = "is not an id of Smartsheet: those are whole numbers"
        raise InvalidInput(f"{field} {message}.", code="invalid_id", errors=(FieldError(field, message),))
    return id_


_PARTLY = {"allowPartialSuccess": "true"}


def _column_ids(sheet_id: SheetId, column_id: ColumnId) -> dict[str, str]:
    if not _is_number(column_id):
        raise NotFound("There is no such column: column ids are numbers.", code="column_not_found")
    return {**sheet_ids(sheet_id), "columnId": column_id}


def _headers(change_agent: str) -> dict[str, str]:
    if not change_agent.isascii() or not change_agent.isprintable() or len(change_agent) > _MAX_CHANGE_AGENT:
        raise ValueError(f"a change agent is at most {_MAX_CHANGE_AGENT} printable ASCII characters")
    return {"Smartsheet-Change-Agent": change_agent}


def _json(body: object) -> bytes:
    return json.dumps(body, allow_nan=False).encode()


def _check_count(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise ValueError(f"a call takes 1 to {most} rows, not {count}")


def _shared_location(locations: Sequence[RowLocation | None]) -> dict[str, Any]:
    """The location attributes of every row of a call. Smartsheet refuses rows that differ in them (1123)."""
    first = locations[0]
    if any(location != first for location in locations):
        raise ValueError("all rows of a call go to the same location")
    return {} if first is None else _location_to_wire(first)


def _location_to_wire(location: RowLocation) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    if location.parent_id is not None:
        wire["parentId"] = int(number(location.parent_id, "location.parentId"))
    if location.sibling_id is not None:
        wire["siblingId"] = int(number(location.sibling_id, "location.siblingId"))
    for name, given in (("toTop", location.to_top), ("toBottom", location.to_bottom), ("above", location.above)):
        if given:
            wire[name] = True
    for name, given in (("indent", location.indent), ("outdent", location.outdent)):
        if given:
            wire[name] = 1
    places = wire.keys() - ({"toBottom"} if "parentId" in wire else {"above"} if "siblingId" in wire else set[str]())
    if len(places) != 1 or "above" in places:
        raise ValueError("a location names one place")
    return wire


def _row_to_wire(row: RowWrite, location: Mapping[str, Any]) -> dict[str, Any]:
    cells = [_cell_to_wire(cell) for cell in row.cells]
    return {"id": int(row.row_id), **location, **({"cells": cells} if cells else {})}


def _cell_to_wire(cell: CellWrite) -> dict[str, Any]:
    """An empty string is how Smartsheet clears a cell."""
    wire: dict[str, Any] = {"columnId": int(cell.column_id)}
    if cell.lenient:
        wire["strict"] = False
    if cell.overrides_validation:
        wire["overrideValidation"] = True
    if cell.formula is not None:
        return {**wire, "formula": cell.formula}
    if cell.object_value is not None:
        return {**wire, "objectValue": dict(cell.object_value)}
    wire["value"] = "" if cell.value is None else cell.value
    if cell.hyperlink is not None:
        wire["hyperlink"] = dict(cell.hyperlink)
    return wire


def _column_to_wire(column: ColumnWrite) -> dict[str, Any]:
    contacts = None if column.contact_options is None else [dict(contact) for contact in column.contact_options]
    wire = {
        "title": column.title,
        "type": column.type,
        "index": column.index,
        "options": None if column.options is None else list(column.options),
        "contactOptions": contacts,
        "validation": column.validation,
        "symbol": column.symbol,
        "systemColumnType": column.system_type,
        "formula": column.formula,
        "locked": column.locked,
        "hidden": column.hidden,
        "width": column.width,
        "description": column.description,
    }
    return {name: value for name, value in wire.items() if value is not None}


def _check_cells(rows: Sequence[Sequence[CellWrite]]) -> None:
    errors: list[FieldError] = []
    for at, cells in enumerate(rows):
        for place, cell in enumerate(cells):
            field = f"rows.{at}.cells.{place}"
            number(cell.column_id, f"{field}.columnId")
            if (cell.formula is not None) + (cell.object_value is not None) + (cell.value is not None) > 1:
                raise ValueError("a cell is set to a value, an object or a formula")
            for name, text in _texts(cell):
                if text_length(text) > MAX_CELL_CHARACTERS:
                    message = f"is longer than the {MAX_CELL_CHARACTERS} characters that a cell holds"
                    errors.append(FieldError(f"{field}.{name}", message))
    if errors:
        raise InvalidInput("Some texts are too long for a cell.", code="value_too_long", errors=tuple(errors))


def _texts(cell: CellWrite) -> Iterable[tuple[str, str]]:
    if isinstance(cell.value, str):
        yield "value", cell.value
    if cell.formula is not None:
        yield "formula", cell.formula
    values = (cell.object_value or {}).get("values")
    if isinstance(values, list | tuple):
        texts = cast("Sequence[object]", values)
        yield "objectValue", ", ".join(text for text in texts if isinstance(text, str))


def _is_number(id_: str) -> bool:
    return id_.isascii() and id_.isdigit() and len(id_) <= 19
