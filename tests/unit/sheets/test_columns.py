from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.ids import ColumnId
from shared.sheets.columns import require_writable, resolve_columns
from shared.sheets.models import Column, ColumnType
from tests.fakes.smartsheet import sheet_of

SHEET = sheet_of(["Task", "Status", "Due  Date", "status", "1001"])
TEXT = Column(ColumnId("7"), 0, "Summary", ColumnType.TEXT_NUMBER)


def ids(*names: str) -> list[str]:
    return [column.id for column in resolve_columns(SHEET, names, "parameters.sourceColumns")]


def test_columns_are_found_by_id_and_by_title_in_the_order_asked() -> None:
    assert ids("1002", "Task") == ["1002", "1001"]


def test_an_id_wins_over_a_title_of_the_same_text() -> None:
    assert ids("1001") == ["1001"]


def test_an_exact_title_wins_over_one_that_differs_in_case() -> None:
    assert ids("Status", "status") == ["1002", "1004"]


def test_case_and_white_space_of_a_title_do_not_matter() -> None:
    assert ids(" due date ") == ["1003"]


@given(st.text())
def test_every_name_finds_one_column_or_is_refused_by_its_place(name: str) -> None:
    try:
        assert len(ids(name)) == 1
    except InvalidInput as refused:
        assert [error.field for error in refused.errors] == ["parameters.sourceColumns.0"]


def test_an_unknown_title_is_refused_with_close_ones() -> None:
    with pytest.raises(InvalidInput) as refused:
        ids("Task", "Dew date")
    assert refused.value.code == "unknown_column"
    assert refused.value.errors[0].field == "parameters.sourceColumns.1"
    assert "“Dew date”" in refused.value.errors[0].message
    assert "“Due  Date”" in refused.value.errors[0].message


def test_an_unknown_title_with_nothing_close_is_refused_with_what_there_is() -> None:
    with pytest.raises(InvalidInput) as refused:
        ids("zzzzzz")
    assert "“Task”, “Status”" in refused.value.errors[0].message


def test_every_unknown_column_is_named() -> None:
    with pytest.raises(InvalidInput) as refused:
        ids("nope", "Task", "neither")
    assert [error.field for error in refused.value.errors] == [
        "parameters.sourceColumns.0",
        "parameters.sourceColumns.2",
    ]


def test_a_title_that_fits_several_columns_is_refused_with_their_ids() -> None:
    with pytest.raises(InvalidInput) as refused:
        ids("STATUS")
    assert refused.value.code == "ambiguous_column"
    assert "1002, 1004" in refused.value.errors[0].message


@pytest.mark.parametrize("kind", [ColumnType.TEXT_NUMBER, ColumnType.PICKLIST])
def test_text_may_be_written_into_columns_that_take_text(kind: ColumnType) -> None:
    require_writable(replace(TEXT, type=kind), "targetColumn")


@pytest.mark.parametrize(
    ("column", "code"),
    [
        (replace(TEXT, system_type="AUTO_NUMBER"), "system_column"),
        (replace(TEXT, formula="=1"), "column_formula"),
        (replace(TEXT, locked=True, locked_for_user=True), "column_locked"),
        (replace(TEXT, type=ColumnType.DATE), "wrong_column_type"),
        (replace(TEXT, type=ColumnType.MULTI_PICKLIST), "wrong_column_type"),
    ],
)
def test_a_column_that_cannot_be_written_is_refused_by_name_and_field(column: Column, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        require_writable(column, "targetColumn")
    assert refused.value.code == code
    assert refused.value.errors[0].field == "targetColumn"
    assert "“Summary”" in refused.value.errors[0].message


def test_a_locked_column_is_writable_for_those_whom_the_lock_does_not_bind() -> None:
    require_writable(replace(TEXT, locked=True, locked_for_user=False), "targetColumn")


def test_other_types_can_be_asked_for() -> None:
    require_writable(replace(TEXT, type=ColumnType.DATE), "cells.0.columnId", types={ColumnType.DATE})
