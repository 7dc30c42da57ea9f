"""A table with a column of every kind, and which of its rows a filter leaves."""

import json
from typing import Any

from shared.ids import ColumnId
from shared.sheets.models import Cell, Column, ColumnType, Sheet
from shared.sheets.selecting import RowSelection, compile_selection
from tests.fakes.smartsheet import sheet_of

TYPES = {
    "Task": ColumnType.TEXT_NUMBER,
    "Amount": ColumnType.TEXT_NUMBER,
    "Status": ColumnType.PICKLIST,
    "Due": ColumnType.DATE,
    "Changed": ColumnType.DATETIME,
    "Done": ColumnType.CHECKBOX,
    "Owner": ColumnType.CONTACT_LIST,
    "Tags": ColumnType.MULTI_PICKLIST,
    "Team": ColumnType.MULTI_CONTACT_LIST,
    "Length": ColumnType.DURATION,
}
OPTIONS = ("Open", "Late", "Closed")


def several(kind: str, *values: Any, text: str) -> Cell:
    return Cell(None, text, object_value={"objectType": kind, "values": list(values)})


ADA = {"objectType": "CONTACT", "name": "Ada Lovelace", "email": "ada@example.com"}
BOB = {"objectType": "CONTACT", "name": "Bob"}
ROWS: list[list[Any]] = [
    [
        "Pump, north",
        5,
        "Open",
        "2025-03-01",
        "2025-03-01T10:00:00Z",
        True,
        Cell("ada@example.com", "Ada Lovelace"),
        several("MULTI_PICKLIST", "red", "blue", text="red, blue"),
        several("MULTI_CONTACT", ADA, BOB, text="Ada Lovelace, Bob"),
        "2d",
    ],
    [
        "École",
        "5.0",
        "Closed",
        "2025-03-02",
        "2025-03-01T23:30:00-02:00",
        False,
        Cell("bob", "Bob"),
        several("MULTI_PICKLIST", "red", text="red"),
        several("MULTI_CONTACT", BOB, text="Bob"),
        "10h",
    ],
    ["pump south", 12.5, "Late", "2025-04-01", "2025-04-01T00:00:00Z"],
    ["=1+1", "five", "Elsewhere", "soon", None, None, None, None, None, "1w"],
    [],
    [Cell(7, "$7.00", formula="=3+4"), -3],
]


def table() -> Sheet:
    """The table; its row ids are 1 to 6, of which row 5 is empty."""
    columns = [
        Column(ColumnId(str(1001 + at)), at, title, kind, options=OPTIONS if title == "Status" else ())
        for at, (title, kind) in enumerate(TYPES.items())
    ]
    return sheet_of(columns, ROWS)


def selected(sheet: Sheet | None = None, *, filter: Any = None, sort: str = "", search: str = "") -> str:
    """The ids of the selected rows, one after the other (`"136"`)."""
    query = RowSelection.model_validate(
        {"sort": sort, "search": search} | ({} if filter is None else {"filter": json.dumps(filter)})
    )
    return "".join(row.id for row in compile_selection(sheet or table(), query)())
