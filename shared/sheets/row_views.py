"""Rows as callers get them.

The models are the contract; a page of 10,000 cells is written as JSON from plain dictionaries, because making
as many models takes several times as long. The tests hold the two together.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from pydantic_core import to_json

from shared.ids import ColumnId, RowId
from shared.records import Frozen
from shared.sheets.models import CellValue, Row, Sheet
from shared.sheets.selecting import RowSelection

MAX_PAGE_SIZE = 500


class CellView(Frozen):
    """A cell that holds something."""

    column_id: ColumnId
    value: CellValue
    display_value: str | None
    formula: str | None
    object_value: dict[str, Any] | None
    hyperlink: dict[str, Any] | None


class RowView(Frozen):
    """A row; empty cells are left out."""

    id: RowId
    row_number: int
    parent_id: RowId | None
    locked: bool
    cells: tuple[CellView, ...]


class SingleRow(RowView):
    """A row, and the sheet's version that it is from."""

    sheet_version: int
    as_of: datetime | None


class RowQuery(RowSelection):
    """`page` counts from 1."""

    page: int = Field(default=1, ge=1)
    page_size: int = Field(default=100, ge=1, le=MAX_PAGE_SIZE)


class ExportQuery(RowSelection):
    """Which rows, and as what."""

    format: Literal["csv"]


class RowPage(Frozen):
    """A page of rows; `total_count` is how many rows all pages have together."""

    items: tuple[RowView, ...]
    page: int
    page_size: int
    total_count: int
    sheet_version: int
    as_of: datetime | None


def page_json(sheet: Sheet, rows: Sequence[Row], page: int, page_size: int) -> bytes:
    """A `RowPage` of the selected rows, as JSON; beyond the end it is empty."""
    start = (page - 1) * page_size
    return to_json(
        {
            "items": [_plain(row) for row in rows[start : start + page_size]],
            "page": page,
            "pageSize": page_size,
            "totalCount": len(rows),
            "sheetVersion": sheet.version,
            "asOf": sheet.fetched_at,
        }
    )


def row_json(sheet: Sheet, row: Row) -> bytes:
    """A `SingleRow`, as JSON."""
    return to_json({**_plain(row), "sheetVersion": sheet.version, "asOf": sheet.fetched_at})


def _plain(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "rowNumber": row.number,
        "parentId": row.parent_id,
        "locked": row.locked or row.locked_for_user,
        "cells": [
            {
                "columnId": column_id,
                "value": cell.value,
                "displayValue": cell.display_value,
                "formula": cell.formula,
                "objectValue": cell.object_value or None,
                "hyperlink": cell.hyperlink or None,
            }
            for column_id, cell in row.cells.items()
        ],
    }
