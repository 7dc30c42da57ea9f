"""A change-set while it is worked on: header and items, kept in step with what is stored."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from pydantic import TypeAdapter

from shared.changes.models import ChangeSet, ImageChunk, Item, ItemChunk, RowImage, Step
from shared.changes.ports import ChangeStore
from shared.changes.steps import in_order, plan_steps

ITEMS_PER_CHUNK = 50
BYTES_PER_CHUNK = 400_000
"""A third of what a document may hold: contents that are found later come on top of those that were asked for."""

_BYTES_OF = TypeAdapter(Item)
_IMAGES = TypeAdapter(tuple[RowImage, ...])


class Work:
    """Loads, changes and saves one change-set. Whatever is saved is saved before anything else happens."""

    def __init__(self, store: ChangeStore, header: ChangeSet, chunks: Sequence[ItemChunk], *, is_stored: bool) -> None:
        self._store = store
        self._chunks = list(chunks)
        self.is_stored = is_stored
        self.header = header
        self.items: list[Item] = [item for chunk in chunks for item in chunk.items]

    @classmethod
    def new(cls, store: ChangeStore, header: ChangeSet, items: Sequence[Item]) -> "Work":
        """A change-set that is stored with its first save. An inverse keeps its order, which undoes the last first."""
        ordered = in_order(items) if header.inverse_of is None else list(items)
        chunks, digest = _cut(header, ordered)
        update = {"item_count": len(ordered), "steps": plan_steps(ordered), "digest": digest}
        return cls(store, header.model_copy(update=update), chunks, is_stored=False)

    @classmethod
    async def load(cls, store: ChangeStore, header: ChangeSet) -> "Work":
        """A stored change-set, with all its items."""
        chunks: list[ItemChunk] = []
        cursor: str | None = None
        while True:
            page, cursor = await store.list_chunks(header.change_set_id, limit=100, cursor=cursor)
            chunks += page
            if cursor is None:
                return cls(store, header, chunks, is_stored=True)

    def items_of(self, step: Step) -> list[Item]:
        """The step's items, as they are now."""
        return self.items[step.start : step.start + step.count]

    def put(self, step: Step, items: Sequence[Item]) -> None:
        """Have these items from now on; they are stored with the next save."""
        self.items[step.start : step.start + step.count] = items

    async def save(self, now: datetime, step: Step, items: Sequence[Item], **changes: Any) -> None:
        """Save the step, its items, and changes of the header, the header last.

        Raises `PreconditionFailed` when another runner saved meanwhile, `Conflict` when it was stored meanwhile.
        """
        self.put(step, items)
        steps = tuple(step if known.start == step.start else known for known in self.header.steps)
        counts = Counter(item.state for item in self.items)
        update = {"steps": steps, "counts": dict(counts), **changes, "updated_at": now}
        header = self.header.model_copy(update=update)
        changed = self._take_up()
        if not self.is_stored:
            self.header, self._chunks = await self._store.create(header, self._chunks)
            self.is_stored = True
            return
        stored = await self._store.save_chunks(header.change_set_id, [self._chunks[at] for at in changed])
        for at, chunk in zip(changed, stored, strict=True):
            self._chunks[at] = chunk
        self.header = await self._store.save(header)

    async def keep_images(self, step: Step, images: Sequence[RowImage]) -> Step:
        """Keep what the step is going to destroy; the step with the number of its images, which is to be saved."""
        parts = _image_parts(images)
        chunks = [ImageChunk(id=_image_id(step, number), images=part) for number, part in enumerate(parts)]
        if chunks:
            await self._store.save_images(self.header.change_set_id, chunks)
        return step if step.images == len(chunks) else step.model_copy(update={"images": len(chunks)})

    async def image_chunks(self, step: Step) -> list[ImageChunk]:
        """What the step destroyed, in the sheet's order, as it is stored."""
        ids = [_image_id(step, number) for number in range(step.images)]
        return await self._store.get_images(self.header.change_set_id, ids)

    async def keep_outcome(self, chunks: Sequence[ImageChunk]) -> None:
        """Keep what became of images that are stored already. Their cut stays: this may end half-way and come again."""
        await self._store.save_images(self.header.change_set_id, chunks)

    def _take_up(self) -> list[int]:
        """Put the items into their chunks; the numbers of those that thereby changed."""
        changed: list[int] = []
        start = 0
        for at, chunk in enumerate(self._chunks):
            items = tuple(self.items[start : start + len(chunk.items)])
            start += len(chunk.items)
            if any(item is not was for item, was in zip(items, chunk.items, strict=True)):
                self._chunks[at] = chunk.model_copy(update={"items": items})
                changed.append(at)
        return changed


def _cut(header: ChangeSet, items: Sequence[Item]) -> tuple[list[ItemChunk], str]:
    """The items in chunks that a document can hold, and the digest of all of them."""
    digest = hashlib.sha256(header.sheet_id.encode())
    chunks: list[ItemChunk] = []
    part: list[Item] = []
    room = BYTES_PER_CHUNK
    for item in items:
        body = _BYTES_OF.dump_json(item, exclude_defaults=True)
        digest.update(len(body).to_bytes(8, "big"))
        digest.update(body)
        if part and (len(part) == ITEMS_PER_CHUNK or len(body) > room):
            chunks.append(ItemChunk(id=f"{len(chunks):06d}", items=tuple(part)))
            part, room = [], BYTES_PER_CHUNK
        part.append(item)
        room -= len(body)
    if part:
        chunks.append(ItemChunk(id=f"{len(chunks):06d}", items=tuple(part)))
    return chunks, digest.hexdigest()


def _image_id(step: Step, number: int) -> str:
    return f"{step.start:06d}-{number:06d}"


def _image_parts(images: Sequence[RowImage]) -> list[tuple[RowImage, ...]]:
    """Images in parts that a document can hold; one that is too big alone is cut between its cells."""
    parts: list[tuple[RowImage, ...]] = []
    part: list[RowImage] = []
    room = BYTES_PER_CHUNK
    for image in chain.from_iterable(map(_pieces, images)):
        size = len(_IMAGES.dump_json((image,)))
        if part and (len(part) == ITEMS_PER_CHUNK or size > room):
            parts.append(tuple(part))
            part, room = [], BYTES_PER_CHUNK
        part.append(image)
        room -= size
    return [*parts, tuple(part)] if part else parts


def _pieces(image: RowImage) -> list[RowImage]:
    if len(_IMAGES.dump_json((image,))) <= BYTES_PER_CHUNK or len(image.cells) < 2:
        return [image]
    half = len(image.cells) // 2
    halves = (image.cells[:half], image.cells[half:])
    return [piece for cells in halves for piece in _pieces(image.model_copy(update={"cells": cells}))]
