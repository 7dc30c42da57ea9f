"""`/search` and `/search/sheets/{sheetId}`: cell texts and sheet names that contain the query."""

import json
import sqlite3
from typing import Any

from local.smartsheet.access import Sheet, list_sheets, load_columns
from local.smartsheet.cells import read_fragment, split_cells
from local.smartsheet.endpoints.call import Answer, Call
from local.smartsheet.errors import ApiError
from local.smartsheet.rows.records import read_rows

MAX_RESULTS = 100


def everywhere(call: Call) -> Answer:
    """`GET /search`: all sheets that the caller may open. `scopes` may narrow it to `cellData` or `sheetNames`."""
    query = _query(call)
    scopes = call.query.words("scopes")
    since = call.query.time("modifiedSince")
    results: list[dict[str, Any]] = []
    with call.database.read() as connection:
        for sheet in list_sheets(connection, call.user):
            if since is not None and sheet.modified_at < since:
                continue
            if (not scopes or "sheetNames" in scopes) and query in sheet.name.casefold():
                results.append({"objectType": "sheet", "objectId": sheet.id, "text": sheet.name, "contextData": []})
            if not scopes or "cellData" in scopes:
                results += _rows(connection, sheet, query)
    return _found(results)


def in_sheet(call: Call) -> Answer:
    """`GET /search/sheets/{sheetId}`"""
    query = _query(call)
    with call.reading() as (connection, sheet):
        return _found(_rows(connection, sheet, query))


def _query(call: Call) -> str:
    query = call.query.parameters.get("query", "").strip().strip('"')
    if not query:
        raise ApiError(1009, "query")
    return query.casefold()


def _found(results: list[dict[str, Any]]) -> Answer:
    return {"totalCount": len(results), "results": results[:MAX_RESULTS]}


def _rows(connection: sqlite3.Connection, sheet: Sheet, query: str) -> list[dict[str, Any]]:
    """One result for each row with a matching cell. The text is the first match, the context the row's title."""
    primary = next(column.id for column in load_columns(connection, sheet.id) if column.primary)
    escaped = json.dumps(query, ensure_ascii=False)[1:-1]
    results: list[dict[str, Any]] = []
    for record in read_rows(connection, sheet.id):
        if escaped not in record[-1].casefold():
            continue
        cells = {column_id: read_fragment(fragment) for column_id, fragment in split_cells(record[-1]).items()}
        texts = {column_id: cell.display or str(cell.value) for column_id, cell in cells.items()}
        text = next((text for text in texts.values() if query in text.casefold()), None)
        if text is not None:
            results.append(
                {
                    "objectType": "row",
                    "objectId": record[0],
                    "parentObjectType": "sheet",
                    "parentObjectId": sheet.id,
                    "parentObjectName": sheet.name,
                    "text": text,
                    "contextData": [texts[primary]] if primary in texts else [],
                }
            )
    return results
