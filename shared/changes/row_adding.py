"""Adding the rows of a file: checked like every edit, one change-set, which tells what became of each row."""

import asyncio
from collections.abc import Sequence

from shared.changes.building import build_items
from shared.changes.models import ChangeSet
from shared.changes.ports import ChangeStore, ImportStarted, RowLeft
from shared.changes.requests import EditSheet, RowAddition
from shared.changes.submitting import ChangeSubmitter, Wish, new_change_set_id
from shared.errors import Forbidden, NotFound
from shared.identity.models import Caller
from shared.ids import SheetId
from shared.sheets.input import CellInput, Placement
from shared.sheets.service import SheetService

MAX_LEFT = 100

_CHUNKS_PER_PAGE = 20


class RowAdding:
    """`RowAdder` by a change-set; most of a big one is added in the background."""

    def __init__(self, sheets: SheetService, submitter: ChangeSubmitter, store: ChangeStore) -> None:
        self._sheets = sheets
        self._submitter = submitter
        self._store = store

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
            return await self._started(repeated)
        sheet = await self._sheets.open(caller, sheet_id)
        items = await asyncio.to_thread(build_items, sheet, request)
        id_ = new_change_set_id(caller, _path(sheet_id), idempotency_key)
        try:
            wish = Wish(sheet_id, items, request, _path(sheet_id), idempotency_key, change_set_id=id_)
            change_set = await self._submitter.submit(caller, wish)
        except (Forbidden, NotFound):  # perhaps only after some rows were added
            stored = await self._store.find(sheet_id, id_)
            if stored is None or not stored.counts.get("written"):
                raise
            change_set = stored
        return await self._started(change_set)

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
        return None if repeated is None else await self._started(repeated)

    async def _started(self, change_set: ChangeSet) -> ImportStarted:
        return ImportStarted(
            change_set_id=change_set.change_set_id,
            status=change_set.status,
            counts=change_set.counts or {"pending": change_set.item_count},
            left=await self._left(change_set),
        )

    async def _left(self, change_set: ChangeSet) -> tuple[RowLeft, ...]:
        """The first rows that ended without being added; items are in the order of the rows."""
        most = min(MAX_LEFT, change_set.counts.get("refused", 0) + change_set.counts.get("unknown", 0))
        left: list[RowLeft] = []
        index, cursor = 0, None
        while len(left) < most:
            chunks, cursor = await self._store.list_chunks(
                change_set.change_set_id, limit=_CHUNKS_PER_PAGE, cursor=cursor
            )
            for item in (item for chunk in chunks for item in chunk.items):
                if item.state in ("refused", "unknown"):
                    left.append(RowLeft(index=index, state=item.state, code=item.code or item.state))
                index += 1
            if cursor is None:
                break
        return tuple(left[:most])


def _path(sheet_id: SheetId) -> str:
    return f"smartsheet/{sheet_id}/import"


def _request(sheet_id: SheetId, rows: Sequence[tuple[CellInput, ...]], placement: Placement) -> EditSheet:
    """The rows as an edit. They were checked one by one, and may be more than one request of the API may hold."""
    additions = tuple(RowAddition.model_construct(cells=cells, placement=placement) for cells in rows)
    return EditSheet.model_construct(
        sheet_id=sheet_id, cells=(), add_rows=additions, delete_rows=(), move_rows=(), atomic=False
    )
