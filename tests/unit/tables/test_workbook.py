"""Reading XLSX workbooks."""

from datetime import date, datetime, time
from typing import Any

import pytest

from shared.tables.merged import letters_of
from shared.tables.reading import ReadOptions, read_table
from shared.tables.table import Table, TableError
from tests.unit.tables.books import SHEET, text_cell, with_parts, workbook, worksheet

MOMENT = datetime(2026, 3, 1, 14, 30)  # noqa: DTZ001 - worksheets know no time zones


def read(data: bytes, **options: Any) -> Table:
    return read_table(data, "workbook", ReadOptions(**options)).table


def notes(data: bytes) -> list[str]:
    return [str(note) for note in read_table(data, "workbook", ReadOptions()).notes.listed]


def problems(data: bytes, **options: Any) -> list[str]:
    with pytest.raises(TableError) as refused:
        read(data, **options)
    return [str(problem) for problem in refused.value.problems]


def test_dates_numbers_booleans_and_texts_keep_their_kind() -> None:
    table = read(
        workbook(
            [
                ["Name", "Day", "Moment", "Clock", "Count", "Share", "Done", "Code"],
                ["a", date(2026, 3, 1), MOMENT, time(8, 15), 3, 0.5, True, "007"],
                ["b", None, None, None, 4.0, None, False, None],
            ]
        )
    )
    assert table.titles == ["Name", "Day", "Moment", "Clock", "Count", "Share", "Done", "Code"]
    assert [record.fields for record in table.records] == [
        ["a", date(2026, 3, 1), "2026-03-01 14:30:00", "08:15:00", 3, 0.5, True, "007"],
        ["b", None, None, None, 4, None, False, None],
    ]


def test_empty_rows_are_skipped_and_lines_are_those_of_the_worksheet() -> None:
    table = read(workbook([["A", "B"], [1, 2], [None, None], [None, 4], []]))
    assert [(record.line, record.fields) for record in table.records] == [(2, [1, 2]), (4, [None, 4])]


def test_the_worksheet_can_be_chosen() -> None:
    data = workbook([["A"], ["first"]], more={"Second": [["B"], ["second"]]})
    assert read(data).records[0].fields == ["first"]
    assert read(data, worksheet="Second").titles == ["B"]
    assert problems(data, worksheet="Third") == ["there is no worksheet 'Third'; there are: Data, Second"]


def test_a_formula_without_a_stored_result_is_not_taken_for_an_empty_cell() -> None:
    assert problems(workbook([["A", "B"], [1, "=A2*2"]])) == [
        "line 2, column B: the formula has no stored result; open the workbook in a spreadsheet program and save it"
    ]


def test_a_value_behind_the_last_title_is_told() -> None:
    assert problems(workbook([["A", "B"], [1, 2, 3]])) == ["line 2, column 3: too many fields: 3 instead of 2"]


def test_line_ends_of_excel_are_line_ends() -> None:
    part = worksheet(f'<row r="1">{text_cell("A")}</row><row r="2">{text_cell("one_x000D_&#10;two", "A2")}</row>')
    assert read(with_parts({SHEET: part})).records[0].fields == ["one\ntwo"]


def test_a_file_that_is_no_workbook_is_told() -> None:
    assert problems(b"A,B\n1,2\n") == ["this is not a readable XLSX workbook (BadZipFile)"]


def test_the_value_of_merged_cells_is_that_of_the_first_row_and_the_others_keep_the_rest() -> None:
    data = workbook([["Plan", "Step"], ["A", "one"], [None, "two"], ["B", "three"]], merged=("A2:A3",))
    assert [(record.line, record.fields) for record in read(data).records] == [
        (2, ["A", "one"]),
        (3, [None, "two"]),
        (4, ["B", "three"]),
    ]
    assert notes(data) == ["line 2, column A: A2:A3 are merged: the value is that of A2 only"]


def test_rows_that_only_merged_cells_cover_are_left_out_and_that_is_said() -> None:
    rows = [["Plan", "Step"], ["A", "one"], [None, None], [None, None], ["B", "two"]]
    data = workbook(rows, merged=("A2:A4", "B2:B4", "A5:B5"))
    assert [record.line for record in read(data).records] == [2, 5]
    said = "the value is that of {} only; rows below it that hold nothing else are left out: 2"
    assert notes(data) == [
        f"line 2, column A: A2:A4 are merged: {said.format('A2')}",
        f"line 2, column B: B2:B4 are merged: {said.format('B2')}",
        "line 5, column A: A5:B5 are merged: the value is that of A5 only",
    ]


def test_merged_cells_without_a_value_are_not_worth_a_word() -> None:
    assert notes(workbook([["A", "B"], [1, 2]], merged=("D1:E4", "A9:A12"))) == []


def test_an_error_value_is_no_text_but_an_empty_cell_and_that_is_said() -> None:
    data = workbook([["A", "B"], ["x", "#N/A"], ["#DIV/0!", 2]])
    assert [record.fields for record in read(data).records] == [["x", None], [None, 2]]
    said = "is an error of the workbook, and no value; the cell is left empty"
    assert notes(data) == [f"line 2, column B: #N/A {said}", f"line 3, column A: #DIV/0! {said}"]


def test_a_text_that_only_looks_like_an_error_is_a_text() -> None:
    part = worksheet(f'<row r="1">{text_cell("A")}</row><row r="2">{text_cell("#N/A", "A2")}</row>')
    data = with_parts({SHEET: part})
    assert (read(data).records[0].fields, notes(data)) == (["#N/A"], [])


def test_of_many_notes_a_hundred_are_listed_and_all_counted() -> None:
    found = read_table(workbook([["A", "B"], *[["x", "#N/A"]] * 150]), "workbook", ReadOptions()).notes
    assert (len(found.listed), found.count) == (100, 150)


@pytest.mark.parametrize(("number", "letters"), [(1, "A"), (26, "Z"), (27, "AA"), (702, "ZZ"), (703, "AAA")])
def test_columns_have_the_letters_of_worksheets(number: int, letters: str) -> None:
    assert letters_of(number) == letters
