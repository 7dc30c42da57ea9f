"""From a file's bytes to a table."""

from dataclasses import dataclass, field
from typing import Literal

from shared.tables.checks import make_table
from shared.tables.decoding import decode
from shared.tables.delimited import find_delimiter, parse
from shared.tables.table import Notes, Problem, Table, TableError
from shared.tables.workbook import parse_workbook

Kind = Literal["text", "workbook"]

MAX_FILE_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the caller knows about the file; `None` means: find out."""

    encoding: str | None = None
    delimiter: str | None = None
    worksheet: str | None = None


@dataclass(frozen=True, slots=True)
class ReadTable:
    """A table, how it was read, in words for people, and what of the file is not in it."""

    table: Table
    how: str
    notes: Notes = field(default_factory=Notes)


def read_table(data: bytes, kind: Kind, options: ReadOptions) -> ReadTable:
    """The table in a file. Takes up to some seconds: call it in a thread.

    Memory is bounded: by `MAX_FILE_BYTES`, by what a workbook may unpack to, and by what a sheet holds. Raises
    `TableError` with everything that is wrong, and nothing else.
    """
    if len(data) > MAX_FILE_BYTES:
        raise TableError([Problem(f"the file has {len(data):,} bytes; at most {MAX_FILE_BYTES:,} are read")])
    if kind == "workbook":
        notes = Notes()
        table = make_table(parse_workbook(data, notes, options.worksheet), pad=True)
        return ReadTable(table, "an XLSX workbook", notes)
    decoded = decode(data, options.encoding)
    delimiter = options.delimiter or find_delimiter(decoded.text)
    shown = "tab" if delimiter == "\t" else repr(delimiter)
    return ReadTable(make_table(parse(decoded.text, delimiter)), f"{decoded.encoding} text divided by {shown}")
