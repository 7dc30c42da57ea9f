"""People's edits of sheets: checked against the sheet, made a change-set, applied at once."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from shared.changes.building import MAX_FAULTS, build_items
from shared.changes.cell_step import OVERWRITTEN
from shared.changes.models import (
    CellChange,
    ColumnAdd,
    ColumnDelete,
    ColumnEdit,
    ColumnShape,
    Item,
)
from shared.changes.requests import AddRows, CellOfRow, EditSheet, PatchRow, PreviewEdit, RowMoveTo
from shared.changes.service import ChangeService
from shared.changes.submitting import ChangeSubmitter, Wish
from shared.changes.timeline import Timeline
from shared.changes.views import ChangePreview, ChangeSetDetails, losses_of, reason
from shared.errors import CellConflict, EditConflict, Forbidden, InvalidInput, NotFound
from shared.identity.models import Caller
from shared.ids import ColumnId, RowId, SheetId
from shared.records import Frozen
from shared.sheets.checking import check_column, require_columns_writable, require_sheet_writable
from shared.sheets.input import ColumnChange, ColumnInput
from shared.sheets.models import Column, ColumnWrite, Sheet
from shared.sheets.service import SheetService

T = TypeVar("T")


class NoBody(Frozen):
    """A request that says all it says by its path."""

    path: str


class EditService:
    """Use cases of editing. Every method raises `NotFound` (`sheet_not_found`, `row_not_found`, `column_not_found`),
    `Forbidden` (`sheet_read_only`, `row_locked`, …), `InvalidInput` with every fault, `StorageFull`, and what
    `SheetSource` raises when nothing was written.
    """

    def __init__(
        self, sheets: SheetService, changes: ChangeService, submitter: ChangeSubmitter, timeline: Timeline
    ) -> None:
        self._sheets = sheets
        self._changes = changes
        self._submitter = submitter
        self._timeline = timeline

    async def edit(
        self, caller: Caller, request: EditSheet, *, path: str = "changes", key: str | None = None
    ) -> ChangeSetDetails:
        """Many edits in one change-set; each item says what became of it.

        A `key` belongs to the `path` that was called. Raises `EditConflict` for an atomic one of which nothing was
        written.
        """
        repeated = await self._submitter.find_repeated(caller, path, request, key)
        if repeated is not None:
            return await self._timeline.details(repeated)
        items = await self._checked(caller, request.sheet_id, lambda sheet: build_items(sheet, request))
        wish = Wish(request.sheet_id, items, request, path, key, atomic=request.atomic)
        return await self._applied(caller, wish)

    async def preview(self, caller: Caller, request: PreviewEdit) -> ChangePreview:
        """What `edit`, `change_column` and `delete_column` would do now; nothing is written."""

        def build(sheet: Sheet) -> list[Item]:
            items = build_items(sheet, request)
            for at, change in enumerate(request.change_columns):
                items.append(_column_edit(sheet, change.column_id, change, f"changeColumns.{at}"))
            return [*items, *(_column_delete(sheet, column_id) for column_id in request.delete_columns)]

        items = await self._checked(caller, request.sheet_id, build)
        looked_at = await self._changes.look(caller, request.sheet_id, items)
        return ChangePreview(items=tuple(looked_at), losses=losses_of(looked_at))

    async def add_rows(
        self, caller: Caller, sheet_id: SheetId, request: AddRows, *, key: str | None = None
    ) -> ChangeSetDetails:
        """Add one row or many."""
        edit = EditSheet(sheet_id=sheet_id, add_rows=request.rows)
        return await self.edit(caller, edit, path=f"smartsheet/{sheet_id}/rows", key=key)

    async def patch_row(self, caller: Caller, sheet_id: SheetId, row_id: RowId, request: PatchRow) -> ChangeSetDetails:
        """Set cells of a row, move it, or both; all cells or none. Raises `EditConflict`."""
        cells = tuple(CellOfRow.model_validate({"row_id": row_id, **_given(cell)}) for cell in request.cells)
        moves = () if request.placement is None else (RowMoveTo(row_id=row_id, placement=request.placement),)
        edit = EditSheet(sheet_id=sheet_id, cells=cells, move_rows=moves, atomic=True)
        items = await self._checked(caller, sheet_id, lambda sheet: _of_row(sheet, row_id, edit))
        return await self._applied(caller, Wish(sheet_id, items, edit, atomic=True), whole=True)

    async def delete_row(self, caller: Caller, sheet_id: SheetId, row_id: RowId) -> ChangeSetDetails:
        """Delete a row with its children."""
        edit = EditSheet(sheet_id=sheet_id, delete_rows=(row_id,))
        items = await self._checked(caller, sheet_id, lambda sheet: _of_row(sheet, row_id, edit))
        return await self._applied(caller, Wish(sheet_id, items, edit), whole=True)

    async def add_column(
        self, caller: Caller, sheet_id: SheetId, request: ColumnInput, *, key: str | None = None
    ) -> ChangeSetDetails:
        """Add a column."""
        path = f"smartsheet/{sheet_id}/columns"
        repeated = await self._submitter.find_repeated(caller, path, request, key)
        if repeated is not None:
            return await self._timeline.details(repeated)

        def build(sheet: Sheet) -> list[Item]:
            require_columns_writable(sheet)
            return [ColumnAdd(column=_shape(check_column(sheet, request, "", existing=None)))]

        items = await self._checked(caller, sheet_id, build)
        return await self._applied(caller, Wish(sheet_id, items, request, path, key), whole=True)

    async def change_column(
        self, caller: Caller, sheet_id: SheetId, column_id: ColumnId, request: ColumnChange
    ) -> ChangeSetDetails:
        """Change properties of a column."""

        items = await self._checked(caller, sheet_id, lambda sheet: [_column_edit(sheet, column_id, request, "")])
        return await self._applied(caller, Wish(sheet_id, items, request), whole=True)

    async def delete_column(self, caller: Caller, sheet_id: SheetId, column_id: ColumnId) -> ChangeSetDetails:
        """Delete a column with its cells."""

        items = await self._checked(caller, sheet_id, lambda sheet: [_column_delete(sheet, column_id)])
        return await self._applied(caller, Wish(sheet_id, items, NoBody(path=column_id)), whole=True)

    async def _checked(self, caller: Caller, sheet_id: SheetId, build: Callable[[Sheet], T]) -> T:
        """What `build` makes of the sheet; of a cached one that may be too old to know, of the current one."""
        sheet = await self._sheets.open(caller, sheet_id)
        require_sheet_writable(sheet)
        try:
            return build(sheet)
        except (InvalidInput, NotFound):
            current = await self._sheets.open(caller, sheet_id, max_age_seconds=0)
            if current.version == sheet.version:
                raise
            return build(current)

    async def _applied(self, caller: Caller, wish: Wish, *, whole: bool = False) -> ChangeSetDetails:
        """Apply the wish. With `whole`, what was refused is an error of the request."""
        change_set = await self._submitter.submit(caller, wish)
        if change_set.status == "applied" and not change_set.counts.get("written"):
            items = await self._timeline.items(change_set)
            if change_set.atomic:
                _raise_conflicts(items)
            if whole:
                _raise_refusal(items)
        return await self._timeline.details(change_set)


def _given(cell: Frozen) -> dict[str, object]:
    return {name: getattr(cell, name) for name in cell.model_fields_set}


def _of_row(sheet: Sheet, row_id: RowId, edit: EditSheet) -> list[Item]:
    if row_id not in sheet.rows_by_id:
        raise NotFound("There is no such row in the sheet.", code="row_not_found")
    return build_items(sheet, edit)


def _column_edit(sheet: Sheet, column_id: ColumnId, request: ColumnChange, field: str) -> ColumnEdit:
    require_columns_writable(sheet)
    column = _column(sheet, column_id)
    return ColumnEdit(column_id=column_id, after=_shape(check_column(sheet, request, field, existing=column)))


def _column_delete(sheet: Sheet, column_id: ColumnId) -> ColumnDelete:
    require_columns_writable(sheet)
    if _column(sheet, column_id).primary:
        raise InvalidInput("The primary column cannot be deleted.", code="primary_column")
    return ColumnDelete(column_id=column_id)


def _column(sheet: Sheet, column_id: ColumnId) -> Column:
    column = next((column for column in sheet.columns if column.id == column_id), None)
    if column is None:
        raise NotFound("There is no such column in the sheet.", code="column_not_found")
    return column


def _shape(write: ColumnWrite) -> ColumnShape:
    return ColumnShape.model_validate({name: getattr(write, name) for name in ColumnShape.model_fields})


def _raise_conflicts(items: Sequence[Item]) -> None:
    conflicts = tuple(
        CellConflict(
            item.row_id,
            item.column_id,
            {} if item.current is None else item.current.model_dump(mode="json", by_alias=True, exclude_none=True),
        )
        for item in items
        if isinstance(item, CellChange) and item.state == "conflict" and item.code != OVERWRITTEN
    )
    if conflicts:
        raise EditConflict("Somebody changed the cells meanwhile; nothing was written.", conflicts[:MAX_FAULTS])


def _raise_refusal(items: Sequence[Item]) -> None:
    refusal = next((item for item in items if item.state == "refused" and item.code != "not_applied"), None)
    if refusal is None:
        return
    code = refusal.code or "refused"
    if code in ("row_not_found", "column_not_found"):
        raise NotFound(reason(code), code=code)
    if code.endswith("_locked"):
        raise Forbidden(reason(code), code=code)
    raise InvalidInput(reason(code), code=code)
