"""Workbooks that are made to take memory or time are refused before they do."""

import io
import tracemalloc
import zipfile
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.tables import archive
from shared.tables.reading import ReadOptions, read_table
from shared.tables.table import Table, TableError
from tests.unit.tables.books import MAIN, SHEET, STRINGS, text_cell, with_parts, workbook, worksheet


def read(data: bytes) -> Table:
    return read_table(data, "workbook", ReadOptions()).table


def problem(data: bytes) -> str:
    with pytest.raises(TableError) as refused:
        read(data)
    return str(refused.value.problems[0])


def test_a_zip_bomb_is_not_unpacked():
    bomb = with_parts({SHEET: b" " * 210_000_000})
    assert len(bomb) < 1_000_000
    tracemalloc.start()
    text = problem(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "unpacks to" in text and "at most 200,000,000 are read" in text
    assert peak < 5_000_000


def test_a_part_that_lies_about_its_size_gives_no_more_than_it_says():
    data = bytearray(with_parts({SHEET: worksheet(f'<row r="1">{text_cell("A")}</row>' + " " * 1_000_000)}))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as file:
        size = file.getinfo(SHEET).file_size
    at = data.rfind(SHEET.encode()) - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    data[at + 24 : at + 28] = (100).to_bytes(4, "little")
    assert size > 1_000_000
    assert "not a readable XLSX workbook" in problem(bytes(data))


def test_too_many_parts_are_refused():
    assert "has 5,0" in problem(with_parts({f"x{n}": b"" for n in range(5_000)}))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_workbooks_do_not_use_is_refused(method: int):
    assert "packed by a method" in problem(with_parts({}, packed=method))


@pytest.mark.parametrize("part", [SHEET, STRINGS, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"])
def test_entities_are_not_expanded(part: str):
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    xml = f'<!DOCTYPE x [<!ENTITY l0 "lol">{laughs}]><x xmlns="{MAIN}">&l9;</x>'.encode()
    assert "declares entities" in problem(with_parts({part: xml}) if part != STRINGS else with_strings(xml))


def with_strings(xml: bytes) -> bytes:
    types = (
        b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        b'<Override PartName="/xl/workbook.xml" '
        b'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        b'<Override PartName="/xl/sharedStrings.xml" '
        b'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
    )
    return with_parts({STRINGS: xml, "[Content_Types].xml": types})


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("<a>" * 100, "nests its contents too deeply"),
        (f'<row r="3">{"<c/>" * 20_001}</row>', "line 3: a row or a text of the workbook consists of too many pieces"),
        (f'<row r="3">{text_cell("x" * 100_001)}</row>', "line 3: a text of the workbook has more than 100,000"),
        ("<a/>" * 150_001, "too much besides its cells"),
        ("<row/>" * 520_001, "more than 520,000 rows or texts"),
        (f'<row r="1">{text_cell("A")}</row><row r="2">{text_cell("x", "YYY2")}</row>', "line 2: a value in column"),
    ],
)
def test_what_is_out_of_proportion_is_refused(rows: str, expected: str):
    assert expected in problem(with_parts({SHEET: worksheet(rows)}))


def test_too_many_shared_texts_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "MAX_UNITS", 3)
    strings = f'<sst xmlns="{MAIN}">{"<si><t>x</t></si>" * 4}</sst>'.encode()
    assert "more than 3 rows or texts" in problem(with_strings(strings))


def test_too_many_cells_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "MAX_CELL_ELEMENTS", 3)
    assert "more than 3 cells" in problem(workbook([["A", "B"], [1, 2]]))


def test_too_many_elements_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "MAX_ELEMENTS", 30)
    assert "too many pieces" in problem(with_parts({SHEET: worksheet("<row><c/><c/></row>" * 10)}))


def test_a_row_number_beyond_all_worksheets_costs_nothing():
    rows = f'<row r="1">{text_cell("A")}</row><row r="999999999999">{text_cell("x", "A9")}</row>'
    table = read(with_parts({SHEET: worksheet(rows)}))
    assert [record.fields for record in table.records] == [["x"]]


def test_a_false_size_of_the_worksheet_is_not_believed():
    part = worksheet(f'<row r="1">{text_cell("A")}</row><row r="2">{text_cell("x", "A2")}</row>')
    part = part.replace(b"<sheetData>", b'<dimension ref="A1:XFD1048576"/><sheetData>')
    assert [record.fields for record in read(with_parts({SHEET: part})).records] == [["x"]]


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="A2" t="s"><v>9</v></c>',
        '<c r="A2"><v>1e</v></c>',
        f'<c r="A2"><v>{"9" * 5000}</v></c>',
        '<c r="A2" t="b"><v>x</v></c>',
        '<c r="A2" t="d"><v>yesterday</v></c>',
        '<c r="2A"><v>1</v></c>',
        '<c r="A2"><v>1</v>',
    ],
)
def test_broken_cells_are_told_as_a_broken_file(cell: str):
    assert "not a readable XLSX workbook" in problem(
        with_parts({SHEET: worksheet(f'<row r="1">{text_cell("A")}</row><row r="2">{cell}</row>')})
    )


def test_numbers_without_end_are_texts():
    rows = f'<row r="1">{text_cell("A")}</row><row r="2"><c r="A2"><v>1E999</v></c></row>'
    assert read(with_parts({SHEET: worksheet(rows)})).records[0].fields == ["inf"]


def test_an_empty_text_is_a_result_of_a_formula():
    rows = f"""<row r="1">{text_cell("A")}{text_cell("B", "B1")}</row>
        <row r="2">{text_cell("x", "A2")}<c r="B2" t="str"><f>""</f><v></v></c></row>"""
    assert read(with_parts({SHEET: worksheet(rows)})).records[0].fields == ["x", None]


def test_links_to_other_workbooks_are_not_followed():
    link = f'<externalLink xmlns="{MAIN}"><externalBook/></externalLink>'.encode()
    assert read(with_parts({"xl/externalLinks/externalLink1.xml": link})).records[0].fields == ["x"]


def test_other_worksheets_and_pictures_are_not_looked_at():
    parts = {"xl/worksheets/sheet9.xml": b"<!DOCTYPE x><x/>", "xl/media/image1.png": bytes(1000)}
    assert read(with_parts(parts)).records[0].fields == ["x"]


WHOLE = workbook([["A", "B"], ["x", 1], [date(2026, 3, 1), True]])
XML = st.text('<>/="& abcr1vs', max_size=40)


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=8), st.integers(0, 50))
def test_a_damaged_workbook_is_read_or_refused_with_a_reason(bytes_: list[tuple[int, int]], lost: int):
    data = bytearray(WHOLE)
    for at, byte in bytes_:
        data[at] = byte
    read_or_refused(bytes(data[: len(data) - lost]))


@given(st.sampled_from([SHEET, "xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"]), XML, XML)
def test_parts_with_anything_in_them_are_read_or_refused(part: str, attributes: str, inside: str):
    read_or_refused(with_parts({part: f'<worksheet xmlns="{MAIN}" {attributes}>{inside}</worksheet>'.encode()}))


@given(XML, XML)
def test_rows_with_anything_in_them_are_read_or_refused(attributes: str, inside: str):
    read_or_refused(with_parts({SHEET: worksheet(f'<row r="1"><c {attributes}><v>{inside}</v></c></row>')}))


def read_or_refused(data: bytes) -> None:
    try:
        read(data)
    except TableError as refused:
        assert all(str(each) for each in refused.problems)
