"""Cells, places of rows and columns as callers send them; what of it fits a sheet is said by `checking.py`."""

from typing import Any, Self

from pydantic import Field, model_validator

from shared.ids import ColumnId, RowId
from shared.records import Frozen, example
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

    model_config = example(columnId="1001", value="Done")

    column_id: ColumnId = Field(pattern=r"^\d{1,19}$")

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if sum(name in self.model_fields_set for name in _CONTENTS) != 1:
            raise ValueError("give exactly one of value, objectValue, formula; null clears the cell")
        return self


class Placement(Frozen):
    """Where a row goes, in Smartsheet's words; `{"toBottom": true}` and the like. At the bottom when left out."""

    model_config = example(toBottom=True)

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


class ContactOption(Frozen):
    """A person whom a contact column offers."""

    email: str = Field(min_length=3, max_length=320)
    name: str | None = Field(default=None, max_length=200)


class _ColumnProperties(Frozen):
    """What a column may be given when it is added and later; `formula` fills the whole column, `width` is in pixels."""

    index: int | None = Field(default=None, ge=0, le=400)
    options: tuple[str, ...] | None = Field(default=None, max_length=1000)
    contact_options: tuple[ContactOption, ...] | None = Field(default=None, max_length=1000)
    validation: bool | None = None
    symbol: str | None = Field(default=None, max_length=50)
    formula: str | None = Field(default=None, max_length=4000)
    locked: bool | None = None
    hidden: bool | None = None
    width: int | None = Field(default=None, ge=1, le=10_000)
    description: str | None = Field(default=None, max_length=4000)


class ColumnInput(_ColumnProperties):
    """A column to be added, at the right end unless `index` says otherwise. `type` may be left out for system columns.

    `validation` restricts cells to what fits the column (listed options, offered contacts, dates).
    """

    model_config = example(title="Owner", type="CONTACT_LIST")

    title: str = Field(min_length=1, max_length=50)
    type: str | None = Field(default=None, max_length=50)
    system_column_type: str | None = Field(default=None, max_length=50)


class ColumnChange(_ColumnProperties):
    """What shall change of a column; what is left out stays. Null takes `formula` or `description` away."""

    model_config = example(title="Owner")

    title: str | None = Field(default=None, min_length=1, max_length=50)
    type: str | None = Field(default=None, max_length=50)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one property to change")
        return self
