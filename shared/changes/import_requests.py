"""Importing a file over HTTP: what is asked, and what is answered."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from shared.changes.models import ChangeSetStatus, ItemState
from shared.changes.ports import ImportStarted, RowLeft
from shared.changes.views import reason
from shared.ids import ChangeSetId, ColumnId
from shared.records import Frozen
from shared.sheets.importing import ConvertedTable, NewCells, TableFault
from shared.sheets.matching import LeftOut, MatchedColumn
from shared.sheets.models import CellValue
from shared.tables.table import Notes, Problem

Encoding = Literal[
    "utf-8",
    "utf-16",
    "windows-1252",
    "iso-8859-1",
    "iso-8859-15",
    "windows-1250",
    "windows-1251",
    "windows-1253",
    "koi8-r",
    "shift_jis",
    "euc-kr",
    "big5",
    "gb18030",
]
Delimiter = Literal["comma", "semicolon", "tab", "pipe"]
FileFormat = Literal["csv", "xlsx"]


class ImportQuery(Frozen):
    """How to read the file, and what to do with it. What is left out about the file is found out."""

    dry_run: bool = Field(default=False, description="Only answer what would happen.")
    format: FileFormat | None = Field(default=None, description="What the content type says; it may be repeated here.")
    unknown_columns: Literal["refuse", "ignore"] = Field(
        default="refuse", description="What becomes of columns that the sheet does not have."
    )
    to_top: bool = Field(default=False, description="Above all rows instead of below them.")
    encoding: Encoding | None = Field(default=None, description="Of text.")
    delimiter: Delimiter | None = Field(default=None, description="Of text.")
    worksheet: str | None = Field(
        default=None, min_length=1, max_length=100, description="Of a workbook; else the first."
    )


class ImportedColumn(Frozen):
    """A column of the file, and the sheet's column that it goes into."""

    title: str
    column_id: ColumnId
    type: str

    @classmethod
    def of(cls, matched: MatchedColumn) -> "ImportedColumn":
        """The caller's view."""
        return cls(title=matched.column.title, column_id=matched.column.id, type=matched.column.type)


class SkippedColumn(Frozen):
    """A column of the file that is not imported."""

    title: str
    reason: str

    @classmethod
    def of(cls, left_out: LeftOut) -> "SkippedColumn":
        """The caller's view."""
        return cls(title=left_out.title, reason=left_out.reason)


class ImportFault(Frozen):
    """What keeps the file from being imported. `line` is where the row begins in the file, from 1."""

    line: int | None
    column: str | None
    message: str

    @classmethod
    def of(cls, fault: TableFault) -> "ImportFault":
        """The caller's view."""
        return cls(line=fault.line, column=fault.column, message=fault.message)


class ImportNote(Frozen):
    """What is in the file and not in its table, though nothing is wrong. `column` is the letter of a worksheet."""

    line: int | None
    column: str | None
    message: str

    @classmethod
    def of(cls, note: Problem) -> "ImportNote":
        """The caller's view."""
        return cls(line=note.line, column=note.column, message=note.text)


class SampleCell(Frozen):
    """A cell as it would be written."""

    column_id: ColumnId
    value: CellValue
    object_value: dict[str, Any] | None


class SampleRow(Frozen):
    """A row as it would be added."""

    line: int
    cells: tuple[SampleCell, ...]

    @classmethod
    def of(cls, line: int, cells: NewCells) -> "SampleRow":
        """The caller's view."""
        views = (
            SampleCell(column_id=cell.column_id, value=cell.value, object_value=cell.object_value) for cell in cells
        )
        return cls(line=line, cells=tuple(views))


class NotAdded(Frozen):
    """A row that is not in the sheet (`refused`), or of which nobody knows (`unknown`)."""

    line: int
    state: ItemState
    code: str
    message: str

    @classmethod
    def of(cls, left: RowLeft, lines: Sequence[int]) -> "NotAdded":
        """The caller's view; `lines` are those of all rows."""
        return cls(line=lines[left.index], state=left.state, code=left.code, message=reason(left.code))


ImportStatus = Literal["applying", "applied", "incomplete"]


class ImportReport(Frozen):
    """What became of a file, or what would. `faults` lists the first 100 of `fault_count`; a dry run alone has any.

    `change_set_id` and what follows it are there unless it was a dry run; they tell how far it was when this was
    answered.
    """

    dry_run: bool
    read_as: str = Field(description="How the file was read.")
    row_count: int = Field(description="Rows of the file that have values: those that are to be added.")
    empty_row_count: int = Field(description="Rows of the file without any value, which are left out.")
    columns: tuple[ImportedColumn, ...]
    skipped_columns: tuple[SkippedColumn, ...]
    faults: tuple[ImportFault, ...]
    fault_count: int
    notes: tuple[ImportNote, ...] = Field(
        description="Error values and merged cells of a workbook, and what became of them: the first 100 of "
        "`noteCount`."
    )
    note_count: int
    sample: tuple[SampleRow, ...]
    change_set_id: ChangeSetId | None = None
    status: ImportStatus | None = Field(
        default=None,
        description="`applying`: it goes on in the background. `applied`: all rows are in the sheet. `incomplete`: it "
        "ended, and not all rows are, or nobody knows.",
    )
    counts: dict[ItemState, int] = Field(
        default_factory=dict[ItemState, int],
        description="How many of the rows are in which state: `written` are added.",
    )
    not_added: tuple[NotAdded, ...] = Field(default=(), description="The first 100 that are refused or unknown.")

    @classmethod
    def of(cls, converted: ConvertedTable, *, read_as: str, notes: Notes, dry_run: bool) -> "ImportReport":
        """The caller's view."""
        return cls(
            dry_run=dry_run,
            read_as=read_as,
            row_count=converted.row_count,
            empty_row_count=converted.empty_rows,
            columns=tuple(map(ImportedColumn.of, converted.match.columns)),
            skipped_columns=tuple(map(SkippedColumn.of, converted.match.left_out)),
            faults=tuple(map(ImportFault.of, converted.faults)),
            fault_count=converted.fault_count,
            notes=tuple(map(ImportNote.of, notes.listed)),
            note_count=notes.count,
            sample=tuple(SampleRow.of(line, cells) for line, cells in converted.sample.items()),
        )

    def with_outcome(self, started: ImportStarted, lines: Sequence[int]) -> "ImportReport":
        """The report of an import that has begun; `lines` are those of the rows."""
        is_whole = started.counts.get("written", 0) == self.row_count
        status: ImportStatus = "incomplete" if started.status == "applied" and not is_whole else _STATUS[started.status]
        update = {
            "change_set_id": started.change_set_id,
            "status": status,
            "counts": started.counts,
            "not_added": tuple(NotAdded.of(left, lines) for left in started.left),
            "faults": (),
            "fault_count": 0,
        }
        return self.model_copy(update=update)


_STATUS: dict[ChangeSetStatus, ImportStatus] = {"approved": "applying", "applying": "applying", "applied": "applied"}
