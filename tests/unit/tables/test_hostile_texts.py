"""Text files that are made to take memory or time."""

import tracemalloc

import pytest

from shared.tables.checks import MAX_FIELDS_HELD
from shared.tables.reading import MAX_FILE_BYTES, ReadOptions, read_table
from shared.tables.table import TableError


def problem(text: str, **options: str) -> str:
    with pytest.raises(TableError) as refused:
        read_table(text.encode(), "text", ReadOptions(**options))
    return str(refused.value.problems[0])


def test_a_file_that_is_too_large_is_not_read():
    assert problem("A\n" * (MAX_FILE_BYTES // 2 + 1)) == "the file has 20,000,002 bytes; at most 20,000,000 are read"


@pytest.mark.parametrize("quoted", ["", '"x",'])
def test_a_line_of_a_hundred_thousand_columns_is_refused(quoted: str):
    assert "fields in one line; a sheet holds at most 400 columns" in problem(quoted + "x," * 100_000)


def test_rows_beyond_those_of_a_sheet_are_counted_and_not_held():
    text = "A\n" + "xyz\n" * 210_000
    tracemalloc.start()
    said = problem(text, encoding="utf-8", delimiter=",")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said == "the table has more than 200,000 rows; a sheet holds at most 20,000"
    assert peak < len(text) * 3 + 8_000_000


def test_empty_fields_without_end_are_refused():
    lines = MAX_FIELDS_HELD // 9_999 + 2
    assert f"more than {MAX_FIELDS_HELD:,} fields" in problem(("," * 9_998 + "\n") * lines, delimiter=",")


def test_a_quote_that_is_opened_in_a_long_file_is_found_at_once():
    assert problem('A,B\n1,"' + "x\n" * 1_000_000) == "line 2, column 2: a quote is opened here and never closed"


def test_a_record_of_many_quoted_lines_is_read_in_one_go():
    line = ",".join(['"a\nb"'] * 400)
    titles = ",".join(f"c{n}" for n in range(400))
    table = read_table(f"{titles}\n{line}\n{line}\n".encode(), "text", ReadOptions()).table
    assert [record.line for record in table.records] == [2, 403]


@pytest.mark.parametrize("text", ["A\n1\0\n", "A\0\n", "\0\0\0"])
def test_nul_is_refused(text: str):
    assert "is a NUL character" in problem(text, encoding="utf-8")


def test_one_huge_cell_is_a_cell():
    table = read_table(b"A,B\n1," + b"x" * 5_000_000, "text", ReadOptions()).table
    assert len(str(table.records[0].fields[1])) == 5_000_000
