"""Changes: editing rows and columns, the timeline, undo."""

import azure.functions as func
from pydantic import Field

from shared.changes.models import ContinueChange
from shared.changes.requests import AddRows, EditSheet, PatchRow, PreviewEdit, UndoChange
from shared.changes.submitting import GUARD_QUEUE
from shared.changes.views import ChangePreview, ChangeSetDetails, ChangeSetPage, Undone
from shared.container import get_container
from shared.errors import Conflict, Forbidden, InvalidInput, NotFound, RateLimited, StorageFull, UpstreamUnavailable
from shared.functions.http import operation
from shared.functions.paging import PageQuery
from shared.functions.registration import Triggers
from shared.functions.routes import Call, NoQuery, Reply
from shared.ids import ChangeSetId, ColumnId, RowId, SheetId
from shared.records import Frozen
from shared.sheets.input import ColumnChange, ColumnInput
from shared.telemetry import correlated

triggers = Triggers()

_READING = (InvalidInput, NotFound, Forbidden, RateLimited, UpstreamUnavailable)
_WRITING = (*_READING, Conflict, StorageFull)


class TimelineQuery(PageQuery):
    """Of which sheet."""

    sheet_id: SheetId = Field(pattern=r"^\d{1,19}$")


class ItemsQuery(Frozen):
    """Which page of the items."""

    cursor: str | None = Field(default=None, max_length=500, description="`nextCursor` of the page before.")


@operation(
    triggers,
    "POST",
    "smartsheet/{sheetId:long}/rows",
    summary="Add rows",
    tag="Rows",
    body=AddRows,
    answers=ChangeSetDetails,
    status=201,
    errors=_WRITING,
)
async def add_rows(call: Call[AddRows, NoQuery]) -> ChangeSetDetails:
    """One or many; each item of the answer says which row it became."""
    sheet_id = SheetId(call.path["sheetId"])
    return await call.container.edits.add_rows(call.caller, sheet_id, call.body, key=call.idempotency_key)


@operation(
    triggers,
    "PATCH",
    "smartsheet/{sheetId:long}/rows/{rowId:long}",
    summary="Change or move a row",
    tag="Rows",
    body=PatchRow,
    answers=ChangeSetDetails,
    errors=_WRITING,
)
async def change_row(call: Call[PatchRow, NoQuery]) -> ChangeSetDetails:
    """All cells or none. 409 `conflict` with what a cell holds now, when that is not what was `expected`."""
    sheet_id, row_id = SheetId(call.path["sheetId"]), RowId(call.path["rowId"])
    return await call.container.edits.patch_row(call.caller, sheet_id, row_id, call.body)


@operation(
    triggers,
    "DELETE",
    "smartsheet/{sheetId:long}/rows/{rowId:long}",
    summary="Delete a row with its children",
    tag="Rows",
    answers=ChangeSetDetails,
    errors=_WRITING,
)
async def delete_row(call: Call[None, NoQuery]) -> ChangeSetDetails:
    """It can be undone, except for what `losses` name."""
    sheet_id, row_id = SheetId(call.path["sheetId"]), RowId(call.path["rowId"])
    return await call.container.edits.delete_row(call.caller, sheet_id, row_id)


@operation(
    triggers,
    "POST",
    "smartsheet/{sheetId:long}/columns",
    summary="Add a column",
    tag="Columns",
    body=ColumnInput,
    answers=ChangeSetDetails,
    status=201,
    errors=_WRITING,
)
async def add_column(call: Call[ColumnInput, NoQuery]) -> ChangeSetDetails:
    """At the right edge, unless `index` says otherwise. Only administrators and the owner change columns."""
    sheet_id = SheetId(call.path["sheetId"])
    return await call.container.edits.add_column(call.caller, sheet_id, call.body, key=call.idempotency_key)


