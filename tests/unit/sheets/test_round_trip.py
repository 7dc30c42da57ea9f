"""What is exported can be imported: no faults, and the same values again."""

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.sheets.exporting import export_csv
from shared.sheets.importing import ConvertedTable, convert_table
from shared.sheets.models import Cell, ColumnType, Sheet
from shared.sheets.values import canonical
from shared.tables.harmless import made_harmless, restored
from shared.tables.reading import ReadOptions, read_table
from tests.fakes.smartsheet import FakeSheetSource
from tests.unit.sheets.plan import ADA, COLUMNS, COMPUTED, HUGO, choices, contacts, plan


def imported(sheet: Sheet) -> ConvertedTable:
    """The sheet exported and read again."""
    file = export_csv(sheet, sheet.rows)
    return convert_table(sheet, read_table(file, "text", ReadOptions(encoding="utf-8", delimiter=",")).table)


def held(sheet: Sheet, row: int) -> dict[str, Any]:
    """What the row holds in columns that can be imported; a formula as its result."""
    cells = sheet.rows[row].cells
    forms = {
        column.title: canonical(column, Cell(cell.value, object_value=cell.object_value))
        for column in sheet.columns
        if column.title not in COMPUTED and (cell := cells.get(column.id)) is not None
    }
    return {title: form for title, form in forms.items() if form is not None}


def given_back(sheet: Sheet, converted: ConvertedTable, row: int) -> dict[str, Any]:
    columns = {column.id: column for column in sheet.columns}
    forms = {
        columns[cell.column_id].title: canonical(
            columns[cell.column_id], Cell(cell.value, object_value=cell.object_value)
        )
        for cell in converted.rows[row]
    }
    return {title: form for title, form in forms.items() if form is not None}


def test_every_type_of_column_comes_back_without_faults():
    sheet = FakeSheetSource(plan()).sheet("100")
    assert {column.type for column in sheet.columns} == set(ColumnType)
    converted = imported(sheet)
    assert (converted.faults, converted.row_count) == ([], 3)
    assert {each.title for each in converted.match.left_out} == COMPUTED
    for row in range(3):
        assert given_back(sheet, converted, row) == held(sheet, row)


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "Task": TEXT | st.integers(-(10**14), 10**14) | st.sampled_from(["'=x", "''-y", "=1+1", "+49", "007", "1.10"]),
    "Status": st.sampled_from(["Not started", "In progress", "Complete"]),
    "Health": st.sampled_from(["Red", "Yellow", "Green"]),
    "Lead": st.sampled_from(["ada@example.com", "hugo@example.com"]).map(lambda email: Cell(email, "Somebody")),
    "Reviewers": st.lists(st.sampled_from([ADA, HUGO]), min_size=1, unique_by=str).map(lambda each: contacts(*each)),
    "Disciplines": st.lists(st.sampled_from(["Finance", "Legal", "Science, applied"]), min_size=1, unique=True).map(
        lambda each: choices(*each)
    ),
    "Start": st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - cells have no zone
        lambda moment: moment.isoformat(timespec="seconds")
    ),
    "Duration": st.sampled_from(["1d", "2.5w", "3h", "e2d", "1w 2d", "~"]),
    "Budget": st.decimals(-(10**9), 10**9, places=2).map(float),
    "Milestone": st.booleans(),
    "Decision by": st.dates(date(1990, 1, 1), date(2100, 1, 1)).map(str),
    "=Notes": TEXT,
}
ROWS = st.lists(
    st.fixed_dictionaries({title: st.none() | cells for title, cells in CELLS.items()}).map(
        lambda row: [row.get(column.title) for column in COLUMNS]
    ),
    min_size=1,
    max_size=5,
)


@given(ROWS)
def test_any_rows_come_back(rows: list[list[Any]]):
    sheet = plan(rows)
    converted = imported(sheet)
    filled = [row for row in range(len(rows)) if held(sheet, row)]
    back = [given_back(sheet, converted, row) for row in range(len(converted.rows))]
    assert [each for each in back if each] == [held(sheet, row) for row in filled]
    assert not filled or converted.faults == []


@given(st.text() | st.text("'=+-@\t\r\n1; \"＝", max_size=10))
@example("'")
@example("''=x")
def test_every_text_that_is_made_harmless_is_restored(text: str):
    harmless = made_harmless(text)
    assert restored(harmless) == text
    assert not harmless.startswith(("=", "@", "\t", "\r", "\n"))


@pytest.mark.parametrize("text", ["'", "'quoted'", "' x", "'5", "''", "'tis", "a;'b", "' -5"])
def test_a_quote_that_hides_nothing_stays(text: str):
    assert (restored(text), made_harmless(text)) == (text, text)
