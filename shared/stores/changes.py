"""Change-sets: headers in one partition per sheet, cells in chunks in one partition per change-set."""

from collections.abc import Sequence

from shared.changes.models import CELLS_PER_CHUNK, CellChange, CellChunk, ChangeSet
from shared.errors import Conflict
from shared.ids import ChangeSetId, SheetId
from shared.stores.collection import Collection
from shared.stores.documents import DocumentStore


class DocumentChangeStore:
    """`ChangeStore` on documents."""

    def __init__(self, documents: DocumentStore) -> None:
        self._headers = Collection(documents, "change-sets", ChangeSet)
        self._chunks = Collection(documents, "change-cells", CellChunk)

    async def create(self, change_set: ChangeSet, cells: Sequence[CellChange]) -> None:
        """See `ChangeStore.create`. The header comes last: a change-set that can be found is whole."""
        if await self._headers.find(change_set.sheet_id, change_set.id) is not None:
            return
        await self.save_cells(change_set.change_set_id, cells)
        try:
            await self._headers.create(change_set.sheet_id, change_set)
        except Conflict:
            return  # the same change-set, stored by a second delivery

    async def get(self, sheet_id: SheetId, change_set_id: ChangeSetId) -> ChangeSet:
        """See `ChangeStore.get`."""
        return await self._headers.get(
            sheet_id, change_set_id, code="change_set_not_found", detail="There is no such change-set."
        )

    async def get_cells(self, change_set_id: ChangeSetId) -> list[CellChange]:
        """See `ChangeStore.get_cells`."""
        cells: list[CellChange] = []
        cursor: str | None = None
        while True:
            chunks, cursor = await self._chunks.list(change_set_id, cursor=cursor)
            cells += [cell for chunk in chunks for cell in chunk.cells]
            if cursor is None:
                return cells

    async def save(self, change_set: ChangeSet) -> ChangeSet:
        """See `ChangeStore.save`."""
        return await self._headers.replace(change_set.sheet_id, change_set)

    async def save_cells(self, change_set_id: ChangeSetId, cells: Sequence[CellChange]) -> None:
        """See `ChangeStore.save_cells`."""
        for number, start in enumerate(range(0, len(cells), CELLS_PER_CHUNK)):
            chunk = CellChunk(id=f"{number:06d}", cells=tuple(cells[start : start + CELLS_PER_CHUNK]))
            await self._chunks.upsert(change_set_id, chunk)
