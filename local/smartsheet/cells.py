"""Cells: what one holds, and how a row of them is stored.

A row's cells are stored as one text of ready JSON fragments, so that a sheet of 20,000 rows is answered by
joining text instead of parsing and writing 400,000 objects. For each cell that is not empty:
column id, PART, the members `value, displayValue, formula, hyperlink`, PART, the member `objectValue`;
cells are joined by CELL. Both marks are control characters, which JSON text never contains.
"""

import json
from dataclasses import dataclass
from typing import Any

from local.smartsheet.wire import encode

CELL = "\x1f"
PART = "\x1e"

Scalar = str | int | float | bool | None
Fragments = dict[int, str]
"""A row's cells by column id; each is members, PART, object member."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell's content. `object_value` is kept for multi-contact, multi-picklist and predecessor cells only."""

    value: Scalar = None
    display: str | None = None
    object_value: dict[str, Any] | None = None
    formula: str | None = None
    hyperlink: dict[str, Any] | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to store."""
        return self.value is None and self.formula is None and self.hyperlink is None

    def fragment(self) -> str:
        """The cell as stored."""
        members = ""
        if self.value is not None:
            members += f',"value":{encode(self.value)}'
        if self.display is not None:
            members += f',"displayValue":{encode(self.display)}'
        if self.formula is not None:
            members += f',"formula":{encode(self.formula)}'
        if self.hyperlink is not None:
            members += f',"hyperlink":{encode(self.hyperlink)}'
        return members + PART + ("" if self.object_value is None else f',"objectValue":{encode(self.object_value)}')

    def plain(self) -> Any:
        """The content as the log of writes shows it.

        A formula's text; the list of a multi-value cell; `{value, hyperlink}` of a link; else the value.
        """
        if self.formula is not None:
            return self.formula
        if self.hyperlink is not None:
            return {"value": self.value, "hyperlink": self.hyperlink}
        if self.object_value is not None and "values" in self.object_value:
            return [item["email"] if isinstance(item, dict) else item for item in self.object_value["values"]]
        return self.value


EMPTY = Cell()


def read_fragment(fragment: str | None) -> Cell:
    """The cell behind a stored fragment; an empty cell for `None`."""
    if fragment is None:
        return EMPTY
    members: dict[str, Any] = json.loads("{" + fragment.replace(PART, "")[1:] + "}")
    return Cell(
        members.get("value"),
        members.get("displayValue"),
        members.get("objectValue"),
        members.get("formula"),
        members.get("hyperlink"),
    )


def split_cells(text: str) -> Fragments:
    """The fragments of a stored row."""
    if not text:
        return {}
    fragments: Fragments = {}
    for item in text.split(CELL):
        column_id, _, fragment = item.partition(PART)
        fragments[int(column_id)] = fragment
    return fragments


def join_cells(fragments: Fragments) -> str:
    """A row's cells as stored."""
    return CELL.join([f"{column_id}{PART}{fragment}" for column_id, fragment in fragments.items()])


def display_number(number: int | float) -> str:
    """A number without needless zeros (`3.0` reads `3`)."""
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else repr(number)
