"""What change-sets need from the outside."""

from collections.abc import Sequence
from typing import Protocol

from shared.changes.models import CellChange, ChangeSet
from shared.identity.models import Caller
from shared.ids import ChangeSetId, SheetId
from shared.records import Frozen
from shared.sheets.input import CellInput, Placement


class ChangeStore(Protocol):
    """Change-sets: headers by sheet, cells by change-set."""

    async def create(self, change_set: ChangeSet, cells: Sequence[CellChange]) -> None:
        """Store a change-set; nothing happens when it is stored already."""
        ...

    async def get(self, sheet_id: SheetId, change_set_id: ChangeSetId) -> ChangeSet:
        """Raises `NotFound` (code `change_set_not_found`)."""
        ...

    async def get_cells(self, change_set_id: ChangeSetId) -> list[CellChange]:
        """All cells, in the order given at creation."""
        ...

    async def save(self, change_set: ChangeSet) -> ChangeSet:
        """Replace the header; raises `PreconditionFailed` when another runner moved it."""
        ...

    async def save_cells(self, change_set_id: ChangeSetId, cells: Sequence[CellChange]) -> None:
        """Store the cells' states; the same cells in the same order."""
        ...


class ImportStarted(Frozen):
    """The change-set that adds the rows of a file, and how far it has come."""

    change_set_id: ChangeSetId
    status: str


class RowAdder(Protocol):
    """Adds many rows as one change-set."""

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
