"""Change-sets as callers get them."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import Field

from shared.changes.models import (
    Author,
    CellChange,
    ChangeSet,
    ChangeSetStatus,
    ColumnDelete,
    ColumnEdit,
    Item,
    ItemState,
    RowDelete,
)
from shared.ids import ChangeSetId, ColumnId, RowId, SheetId
from shared.records import Frozen


class Loss(Frozen):
    """What undoing cannot bring back, and of how many things."""

    code: str
    message: str
    count: int


class ChangeSetView(Frozen):
    """A change-set in the timeline. `applying`: it goes on in the background."""

    id: ChangeSetId
    sheet_id: SheetId
    author: Author
    status: ChangeSetStatus
    item_count: int
    counts: dict[ItemState, int] = Field(description="How many items are in which state.")
    possible_overlap: bool = Field(description="Somebody else wrote to the sheet at the same time.")
    version_after: int | None
    digest: str = Field(description="Stands for all that the author wanted.")
    inverse_of: ChangeSetId | None = Field(description="The change-set that this one undoes.")
    inverses: tuple[ChangeSetId, ...] = Field(description="The change-sets that undo this one.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, change_set: ChangeSet) -> "ChangeSetView":
        """The caller's view."""
        return cls(
            id=change_set.change_set_id,
            sheet_id=change_set.sheet_id,
            author=change_set.author,
            status=change_set.status,
            item_count=change_set.item_count,
            counts=change_set.counts,
            possible_overlap=change_set.possible_overlap,
            version_after=change_set.version_after,
            digest=change_set.digest,
            inverse_of=change_set.inverse_of,
            inverses=change_set.inverses,
            created_at=change_set.created_at,
            updated_at=change_set.updated_at,
        )


class ChangeSetPage(Frozen):
    """A page of the timeline, newest first."""

    items: tuple[ChangeSetView, ...]
    next_cursor: str | None


class ChangeSetDetails(Frozen):
    """A change-set and a page of its items: the diff."""

    change_set: ChangeSetView
    items: tuple[Item, ...]
    next_cursor: str | None
    losses: tuple[Loss, ...] = Field(description="What undoing will not bring back.")


class ChangePreview(Frozen):
    """What an edit would do now; nothing was written."""

    items: tuple[Item, ...]
    losses: tuple[Loss, ...]


class NotUndone(Frozen):
    """Something that was not undone, and why."""

    row_id: RowId | None = None
    column_id: ColumnId | None = None
    code: str
    message: str


class Undone(Frozen):
    """The change-set that undoes another one, and what it could not undo."""

    change_set: ChangeSetView
    not_undone: tuple[NotUndone, ...]


def losses_of(items: Iterable[Item]) -> tuple[Loss, ...]:
    """What undoing these items cannot bring back."""
    items = list(items)
    counts = {
        "row_attachments": sum(isinstance(item, RowDelete) for item in items),
        "column_history": sum(isinstance(item, ColumnDelete) for item in items),
        "cell_links": sum(isinstance(item, CellChange) and item.was_linked for item in items),
        "column_conversion": sum(isinstance(item, ColumnEdit) and item.after.type is not None for item in items),
    }
    return tuple(Loss(code=code, message=_LOSSES[code], count=count) for code, count in counts.items() if count)


_LOSSES = {
    "row_attachments": "A deleted row, and each below it, comes back with its values and its place, but under a new "
    "id, and without its attachments, comments, cell history, formats, lock, and links from other sheets.",
    "column_history": "A deleted column comes back with its values, but under a new id, and without its cell history; "
    "formulas that named it stay broken, and automatic numbers are given anew.",
    "cell_links": "The value of a linked cell comes back, but not the link to the other sheet.",
    "column_conversion": "Formats that a new column type dropped do not come back; values do.",
}

REASONS = {
    "conflict": "Somebody changed it since; it was left as it is.",
    "changed_since": "Somebody changed it since; it was left as it is.",
    "overwritten": "It was written, and somebody wrote over it at once; that was left as it is.",
    "moved_since": "Somebody moved the row since; it was left where it is.",
    "row_not_found": "The row is no longer in the sheet.",
    "column_not_found": "The column is no longer in the sheet.",
    "row_locked": "The row is locked.",
    "place_not_found": "The row that the place was named by is no longer in the sheet.",
    "place_lost": "What stood beside the row is gone: it came back, but at the end of its group or of the sheet.",
    "sheet_full": "The sheet has no room for more.",
    "link_lost": "The value came back, but not the link to the other sheet.",
    "already_undone": "It was undone before.",
    "unknown": "Nobody knows whether it was done: Smartsheet's answer was lost.",
}


def reason(code: str) -> str:
    """A sentence for why something was not undone."""
    return REASONS.get(code, "Smartsheet refused it.")
