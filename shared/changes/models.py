"""Change-sets: what shall change, what was there before, and how far applying it has come.

A change-set is a list of items of six kinds, cut into steps. A step is one call to Smartsheet; the items of a step
are of one kind. Steps are done one after the other, each with a look before and a record after it.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from shared.ids import ChangeSetId, ColumnId, RowId, SheetId, UserId
from shared.records import Frozen, Record
from shared.sheets.input import CellContent, Placement

EMPTY = CellContent()


class Author(Frozen):
    """Who wanted the change: a person, the assistant or a job; `id` is theirs."""

    kind: Literal["user", "assistant", "job"]
    id: str


ItemState = Literal["pending", "written", "unchanged", "conflict", "refused", "unknown"]
"""`written`: Smartsheet has it. `unchanged`: it was so already. `conflict`: somebody else changed it, and it was left
alone. `refused`: it could not be done, `code` says why. `unknown`: the answer was lost, and nobody can tell.
"""


class ColumnCell(Frozen):
    """The content of a cell, where the row is known."""

    column_id: ColumnId
    content: CellContent


class RowPlace(Frozen):
    """Where a row stands: its parent, and the siblings right before and behind it."""

    parent_id: RowId | None = None
    after_id: RowId | None = None
    before_id: RowId | None = None


class ColumnShape(Frozen):
    """The properties of a column. In a change, None leaves one as it is."""

    title: str | None = None
    type: str | None = None
    index: int | None = None
    options: tuple[str, ...] | None = None
    validation: bool | None = None
    symbol: str | None = None
    system_type: str | None = None
    formula: str | None = None
    locked: bool | None = None
    hidden: bool | None = None
    width: int | None = None
    description: str | None = None
    contact_options: tuple[dict[str, str], ...] | None = None


class ChangeItem(Frozen):
    """What all items have. `code` is a stable word for why one was refused."""

    state: ItemState = "pending"
    code: str | None = None


class CellChange(ChangeItem):
    """One cell. `expected` is what the author believed to be there, if they said so; `before` is what was found
    there by the look before the write, and `current` what was found there in a conflict. `was_linked`: the cell got
    its value from a cell of another sheet.
    """

    kind: Literal["cell"] = "cell"
    row_id: RowId
    column_id: ColumnId
    expected: CellContent | None = None
    before: CellContent | None = None
    after: CellContent
    current: CellContent | None = None
    was_linked: bool = False


class RowAdd(ChangeItem):
    """A row to be added: where the author said, or where it once stood. `row_id` is known once it is there.

    `replaces` is the id of a deleted row whose place it takes: other items that name that row mean this one.
    """

    kind: Literal["addRow"] = "addRow"
    cells: tuple[ColumnCell, ...]
    placement: Placement | None = None
    place: RowPlace | None = None
    replaces: RowId | None = None
    row_id: RowId | None = None


class RowDelete(ChangeItem):
    """A row to be deleted, with its children. With `expected`, only while it holds that and nothing else.

    What it held is kept as images of the change-set.
    """

    kind: Literal["deleteRow"] = "deleteRow"
    row_id: RowId
    expected: tuple[ColumnCell, ...] | None = None


class RowMove(ChangeItem):
    """A row to be moved: where the author said, or where it once stood. `before` and `after` are where it was found
    before and after the move; with `expected`, it is moved only from there.
    """

    kind: Literal["moveRow"] = "moveRow"
    row_id: RowId
    placement: Placement | None = None
    place: RowPlace | None = None
    expected: RowPlace | None = None
    before: RowPlace | None = None
    after: RowPlace | None = None


class ColumnAdd(ChangeItem):
    """A column to be added. `replaces` as with rows."""

    kind: Literal["addColumn"] = "addColumn"
    column: ColumnShape
    replaces: ColumnId | None = None
    column_id: ColumnId | None = None


class ColumnEdit(ChangeItem):
    """Properties of a column to be changed; `before` are the same properties as they were found.

    `expected` are properties that must still be so.
    """

    kind: Literal["editColumn"] = "editColumn"
    column_id: ColumnId
    after: ColumnShape
    expected: ColumnShape | None = None
    before: ColumnShape | None = None


class ColumnDelete(ChangeItem):
    """A column to be deleted with its cells, which are kept as images; `before` is the column as it was.

    With `empty_only`, it is deleted only while nobody has put anything into it.
    """

    kind: Literal["deleteColumn"] = "deleteColumn"
    column_id: ColumnId
    empty_only: bool = False
    before: ColumnShape | None = None


Item = Annotated[
    CellChange | RowAdd | RowDelete | RowMove | ColumnAdd | ColumnEdit | ColumnDelete, Field(discriminator="kind")
]
ItemKind = Literal["cell", "addRow", "deleteRow", "moveRow", "addColumn", "editColumn", "deleteColumn"]


class WriteIntent(Frozen):
    """Saved before a call goes out: with it, a lost answer can be told from a lost call. `ended_at`: when the call,
    with all its attempts, had ended without an answer.

    `sheet_modified_at`, on Smartsheet's own clock, tells new rows from old ones; of those that were created in that
    very second, `newest_rows` were there before.
    """

    sheet_version: int
    sent_at: datetime
    attempt: int
    ended_at: datetime | None = None
    sheet_modified_at: datetime | None = None
    newest_rows: tuple[RowId, ...] = ()


class Step(Frozen):
    """The items of one call: `count` of them from `start` on; and how many chunks of images it has."""

    kind: ItemKind
    start: int
    count: int
    images: int = 0


ChangeSetStatus = Literal["approved", "applying", "applied"]


class ChangeSet(Record):
    """The header of a change-set. The steps before `position` are done.

    `atomic`: nothing is written when any item is in conflict. `possible_overlap`: somebody else wrote to the sheet
    between a look and a write. `digest` stands for all items as their author wanted them. `inverse_of` is the
    change-set that this one undoes, `inverses` are those that undo this one. `counts` are the items by state.
    `announced`: those who look at the sheet were told that it is applied.
    """

    owner: UserId
    sheet_id: SheetId
    author: Author
    status: ChangeSetStatus = "approved"
    item_count: int
    steps: tuple[Step, ...] = ()
    position: int = 0
    intent: WriteIntent | None = None
    atomic: bool = False
    possible_overlap: bool = False
    version_after: int | None = None
    digest: str = ""
    request_hash: str = ""
    inverse_of: ChangeSetId | None = None
    inverses: tuple[ChangeSetId, ...] = ()
    counts: dict[ItemState, int] = Field(default_factory=dict[ItemState, int])
    announced: bool = False
    correlation_id: str | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def change_set_id(self) -> ChangeSetId:
        """The id, as what it is."""
        return ChangeSetId(self.id)

    @property
    def step(self) -> Step | None:
        """The step that is to be done next; None when all are done."""
        return self.steps[self.position] if self.position < len(self.steps) else None


class ItemChunk(Record):
    """A part of a change-set's items. Which items a chunk holds never changes; their states do."""

    items: tuple[Item, ...]


class RowImage(Frozen):
    """What a row, or one column of it, held: `place` for deleted rows. A big row has several images.

    `after` is what a change of the column's type made of it.
    """

    row_id: RowId
    place: RowPlace | None = None
    cells: tuple[ColumnCell, ...]
    after: tuple[ColumnCell, ...] = ()


class ImageChunk(Record):
    """A part of what a step of a change-set deleted or converted."""

    images: tuple[RowImage, ...]


class Applied(Frozen):
    """The change-set is finished; each item says what became of it."""

    items: tuple[Item, ...]
    possible_overlap: bool = False

    @property
    def cells(self) -> tuple[CellChange, ...]:
        """The items that are cells."""
        return tuple(item for item in self.items if isinstance(item, CellChange))


class Waiting(Frozen):
    """Not finished: come back at `until`. Either the service has no room, or the fate of a call is unknown."""

    until: datetime
    reason: str


class ContinueChange(Frozen):
    """The queue message that brings a change-set to its end, should the one who began it have died.

    `looks` counts how often it was not found: who began it may not have come to storing it yet.
    """

    owner: UserId
    sheet_id: SheetId
    change_set_id: ChangeSetId
    correlation_id: str
    looks: int = 0
