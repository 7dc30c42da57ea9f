"""What a step of a kind does: look, settle, send; and what the kinds have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.changes.models import ChangeItem, Item, ItemState, RowImage, WriteIntent
from shared.changes.target import Target
from shared.ids import RowId
from shared.sheets.models import Sheet

A = TypeVar("A", bound=ChangeItem)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a call answered; `version` is None where Smartsheet does not tell."""

    version: int | None
    items: list[Item]


class StepKind(ABC):
    """The work on the items of one kind. Every method may raise what `SheetSource` raises.

    `looks_again`: a call is always followed by one more look, to see what it did.
    """

    looks_again = False

    @abstractmethod
    async def look(self, target: Target, items: Sequence[Item], intent: WriteIntent | None) -> Sheet:
        """What is there now, as far as it concerns these items."""

    @abstractmethod
    def settle(self, target: Target, items: Sequence[Item], truth: Sheet, intent: WriteIntent | None) -> list[Item]:
        """What the look says of the items: final, or `pending` where a call is needed.

        With `intent`, a call with them went out before, and its answer is not known.
        """

    @abstractmethod
    async def send(self, target: Target, items: Sequence[Item], truth: Sheet) -> Sent:
        """Send what is pending, in one call."""

    def may_resend(self, truth: Sheet, intent: WriteIntent) -> bool:
        """Whether pending items can be sent once more, now that the former call cannot take effect any longer."""
        return True

    def newest_rows(self, truth: Sheet) -> tuple[RowId, ...]:
        """The rows that were created in the second of the sheet's last change, for kinds that have to know them."""
        return ()

    def images(self, target: Target, items: Sequence[Item], truth: Sheet) -> list[RowImage]:
        """What the call is going to destroy; kept before it goes out."""
        return []

    def converted(
        self, target: Target, items: Sequence[Item], images: Sequence[RowImage], now: Sheet
    ) -> list[RowImage]:
        """The images with what the call made of the cells, for kinds whose calls do that."""
        return list(images)

    def compare(self, target: Target, items: Sequence[Item], now: Sheet, *, overlap: bool) -> list[Item]:
        """The items after one more look; with `overlap`, somebody else wrote at the same time.

        What cannot be written over stays as it is.
        """
        return list(items)


def refused(item: A, code: str) -> A:
    """The item, if it is pending, as one that cannot be done."""
    return item.model_copy(update={"state": "refused", "code": code}) if item.state == "pending" else item


def settled(item: A, state: ItemState, **changes: object) -> A:
    """The item in a final state."""
    return item.model_copy(update={"state": state, **changes})
