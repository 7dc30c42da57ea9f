"""XLSX workbooks: records from one worksheet."""
# pyright: reportPrivateUsage=false

import io
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any

from shared.tables.archive import MeasuredArchive
from shared.tables.merged import MergedCells, letters_of
from shared.tables.table import MAX_COLUMNS, Notes, Problem, Record, TableError, Value

if TYPE_CHECKING:
    from openpyxl.reader.excel import ExcelReader

MAX_COLUMN = 10_000


def parse_workbook(data: bytes, notes: Notes, worksheet: str | None = None) -> Iterator[Record]:
    """The records of the named worksheet, of the first one unless told. Formulas give their stored results.

    Empty rows are skipped; empty cells behind the last one that is used are left out. Error values are empty, and
    the value of merged cells is that of the first one; both is noted, the latter at the end. Links to other workbooks,
    charts, pivot tables and other worksheets are not looked at. Raises `TableError` where the file is no workbook,
    is out of proportion, lacks the worksheet, or holds formulas that no program has computed.
    """
    with _readable(), MeasuredArchive(io.BytesIO(data)) as archive:
        reader = _open(data, archive)
        part = _part_of(reader, worksheet)
        _require_results(archive, part)
        merged = MergedCells(archive.measure(part).merged)
        for number, cells in _rows(reader, archive, part):
            fields = _fields(number, cells, notes)
            if fields:
                merged.take(number, fields)
                yield Record(number, fields)
        for note in merged.notes():
            notes.add(note)


@contextmanager
def _readable() -> Generator[None, None, None]:
    """Whatever goes wrong within is the file's fault."""
    try:
        yield
    except (TableError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - what openpyxl raises on a broken file is an open set
        raise TableError([Problem(f"this is not a readable XLSX workbook ({type(error).__name__})")]) from None


def _open(data: bytes, archive: MeasuredArchive) -> "ExcelReader":
    """openpyxl's reader, having read what all worksheets share, and no more: the rest can only take memory."""
    # Here: few requests need it, and importing it takes its time.
    from openpyxl.reader.excel import ExcelReader
    from openpyxl.styles.stylesheet import apply_stylesheet

    reader = ExcelReader(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    reader.archive.close()
    reader.archive = archive
    reader.read_manifest()
    reader.read_strings()
    reader.read_workbook()
    apply_stylesheet(archive, reader.wb)
    return reader


def _part_of(reader: "ExcelReader", worksheet: str | None) -> str:
    """The part of the archive that holds the worksheet."""
    parts: dict[str, str] = {}
    book: Any = reader.parser
    for sheet, relation in book.find_sheets():
        if relation.target in reader.valid_files and "chartsheet" not in relation.Type:
            parts.setdefault(sheet.name, relation.target)
    if not parts:
        raise TableError([Problem("the workbook has no worksheet")])
    if worksheet is not None and worksheet not in parts:
        names = ", ".join(list(parts)[:20])
        raise TableError([Problem(f"there is no worksheet {worksheet!r}; there are: {names}")])
    return parts[worksheet or next(iter(parts))]


def _require_results(archive: MeasuredArchive, part: str) -> None:
    """A formula without a stored result would read as an empty cell: say so instead."""
    text = "the formula has no stored result; open the workbook in a spreadsheet program and save it"
    uncomputed = archive.measure(part).uncomputed
    if uncomputed:
        raise TableError(Problem(text, line=row, column=_column(reference)) for row, reference in uncomputed)


def _column(reference: str) -> str | None:
    match = re.match(r"[A-Z]{1,3}", reference)
    return match[0] if match else None


def _rows(reader: "ExcelReader", archive: MeasuredArchive, part: str) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    from openpyxl.worksheet._reader import WorkSheetParser

    book: Any = reader.wb
    with archive.open(part) as source:
        parser = WorkSheetParser(
            source,
            reader.shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        yield from parser.parse()


def _fields(number: int, cells: list[dict[str, Any]], notes: Notes) -> list[Value]:
    filled: list[tuple[int, Value]] = []
    for cell in cells:
        value = _value(cell["value"])
        if cell["data_type"] == "e":
            text = f"{value} is an error of the workbook, and no value; the cell is left empty"
            notes.add(Problem(text, line=number, column=letters_of(cell["column"])))
        elif value is not None:
            filled.append((cell["column"], value))
    width = max((column for column, _ in filled), default=0)
    if width > MAX_COLUMN:
        text = f"a value in column {width:,}; a sheet holds at most {MAX_COLUMNS} columns"
        raise TableError([Problem(text, line=number)])
    fields: list[Value] = [None] * width
    for column, value in filled:
        fields[column - 1] = value
    return fields


def _value(value: Any) -> Value:
    match value:
        case None | "":
            return None
        case bool() | int():
            return value
        case str():
            return value.replace("_x000D_\n", "\n")  # how Excel stores the two characters of a line end
        case float() if not isfinite(value):
            return str(value)
        case float():
            return int(value) if value.is_integer() and abs(value) < 1e15 else value
        case datetime():
            return value.date() if value.time() == time() else value.isoformat(" ", "seconds")
        case date():
            return value
        case time() | timedelta():
            return str(value)
        case _:
            return str(value)
