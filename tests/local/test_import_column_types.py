"""Guessing column types."""

from datetime import date
from typing import Any

import pytest

from local.importing.column_types import ColumnPlan, plan_columns
from shared.tables.table import Record, Table, Value


def plan(*values: Value) -> ColumnPlan:
    records = [Record(number, ["key", value]) for number, value in enumerate(values, start=2)]
    return plan_columns(Table(["Key", "Column"], records))[1]


def sent(*values: Value) -> tuple[str, list[Any]]:
    planned = plan(*values)
    return planned.type, [planned.send(value) for value in values]


@pytest.mark.parametrize(
    ("values", "type_", "wire"),
    [
        (["1", "-20", "3"], "TEXT_NUMBER", [1, -20, 3]),
        (["12.50", "3.00"], "TEXT_NUMBER", [12.5, 3.0]),
        (["0.5", "12"], "TEXT_NUMBER", [0.5, 12]),
        (["007", "12"], "TEXT_NUMBER", ["007", "12"]),
        (["1.10", "1.9"], "TEXT_NUMBER", ["1.10", "1.9"]),
        (["1234567890123456", "1"], "TEXT_NUMBER", ["1234567890123456", "1"]),
        (["1e5", "2"], "TEXT_NUMBER", ["1e5", "2"]),
        (["5", "five"], "TEXT_NUMBER", ["5", "five"]),
        ([1, 2.5, None], "TEXT_NUMBER", [1, 2.5, None]),
        ([2**60, 1], "TEXT_NUMBER", [str(2**60), "1"]),
        (["2026-03-01", None, "2025-12-31"], "DATE", ["2026-03-01", None, "2025-12-31"]),
        ([date(2026, 3, 1), "2026-03-02"], "DATE", ["2026-03-01", "2026-03-02"]),
        (["01.03.2026", "2.4.2026"], "DATE", ["2026-03-01", "2026-04-02"]),
        (["03/25/2026", "04/01/2026"], "DATE", ["2026-03-25", "2026-04-01"]),
        (["25/03/2026", "01/04/2026"], "DATE", ["2026-03-25", "2026-04-01"]),
        (["03/04/2026", "01/04/2026"], "TEXT_NUMBER", ["03/04/2026", "01/04/2026"]),
        (["2026-02-30", "2026-03-01"], "TEXT_NUMBER", ["2026-02-30", "2026-03-01"]),
        (["32.01.2026"], "TEXT_NUMBER", ["32.01.2026"]),
        (["true", "FALSE", None], "CHECKBOX", [True, False, None]),
        ([True, False], "CHECKBOX", [True, False]),
        (["a@b.example", "c.d@e.example"], "CONTACT_LIST", ["a@b.example", "c.d@e.example"]),
        (["a@b.example", "nobody"], "TEXT_NUMBER", ["a@b.example", "nobody"]),
        ([None, None], "TEXT_NUMBER", [None, None]),
        (["=SUM(A1)", "x"], "TEXT_NUMBER", ["=SUM(A1)", "x"]),
    ],
)
def test_a_column_gets_this_type_and_these_values(values: list[Value], type_: str, wire: list[Any]) -> None:
    assert sent(*values) == (type_, wire)


def test_few_values_that_repeat_are_choices() -> None:
    planned = plan(*["Open", "Closed", "Open"] * 3)
    assert (planned.type, planned.options) == ("PICKLIST", ["Open", "Closed"])


@pytest.mark.parametrize(
    "values",
    [
        ["Open", "Closed", "Open", "Closed"],  # too few to tell
        ["Same"] * 10,
        ["x" * 51, "y"] * 10,
        ["two\nlines", "one"] * 10,
        ["1", "2", "n/a"] * 10,
        [f"value {number % 21}" for number in range(100)],
    ],
)
def test_in_doubt_a_column_stays_text(values: list[Value]) -> None:
    assert plan(*values).type == "TEXT_NUMBER"


def test_the_first_column_is_always_text_or_numbers() -> None:
    records = [Record(number, ["2026-03-01"]) for number in range(2, 5)]
    (planned,) = plan_columns(Table(["Day"], records))
    assert (planned.type, planned.send("2026-03-01")) == ("TEXT_NUMBER", "2026-03-01")
