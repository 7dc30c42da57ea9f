"""A sheet as the application holds it: plain, immutable, and small enough for 500,000 cells.

These are slotted dataclasses rather than pydantic models: a sheet is parsed once at the edge
(`clients/smartsheet`) and then only read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.ids import ColumnId, RowId, SheetId

CellValue = str | int | float | bool | None

MAX_CELL_CHARACTERS = 4000  # Smartsheet cuts longer values silently
MAX_ROWS_PER_CALL = 500
MAX_DELETED_ROWS_PER_CALL = 300  # their ids go into the URL


class ColumnType(StrEnum):
    """Smartsheet's column types."""

    TEXT_NUMBER = "TEXT_NUMBER"
    PICKLIST = "PICKLIST"
    MULTI_PICKLIST = "MULTI_PICKLIST"
    CONTACT_LIST = "CONTACT_LIST"
    MULTI_CONTACT_LIST = "MULTI_CONTACT_LIST"
    DATE = "DATE"
    DATETIME = "DATETIME"
    ABSTRACT_DATETIME = "ABSTRACT_DATETIME"
    CHECKBOX = "CHECKBOX"
    DURATION = "DURATION"
    PREDECESSOR = "PREDECESSOR"


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `system_type` (AUTO_NUMBER, CREATED_BY, …) and `formula` make it read-only."""

    id: ColumnId
    index: int
    title: str
    type: str
    primary: bool = False
    options: tuple[str, ...] = ()
    validation: bool = False
    system_type: str | None = None
    formula: str | None = None
    locked: bool = False
    locked_for_user: bool = False
    hidden: bool = False
    symbol: str | None = None
    width: int | None = None
    description: str | None = None
    contact_options: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that holds something. `display_value` is what a person sees in Smartsheet."""

    value: CellValue = None
    display_value: str | None = None
    formula: str | None = None
    object_value: Mapping[str, Any] | None = None
    hyperlink: Mapping[str, Any] | None = None
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row. `cells` holds only the cells that hold something, by column id."""

    id: RowId
    number: int
    cells: Mapping[ColumnId, Cell]
    parent_id: RowId | None = None
    locked: bool = False
    locked_for_user: bool = False
    modified_at: datetime | None = None
    created_at: datetime | None = None


class AccessLevel(StrEnum):
    """What the caller may do with a sheet, weakest first."""

    VIEWER = "VIEWER"
    COMMENTER = "COMMENTER"
    EDITOR = "EDITOR"
    EDITOR_SHARE = "EDITOR_SHARE"
    ADMIN = "ADMIN"
    OWNER = "OWNER"

    @property
    def passes_locks(self) -> bool:
        """Whether locked rows and columns may be edited: administrators and the owner may."""
        return self in (AccessLevel.ADMIN, AccessLevel.OWNER)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet at one version. Rows are in the sheet's order; a `read_only` one nobody may change.

    `modified_at` is Smartsheet's time of the last change, `fetched_at` is when this version was last known to be
    the current one.
    """

    id: SheetId
    name: str
    version: int
    access_level: AccessLevel
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total_row_count: int
    permalink: str | None = None
    read_only: bool = False
    modified_at: datetime | None = None
    fetched_at: datetime | None = None
    rows_by_id: Mapping[RowId, Row] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows_by_id", {row.id: row for row in self.rows})


@dataclass(frozen=True, slots=True)
class SheetSummary:
    """A sheet in a list: what it is called, and what the caller may do with it."""

    id: SheetId
    name: str
    access_level: AccessLevel
    permalink: str | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The answer to "anything newer than the version I have?": no."""

    version: int


@dataclass(frozen=True, slots=True)
class CellWrite:
    """One cell to be set: a value, or an object (multi-value columns), or a formula. None of them clears it.

    `lenient` takes what the column's type refuses, as text; `overrides_validation`, which administrators may, also
    what its options refuse.
    """

    column_id: ColumnId
    value: CellValue = None
    object_value: Mapping[str, Any] | None = None
    formula: str | None = None
    hyperlink: Mapping[str, Any] | None = None
    lenient: bool = False
    overrides_validation: bool = False


@dataclass(frozen=True, slots=True)
class RowLocation:
    """Where a row goes, in Smartsheet's words; at most one of them, apart from `parent_id` with `to_bottom`
    (last child instead of first) and `sibling_id` with `above` (before it instead of behind it).
    """

    to_top: bool = False
    to_bottom: bool = False
    parent_id: RowId | None = None
    sibling_id: RowId | None = None
    above: bool = False
    indent: bool = False
    outdent: bool = False


@dataclass(frozen=True, slots=True)
class RowWrite:
    """Cells of one row to be set in a bulk call, and where the row goes (None: it stays)."""

    row_id: RowId
    cells: tuple[CellWrite, ...] = ()
    location: RowLocation | None = None


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row to be added."""

    cells: tuple[CellWrite, ...]
    location: RowLocation = RowLocation(to_bottom=True)


@dataclass(frozen=True, slots=True)
class ColumnWrite:
    """A column to be added or changed; None leaves a property as it is, or at Smartsheet's default."""

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
    contact_options: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True)
class RowFailure:
    """A row that Smartsheet refused, with its error code as a stable word (`row_locked`, `row_not_found`, …)."""

    row_id: RowId
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """What a bulk update answered: the sheet's new version, the rows as they are now, the rows refused."""

    version: int
    rows: tuple[Row, ...]
    failures: tuple[RowFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class AddFailure:
    """A new row that Smartsheet refused; `index` is its place in the request, `code` a stable word."""

    index: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class AddAnswer:
    """What adding rows answered: for each row sent, the row as it is now, or None for one that was refused."""

    version: int
    rows: tuple[Row | None, ...]
    failures: tuple[AddFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteAnswer:
    """What deleting rows answered: the rows that went, children of the named ones included."""

    version: int
    row_ids: tuple[RowId, ...]


@dataclass(frozen=True, slots=True)
class ColumnAnswer:
    """What a change of columns answered. `version` is None where Smartsheet does not tell."""

    version: int | None
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class SmartsheetUser:
    """The person a token belongs to."""

    id: str
    email: str
    name: str
    locale: str | None = None
    time_zone: str | None = None
