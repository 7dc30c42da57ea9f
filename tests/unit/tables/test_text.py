"""Reading text files: encodings, delimiters, quotes, and what is said of broken ones."""

import csv
import io
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.tables.decoding import decode
from shared.tables.reading import Kind, ReadOptions, read_table
from shared.tables.table import TableError


def rows_of(data: str | bytes, **options: Any) -> list[list[Any]]:
    raw = data.encode() if isinstance(data, str) else data
    table = read_table(raw, "text", ReadOptions(**options)).table
    return [list(table.titles), *(record.fields for record in table.records)]


def problems_of(data: str | bytes, **options: Any) -> list[str]:
    with pytest.raises(TableError) as refused:
        rows_of(data, **options)
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(delimiter: str) -> None:
    text = f'Name{delimiter}Note\nAda{delimiter}"one{delimiter} two"\nBo{delimiter}three, four; five\n'
    if delimiter in (",", ";"):
        text = text.replace("three, four; five", "three")
    assert rows_of(text)[1:] == [["Ada", f"one{delimiter} two"], ["Bo", text.split(delimiter)[-1].strip()]]


def test_a_single_column_needs_no_delimiter() -> None:
    assert rows_of("Name\nAda\nBo\n") == [["Name"], ["Ada"], ["Bo"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_quoted_fields_keep_their_line_ends_and_quotes(end: str) -> None:
    text = f'A,B{end}"line 1{end}line 2","say ""hi"""{end}plain,5" pipe{end}{end}{end}'
    assert rows_of(text)[1:] == [[f"line 1{end}line 2", 'say "hi"'], ["plain", '5" pipe']]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"])
def test_the_encoding_is_found_out(encoding: str) -> None:
    text = "Name,Stadt\nJürgen Größe,Zürich\nFrançois,Besançon – “vieux”\n"
    assert rows_of(text.encode(encoding))[1:] == [["Jürgen Größe", "Zürich"], ["François", "Besançon – “vieux”"]]


def test_cyrillic_is_not_taken_for_western_letters() -> None:
    text = "Имя,Город\n" + "Наталья Петрова,Санкт-Петербург\n" * 20
    assert rows_of(text.encode("cp1251"))[1] == ["Наталья Петрова", "Санкт-Петербург"]


def test_an_encoding_can_be_named() -> None:
    assert rows_of("Имя\nАнна\n".encode("koi8-r"), encoding="koi8-r") == [["Имя"], ["Анна"]]
    assert problems_of("A\n1\n", encoding="klingon") == ["the encoding klingon is not known"]


def test_empty_columns_at_the_end_are_dropped() -> None:
    assert rows_of("A,B,,\n1,2,,\n3,,,\n") == [["A", "B"], ["1", "2"], ["3", None]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A,B\n1,2\n3,4,5\n", ["line 3, column 3: too many fields: 3 instead of 2"]),
        ('A,B\n"x\ny",2\n3\n', ["line 4, column 2: too few fields: 1 instead of 2"]),
        ('A,B\n1,2\n3,"four\n5,6\n', ["line 3, column 2: a quote is opened here and never closed"]),
        (
            'A,B\n"one" two,2\n',
            ["line 2, column 1: ' ' follows a closing quote; a quote inside a quoted field must be doubled"],
        ),
        ("A,B\n1,x\0y\n", ["line 2: byte 7 is a NUL character"]),
        ("A,B,A\n", ["line 1, column 3: the title 'A' is already that of column 1"]),
        ("A,,C\n1,2,3\n", ["line 1, column 2: the column has no title"]),
        ("", ["the file is empty: the first line must hold the column titles"]),
        ("\n\n", ["the file is empty: the first line must hold the column titles"]),
    ],
)
def test_a_broken_file_is_told_by_line_and_column(text: str, expected: list[str]) -> None:
    assert problems_of(text) == expected


def test_a_byte_that_is_no_utf8_is_named() -> None:
    assert problems_of("A,B\n1,é\n2,".encode() + b"\xff\n") == [
        "line 3: byte 11 (0xff) is not utf-8 text; if it has another encoding, name it"
    ]


def test_the_limits_of_a_sheet_are_checked() -> None:
    wide = ",".join(f"c{number}" for number in range(401))
    assert problems_of(wide) == ["the table has 401 columns; a sheet holds at most 400"]
    long = "a,b\n" + "1,2\n" * 20_001
    assert problems_of(long) == ["the table has 20,001 rows; a sheet holds at most 20,000"]
    line = ",".join(["x"] * 26)
    large = ",".join(f"c{number}" for number in range(26)) + "\n" + f"{line}\n" * 19_999
    assert problems_of(large) == ["the table has 519,974 cells; a sheet holds at most 500,000"]


def test_at_most_twenty_problems_are_listed() -> None:
    assert len(problems_of("A,B\n" + "1\n" * 100)) == 20


TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)
TABLES = st.integers(1, 5).flatmap(
    lambda width: st.tuples(
        st.lists(st.text("abcdefgh ÄÖ", min_size=1, max_size=8).map(str.strip), min_size=width, max_size=width)
        .filter(lambda titles: all(titles) and len({" ".join(t.split()) for t in titles}) == width)
        .map(lambda titles: [" ".join(title.split()) for title in titles]),
        st.lists(st.lists(TEXTS, min_size=width, max_size=width), max_size=6),
    )
)


@given(TABLES, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@example((["A"], [['"'], ["\r"], ["\n"], [""]]), ",", "utf-8")
def test_what_csv_writers_write_is_read_back(
    table: tuple[list[str], list[list[str]]], delimiter: str, encoding: str
) -> None:
    titles, rows = table
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([titles, *rows])
    read = rows_of(written.getvalue().encode(encoding), delimiter=delimiter)
    assert read == [titles, *([field or None for field in row] for row in rows)]


WESTERN = st.text("abc ,;|\t\"'\r\näöüß€–", max_size=12)


@given(
    st.lists(st.lists(WESTERN, min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "windows-1252"]),
    st.randoms(use_true_random=False),
)
def test_tables_with_any_quoting_in_any_encoding_are_read_back(
    rows: list[list[str]], delimiter: str, encoding: str, choice: Random
) -> None:
    def written(field: str) -> str:
        must = not field or any(mark in field for mark in (delimiter, '"', "\r", "\n"))
        doubled = field.replace('"', '""')
        return f'"{doubled}"' if must or choice.random() < 0.5 else field

    lines = [["One", "Two", "Three"], *rows]
    text = "".join(
        delimiter.join(map(written, line)) + choice.choice(["\n", "\r\n", "\r"] if at else ["\n"])
        for at, line in enumerate(lines)
    )
    named = "windows-1252" if encoding == "windows-1252" else None
    read = rows_of(text.encode(encoding), delimiter=delimiter, encoding=named)
    assert read == [lines[0], *([field or None for field in row] for row in rows)]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_reason(data: bytes) -> None:
    kinds: list[Kind] = ["text", "workbook"]
    for kind in kinds:
        try:
            read_table(data, kind, ReadOptions())
        except TableError as refused:
            assert refused.problems
            assert all(str(problem) for problem in refused.problems)


def test_utf16_without_a_mark_is_recognised() -> None:
    assert decode("Name,Ort\nÄnne,Köln\n".encode("utf-16-le")).encoding == "utf-16-le"
