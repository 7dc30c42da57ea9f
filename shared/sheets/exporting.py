"""Rows as CSV (RFC 4180, UTF-8), for other programs and for spreadsheets."""

import csv
import re
from collections.abc import Sequence
from io import BytesIO, StringIO
from urllib.parse import quote

from shared.errors import InvalidInput
from shared.sheets.models import Cell, Column, Row, Sheet
from shared.sheets.values import cell_text, several_of
from shared.tables.harmless import made_harmless

MAX_EXPORT_BYTES = 50_000_000

_ROWS_AT_ONCE = 500


def export_csv(sheet: Sheet, rows: Sequence[Row], max_bytes: int = MAX_EXPORT_BYTES) -> bytes:
    """A line of column titles, then a line for each row; all lines end with CRLF.

    Cells show their values rather than what Smartsheet makes of them: numbers without currency signs, ISO
    dates, contacts by address, several choices or contacts each on its own line where commas would not do. A
    text that a spreadsheet would run as a formula is made harmless. Importing the file gives the values back.
    No more is held than the result and a few rows. Raises `InvalidInput` (`export_too_large`) as soon as the
    result exceeds `max_bytes`.
    """
    whole = BytesIO()
    _write(whole, [[made_harmless(column.title) for column in sheet.columns]], max_bytes)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        lines = [_line(row, sheet.columns) for row in rows[start : start + _ROWS_AT_ONCE]]
        _write(whole, lines, max_bytes)
    return whole.getvalue()  # shares the buffer: no second copy


def content_disposition(sheet_name: str) -> str:
    """The header that offers the answer as a file named like the sheet (RFC 6266)."""
    name = re.sub(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\ud800-\udfff]+', "_", sheet_name).strip(" .")[:100] or "sheet"
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", name)
    return f"attachment; filename=\"{plain}.csv\"; filename*=UTF-8''{quote(name, safe='')}.csv"


def _write(whole: BytesIO, lines: Sequence[Sequence[str]], max_bytes: int) -> None:
    text = StringIO(newline="")
    csv.writer(text).writerows(lines)
    whole.write(text.getvalue().encode("utf-8", "replace"))
    if whole.tell() > max_bytes:
        message = f"The export exceeds {max_bytes:,} bytes. Choose fewer rows with filter or search."
        raise InvalidInput(message, code="export_too_large")


def _line(row: Row, columns: Sequence[Column]) -> list[str]:
    cells = row.cells
    return [_field(cells[column.id]) if column.id in cells else "" for column in columns]


def _field(cell: Cell) -> str:
    several = several_of(cell)
    if several:
        divided = any(mark in text for text in several for mark in ",;\n")
        return made_harmless(("\n" if divided else ", ").join(several))
    text = cell.value if isinstance(cell.value, str) else cell_text(Cell(cell.value))
    return made_harmless(text or cell_text(cell))
