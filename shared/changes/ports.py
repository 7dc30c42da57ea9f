"""What change-sets need from the outside."""

from collections.abc import Sequence
from typing import Protocol

from shared.changes.models import CellChange, ChangeSet
from shared.ids import ChangeSetId, SheetId


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
