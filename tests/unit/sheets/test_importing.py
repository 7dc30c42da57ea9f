"""Tables as new rows of a sheet: columns matched, rows converted, faults counted, room kept."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import ColumnId
from shared.sheets.importing import MAX_FAULTS, ConvertedTable, convert_table, room_for_rows
from shared.sheets.matching import ColumnMatch, match_columns
from shared.sheets.models import Column, ColumnType, Sheet
from shared.tables.table import Record, Table, Value
from tests.fakes.smartsheet import sheet_of
from tests.unit.sheets.plan import COLUMNS, plan


def matched(titles: list[str], columns: list[str | Column] | None = None, *, ignore: bool = False) -> ColumnMatch:
    return match_columns(sheet_of(columns or ["Task", "Due date", "due date"]), titles, ignore_unknown=ignore)


def pairs(match: ColumnMatch) -> list[tuple[int, str]]:
    return [(each.index, each.column.title) for each in match.columns]


def convert(titles: list[str], *rows: list[Value], sheet: Sheet | None = None, **options: bool) -> ConvertedTable:
    records = [Record(number, row) for number, row in enumerate(rows, start=2)]
    return convert_table(sheet or sheet_of(["A", "B"]), Table(titles, records), **options)


def contents(converted: ConvertedTable) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in converted.rows]


def test_titles_match_exactly_before_they_match_in_any_case():
    assert pairs(matched(["due date", "Due date"])) == [(0, "due date"), (1, "Due date")]
    assert pairs(matched(["TASK", " x "], ["task", "X"])) == [(0, "task"), (1, "X")]
    assert pairs(matched(["due  DATE"], ["Due date"])) == [(0, "Due date")]
    assert pairs(matched(["'=x"], ["=x"])) == [(0, "=x")]


def test_a_row_too_big_to_be_stored_is_a_fault_that_names_it_and_the_limit():
    sheet = sheet_of([f"C{number}" for number in range(400)])
    titles = [column.title for column in sheet.columns]
    big: list[Value] = ["ж" * 4000] * 400
    small: list[Value] = ["ж" * 500] * 400
    converted = convert(titles, small, big, sheet=sheet)
    (fault,) = converted.faults
    assert (fault.line, fault.column) == (3, None)
    assert fault.message == (
        "the row has 9,693,600 bytes as JSON, in which a letter beyond ASCII takes six; at most 1,500,000 are taken"
    )
    assert convert(titles, small, sheet=sheet).faults == []


def test_a_title_that_fits_two_columns_is_a_fault_also_where_unknown_ones_are_ignored():
    for ignore in (True, False):
        (fault,) = matched(["DUE DATE"], ignore=ignore).faults
        assert fault.title == "DUE DATE" and "fits 2 columns" in fault.reason


def test_two_titles_for_one_column_are_a_fault():
    (fault,) = matched(["Task", "TASK"], ignore=True).faults
    assert (fault.title, fault.reason) == ("TASK", "the column “Task” of the table goes into the same column")


@pytest.mark.parametrize("title", ["Tusk", "x" * 5_000_000])
def test_unknown_titles_are_faults_or_left_out(title: str):
    refused, ignored = matched([title]), matched([title], ignore=True)
    assert ([len(each) for each in (refused.faults, refused.left_out)]) == [1, 0]
    assert ([len(each) for each in (ignored.faults, ignored.left_out)]) == [0, 1]
    assert len(refused.faults[0].title) <= 200 and "there is no column" in refused.faults[0].reason


def test_columns_that_nobody_fills_from_a_table_are_left_out_with_the_reason():
    locked = Column(ColumnId("9"), 18, "Locked", ColumnType.TEXT_NUMBER, locked=True, locked_for_user=True)
    sheet = sheet_of([*COLUMNS, locked])
    match = match_columns(sheet, [column.title for column in sheet.columns], ignore_unknown=False)
    assert {each.title: each.reason for each in match.left_out} == {
        "No.": "it is filled by Smartsheet itself (AUTO_NUMBER)",
        "Predecessors": "predecessors name rows by number, and new rows have other numbers",
        "Remaining": "it is filled by a column formula",
        "Created": "it is filled by Smartsheet itself (CREATED_DATE)",
        "Created by": "it is filled by Smartsheet itself (CREATED_BY)",
        "Locked": "it is locked for you",
    }
    assert match.faults == ()


def test_empty_cells_and_empty_rows_are_left_out():
    converted = convert(["B", "A"], [1, None], [None, " "], [None, 2])
    assert (contents(converted), converted.row_count, converted.empty_rows) == ([[1], [2]], 2, 1)
    assert [[cell.column_id for cell in row] for row in converted.rows] == [["1002"], ["1001"]]


def test_faults_name_line_and_column_and_are_counted_beyond_those_listed():
    rows: list[list[Value]] = [["x" * 4001, 1] for _ in range(MAX_FAULTS + 50)]
    converted = convert(["A", "B"], *rows)
    assert (converted.fault_count, len(converted.faults), converted.rows) == (150, 100, [])
    assert [(fault.line, fault.column) for fault in converted.faults[:2]] == [(2, "A"), (3, "A")]


def test_a_table_without_rows_or_columns_to_import_is_a_fault():
    assert [fault.message for fault in convert(["A"]).faults] == [
        "the table has no rows with values in columns that are imported"
    ]
    assert [fault.message for fault in convert(["X"], [1], ignore_unknown=True).faults] == [
        "no column of the table can be imported"
    ]


def test_without_rows_to_keep_only_a_sample_is_held():
    rows: list[list[Value]] = [[n] for n in range(10)]
    converted = convert(["A"], *rows, keep_rows=False)
    assert (converted.rows, converted.row_count, list(converted.sample)) == ([], 10, [2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("columns", "rows", "room"), [(1, 0, 20_000), (2, 19_999, 1), (100, 4_000, 1_000), (400, 1_250, 0)]
)
def test_a_sheet_holds_so_many_rows_and_cells(columns: int, rows: int, room: int):
    sheet = sheet_of([f"C{n}" for n in range(columns)], [[1]] * rows)
    assert room_for_rows(sheet) == room


def test_a_sheet_without_room_is_the_first_fault():
    sheet = sheet_of(["A"], [[1]] * 19_999)
    converted = convert(["A"], [1], ["x" * 4001], sheet=sheet)
    assert (converted.fits, converted.fault_count) == (False, 2)
    assert converted.faults[0].message == (
        "the sheet has room for 1 more rows, and the table has 2; a sheet holds at most 20,000 rows and 500,000 cells"
    )


TITLES = [column.title for column in COLUMNS]
VALUES = st.none() | st.text(max_size=10) | st.integers() | st.floats() | st.booleans() | st.dates()


@given(
    st.lists(st.sampled_from(TITLES) | st.text(min_size=1, max_size=8), min_size=1, max_size=6, unique=True).flatmap(
        lambda titles: st.tuples(
            st.just(titles), st.lists(st.lists(VALUES, min_size=len(titles), max_size=len(titles)), max_size=6)
        )
    ),
    st.booleans(),
)
def test_any_table_gives_rows_or_faults_and_accounts_for_every_row(
    table: tuple[list[str], list[list[Value]]], ignore: bool
):
    titles, rows = table
    converted = convert(titles, *rows, sheet=plan(), ignore_unknown=ignore)
    match = converted.match
    assert len(match.columns) + len(match.left_out) + len(match.faults) == len(titles)
    assert converted.row_count + converted.empty_rows == len(rows)
    assert converted.fault_count or len(converted.rows) == converted.row_count
