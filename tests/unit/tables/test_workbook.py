"""Reading XLSX workbooks."""

from datetime import date, datetime, time
from typing import Any

import pytest

from shared.tables.reading import ReadOptions, read_table
from shared.tables.table import Table, TableError
from tests.unit.tables.books import SHEET, text_cell, with_parts, workbook, worksheet

MOMENT = datetime(2026, 3, 1, 14, 30)  # noqa: DTZ001 - worksheets know no time zones


def read(data: bytes, **options: Any) -> Table:
    return read_table(data, "workbook", ReadOptions(**options)).table


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
