"""What a column may be: what passes the check is taken by Smartsheet, what does not is named."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.errors import InvalidInput
from shared.ids import ColumnId
from shared.sheets.checking import check_column
from shared.sheets.input import ColumnChange, ColumnInput
from shared.sheets.models import Column, ColumnType, ColumnWrite, Sheet
from tests.fakes.smartsheet import sheet_of
from tests.fakes.smartsheet.columns import with_changed_column, with_new_columns

T = ColumnType
ADA = {"email": "ada@example.com", "name": "Ada"}


def column(at: int, kind: str, **more: Any) -> Column:
    return Column(ColumnId(str(1001 + at)), at, f"Column {at}", kind, **more)


PLAN = sheet_of(
    [
        column(0, T.TEXT_NUMBER, primary=True),
        column(1, T.PICKLIST, options=("Low", "High")),
        column(2, T.PICKLIST, symbol="RYG", options=("Red", "Yellow", "Green")),
        column(3, T.DATETIME, system_type="CREATED_DATE"),
        column(4, T.DURATION),
        column(5, T.CONTACT_LIST),
    ],
    [["a"]],
)
PRIMARY, CHOICE, LIGHT, CREATED, DURATION, CONTACT = PLAN.columns


def add(sheet: Sheet = PLAN, **given: Any) -> ColumnWrite:
    return check_column(sheet, ColumnInput.model_validate({"title": "New", **given}), "columns.0", existing=None)


def change(existing: Column, **given: Any) -> ColumnWrite:
    return check_column(PLAN, ColumnChange.model_validate(given), "column", existing=existing)


def fault(call: Any, *args: Any, **given: Any) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as refused:
        call(*args, **given)
    (error,) = refused.value.errors
    return refused.value.code, error.field.partition(".")[2].removeprefix("0.")


def test_a_new_column_goes_to_the_right_end_unless_told() -> None:
    assert add(type="DATE") == ColumnWrite(title="New", type="DATE", index=6)
    assert add(type="DATE", index=0).index == 0


def test_a_new_column_may_be_given_everything_that_its_type_takes() -> None:
    choice = add(type="PICKLIST", options=["A", "B"], validation=True, width=80, description="Which", hidden=True)
    assert (choice.options, choice.validation, choice.width, choice.description) == (("A", "B"), True, 80, "Which")
    assert add(type="CONTACT_LIST", contactOptions=[ADA]).contact_options == (ADA,)
    assert add(type="CHECKBOX", symbol="STAR").symbol == "STAR"
    assert add(type="TEXT_NUMBER", formula="=1").formula == "=1"


def test_a_system_column_brings_its_type() -> None:
    assert add(systemColumnType="MODIFIED_BY") == ColumnWrite(
        title="New", type="CONTACT_LIST", system_type="MODIFIED_BY", index=6
    )


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"type": "DATE", "title": "   "}, "invalid_title", "title"),
        ({"type": "DATE", "title": "😀" * 26}, "invalid_title", "title"),
        ({"type": "DATE", "title": "COLUMN 5"}, "duplicate_title", "title"),
        ({}, "invalid_type", "type"),
        ({"type": "DATETIME"}, "invalid_type", "type"),
        ({"type": "PREDECESSOR"}, "invalid_type", "type"),
        ({"type": "DATE", "systemColumnType": "MODIFIED_BY"}, "invalid_type", "type"),
        ({"systemColumnType": "COLOUR"}, "invalid_type", "systemColumnType"),
        ({"systemColumnType": "CREATED_DATE"}, "duplicate_system_column", "systemColumnType"),
        ({"systemColumnType": "AUTO_NUMBER", "options": ["A"]}, "system_column", "0"),
        ({"systemColumnType": "AUTO_NUMBER", "formula": "=1"}, "not_a_formula", "formula"),
        ({"type": "DATE", "index": 7}, "invalid_index", "index"),
        ({"type": "DATE", "options": ["A"]}, "invalid_options", "options"),
        ({"type": "PICKLIST", "options": ["A", " "]}, "invalid_options", "options.1"),
        ({"type": "PICKLIST", "options": ["A", "A"]}, "invalid_options", "options.1"),
        ({"type": "PICKLIST", "options": ["x" * 4001]}, "value_too_long", "options.0"),
        ({"type": "PICKLIST", "options": ["A"], "symbol": "RYG"}, "invalid_options", "options"),
        ({"type": "PICKLIST", "contactOptions": [ADA]}, "invalid_options", "contactOptions"),
        ({"type": "CONTACT_LIST", "contactOptions": [{"email": "Ada"}]}, "invalid_options", "contactOptions.0.email"),
        ({"type": "CHECKBOX", "symbol": "RYG"}, "invalid_symbol", "symbol"),
        ({"type": "DATE", "symbol": "STAR"}, "invalid_symbol", "symbol"),
        ({"type": "TEXT_NUMBER", "validation": True}, "invalid_validation", "validation"),
        ({"type": "MULTI_PICKLIST", "formula": "=1"}, "not_a_formula", "formula"),
        ({"type": "DATE", "formula": "1"}, "not_a_formula", "formula"),
    ],
)
def test_a_column_that_cannot_be_is_refused_by_its_path(given: dict[str, Any], code: str, field: str) -> None:
    assert fault(add, **given) == (code, field)


def test_a_full_sheet_takes_no_more_columns() -> None:
    wide = sheet_of([f"Column {number}" for number in range(400)])
    assert fault(add, wide, type="DATE") == ("sheet_full", "0")
    assert fault(add, replace(PLAN, total_row_count=80_000), type="DATE") == ("sheet_full", "0")


def test_what_is_left_out_of_a_change_stays() -> None:
    assert change(PRIMARY, title="Task") == ColumnWrite(title="Task")
    assert change(PRIMARY, title="column 0") == ColumnWrite(title="column 0")
    assert change(CHOICE, index=5, locked=True) == ColumnWrite(index=5, locked=True)
    assert change(CHOICE, validation=True) == ColumnWrite(validation=True)


def test_options_and_symbols_are_sent_with_the_type() -> None:
    assert change(CHOICE, options=["A"]) == ColumnWrite(type="PICKLIST", options=("A",))
    assert change(CHOICE, symbol="RYG") == ColumnWrite(type="PICKLIST", options=(), symbol="RYG")
    assert change(LIGHT, symbol="RYGB") == ColumnWrite(type="PICKLIST", symbol="RYGB")


def test_null_takes_formula_and_description_away() -> None:
    assert change(CHOICE, formula=None, description=None) == ColumnWrite(formula="", description="")


@pytest.mark.parametrize("kind", ["TEXT_NUMBER", "PICKLIST", "MULTI_PICKLIST", "CONTACT_LIST", "DATE", "CHECKBOX"])
def test_the_type_of_an_ordinary_column_may_change(kind: str) -> None:
    assert change(CHOICE, type=kind).type == kind
    assert change(PRIMARY, type="TEXT_NUMBER").type == "TEXT_NUMBER"


@pytest.mark.parametrize(
    ("existing", "given", "code", "field"),
    [
        (PRIMARY, {"type": "DATE"}, "primary_column", "type"),
        (CREATED, {"type": "DATE"}, "invalid_type", "type"),
        (DURATION, {"type": "TEXT_NUMBER"}, "invalid_type", "type"),
        (CHOICE, {"type": "DURATION"}, "invalid_type", "type"),
        (CHOICE, {"title": "Column 5"}, "duplicate_title", "title"),
        (CHOICE, {"index": 6}, "invalid_index", "index"),
        (LIGHT, {"options": ["A"]}, "invalid_options", "options"),
        (CONTACT, {"type": "PICKLIST", "validation": True}, "invalid_validation", "validation"),
        (CREATED, {"formula": "=1"}, "not_a_formula", "formula"),
        (DURATION, {"formula": "=1"}, "not_a_formula", "formula"),
    ],
)
def test_a_change_that_cannot_be_is_refused_by_its_path(
    existing: Column, given: dict[str, Any], code: str, field: str
) -> None:
    assert fault(change, existing, **given) == (code, field)


def test_a_change_names_something_and_no_system_type() -> None:
    for change_of in ({}, {"systemColumnType": "CREATED_BY"}):
        with pytest.raises(ValidationError):
            ColumnChange.model_validate(change_of)


PROPERTIES = {
    "title": st.sampled_from(["New", "Column 1", "column 2", " "]),
    "type": st.sampled_from([*T, "COLOUR"]),
    "index": st.integers(0, 8),
    "options": st.lists(st.sampled_from(["A", "B", "Low", " "]), max_size=3),
    "contactOptions": st.lists(st.sampled_from([ADA, {"email": "Ada"}]), max_size=2),
    "validation": st.booleans(),
    "symbol": st.sampled_from(["RYG", "STAR", "HARVEY_BALLS", "COLOUR"]),
    "formula": st.sampled_from(["=1", "1", None]),
    "locked": st.booleans(),
    "hidden": st.booleans(),
    "width": st.integers(1, 300),
    "description": st.sampled_from(["Which", None]),
}
SYSTEM = st.sampled_from(["AUTO_NUMBER", "CREATED_DATE", "MODIFIED_BY", "COLOUR"])


@given(st.fixed_dictionaries({}, optional={**PROPERTIES, "systemColumnType": SYSTEM}))
def test_a_new_column_that_passes_is_taken_by_smartsheet(given: dict[str, Any]) -> None:
    try:
        write = add(**given)
    except InvalidInput as refused:
        assert all(error.field and error.message for error in refused.errors)
        return
    with_new_columns(PLAN, [write], 2000)


@given(
    st.sampled_from([PRIMARY, CHOICE, LIGHT, CONTACT]),
    st.fixed_dictionaries({}, optional=PROPERTIES).filter(bool),
)
def test_a_change_that_passes_is_taken_by_smartsheet(existing: Column, given: dict[str, Any]) -> None:
    try:
        write = change(existing, **given)
    except InvalidInput as refused:
        assert all(error.field and error.message for error in refused.errors)
        return
    with_changed_column(PLAN, existing.id, write)
