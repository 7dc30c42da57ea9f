"""A plan with a column of every type that Smartsheet has, as the sandbox's sample plan has them."""

from typing import Any

from shared.ids import ColumnId
from shared.sheets.models import Cell, Column, ColumnType, Sheet
from tests.fakes.smartsheet import sheet_of

ADA = {"objectType": "CONTACT", "email": "ada@example.com", "name": "Ada Lovelace"}
HUGO = {"objectType": "CONTACT", "email": "hugo@example.com", "name": "Hugo, the elder"}

_COLUMNS: list[tuple[str, str, dict[str, Any]]] = [
    ("Task", ColumnType.TEXT_NUMBER, {"primary": True}),
    ("No.", ColumnType.TEXT_NUMBER, {"system_type": "AUTO_NUMBER"}),
    ("Status", ColumnType.PICKLIST, {"options": ("Not started", "In progress", "Complete"), "validation": True}),
    ("Health", ColumnType.PICKLIST, {"options": ("Red", "Yellow", "Green"), "symbol": "RYG"}),
    ("Lead", ColumnType.CONTACT_LIST, {}),
    ("Reviewers", ColumnType.MULTI_CONTACT_LIST, {}),
    ("Disciplines", ColumnType.MULTI_PICKLIST, {"options": ("Finance", "Legal", "Science, applied")}),
    ("Start", ColumnType.ABSTRACT_DATETIME, {}),
    ("Finish", ColumnType.ABSTRACT_DATETIME, {}),
    ("Duration", ColumnType.DURATION, {}),
    ("Predecessors", ColumnType.PREDECESSOR, {}),
    ("Budget", ColumnType.TEXT_NUMBER, {}),
    ("Remaining", ColumnType.TEXT_NUMBER, {"formula": "=[Budget]@row - 1"}),
    ("Milestone", ColumnType.CHECKBOX, {"symbol": "FLAG"}),
    ("Decision by", ColumnType.DATE, {}),
    ("=Notes", ColumnType.TEXT_NUMBER, {}),
    ("Created", ColumnType.DATETIME, {"system_type": "CREATED_DATE"}),
    ("Created by", ColumnType.CONTACT_LIST, {"system_type": "CREATED_BY"}),
]
COLUMNS = [Column(ColumnId(str(1001 + at)), at, title, kind, **more) for at, (title, kind, more) in enumerate(_COLUMNS)]
COMPUTED = {"No.", "Predecessors", "Remaining", "Created", "Created by"}


def contacts(*people: dict[str, Any]) -> Cell:
    text = ", ".join(str(person["name"]) for person in people)
    return Cell(text, text, object_value={"objectType": "MULTI_CONTACT", "values": list(people)})


def choices(*options: str) -> Cell:
    text = ", ".join(options)
    return Cell(text, text, object_value={"objectType": "MULTI_PICKLIST", "values": list(options)})


def plan(rows: list[list[Any]] | None = None) -> Sheet:
    """Two rows that are full, a third that is not; or other rows."""
    full: list[Any] = [
        "Agree, in “scope”",
        "LR-001",
        "In progress",
        "Green",
        Cell("ada@example.com", "Ada Lovelace"),
        contacts(ADA, HUGO),
        choices("Legal", "Science, applied"),
        "2025-09-01T08:00:00",
        "2025-09-10T17:00:00",
        "8d",
        "1, 2FS +2d",
        Cell(6000, "$6,000"),
        Cell(5999, formula="=[Budget]@row - 1"),
        True,
        "2025-10-10",
        "=two\nlines",
        "2025-09-01T08:00:00Z",
        "ada@example.com",
    ]
    other: list[Any] = [
        7,
        "LR-002",
        "Complete",
        "Red",
        Cell("hugo@example.com", "Hugo"),
        contacts(HUGO),
        choices("Finance", "Legal"),
        "2025-09-02T08:00:00",
        None,
        "1w 2.5d",
        None,
        Cell(-0.5, "-50%", formula="=-1/2"),
        None,
        False,
        None,
        "-x",
    ]
    return sheet_of(COLUMNS, [full, other, ["'=x", "LR-003"]] if rows is None else rows)
