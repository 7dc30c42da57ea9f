"""Workbooks, also such as no spreadsheet program writes."""

import io
import zipfile
from typing import Any

import openpyxl

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"


def workbook(
    rows: list[list[Any]],
    *,
    title: str = "Data",
    more: dict[str, list[list[Any]]] | None = None,
    merged: tuple[str, ...] = (),
) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for cells in merged:
        sheet.merge_cells(cells)
    for name, others in (more or {}).items():
        extra = book.create_sheet(name)
        for row in others:
            extra.append(row)
    stream = io.BytesIO()
    book.save(stream)
    book.close()
    return stream.getvalue()


def with_parts(parts: dict[str, bytes], *, packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A small workbook of which these parts are replaced, or added."""
    whole = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook([["A"], ["x"]]))) as old,
        zipfile.ZipFile(whole, "w", packed) as new,
    ):
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, part in parts.items():
            new.writestr(name, part)
    return whole.getvalue()


def worksheet(rows: str) -> bytes:
    """The part of a worksheet with this XML in the place of its rows."""
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'.encode()


def text_cell(text: str, reference: str = "A1") -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'
