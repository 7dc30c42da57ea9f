"""The rows of a table as new rows of a sheet, or everything that keeps them from being that."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.sheets.converting import Convert, Unfit, converter
from shared.sheets.input import CellInput
from shared.sheets.matching import ColumnMatch, match_columns
from shared.sheets.models import Sheet
from shared.sheets.row_size import find_oversize
from shared.tables.table import MAX_CELLS, MAX_ROWS, Record, Table

MAX_FAULTS = 100
SAMPLE_ROWS = 5

NewCells = tuple[CellInput, ...]


@dataclass(frozen=True, slots=True)
class TableFault:
    """What is wrong at a line of the file (from 1), in a column by its title; None: in all of it."""

    message: str
    line: int | None = None
    column: str | None = None


@dataclass(slots=True)
class ConvertedTable:
    """A table as rows of a sheet. `faults` are the first of `fault_count`; while there are some, `rows` are few.

    `lines` are where the `rows` begin in the file. `sample` holds the first rows by line; `empty_rows` counts rows
    without any value, which are left out. `fits` tells whether the sheet has room for all of them.
    """

    match: ColumnMatch
    row_count: int = 0
    empty_rows: int = 0
    rows: list[NewCells] = field(default_factory=list[NewCells])
    lines: list[int] = field(default_factory=list[int])
    sample: dict[int, NewCells] = field(default_factory=dict[int, NewCells])
    faults: list[TableFault] = field(default_factory=list[TableFault])
    fault_count: int = 0
    fits: bool = True

    @property
    def lacks_room_only(self) -> bool:
        """Whether nothing is wrong but that the sheet has no room; then `rows` are all."""
        return not self.fits and self.fault_count == 1

    def add_fault(self, fault: TableFault) -> None:
        """Count it, and list it while the list is short."""
        self.fault_count += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)


def convert_table(
    sheet: Sheet, table: Table, *, ignore_unknown: bool = False, keep_rows: bool = True
) -> ConvertedTable:
    """Convert every row; see `match_columns` for `ignore_unknown`. Takes seconds for big tables: call it in a thread.

    Never raises. Without `keep_rows` only the sample is held.
    """
    match = match_columns(sheet, table.titles, ignore_unknown=ignore_unknown)
    result = ConvertedTable(match)
    for fault in match.faults:
        result.add_fault(TableFault(fault.reason, table.line, fault.title))
    if not match.columns and not match.faults:
        result.add_fault(TableFault("no column of the table can be imported", table.line))
    columns = [
        (each.index, each.column.title, converter(each.column, (record.fields[each.index] for record in table.records)))
        for each in match.columns
    ]
    for record in table.records:
        faults_before = result.fault_count
        cells = tuple(_cells(record, columns, result))
        if not cells and result.fault_count == faults_before:
            result.empty_rows += 1
            continue
        oversize = find_oversize(cells)
        if oversize is not None:
            result.add_fault(TableFault(f"the row {oversize}", record.line))
        result.row_count += 1
        if len(result.sample) < SAMPLE_ROWS:
            result.sample[record.line] = cells
        if keep_rows and not result.fault_count:
            result.rows.append(cells)
            result.lines.append(record.line)
    _check_size(sheet, result)
    return result


def room_for_rows(sheet: Sheet) -> int:
    """How many rows can be added: a sheet holds 20,000 rows and 500,000 cells, empty ones included."""
    held = sheet.total_row_count
    return max(0, min(MAX_ROWS, MAX_CELLS // max(1, len(sheet.columns))) - held)


def _cells(record: Record, columns: list[tuple[int, str, Convert]], result: ConvertedTable) -> Iterator[CellInput]:
    for index, title, convert in columns:
        try:
            cell = convert(record.fields[index])
        except Unfit as unfit:
            result.add_fault(TableFault(str(unfit), record.line, title))
            continue
        if cell is not None:
            yield cell


def _check_size(sheet: Sheet, result: ConvertedTable) -> None:
    room = room_for_rows(sheet)
    if not result.row_count and not result.fault_count:
        result.add_fault(TableFault("the table has no rows with values in columns that are imported"))
    if result.row_count > room:
        result.fits = False
        text = f"the sheet has room for {room:,} more rows, and the table has {result.row_count:,}"
        result.faults.insert(0, TableFault(f"{text}; a sheet holds at most {MAX_ROWS:,} rows and {MAX_CELLS:,} cells"))
        result.fault_count += 1
        del result.faults[MAX_FAULTS:]
