"""XLSX workbooks: records from one worksheet."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from local.importing.table import MAX_LISTED, Problem, Record, TableError, Value


def parse_workbook(data: bytes, worksheet: str | None = None) -> list[Record]:
    """The records of the named worksheet, of the first one unless told. Formulas give their stored results.

    Empty rows are skipped; empty cells behind the last one that is used are left out. Raises `TableError` where the
    file is no workbook, lacks the worksheet, or holds formulas that no program has computed.
    """
    _check_formulas(data, worksheet)
    return [
        Record(number, fields) for number, fields in enumerate(_rows(data, worksheet, computed=True), start=1) if fields
    ]


def _rows(data: bytes, worksheet: str | None, *, computed: bool) -> Iterator[list[Value]]:
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=computed)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise TableError([Problem(f"this is not a readable XLSX workbook ({type(error).__name__})")]) from None
    try:
        names = book.sheetnames
        if worksheet is not None and worksheet not in names:
            raise TableError([Problem(f"there is no worksheet {worksheet!r}; there are: {', '.join(names)}")])
        sheet: Any = book[worksheet or names[0]]
        sheet.reset_dimensions()  # some programs write a wrong size
        for row in sheet.iter_rows(values_only=True):
            fields = [_value(value) for value in row]
            while fields and fields[-1] is None:
                fields.pop()
            yield fields
    finally:
        book.close()


def _value(value: Any) -> Value:
    match value:
        case None | "":
            return None
        case bool() | int() | str():
            return value
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


def _check_formulas(data: bytes, worksheet: str | None) -> None:
    """A formula without a stored result would read as an empty cell: say so instead."""
    if not _mentions_formulas(data):
        return
    problems: list[Problem] = []
    pairs = zip(_rows(data, worksheet, computed=True), _rows(data, worksheet, computed=False), strict=False)
    for number, (results, sources) in enumerate(pairs, start=1):
        for index, source in enumerate(sources):
            result = results[index] if index < len(results) else None
            if result is None and isinstance(source, str) and source.startswith("="):
                text = "the formula has no stored result; open the workbook in a spreadsheet program and save it"
                problems.append(Problem(text, line=number, column=get_column_letter(index + 1)))
    if problems:
        raise TableError(problems[:MAX_LISTED])


def _mentions_formulas(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
            return any(b"<f" in archive.read(name) for name in sheets)
    except (zipfile.BadZipFile, OSError, zipfile.LargeZipFile):
        return False  # reading it will say what is wrong
