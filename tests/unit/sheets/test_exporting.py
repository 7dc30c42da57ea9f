"""CSV that other programs read back, and spreadsheets do not run."""

import csv
import io
import re
import tracemalloc
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.sheets.exporting import content_disposition, export_csv
from shared.sheets.models import Cell
from shared.tables.harmless import restored
from tests.fakes.smartsheet import sheet_of
from tests.unit.sheets.selected import several, table


def lines(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def exported(*cells: str | int | float | bool | Cell | None) -> list[str]:
    sheet = sheet_of([f"C{at}" for at in range(len(cells))], [cells])
    return lines(export_csv(sheet, sheet.rows))[1]


def test_a_table_is_written_as_rfc_4180_says():
    sheet = sheet_of(["Task", 'A "b", c'], [["a,b", 'say "hi"'], ["two\nlines", None]])
    assert export_csv(sheet, sheet.rows) == (b'Task,"A ""b"", c"\r\n"a,b","say ""hi"""\r\n"two\nlines",\r\n')


def test_only_the_given_rows_are_written_in_their_order():
    sheet = sheet_of(["N"], [[n] for n in range(2000)])
    assert lines(export_csv(sheet, sheet.rows[::-1]))[:3] == [["N"], ["1999"], ["1998"]]
    assert len(lines(export_csv(sheet, sheet.rows))) == 2001


def test_cells_show_values_rather_than_what_is_made_of_them():
    sheet = table()
    assert lines(export_csv(sheet, sheet.rows[:1]))[1] == [
        "Pump, north",
        "5",
        "Open",
        "2025-03-01",
        "2025-03-01T10:00:00Z",
        "true",
        "ada@example.com",
        "red, blue",
        "ada@example.com, Bob",
        "2d",
    ]
    assert exported(Cell(7.0, "$7.00"), Cell(0.5, "50%"), False) == ["7", "0.5", "false"]


@pytest.mark.parametrize("text", ["=1+1", "+49 30 123", "-x", "@sum", "\t1", "\r1", "\n1", "-1+1", "=", "-"])
def test_what_a_spreadsheet_would_run_is_made_harmless(text: str):
    assert exported(text) == [f"'{text}"]
    sheet = sheet_of([text])
    assert lines(export_csv(sheet, ())) == [[f"'{text}"]]


@pytest.mark.parametrize("sign", "＝＋－＠")
def test_full_width_signs_begin_formulas_too(sign: str):
    assert exported(f"{sign}1") == [f"'{sign}1"]


@pytest.mark.parametrize("text", [" =1", "  -x", '"=1"', "' =1"])
def test_spaces_and_quotes_do_not_hide_a_formula(text: str):
    assert exported(text) == [f"'{text}"]


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("a;=1+1", "a;'=1+1"),
        ('a; "=1+1";b;-x', "a;' \"=1+1\";b;'-x"),
        ("a\n=1\r\n@b\t+c", "a\n'=1\r\n'@b\t'+c"),
        ("=a;=b", "'=a;'=b"),
        ("a;-5;+1.5e3\n-6", "a;-5;+1.5e3\n-6"),
        ("a = b; c - d", "a = b; c - d"),
    ],
)
def test_where_other_spreadsheets_divide_a_text_its_parts_are_made_harmless(text: str, harmless: str):
    assert exported("x", text)[1] == harmless


DIVIDED_BY_SEMICOLONS = re.compile(r"[;\t\r\n]")


@given(st.text("=+-@;\"' \n\r\t,1a", max_size=15))
def test_however_a_spreadsheet_divides_a_text_no_part_is_a_formula(text: str):
    for part in DIVIDED_BY_SEMICOLONS.split(exported("x", text)[1]):
        content = part.strip(' "')
        assert not content.startswith(("=", "@")) and (content[:1] not in "+-" or not content or is_number(content))


def is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text, re.ASCII) is not None


@pytest.mark.parametrize("number", [-5, -0.5, "-5", "+5", "-1.5e3", 1e300])
def test_numbers_stay_numbers(number: str | float):
    assert float(exported(number)[0]) == float(number)


def test_an_export_that_is_too_large_is_refused_and_the_limit_is_told():
    sheet = sheet_of(["N"], [["x" * 100]] * 1000)
    assert len(export_csv(sheet, sheet.rows, max_bytes=102_003)) == 102_003
    with pytest.raises(InvalidInput, match="102,002 bytes") as caught:
        export_csv(sheet, sheet.rows, max_bytes=102_002)
    assert caught.value.code == "export_too_large"


def test_several_values_with_commas_in_them_stand_on_lines_of_their_own():
    assert exported(several("MULTI_PICKLIST", "red", "blue, dark", text="x")) == ["red\nblue, dark"]


def test_no_second_copy_of_the_result_is_held():
    sheet = sheet_of([f"C{at}" for at in range(20)], [[f"Report {n} about a pump"] * 20 for n in range(5000)])
    tracemalloc.start()
    result = export_csv(sheet, sheet.rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(result) * 1.3 + 1_000_000


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=5))
def test_what_is_written_can_be_read_back(rows: list[list[str]]):
    sheet = sheet_of(["A", "B"], rows)
    read = lines(export_csv(sheet, sheet.rows))[1:]
    assert [[restored(text) for text in row] for row in read] == rows
    run = [text for row in read for text in row if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n")]
    assert all(isfinite(float(text)) or "e" in text.lower() for text in run)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("Plan", "attachment; filename=\"Plan.csv\"; filename*=UTF-8''Plan.csv"),
        ("Übersicht", "attachment; filename=\"_bersicht.csv\"; filename*=UTF-8''%C3%9Cbersicht.csv"),
        ('a"b\r\nX: y/../c', "attachment; filename=\"a_b_X_ y_.._c.csv\"; filename*=UTF-8''a_b_X_%20y_.._c.csv"),
        (" .. ", "attachment; filename=\"sheet.csv\"; filename*=UTF-8''sheet.csv"),
    ],
)
def test_the_file_is_named_like_the_sheet_with_nothing_dangerous(name: str, header: str):
    assert content_disposition(name) == header


@given(st.text())
def test_any_sheet_name_gives_a_header_of_one_line(name: str):
    header = content_disposition(name)
    assert header.isascii() and header.isprintable() and header.count('"') == 2
