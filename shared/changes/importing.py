"""Importing a file: its rows become new rows of a sheet, as one change-set.

file ──read──▶ table ──match columns, convert──▶ rows ──no faults──▶ `RowAdder`
     └─ unreadable: refused         └─ faults: refused, or reported by a dry run

Nothing is sent while anything is wrong with the file. From there on Smartsheet takes 500 rows a call, and may refuse
one of several: then the rows of the others stay. They are not deleted at once: an import that ends in the background
would delete rows that people already see and work with. The report says which rows are missing, and undoing the
change-set takes the others out again, except those that somebody changed.
"""

import asyncio
from dataclasses import dataclass

from shared.changes.import_requests import FileFormat, ImportQuery, ImportReport
from shared.changes.ports import ImportStarted, RowAdder
from shared.errors import FieldError, InvalidInput
from shared.identity.models import Caller
from shared.ids import SheetId
from shared.sheets.checking import require_sheet_writable
from shared.sheets.importing import MAX_FAULTS, ConvertedTable, convert_table
from shared.sheets.input import Placement
from shared.sheets.models import Sheet
from shared.sheets.service import SheetService
from shared.tables.reading import Kind, ReadOptions, read_table
from shared.tables.table import Notes, Problem, TableError

FORMATS: dict[str, FileFormat] = {
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
"""The content types of files that can be imported."""

_KINDS: dict[FileFormat, Kind] = {"csv": "text", "xlsx": "workbook"}
_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_FILES_AT_ONCE = 2  # a file of the greatest size takes some hundred megabytes while it is read


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that was read and converted."""

    converted: ConvertedTable
    how: str
    notes: Notes


class ImportService:
    """Takes files into sheets."""

    def __init__(self, sheets: SheetService, rows: RowAdder) -> None:
        self._sheets = sheets
        self._rows = rows
        self._room = asyncio.Semaphore(_FILES_AT_ONCE)

    async def run(
        self,
        caller: Caller,
        sheet_id: SheetId,
        content: bytes,
        content_type: str,
        query: ImportQuery,
        *,
        idempotency_key: str | None = None,
    ) -> ImportReport:
        """Import a file, or say what would become of it.

        Raises `InvalidInput`: `unreadable_table`, and but in a dry run `sheet_full` or `import_faults`, and
        `import_refused` when Smartsheet took none of the rows; the errors name `lines.{n}.{column title}`. Raises
        `Forbidden` (`sheet_read_only`), what `SheetService.open` raises, and what adding rows raises.
        """
        options = _options(content_type, query)
        sheet = await self._sheets.open(caller, sheet_id)
        require_sheet_writable(sheet)
        async with self._room:
            kind = _KINDS[FORMATS[content_type]]
            read = await asyncio.to_thread(_read, sheet, content, kind, options, query)
            report = ImportReport.of(read.converted, read_as=read.how, notes=read.notes, dry_run=query.dry_run)
            if query.dry_run:
                return report
            placement = Placement(to_top=True) if query.to_top else Placement(to_bottom=True)
            started = await self._start(caller, sheet_id, read.converted, placement, idempotency_key)
        told = report.with_outcome(started, read.converted.lines)
        if told.counts == {"refused": told.row_count}:
            raise _refused(told)
        return told

    async def _start(
        self, caller: Caller, sheet_id: SheetId, converted: ConvertedTable, placement: Placement, key: str | None
    ) -> ImportStarted:
        rows = converted.rows
        if not converted.fault_count:
            return await self._rows.add_rows(caller, sheet_id, rows, placement=placement, idempotency_key=key)
        if key is not None and converted.lacks_room_only:  # perhaps because these rows are in it already
            repeated = await self._rows.find_repeated(caller, sheet_id, rows, placement=placement, idempotency_key=key)
            if repeated is not None:
                return repeated
        raise _refusal(converted)


def _options(content_type: str, query: ImportQuery) -> ReadOptions:
    known = FORMATS[content_type]
    if query.format not in (None, known):
        message = f"must be {known}, as the content type says, or left out"
        raise InvalidInput(f"format: {message}.", errors=(FieldError("format", message),))
    delimiter = query.delimiter or ("tab" if content_type == "text/tab-separated-values" else None)
    return ReadOptions(query.encoding, None if delimiter is None else _DELIMITERS[delimiter], query.worksheet)


def _read(sheet: Sheet, content: bytes, kind: Kind, options: ReadOptions, query: ImportQuery) -> _Read:
    try:
        read = read_table(content, kind, options)
    except TableError as error:
        faults = tuple(_unreadable(problem) for problem in error.problems)
        raise InvalidInput("The file cannot be read as a table.", code="unreadable_table", errors=faults) from None
    ignore = query.unknown_columns == "ignore"
    converted = convert_table(sheet, read.table, ignore_unknown=ignore, keep_rows=not query.dry_run)
    return _Read(converted, read.how, read.notes)


def _unreadable(problem: Problem) -> FieldError:
    return FieldError(_field(problem.line, problem.column), problem.text)


def _refusal(converted: ConvertedTable) -> InvalidInput:
    count = converted.fault_count
    told = f"{count:,} faults; the first {MAX_FAULTS} are listed" if count > MAX_FAULTS else f"{count} faults"
    errors = tuple(FieldError(_field(fault.line, fault.column), fault.message) for fault in converted.faults)
    code = "import_faults" if converted.fits else "sheet_full"
    return InvalidInput(f"Nothing was imported: {'1 fault' if count == 1 else told}.", code=code, errors=errors)


def _refused(report: ImportReport) -> InvalidInput:
    errors = tuple(FieldError(_field(row.line, None), row.message) for row in report.not_added)
    detail = f"Nothing was imported: Smartsheet took none of the {report.row_count:,} rows."
    return InvalidInput(detail, code="import_refused", errors=errors)


def _field(line: int | None, column: str | None) -> str:
    if line is None:
        return "body"
    return f"lines.{line}" if column is None else f"lines.{line}.{column}"
