"""`/sheets`: list, read, create, rename, delete."""

from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from local.smartsheet.access import Sheet, delete_sheet, insert_sheet, list_sheets, load_columns
from local.smartsheet.accounts import USERS
from local.smartsheet.columns import Column, ColumnIn, build_column
from local.smartsheet.endpoints.call import Answer, Call, read_body
from local.smartsheet.errors import ApiError
from local.smartsheet.rows.outline import Outline
from local.smartsheet.rows.records import RowTuple, load_outline, read_rows, read_rows_by_id
from local.smartsheet.rows.writing import MAX_COLUMNS
from local.smartsheet.view import RowView
from local.smartsheet.webhooks.records import disable_for_deleted_sheet
from local.smartsheet.wire import PERMALINK, encode, new_id, now, paged, success

MAX_NAME = 50


class _SheetIn(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    name: str | None = None
    columns: list[ColumnIn] | None = None
    from_id: int | None = None


class _SheetChangeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str


_SHEET_IN = TypeAdapter(_SheetIn)
_SHEET_CHANGE_IN = TypeAdapter(_SheetChangeIn)


def list_all(call: Call) -> Answer:
    """`GET /sheets`"""
    include, since = call.query.words("include"), call.query.time("modifiedSince")
    with call.database.read() as connection:
        sheets = [sheet for sheet in list_sheets(connection, call.user) if since is None or sheet.modified_at >= since]
    return paged([_listed(sheet, with_version="sheetVersion" in include) for sheet in sheets], call.query)


def get(call: Call) -> Answer:
    """`GET /sheets/{sheetId}`; only `{version}` where `ifVersionAfter` is not below the sheet's version."""
    with call.reading() as (connection, sheet):
        after = call.query.number("ifVersionAfter")
        if after is not None and sheet.version <= after:
            return {"version": sheet.version}
        columns = load_columns(connection, sheet.id)
        outline = load_outline(connection, sheet.id)
        records, page = _selected(call, outline)
        if records is None:
            rows = list(read_rows(connection, sheet.id))
        else:
            rows = read_rows_by_id(connection, sheet.id, records)
    rows = _modified_since(call, rows)
    return _page(call, sheet, columns, outline, rows, page)


def get_version(call: Call) -> Answer:
    """`GET /sheets/{sheetId}/version`"""
    with call.reading() as (_, sheet):
        return {"version": sheet.version}


def create(call: Call) -> Answer:
    """`POST /sheets`: from columns; copies from templates (`fromId`) are not part of the sandbox."""
    given = read_body(_SHEET_IN, call.body)
    if given.from_id is not None:
        raise ApiError(1146, "a sheet from a template")
    if not given.columns:
        raise ApiError(1054)
    name = checked_name(given.name)
    columns = new_columns(given.columns)
    at = now()
    sheet = Sheet(new_id(), name, 1, call.user.id, at, at, read_only=False, dependencies=False, level="OWNER")
    with call.database.write() as connection:
        insert_sheet(connection, sheet, columns, {})
    call.noted["sheetId"] = str(sheet.id)
    return success(_identity(sheet) | {"columns": _columns(sheet, columns, level=2)})


def rename(call: Call) -> Answer:
    """`PUT /sheets/{sheetId}`: the name; project settings are not part of the sandbox."""
    given = read_body(_SHEET_CHANGE_IN, call.body)
    with call.changing("ADMIN") as change:
        name = checked_name(given.name)
        if name != change.sheet.name:
            change.connection.execute("UPDATE sheets SET name = ? WHERE id = ?", (name, change.sheet.id))
            change.event("sheet", "updated", id=change.sheet.id)
        version = change.finish()
    return success(_identity(replace(change.sheet, name=name)) | {"version": version})


def delete(call: Call) -> Answer:
    """`DELETE /sheets/{sheetId}`: by its owner. Its webhooks lose their scope."""
    with call.database.write() as connection:
        sheet = next((s for s in list_sheets(connection, call.user) if s.id == call.sheet_id), None)
        if sheet is None:
            raise ApiError(1006)
        if sheet.level != "OWNER":
            raise ApiError(1004)
        disable_for_deleted_sheet(connection, sheet.id)
        delete_sheet(connection, sheet.id)
    return success()


def new_columns(given: list[ColumnIn]) -> list[Column]:
    """The columns of a new sheet. Raises 1055, 1057, 1061, 1133 or 1134 for what does not fit together."""
    if len(given) > MAX_COLUMNS:
        raise ApiError(1061, f"sheet.columns ({len(given)}, at most {MAX_COLUMNS})")
    columns = [build_column(column, new_id()) for column in given]
    primaries = [column for column in columns if column.primary]
    if len(primaries) != 1:
        raise ApiError(1055)
    if primaries[0].type != "TEXT_NUMBER" or primaries[0].system is not None:
        raise ApiError(1057)
    if len({column.title for column in columns}) < len(columns):
        raise ApiError(1133)
    systems = [column.system for column in columns if column.system is not None]
    if len(set(systems)) < len(systems):
        raise ApiError(1134)
    return columns


def checked_name(name: str | None) -> str:
    """A sheet's name. Raises 1012 where it is missing, 1041 where it is too long."""
    if name is None or not name.strip():
        raise ApiError(1012, "sheet.name")
    if len(name) > MAX_NAME:
        raise ApiError(1041, "sheet.name", MAX_NAME, len(name))
    return name


def _selected(call: Call, outline: Outline) -> tuple[list[int] | None, bool]:
    """The ids of the rows asked for (`None`: all), and whether that is one page of more."""
    ids, numbers = call.query.numbers("rowIds"), call.query.numbers("rowNumbers")
    if ids is not None or numbers is not None:
        by_number = [outline.row_at(number) for number in numbers or []]
        return list(dict.fromkeys([*(ids or []), *(row_id for row_id in by_number if row_id is not None)])), False
    if not {"page", "pageSize"} & call.query.parameters.keys():
        return None, False
    page, size = call.query.page()
    return [row_id for row_id, _ in outline.entries[(page - 1) * size : page * size]], True


def _modified_since(call: Call, rows: list[RowTuple]) -> list[RowTuple]:
    since = call.query.time("rowsModifiedSince")
    return rows if since is None else [row for row in rows if row[7] >= since]


def _page(
    call: Call, sheet: Sheet, columns: list[Column], outline: Outline, rows: list[RowTuple], is_page: bool
) -> bytes:
    include, exclude = call.query.words("include"), call.query.words("exclude")
    level = call.query.number("level") or 0
    wanted = call.query.numbers("columnIds")
    shown = [column for column in columns if wanted is None or column.id in wanted]
    body: dict[str, Any] = _identity(sheet) | {
        "version": sheet.version,
        "totalRowCount": len(outline),
        "createdAt": sheet.created_at,
        "modifiedAt": sheet.modified_at,
        "ganttEnabled": sheet.dependencies,
        "dependenciesEnabled": sheet.dependencies,
        "resourceManagementEnabled": False,
        "cellImageUploadEnabled": True,
        "hasSummaryFields": False,
        "isMultiPicklistEnabled": True,
        "effectiveAttachmentOptions": ["FILE", "LINK"],
        "userSettings": {"criticalPathEnabled": False, "displaySummaryTasks": True},
        "columns": [
            column.wire(index, level=level, may_edit_locked=sheet.allows("ADMIN"))
            for index, column in enumerate(columns)
            if column in shown
        ],
    }
    if sheet.read_only:
        body["readOnly"] = True
    if "ownerInfo" in include:
        body |= {"owner": USERS[sheet.owner_id].email, "ownerId": sheet.owner_id}
    view = RowView(sheet, shown, include=include, exclude=exclude, level=level)
    texts = ",".join(view.rows(rows, outline))
    call.noted["rows"] = len(rows)
    return f'{encode(body)[:-1]},"rows":[{texts}]}}'.encode()


def _columns(sheet: Sheet, columns: list[Column], *, level: int) -> list[dict[str, Any]]:
    return [
        column.wire(index, level=level, may_edit_locked=sheet.allows("ADMIN")) for index, column in enumerate(columns)
    ]


def _identity(sheet: Sheet) -> dict[str, Any]:
    return {"id": sheet.id, "name": sheet.name, "accessLevel": sheet.level, "permalink": f"{PERMALINK}{sheet.id}"}


def _listed(sheet: Sheet, *, with_version: bool) -> dict[str, Any]:
    listed = _identity(sheet) | {"createdAt": sheet.created_at, "modifiedAt": sheet.modified_at}
    return listed | {"version": sheet.version} if with_version else listed
