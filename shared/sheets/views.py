"""Columns and rows as callers get them."""

from datetime import datetime
from typing import Any

from pydantic import Field

from shared.ids import ColumnId, RowId, SheetId
from shared.records import Frozen
from shared.sheets.models import AccessLevel, Cell, CellValue, Column, Row, Sheet, SheetSummary

MAX_PAGE_SIZE = 500


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


class CellView(Frozen):
    """A cell that holds something."""

    column_id: ColumnId
    value: CellValue
    display_value: str | None
    formula: str | None
    object_value: dict[str, Any] | None
    hyperlink: dict[str, Any] | None

    @classmethod
    def of(cls, column_id: ColumnId, cell: Cell) -> "CellView":
        """The caller's view."""
        return cls(
            column_id=column_id,
            value=cell.value,
            display_value=cell.display_value,
            formula=cell.formula,
            object_value=dict(cell.object_value) if cell.object_value else None,
            hyperlink=dict(cell.hyperlink) if cell.hyperlink else None,
        )


class RowView(Frozen):
    """A row; empty cells are left out."""

    id: RowId
    row_number: int
    parent_id: RowId | None
    locked: bool
    cells: tuple[CellView, ...]

    @classmethod
    def of(cls, row: Row) -> "RowView":
        """The caller's view."""
        return cls(
            id=row.id,
            row_number=row.number,
            parent_id=row.parent_id,
            locked=row.locked or row.locked_for_user,
            cells=tuple(CellView.of(column_id, cell) for column_id, cell in row.cells.items()),
        )


class RowQuery(Frozen):
    """`page` counts from 1."""

    page: int = Field(default=1, ge=1)
    page_size: int = Field(default=100, ge=1, le=MAX_PAGE_SIZE)


class RowPage(Frozen):
    """A page of rows."""

    items: tuple[RowView, ...]
    page: int
    page_size: int
    total_count: int
    sheet_version: int

    @classmethod
    def of(cls, sheet: Sheet, query: RowQuery) -> "RowPage":
        """The asked page of a sheet; beyond the end it is empty."""
        start = (query.page - 1) * query.page_size
        return cls(
            items=tuple(RowView.of(row) for row in sheet.rows[start : start + query.page_size]),
            page=query.page,
            page_size=query.page_size,
            total_count=len(sheet.rows),
            sheet_version=sheet.version,
        )
