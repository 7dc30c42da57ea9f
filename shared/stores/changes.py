"""Change-sets: headers in one partition per sheet, items and images in chunks in one partition per change-set."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from shared.changes.models import ChangeSet, ImageChunk, ItemChunk
from shared.errors import Conflict
from shared.ids import ChangeSetId, SheetId
from shared.records import Record
from shared.stores.collection import Collection
from shared.stores.documents import DocumentStore

_WHERE = "where"
_AT_ONCE = 8


class SheetOfChange(Record):
    """In which partition the header of a change-set lies."""

    sheet_id: SheetId


class DocumentChangeStore:
    """`ChangeStore` on documents."""

    def __init__(self, documents: DocumentStore) -> None:
        self._headers = Collection(documents, "change-sets", ChangeSet)
        self._index = Collection(documents, "change-index", SheetOfChange)
        self._chunks = Collection(documents, "change-items", ItemChunk)
        self._images = Collection(documents, "change-images", ImageChunk)

    async def create(self, change_set: ChangeSet, chunks: Sequence[ItemChunk]) -> tuple[ChangeSet, list[ItemChunk]]:
        """See `ChangeStore.create`. The header comes last: a change-set that can be found is whole."""
        sheet_id = await self.find_sheet(change_set.change_set_id)
        if sheet_id is not None and await self.find(sheet_id, change_set.change_set_id) is not None:
            raise Conflict("The change-set is there already.", code="already_exists")
        await self._index.upsert(change_set.id, SheetOfChange(id=_WHERE, sheet_id=change_set.sheet_id))
        stored = await _some_at_once(chunks, lambda chunk: self._chunks.upsert(change_set.id, chunk))
        return await self._headers.create(change_set.sheet_id, change_set), stored

    async def find(self, sheet_id: SheetId, change_set_id: ChangeSetId) -> ChangeSet | None:
        """See `ChangeStore.find`."""
        return await self._headers.find(sheet_id, change_set_id)

    async def find_sheet(self, change_set_id: ChangeSetId) -> SheetId | None:
        """See `ChangeStore.find_sheet`."""
        found = await self._index.find(change_set_id, _WHERE)
        return None if found is None else found.sheet_id

    async def list_by_sheet(
        self, sheet_id: SheetId, *, limit: int, cursor: str | None
    ) -> tuple[list[ChangeSet], str | None]:
        """See `ChangeStore.list_by_sheet`."""
        return await self._headers.list(sheet_id, order_by="createdAt", descending=True, limit=limit, cursor=cursor)

    async def list_chunks(
        self, change_set_id: ChangeSetId, *, limit: int, cursor: str | None
    ) -> tuple[list[ItemChunk], str | None]:
        """See `ChangeStore.list_chunks`."""
        return await self._chunks.list(change_set_id, limit=limit, cursor=cursor)

    async def save(self, change_set: ChangeSet) -> ChangeSet:
        """See `ChangeStore.save`."""
        return await self._headers.replace(change_set.sheet_id, change_set)

    async def save_chunks(self, change_set_id: ChangeSetId, chunks: Sequence[ItemChunk]) -> list[ItemChunk]:
        """See `ChangeStore.save_chunks`. One by one: a batch does not tell the new ETags."""
        return await _some_at_once(chunks, lambda chunk: self._chunks.replace(change_set_id, chunk))

    async def save_images(self, change_set_id: ChangeSetId, chunks: Sequence[ImageChunk]) -> None:
        """See `ChangeStore.save_images`."""
        await self._images.upsert_all(change_set_id, chunks)

    async def get_images(self, change_set_id: ChangeSetId, image_ids: Sequence[str]) -> list[ImageChunk]:
        """See `ChangeStore.get_images`."""
        return [
            await self._images.get(change_set_id, id_, code="image_not_found", detail="A kept image is missing.")
            for id_ in image_ids
        ]


async def _some_at_once(
    chunks: Sequence[ItemChunk], write: Callable[[ItemChunk], Coroutine[None, None, ItemChunk]]
) -> list[ItemChunk]:
    stored: list[ItemChunk] = []
    for start in range(0, len(chunks), _AT_ONCE):
        stored += await asyncio.gather(*map(write, chunks[start : start + _AT_ONCE]))
    return stored
