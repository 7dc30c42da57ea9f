"""A file of a known name as a table that a new sheet can hold."""

from dataclasses import replace
from pathlib import PurePath

from shared.tables.reading import Kind, ReadOptions, ReadTable, read_table
from shared.tables.table import MAX_LISTED, Problem, Record, Table, TableError, Value, line_of

MAX_TITLE = 50
MAX_TEXT = 4_000
SHORTENED = " […]"

_KINDS: dict[str, Kind] = {
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".csv": "text",
    ".tsv": "text",
    ".tab": "text",
    ".txt": "text",
    "": "text",
}


def read_file(data: bytes, name: str, options: ReadOptions, *, shorten: bool = False) -> ReadTable:
    """The table in a file of this name. Raises `TableError` with everything that is wrong.

    `shorten` cuts values over 4,000 characters and marks the cut.
    """
    suffix = PurePath(name).suffix.lower()
    kind = _KINDS.get(suffix)
    if kind is None:
        raise TableError([Problem(f"{suffix} files cannot be imported; CSV, TSV and XLSX files can")])
    read = read_table(data, kind, options)
    return replace(read, table=_fitted(read.table, shorten=shorten))


def _fitted(table: Table, *, shorten: bool) -> Table:
    problems = [
        Problem(
            f"the title has {len(title)} characters; Smartsheet allows {MAX_TITLE}: {title!r}",
            line=table.line,
            column=str(number),
        )
        for number, title in enumerate(table.titles, start=1)
        if len(title) > MAX_TITLE
    ]
    for record in table.records if not shorten else ():
        if len(problems) >= MAX_LISTED:
            break
        problems += _long_values(record, table.titles)
    if problems:
        raise TableError(problems[:MAX_LISTED])
    if not shorten:
        return table
    records = [Record(record.line, [_shortened(value) for value in record.fields]) for record in table.records]
    return replace(table, records=records)


def _long_values(record: Record, titles: list[str]) -> list[Problem]:
    return [
        Problem(
            f"the value has {len(value):,} characters; a cell holds at most {MAX_TEXT:,} (--shorten cuts and marks it)",
            line=line_of(record, index),
            column=repr(titles[index]),
        )
        for index, value in enumerate(record.fields)
        if isinstance(value, str) and len(value) > MAX_TEXT
    ]


def _shortened(value: Value) -> Value:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return value[: MAX_TEXT - len(SHORTENED)] + SHORTENED
    return value
