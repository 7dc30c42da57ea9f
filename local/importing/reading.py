"""From a file's bytes to a table."""

from dataclasses import dataclass
from pathlib import PurePath

from local.importing.checks import make_table
from local.importing.decoding import decode
from local.importing.delimited import find_delimiter, parse
from local.importing.table import Problem, Table, TableError
from local.importing.workbook import parse_workbook

_TEXT_TYPES = (".csv", ".tsv", ".tab", ".txt", "")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the caller knows about the file; `None` means: find out."""

    encoding: str | None = None
    delimiter: str | None = None
    worksheet: str | None = None
    shorten: bool = False


@dataclass(frozen=True, slots=True)
class ReadTable:
    """A table and how it was read, in words for people."""

    table: Table
    how: str


def read_table(data: bytes, name: str, options: ReadOptions) -> ReadTable:
    """The table in a file of this name. Raises `TableError` with everything that is wrong."""
    kind = PurePath(name).suffix.lower()
    if kind in (".xlsx", ".xlsm"):
        table = make_table(parse_workbook(data, options.worksheet), pad=True, shorten=options.shorten)
        return ReadTable(table, "an XLSX workbook")
    if kind not in _TEXT_TYPES:
        raise TableError([Problem(f"{kind} files cannot be imported; CSV, TSV and XLSX files can")])
    decoded = decode(data, options.encoding)
    delimiter = options.delimiter or find_delimiter(decoded.text)
    shown = "tab" if delimiter == "\t" else repr(delimiter)
    table = make_table(parse(decoded.text, delimiter), shorten=options.shorten)
    return ReadTable(table, f"{decoded.encoding} text divided by {shown}")
