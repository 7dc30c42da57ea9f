"""Sheets and columns as callers get them; for rows see `row_views.py`."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from shared.ids import ColumnId, SheetId
from shared.records import Frozen
from shared.sheets.checking import find_not_writable
from shared.sheets.models import AccessLevel, Column, Sheet, SheetSummary


class SheetQuery(Frozen):
    """Which sheets: those whose name has this text, in any case."""

    query: str = Field(default="", max_length=200)


class SheetSummaryView(Frozen):
    """A sheet in a list."""

    id: SheetId
    name: str
    access_level: AccessLevel
    permalink: str | None
    modified_at: datetime | None

    @classmethod
    def of(cls, sheet: SheetSummary) -> "SheetSummaryView":
        """The caller's view."""
        return cls(
            id=sheet.id,
            name=sheet.name,
            access_level=sheet.access_level,
            permalink=sheet.permalink,
            modified_at=sheet.modified_at,
        )


class SheetList(Frozen):
    """Sheets by name, all of them."""

    items: tuple[SheetSummaryView, ...]
    next_cursor: None = None


class SheetView(Frozen):
    """A sheet without its rows. `as_of` is when this version was last known to be the current one."""

    id: SheetId
    name: str
    version: int
    access_level: AccessLevel
    writable: bool
    writable_reason: Literal["viewer", "read_only_sheet"] | None = Field(
        description="Why the caller cannot write: may only read or comment, or nobody may write. Null when they can."
    )
    column_count: int
    total_row_count: int
    permalink: str | None
    as_of: datetime | None

    @classmethod
    def of(cls, sheet: Sheet) -> "SheetView":
        """The caller's view."""
        reason = find_not_writable(sheet)
        return cls(
            id=sheet.id,
            name=sheet.name,
            version=sheet.version,
            access_level=sheet.access_level,
            writable=reason is None,
            writable_reason=reason,
            column_count=len(sheet.columns),
            total_row_count=sheet.total_row_count,
            permalink=sheet.permalink,
            as_of=sheet.fetched_at,
        )


class ColumnView(Frozen):
    """A column."""

    id: ColumnId
    index: int
    title: str
    type: str
    primary: bool
    options: tuple[str, ...]
    system_column_type: str | None
    formula: str | None
    locked: bool
    hidden: bool

    @classmethod
    def of(cls, column: Column) -> "ColumnView":
        """The caller's view."""
        return cls(
            id=column.id,
            index=column.index,
            title=column.title,
            type=column.type,
            primary=column.primary,
            options=column.options,
            system_column_type=column.system_type,
            formula=column.formula,
            locked=column.locked or column.locked_for_user,
            hidden=column.hidden,
        )


class ColumnList(Frozen):
    """All columns of a sheet, in its order."""

    items: tuple[ColumnView, ...]
    next_cursor: None = None
    sheet_version: int
    as_of: datetime | None

    @classmethod
    def of(cls, sheet: Sheet) -> "ColumnList":
        """The caller's view."""
        items = tuple(ColumnView.of(column) for column in sheet.columns)
        return cls(items=items, sheet_version=sheet.version, as_of=sheet.fetched_at)
