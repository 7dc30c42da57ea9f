"""Sheets, columns, rows."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from shared.changes.import_requests import ImportQuery, ImportReport
from shared.changes.importing import FORMATS
from shared.errors import Conflict, Forbidden, InvalidInput, NotFound, RateLimited, StorageFull, UpstreamUnavailable
from shared.functions.http import operation
from shared.functions.registration import Triggers
from shared.functions.routes import Call, NoQuery, Reply, Upload
from shared.ids import RowId, SheetId
from shared.sheets.exporting import content_disposition, export_csv
from shared.sheets.models import Sheet
from shared.sheets.row_views import ExportQuery, RowPage, RowQuery, SingleRow, page_json, row_json
from shared.sheets.selecting import compile_selection
from shared.sheets.views import ColumnList, SheetList, SheetQuery, SheetSummaryView, SheetView

triggers = Triggers()

_READING = (InvalidInput, NotFound, Forbidden, RateLimited, UpstreamUnavailable)


@operation(
    triggers,
    "GET",
    "smartsheet",
    summary="The sheets that the caller may open",
    tag="Sheets",
    query=SheetQuery,
    answers=SheetList,
    errors=_READING,
)
async def list_sheets(call: Call[None, SheetQuery]) -> SheetList:
    """By name."""
    sheets = await call.container.sheets.list_sheets(call.caller, name_part=call.query.query)
    return SheetList(items=tuple(SheetSummaryView.of(sheet) for sheet in sheets))


@operation(
    triggers,
    "GET",
    "smartsheet/{sheetId:long}",
    summary="A sheet",
    tag="Sheets",
    answers=SheetView,
    errors=_READING,
    conditional=True,
)
async def get_sheet(call: Call[None, NoQuery]) -> Reply:
    """What the sheet is, how big, and whether the caller may write."""
    sheet = await _open(call)
    return await _answer(call, sheet, lambda: SheetView.of(sheet).model_dump_json(by_alias=True).encode())


@operation(
    triggers,
    "GET",
    "smartsheet/{sheetId:long}/columns",
    summary="The columns of a sheet",
    tag="Sheets",
    answers=ColumnList,
    errors=_READING,
    conditional=True,
)
async def list_columns(call: Call[None, NoQuery]) -> Reply:
    """All columns, in the sheet's order."""
    sheet = await _open(call)
    return await _answer(call, sheet, lambda: ColumnList.of(sheet).model_dump_json(by_alias=True).encode())


@operation(
    triggers,
    "GET",
    "smartsheet/{sheetId:long}/rows",
    summary="A page of rows",
    tag="Sheets",
    query=RowQuery,
    answers=RowPage,
    errors=_READING,
    conditional=True,
)
async def list_rows(call: Call[None, RowQuery]) -> Reply:
    """Rows in the sheet's order, or as `sort` says; those that `search` and `filter` leave."""
    sheet, query = await _open(call), call.query
    select = compile_selection(sheet, query)
    return await _answer(call, sheet, lambda: page_json(sheet, select(), query.page, query.page_size))


@operation(
    triggers,
    "GET",
    "smartsheet/{sheetId:long}/rows/{rowId:long}",
    summary="A row",
    tag="Sheets",
    answers=SingleRow,
    errors=_READING,
    conditional=True,
)
async def get_row(call: Call[None, NoQuery]) -> Reply:
    """One row with its cells."""
    sheet = await _open(call)
    row = sheet.rows_by_id.get(RowId(call.path["rowId"]))
    if row is None:
        raise NotFound("There is no such row in the sheet.", code="row_not_found")
    return await _answer(call, sheet, lambda: row_json(sheet, row))


@operation(
    triggers,
    "GET",
    "smartsheet/{sheetId:long}/export",
    summary="Rows as a file",
    tag="Sheets",
    query=ExportQuery,
    answers=None,
    errors=_READING,
    media_type="text/csv",
)
async def export_sheet(call: Call[None, ExportQuery]) -> Reply:
    """CSV (RFC 4180, UTF-8). Texts that a spreadsheet would run as formulas get a leading `'`."""
    sheet = await _open(call)
    select = compile_selection(sheet, call.query)
    body = await asyncio.to_thread(lambda: export_csv(sheet, select()))
    headers = {"Content-Disposition": content_disposition(sheet.name), "X-Content-Type-Options": "nosniff"}
    return Reply(body, headers)


@operation(
    triggers,
    "POST",
    "smartsheet/{sheetId:long}/import",
    summary="Add the rows of a file",
    tag="Sheets",
    query=ImportQuery,
    uploads=tuple(FORMATS),
    answers=ImportReport,
    status=202,
    other_status=200,
    errors=(*_READING, Conflict, StorageFull),
)
async def import_rows(call: Call[Upload, ImportQuery]) -> Reply:
    """CSV, TSV or XLSX, titles in the first line. Nothing is sent while anything is wrong with the file; `counts` and
    `notAdded` say what Smartsheet made of the rows, 500 a call. A dry run answers 200 and changes nothing.
    """
    report = await call.container.imports.run(
        call.caller,
        SheetId(call.path["sheetId"]),
        call.body.content,
        call.body.content_type,
        call.query,
        idempotency_key=call.idempotency_key,
    )
    body = report.model_dump_json(by_alias=True).encode()
    return Reply(body, status=HTTPStatus.OK if report.dry_run else HTTPStatus.ACCEPTED)


async def _open(call: Call[None, NoQuery] | Call[None, RowQuery] | Call[None, ExportQuery]) -> Sheet:
    return await call.container.sheets.open(call.caller, SheetId(call.path["sheetId"]), stale_if_down=True)


async def _answer(call: Call[None, NoQuery] | Call[None, RowQuery], sheet: Sheet, write: Callable[[], bytes]) -> Reply:
    """The body that `write` makes, in a thread since sheets can be big; none when the caller holds it.

    What a caller gets depends on the sheet's version and on their access, which changes without it. The tag is
    weak: `asOf` may differ where nothing else does.
    """
    headers = {"ETag": f'W/"{sheet.version}-{sheet.access_level.lower()}"'}
    return Reply(None if call.has(headers["ETag"]) else await asyncio.to_thread(write), headers)
