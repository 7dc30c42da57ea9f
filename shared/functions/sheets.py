"""Sheets, columns, rows."""

from shared.errors import Forbidden, InvalidInput, NotFound, UpstreamUnavailable
from shared.functions.http import operation
from shared.functions.registration import Triggers
from shared.functions.routes import Call, NoQuery
from shared.ids import SheetId
from shared.sheets.views import ColumnList, ColumnView, RowPage, RowQuery

triggers = Triggers()

_READING = (NotFound, Forbidden, UpstreamUnavailable)


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
    errors=(InvalidInput, *_READING),
)
async def list_rows(call: Call[None, RowQuery]) -> RowPage:
    """Rows in the sheet's order."""
    sheet = await call.container.sheets.open(call.caller, SheetId(call.path["sheetId"]))
    return RowPage.of(sheet, call.query)
