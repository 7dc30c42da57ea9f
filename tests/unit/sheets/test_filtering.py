"""The filter language: what each operator means on each kind of column, and what is refused, by path."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.errors import InvalidInput
from shared.ids import ColumnId
from shared.sheets.conditions import Operator, operators_of
from shared.sheets.filtering import MAX_CONDITIONS, Filter, compile_filter
from shared.sheets.models import Cell, Column, ColumnType
from tests.fakes.smartsheet import sheet_of
from tests.unit.sheets.selected import TYPES, selected, table

DAY = "2025-03-01"


def condition(column: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"column": column, "op": op, **({} if value is None else {"value": value})}


def faults(given: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        compile_filter(table(), Filter.model_validate(given))
    return {fault.field: fault.message for fault in caught.value.errors}


@pytest.mark.parametrize(
    ("column", "op", "value", "rows"),
    [
        ("Task", "eq", "PUMP SOUTH", "3"),
        ("Task", "ne", "pump south", "12456"),
        ("Task", "contains", "PUMP", "13"),
        ("Task", "notContains", "pump", "2456"),
        ("Task", "startsWith", "pump,", "1"),
        ("Task", "endsWith", "South", "3"),
        ("Task", "contains", "$7", "6"),
        ("Task", "eq", 7, "6"),
        ("Task", "eq", "école", "2"),
        ("Task", "in", ["école", 7], "26"),
        ("Task", "isEmpty", None, "5"),
        ("Task", "isNotEmpty", None, "12346"),
        ("Amount", "eq", 5, "12"),
        ("Amount", "eq", "5", "12"),
        ("Amount", "gt", 5, "3"),
        ("Amount", "gte", 5, "123"),
        ("Amount", "lt", 5, "6"),
        ("Amount", "lte", 5, "126"),
        ("Amount", "gt", "a", "4"),
        ("Amount", "between", [-3, 5], "126"),
        ("Amount", "in", [5, "FIVE"], "124"),
        ("Status", "in", ["open", "late"], "13"),
        ("Status", "ne", "Open", "23456"),
        ("Due", "on", DAY, "1"),
        ("Due", "eq", DAY, "1"),
        ("Due", "ne", DAY, "23456"),
        ("Due", "after", DAY, "23"),
        ("Due", "before", "2025-04-01", "12"),
        ("Due", "gte", "2025-04-01", "3"),
        ("Due", "between", [DAY, "2025-03-31"], "12"),
        ("Due", "isEmpty", None, "56"),
        ("Changed", "on", "2025-03-02", "2"),
        ("Changed", "lt", "2025-03-01T10:00:01Z", "1"),
        ("Changed", "gte", "2025-03-01T23:30:00-02:00", "23"),
        ("Done", "isTrue", None, "1"),
        ("Done", "isFalse", None, "23456"),
        ("Done", "eq", True, "1"),
        ("Done", "eq", False, "23456"),
        ("Done", "ne", False, "1"),
        ("Owner", "eq", "ADA@example.com", "1"),
        ("Owner", "eq", "ada lovelace", "1"),
        ("Owner", "in", ["Bob", "Ada Lovelace"], "12"),
        ("Owner", "contains", "lovelace", "1"),
        ("Tags", "hasAny", ["blue", "green"], "1"),
        ("Tags", "hasAll", ["RED", "blue"], "1"),
        ("Tags", "hasAll", ["red"], "12"),
        ("Tags", "hasNone", ["blue"], "23456"),
        ("Team", "hasAny", ["ada@example.com"], "1"),
        ("Team", "hasAll", ["Bob", "Ada Lovelace"], "1"),
        ("Team", "hasAny", ["bob"], "12"),
        ("Team", "isEmpty", None, "3456"),
        ("Length", "eq", "2d", "1"),
        ("1003", "eq", "Open", "1"),
    ],
)
def test_an_operator_leaves_the_rows_that_it_names(column: str, op: str, value: Any, rows: str):
    assert selected(filter=condition(column, op, value)) == rows


def test_groups_combine_conditions():
    pump, late = condition("Task", "contains", "pump"), condition("Status", "eq", "Late")
    assert selected(filter={"all": [pump, late]}) == "3"
    assert selected(filter={"any": [late, condition("Task", "isEmpty")]}) == "35"
    assert selected(filter={"not": {"any": [pump, late]}}) == "2456"


def test_every_type_of_column_has_a_way_to_ask_for_what_is_missing_but_check_boxes():
    columns = {column.title: column for column in table().columns}
    without = [title for title in TYPES if Operator.IS_EMPTY not in operators_of(columns[title])]
    assert without == ["Done"]


@pytest.mark.parametrize(
    ("given", "path", "message"),
    [
        (condition("Tasks", "eq", "x"), "column", "there is no column “Tasks”; close: “Task”"),
        (condition("Due", "contains", "x"), "op", "columns of type DATE have no contains"),
        (condition("Task", "gt"), "value", "must be a text or a number"),
        (condition("Task", "eq", True), "value", "must be a text or a number"),
        (condition("Task", "eq", " "), "value", "use isEmpty"),
        (condition("Task", "contains", 5), "value", "must be a text"),
        (condition("Task", "in", "x"), "value", "must be a list of 1 to 500 values"),
        (condition("Task", "in", []), "value", "must be a list of 1 to 500 values"),
        (condition("Task", "between", [2, 1]), "value", "lower value first"),
        (condition("Task", "between", [1, "a"]), "value", "two numbers, or two texts"),
        (condition("Task", "between", [1]), "value", "two values"),
        (condition("Task", "isEmpty", "x"), "value", "must be left out"),
        (condition("Task", "eq", float("inf")), "value", "double precision"),
        (condition("Task", "eq", 10**400), "value", "double precision"),
        (condition("Due", "on", "1.3.2025"), "value", "a date such as 2025-03-31"),
        (condition("Due", "gt", "2025-03-01T10:00:00Z"), "value", "a date such as 2025-03-31"),
        (condition("Due", "on", "2025-02-30"), "value", "no date in the calendar"),
        (condition("Changed", "gt", "0001-01-01T00:00:00+10:00"), "value", "no date in the calendar"),
        (condition("Changed", "between", [DAY, "2025-03-01T10:00:00Z"]), "value", "two dates"),
        (condition("Done", "eq", "yes"), "value", "true or false"),
        (condition("Tags", "hasAny", [1]), "value", "must be a text"),
    ],
)
def test_a_fault_is_told_at_its_path(given: Any, path: str, message: str):
    (told,) = faults({"all": [condition("Task", "isEmpty"), given]}).items()
    assert told[0] == f"filter.all.1.{path}"
    assert message in told[1]


def test_all_faults_are_told_at_once():
    wrong = {"any": [condition("Nope", "eq", 1), {"not": condition("Done", "gt", 1)}]}
    assert set(faults(wrong)) == {"filter.any.0.column", "filter.any.1.not.op"}


def test_groups_nest_five_deep_and_no_deeper():
    nested: dict[str, Any] = condition("Task", "isEmpty")
    for _ in range(5):
        nested = {"not": nested}
    assert selected(filter=nested) == "12346"
    assert faults({"not": nested}) == {"filter" + ".not" * 5: "groups may be nested 5 deep at most"}


def test_too_many_conditions_are_refused():
    most = {"any": [condition("Task", "isEmpty")] * MAX_CONDITIONS}
    assert selected(filter=most) == "5"
    assert list(faults({"any": [most, condition("Task", "isEmpty")]})) == ["filter"]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"all": []},
        {"all": [{"column": "Task", "op": "isEmpty"}], "column": "Task", "op": "isEmpty"},
        {"column": "Task"},
        {"op": "eq", "value": 1},
        {"value": 1},
        {"column": "Task", "op": "like", "value": "x"},
        {"column": "Task", "op": "eq", "value": {"a": 1}},
        {"column": "Task", "op": "in", "value": [[1]]},
        {"column": "Task", "op": "eq", "value": 1, "more": 2},
        [],
        None,
    ],
)
def test_another_form_is_refused(wrong: Any):
    with pytest.raises(ValidationError):
        Filter.model_validate_json(json.dumps(wrong))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([DAY, "5"])
VALUES = SCALARS | st.lists(SCALARS.filter(lambda value: value is not None), max_size=3)
CONDITIONS = st.builds(condition, st.sampled_from([*TYPES, "Nope"]), st.sampled_from(list(Operator)), VALUES)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)


@given(FILTERS)
def test_any_filter_is_refused_as_input_or_splits_the_rows_in_two(given: Any):
    sheet = table()
    try:
        test = compile_filter(sheet, Filter.model_validate(given))
        opposite = compile_filter(sheet, Filter.model_validate({"not": given}))
    except InvalidInput as error:
        assert error.errors and all(fault.field.startswith("filter") for fault in error.errors)
        return
    assert all(test(row) != opposite(row) for row in sheet.rows)


CELLS = st.one_of(
    st.text(), st.integers(), st.floats(), st.booleans(), st.datetimes(timezones=st.timezones()).map(str)
).map(Cell)


@given(CELLS, st.sampled_from(list(ColumnType)), st.sampled_from(["a", 5, DAY]))
def test_no_cell_breaks_an_operator(cell: Cell, kind: ColumnType, value: Any):
    column = Column(ColumnId("1"), 0, "C", kind)
    sheet = sheet_of([column], [[cell]])
    for op in operators_of(column):
        for form in (None, value, [value], [value, value]):
            try:
                test = compile_filter(sheet, Filter.model_validate(condition("C", op, form)))
            except InvalidInput:
                continue
            assert test(sheet.rows[0]) in (True, False)
