"""Adding the rows of a file: checked like every edit, one change-set."""

import asyncio
from collections.abc import Sequence

from shared.changes.building import build_items
from shared.changes.models import ChangeSet
from shared.changes.ports import ImportStarted
from shared.changes.requests import EditSheet, RowAddition
from shared.changes.submitting import ChangeSubmitter, Wish
from shared.identity.models import Caller
from shared.ids import SheetId
from shared.sheets.input import CellInput, Placement
from shared.sheets.service import SheetService


class RowAdding:
    """`RowAdder` by a change-set; most of a big one is added in the background."""

    def __init__(self, sheets: SheetService, submitter: ChangeSubmitter) -> None:
        self._sheets = sheets
        self._submitter = submitter

    async def add_rows(
        self,
        caller: Caller,
        sheet_id: SheetId,
        rows: Sequence[tuple[CellInput, ...]],
        *,
        placement: Placement,
        idempotency_key: str | None,
    ) -> ImportStarted:
        """See `RowAdder.add_rows`."""
        request = await asyncio.to_thread(_request, sheet_id, rows, placement)
        repeated = await self._submitter.find_repeated(caller, _path(sheet_id), request, idempotency_key)
        if repeated is not None:
            return _started(repeated)
        sheet = await self._sheets.open(caller, sheet_id)
        items = await asyncio.to_thread(build_items, sheet, request)
        wish = Wish(sheet_id, items, request, _path(sheet_id), idempotency_key)
        return _started(await self._submitter.submit(caller, wish))

    async def find_repeated(
        self,
        caller: Caller,
        sheet_id: SheetId,
        rows: Sequence[tuple[CellInput, ...]],
        *,
        placement: Placement,
        idempotency_key: str,
    ) -> ImportStarted | None:
        """See `RowAdder.find_repeated`."""
        request = await asyncio.to_thread(_request, sheet_id, rows, placement)
        repeated = await self._submitter.find_repeated(caller, _path(sheet_id), request, idempotency_key)
        return None if repeated is None else _started(repeated)


def _path(sheet_id: SheetId) -> str:
    return f"smartsheet/{sheet_id}/import"


def _request(sheet_id: SheetId, rows: Sequence[tuple[CellInput, ...]], placement: Placement) -> EditSheet:
    """The rows as an edit. They were checked one by one, and may be more than one request of the API may hold."""
    additions = tuple(RowAddition.model_construct(cells=cells, placement=placement) for cells in rows)
    return EditSheet.model_construct(
        sheet_id=sheet_id, cells=(), add_rows=additions, delete_rows=(), move_rows=(), atomic=False
    )


def _started(change_set: ChangeSet) -> ImportStarted:
    return ImportStarted(change_set_id=change_set.change_set_id, status=change_set.status)
