"""What change-sets need from the outside."""

from collections.abc import Sequence
from typing import Protocol

from shared.changes.models import ChangeSet, ChangeSetStatus, ImageChunk, ItemChunk, ItemState
from shared.identity.models import Caller
from shared.ids import ChangeSetId, SheetId
from shared.records import Frozen
from shared.sheets.input import CellInput, Placement


class ChangeStore(Protocol):
    """Change-sets: headers by sheet, items and images by change-set."""

    async def create(self, change_set: ChangeSet, chunks: Sequence[ItemChunk]) -> tuple[ChangeSet, list[ItemChunk]]:
        """Store a change-set, and all of it as it is stored.

        Raises `Conflict` (code `already_exists`): what was stored first stays.
        """
        ...

    async def find(self, sheet_id: SheetId, change_set_id: ChangeSetId) -> ChangeSet | None:
        """The header, or None."""
        ...

    async def find_sheet(self, change_set_id: ChangeSetId) -> SheetId | None:
        """Whose sheet's a change-set is, or None when there is none with this id."""
        ...

    async def list_by_sheet(
        self, sheet_id: SheetId, *, limit: int, cursor: str | None
    ) -> tuple[list[ChangeSet], str | None]:
        """A page of the sheet's change-sets, newest first, and the cursor of the next page."""
        ...

    async def list_chunks(
        self, change_set_id: ChangeSetId, *, limit: int, cursor: str | None
    ) -> tuple[list[ItemChunk], str | None]:
        """A page of the items' chunks, in order."""
        ...

    async def save(self, change_set: ChangeSet) -> ChangeSet:
        """Replace the header; raises `PreconditionFailed` when another runner moved it."""
        ...

    async def save_chunks(self, change_set_id: ChangeSetId, chunks: Sequence[ItemChunk]) -> list[ItemChunk]:
        """Store these chunks in place of those that were read; as they are stored.

        Raises `PreconditionFailed` when another runner stored one meanwhile.
        """
        ...

    async def save_images(self, change_set_id: ChangeSetId, chunks: Sequence[ImageChunk]) -> None:
        """Store what a step is going to destroy, in place of what was kept of it before."""
        ...

    async def get_images(self, change_set_id: ChangeSetId, image_ids: Sequence[str]) -> list[ImageChunk]:
        """The chunks with these ids, in this order."""
        ...


class RowLeft(Frozen):
    """A row that was not added (`refused`), or of which nobody knows (`unknown`): which of the given ones, from 0."""

    index: int
    state: ItemState
    code: str


class ImportStarted(Frozen):
    """The change-set that adds the rows of a file, and how far it has come: all rows by state, and the first of those
    that ended without being added.
    """

    change_set_id: ChangeSetId
    status: ChangeSetStatus
    counts: dict[ItemState, int]
    left: tuple[RowLeft, ...]


class RowAdder(Protocol):
    """Adds many rows as one change-set, 500 in a call: a call that is refused leaves the rows of the others there."""

    async def add_rows(
        self,
        caller: Caller,
        sheet_id: SheetId,
        rows: Sequence[tuple[CellInput, ...]],
        *,
        placement: Placement,
        idempotency_key: str | None,
    ) -> ImportStarted:
        """Start adding up to 20,000 rows, in their order; the same key and rows give the same change-set.

        Raises `InvalidInput` for cells that the sheet does not take, or a key that was used for other rows.
        """
        ...

    async def find_repeated(
        self,
        caller: Caller,
        sheet_id: SheetId,
        rows: Sequence[tuple[CellInput, ...]],
        *,
        placement: Placement,
        idempotency_key: str,
    ) -> ImportStarted | None:
        """What the same call of `add_rows` started before; None when there was none. Raises as it does for the key."""
        ...
