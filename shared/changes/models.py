"""A change-set: typed before and after per cell, and how far applying it has come."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from shared.ids import ChangeSetId, ColumnId, RowId, SheetId, UserId
from shared.records import Frozen, Record
from shared.sheets.models import CellValue

CELLS_PER_CHUNK = 50  # 2 × 4,000 characters of up to 4 bytes a cell stays far below 2 MB an item


class Author(Frozen):
    """Who wanted the change: a person, the assistant or a job; `id` is theirs."""

    kind: Literal["user", "assistant", "job"]
    id: str


CellState = Literal["pending", "written", "unchanged", "conflict", "refused"]


class CellChange(Frozen):
    """One cell. `current` is what was found there in a conflict, `code` why Smartsheet refused."""

    row_id: RowId
    column_id: ColumnId
    before: CellValue
    after: CellValue
    state: CellState = "pending"
    current: CellValue = None
    code: str | None = None


class WriteIntent(Frozen):
    """Saved before a bulk call goes out: with it, a lost answer can be told from a lost call."""

    sheet_version: int
    sent_at: datetime
    attempt: int


ChangeSetStatus = Literal["approved", "applying", "applied"]


class ChangeSet(Record):
    """The header of a change-set. `possible_overlap`: the version rose by more than our own write."""

    owner: UserId
    sheet_id: SheetId
    author: Author
    status: ChangeSetStatus = "approved"
    cell_count: int
    intent: WriteIntent | None = None
    possible_overlap: bool = False
    version_after: int | None = None
    correlation_id: str | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def change_set_id(self) -> ChangeSetId:
        """The id, as what it is."""
        return ChangeSetId(self.id)


class CellChunk(Record):
    """A part of a change-set's cells."""

    cells: tuple[CellChange, ...] = Field(max_length=CELLS_PER_CHUNK)


class Applied(Frozen):
    """The change-set is finished; each cell says what became of it."""

    cells: tuple[CellChange, ...]
    possible_overlap: bool = False


class Waiting(Frozen):
    """Not finished: come back at `until`. Either the service has no room, or the fate of a call is unknown."""

    until: datetime
    reason: str
