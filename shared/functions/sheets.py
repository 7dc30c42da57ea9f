"""Sheets, columns, rows."""

from shared.errors import Forbidden, InvalidInput, NotFound, RateLimited, UpstreamUnavailable
from shared.functions.http import operation
from shared.functions.registration import Triggers
from shared.functions.routes import Call, NoQuery
from shared.ids import SheetId
from shared.sheets.views import (
    ColumnList,
    ColumnView,
    RowPage,
    RowQuery,
    SheetList,
    SheetQuery,
    SheetSummaryView,
)

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
    "smartsheet/{sheetId:long}/columns",
    summary="The columns of a sheet",
    tag="Sheets",
    answers=ColumnList,
    errors=_READING,
)
async def list_columns(call: Call[None, NoQuery]) -> ColumnList:
    """All columns, in the sheet's order."""
    sheet = await call.container.sheets.open(call.caller, SheetId(call.path["sheetId"]))
    return ColumnList(items=tuple(ColumnView.of(column) for column in sheet.columns), sheet_version=sheet.version)


@operation(
    triggers,
    "GET",
    "smartsheet/{sheetId:long}/rows",
    summary="A page of rows",
    tag="Sheets",
    query=RowQuery,
    answers=RowPage,
    errors=_READING,
)
async def list_rows(call: Call[None, RowQuery]) -> RowPage:
    """Rows in the sheet's order."""
    sheet = await call.container.sheets.open(call.caller, SheetId(call.path["sheetId"]))
    return RowPage.of(sheet, call.query)
