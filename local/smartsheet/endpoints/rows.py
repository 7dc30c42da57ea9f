"""`/sheets/{sheetId}/rows`: add, change, move, delete, read one."""

from typing import Any

from local.smartsheet.access import load_columns
from local.smartsheet.change import SheetChange
from local.smartsheet.endpoints.call import Answer, Call
from local.smartsheet.errors import ApiError
from local.smartsheet.rows.records import load_outline, read_rows_by_id
from local.smartsheet.rows.requests import read_rows_in
from local.smartsheet.rows.writing import Outcome, RowWriter
from local.smartsheet.view import RowView
from local.smartsheet.wire import encode, success


def add(call: Call) -> Answer:
    """`POST …/rows`"""
    return _write(call, "add")


def change_many(call: Call) -> Answer:
    """`PUT …/rows`"""
    return _write(call, "update")


def delete(call: Call) -> Answer:
    """`DELETE …/rows?ids=`: the answer lists what went, children included."""
    ids = call.query.numbers("ids")
    if not ids:
        raise ApiError(1009, "ids")
    with call.changing("EDITOR") as change:
        gone = RowWriter(change).delete(list(dict.fromkeys(ids)), ignore_missing=call.query.flag("ignoreRowsNotFound"))
        version = change.finish()
    call.noted["rows"] = len(gone)
    return success(gone, version=version)


def get(call: Call) -> Answer:
    """`GET …/rows/{rowId}`"""
    include, level = call.query.words("include"), call.query.number("level") or 0
    with call.reading() as (connection, sheet):
        columns = load_columns(connection, sheet.id)
        records = read_rows_by_id(connection, sheet.id, [call.ids["rowId"]])
        outline = load_outline(connection, sheet.id)
    if not records:
        raise ApiError(1006)
    view = RowView(sheet, columns, include=include, exclude=call.query.words("exclude"), level=level)
    (text,) = view.rows(records, outline)
    more: dict[str, Any] = {"sheetId": sheet.id, "version": sheet.version, "accessLevel": sheet.level}
    if "columns" in include:
        more["columns"] = [
            column.wire(index, level=level, may_edit_locked=sheet.allows("ADMIN"))
            for index, column in enumerate(columns)
        ]
    return f"{text[:-1]},{encode(more)[1:]}".encode()


def _write(call: Call, what: str) -> Answer:
    partial = call.query.flag("allowPartialSuccess")
    rows, many = read_rows_in(call.body)
    call.noted["rows"] = len(rows)
    with call.changing("EDITOR") as change:
        writer = RowWriter(change, partial=partial, override=call.query.flag("overrideValidation"))
        outcome = writer.add(rows) if what == "add" else writer.update(rows)
        version = change.finish()
        results = _results(change, outcome)
    call.noted["failedRows"] = len(outcome.failures)
    head: dict[str, Any] = {"message": "SUCCESS", "resultCode": 0, "version": version}
    if outcome.failures:
        head |= {
            "message": "PARTIAL_SUCCESS",
            "resultCode": 3,
            "failedItems": [_failed(error) for error in outcome.failures],
        }
    body = f"[{','.join(results)}]" if many or not results else results[0]
    return f'{encode(head)[:-1]},"result":{body}}}'.encode()


def _results(change: SheetChange, outcome: Outcome) -> list[str]:
    """The rows as they are now, in the order of the request."""
    records = read_rows_by_id(change.connection, change.sheet.id, outcome.row_ids)
    outline = load_outline(change.connection, change.sheet.id)
    view = RowView(change.sheet, change.columns)
    texts = dict(zip([record[0] for record in records], view.rows(records, outline), strict=True))
    return [texts[row_id] for row_id in outcome.row_ids]


def _failed(error: ApiError) -> dict[str, Any]:
    body = error.body()
    item: dict[str, Any] = {
        "index": error.index,
        "error": {key: body[key] for key in ("errorCode", "message", "refId")},
    }
    return item if error.row_id is None else item | {"rowId": error.row_id}
