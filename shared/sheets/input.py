"""Cells and places of rows as callers send them; what of it fits a sheet is said by `checking.py`."""

from typing import Any, Self

from pydantic import Field, model_validator

from shared.ids import ColumnId, RowId
from shared.records import Frozen
from shared.sheets.models import CellValue

_CONTENTS = ("value", "object_value", "formula")


class CellContent(Frozen):
    """What a cell holds, or shall hold: a value, an object (several contacts or choices) or a formula, at most one
    of them; nothing is an empty cell. A hyperlink goes along with a value.
    """

    value: CellValue = None
    object_value: dict[str, Any] | None = None
    formula: str | None = Field(default=None, min_length=2, max_length=4000)
    hyperlink: dict[str, Any] | None = None


class CellInput(CellContent):
    """One cell to be set: exactly one of `value`, `objectValue` and `formula`; null clears the cell."""

    column_id: ColumnId = Field(pattern=r"^\d{1,19}$")

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if sum(name in self.model_fields_set for name in _CONTENTS) != 1:
            raise ValueError("give exactly one of value, objectValue, formula; null clears the cell")
        return self


class Placement(Frozen):
    """Where a row goes, in Smartsheet's words; `{"toBottom": true}` and the like. At the bottom when left out."""

    to_top: bool = False
    to_bottom: bool = False
    parent_id: RowId | None = Field(default=None, pattern=r"^\d{1,19}$")
    sibling_id: RowId | None = Field(default=None, pattern=r"^\d{1,19}$")
    above: bool = False
    indent: bool = False
    outdent: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        ways = [self.to_top, self.parent_id is not None, self.sibling_id is not None, self.indent, self.outdent]
        alone = self.to_bottom and self.parent_id is None
        if sum(ways) + alone != 1:
            raise ValueError("give exactly one of toTop, toBottom, parentId, siblingId, indent, outdent")
        if self.above and self.sibling_id is None:
            raise ValueError("above goes with siblingId")
        return self