@operation(
    triggers,
    "PATCH",
    "smartsheet/{sheetId:long}/columns/{columnId:long}",
    summary="Change a column",
    tag="Columns",
    body=ColumnChange,
    answers=ChangeSetDetails,
    errors=_WRITING,
)
async def change_column(call: Call[ColumnChange, NoQuery]) -> ChangeSetDetails:
    """What is left out stays as it is. A new type may convert the cells."""
    sheet_id, column_id = SheetId(call.path["sheetId"]), ColumnId(call.path["columnId"])
    return await call.container.edits.change_column(call.caller, sheet_id, column_id, call.body)


@operation(
    triggers,
    "DELETE",
    "smartsheet/{sheetId:long}/columns/{columnId:long}",
    summary="Delete a column with its cells",
    tag="Columns",
    answers=ChangeSetDetails,
    errors=_WRITING,
)
async def delete_column(call: Call[None, NoQuery]) -> ChangeSetDetails:
    """It can be undone, except for what `losses` name."""
    sheet_id, column_id = SheetId(call.path["sheetId"]), ColumnId(call.path["columnId"])
    return await call.container.edits.delete_column(call.caller, sheet_id, column_id)


@operation(
    triggers,
    "POST",
    "changes",
    summary="Many edits at once",
    tag="Changes",
    body=EditSheet,
    answers=ChangeSetDetails,
    status=201,
    errors=_WRITING,
)
async def edit_sheet(call: Call[EditSheet, NoQuery]) -> ChangeSetDetails:
    """One change-set. While its `status` is `applying`, it goes on in the background."""
    return await call.container.edits.edit(call.caller, call.body, key=call.idempotency_key)


@operation(
    triggers,
    "POST",
    "changes/preview",
    summary="What edits would do, also of columns",
    tag="Changes",
    body=PreviewEdit,
    answers=ChangePreview,
    errors=_WRITING,
)
async def preview_edit(call: Call[PreviewEdit, NoQuery]) -> ChangePreview:
    """Nothing is written: what is there now, what is in conflict, and what undoing could not bring back."""
    return await call.container.edits.preview(call.caller, call.body)


@operation(
    triggers,
    "GET",
    "changes",
    summary="The timeline of a sheet",
    tag="Changes",
    query=TimelineQuery,
    answers=ChangeSetPage,
    errors=_READING,
)
async def list_changes(call: Call[None, TimelineQuery]) -> ChangeSetPage:
    """Newest first."""
    query = call.query
    return await call.container.timeline.list(call.caller, query.sheet_id, limit=query.limit, cursor=query.cursor)


@operation(
    triggers,
    "GET",
    "changes/{id:guid}",
    summary="A change-set and its diff",
    tag="Changes",
    query=ItemsQuery,
    answers=ChangeSetDetails,
    errors=_READING,
    conditional=True,
)
async def get_change(call: Call[None, ItemsQuery]) -> Reply:
    """`digest` stands for what the author wanted, `ETag` also for how far it came."""
    change_set_id = ChangeSetId(call.path["id"].lower())
    details = await call.container.timeline.get(call.caller, change_set_id, cursor=call.query.cursor)
    header = details.change_set
    headers = {"ETag": f'W/"{header.digest}-{header.updated_at.timestamp()}"'}
    return Reply(None if call.has(headers["ETag"]) else details.model_dump_json(by_alias=True).encode(), headers)


@operation(
    triggers,
    "POST",
    "changes/{id:guid}/undo",
    summary="Undo a change-set",
    tag="Changes",
    body=UndoChange,
    answers=Undone,
    status=201,
    errors=_WRITING,
)
async def undo_change(call: Call[UndoChange, NoQuery]) -> Undone:
    """All of it, or some rows and columns. What somebody changed since is left alone, and reported."""
    change_set_id = ChangeSetId(call.path["id"].lower())
    return await call.container.timeline.undo(call.caller, change_set_id, call.body, key=call.idempotency_key)


@triggers.queue(GUARD_QUEUE)
async def continue_change(msg: func.QueueMessage) -> None:
    """Bring a change-set to its end that was left on the way."""
    message = ContinueChange.model_validate_json(msg.get_body())
    with correlated(message.correlation_id):
        await get_container().change_submitter.carry_on(message)
