"""Takes rows, and remembers them."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.changes.ports import ImportStarted
from shared.identity.models import Caller
from shared.ids import ChangeSetId, SheetId
from shared.sheets.input import CellInput, Placement


@dataclass(frozen=True)
class Addition:
    """Rows that were to be added."""

    user_id: str
    sheet_id: SheetId
    rows: tuple[tuple[CellInput, ...], ...]
    placement: Placement


class FakeRowAdder:
    """A working double of `RowAdder`: the same key is the same change-set."""

    def __init__(self) -> None:
        self.added: dict[str, Addition] = {}

    async def add_rows(
        self,
        caller: Caller,
        sheet_id: SheetId,
        rows: Sequence[tuple[CellInput, ...]],
        *,
        placement: Placement,
        idempotency_key: str | None,
    ) -> ImportStarted:
        """See `RowAdder`."""
        id_ = f"change-{idempotency_key or len(self.added) + 1}"
        self.added.setdefault(id_, Addition(caller.user_id, sheet_id, tuple(rows), placement))
        return ImportStarted(change_set_id=ChangeSetId(id_), status="applying")

    async def find_repeated(
        self,
        caller: Caller,
        sheet_id: SheetId,
        rows: Sequence[tuple[CellInput, ...]],
        *,
        placement: Placement,
        idempotency_key: str,
    ) -> ImportStarted | None:
        """See `RowAdder`."""
        id_ = f"change-{idempotency_key}"
        known = self.added.get(id_) == Addition(caller.user_id, sheet_id, tuple(rows), placement)
        return ImportStarted(change_set_id=ChangeSetId(id_), status="applied") if known else None

    def only(self) -> Addition:
        """The one addition that there was."""
        (addition,) = self.added.values()
        return addition
