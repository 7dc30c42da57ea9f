"""Edits as callers send them."""

from typing import Self

from pydantic import Field, model_validator

from shared.ids import ColumnId, RowId, SheetId
from shared.records import Frozen, example
from shared.sheets.input import CellContent, CellInput, ColumnChange, Placement
from shared.sheets.models import CellValue

_ROW_ID = r"^\d{1,19}$"


class CellEdit(CellInput):
    """A cell to be set. With `expected`, only while it holds that: a value, or an object with `value`, `objectValue`
    or `formula`; null means an empty cell.
    """

    expected: CellValue | CellContent = None

    @property
    def expectation(self) -> CellContent | None:
        """What must be there, if the caller said so."""
        if "expected" not in self.model_fields_set:
            return None
        return self.expected if isinstance(self.expected, CellContent) else CellContent(value=self.expected)


class CellOfRow(CellEdit):
    """A cell to be set, and in which row."""

    model_config = example(rowId="2001", columnId="1001", value="Done", expected="Open")

    row_id: RowId = Field(pattern=_ROW_ID)


class RowAddition(Frozen):
    """A row to be added; at the bottom when no place is given."""

    cells: tuple[CellInput, ...] = Field(default=(), max_length=400)
    placement: Placement | None = None


class RowMoveTo(Frozen):
    """A row to be moved."""

    row_id: RowId = Field(pattern=_ROW_ID)
    placement: Placement


class AddRows(Frozen):
    """`POST …/rows`."""

    model_config = example(
        rows=[{"cells": [{"columnId": "1001", "value": "Order sand"}], "placement": {"toTop": True}}]
    )

    rows: tuple[RowAddition, ...] = Field(min_length=1, max_length=500)


class PatchRow(Frozen):
    """`PATCH …/rows/{rowId}`: cells, a new place, or both."""

    model_config = example(cells=[{"columnId": "1001", "value": "Done"}])

    cells: tuple[CellEdit, ...] = Field(default=(), max_length=400)
    placement: Placement | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.cells and self.placement is None:
            raise ValueError("give cells, placement, or both")
        return self


class EditSheet(Frozen):
    """`POST /api/changes`: many edits of one sheet. With `atomic`, nothing is written when anything is in conflict."""

    model_config = example(sheetId="100", cells=[{"rowId": "2001", "columnId": "1001", "value": "Done"}])

    sheet_id: SheetId = Field(pattern=_ROW_ID)
    cells: tuple[CellOfRow, ...] = Field(default=(), max_length=20_000)
    add_rows: tuple[RowAddition, ...] = Field(default=(), max_length=5_000)
    delete_rows: tuple[RowId, ...] = Field(default=(), max_length=5_000)
    move_rows: tuple[RowMoveTo, ...] = Field(default=(), max_length=500)
    atomic: bool = False

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.cells or self.add_rows or self.delete_rows or self.move_rows):
            raise ValueError("give cells, addRows, deleteRows or moveRows")
        return self


class ColumnToChange(ColumnChange):
    """A column, and what shall change of it."""

    model_config = example(columnId="1001", title="State")

    column_id: ColumnId = Field(pattern=_ROW_ID)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.model_fields_set == {"column_id"}:
            raise ValueError("name at least one property to change")
        return self


class PreviewEdit(EditSheet):
    """`POST /api/changes/preview`: an edit of many things, and what the routes of columns change one by one."""

    model_config = example(sheetId="100", changeColumns=[{"columnId": "1001", "title": "State"}])

    change_columns: tuple[ColumnToChange, ...] = Field(default=(), max_length=20)
    delete_columns: tuple[ColumnId, ...] = Field(default=(), max_length=20)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.cells or self.add_rows or self.delete_rows or self.move_rows or self.of_columns):
            raise ValueError("give cells, addRows, deleteRows, moveRows, changeColumns or deleteColumns")
        return self

    @property
    def of_columns(self) -> bool:
        """Whether columns are changed or deleted."""
        return bool(self.change_columns or self.delete_columns)


class UndoChange(Frozen):
    """`POST /api/changes/{id}/undo`: all of it, or what concerns these rows and columns."""

    row_ids: tuple[RowId, ...] | None = Field(default=None, min_length=1, max_length=20_000)
    column_ids: tuple[ColumnId, ...] | None = Field(default=None, min_length=1, max_length=400)
