"""From records to a table, or to everything that is wrong with it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.tables.table import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_LISTED,
    MAX_ROWS,
    Problem,
    Record,
    Table,
    TableError,
    Value,
    line_of,
)

MAX_COUNTED = 200_000  # records: whoever sends more is told only that there are more
MAX_FIELDS_HELD = 4_000_000  # with the empty ones, eight bytes each


def make_table(records: Iterable[Record], *, pad: bool = False) -> Table:
    """The table whose first record is the header.

    `pad` fills short records (worksheets leave out empty cells). Empty columns without a title at the end are
    dropped. Holds no more than a sheet does, however many records there are. Raises `TableError`.
    """
    found = _Gathered()
    found.take(records)
    if not found.records:
        raise TableError([Problem("the file is empty: the first line must hold the column titles")])
    header, rows = found.records[0], found.records[1:]
    width = max((_used(record) for record in found.records), default=0)
    titles = [_title(each) for each in header.fields[:width]]
    problems = _title_problems(header, titles)
    problems += _size_problems(len(titles), found.count - 1)
    rows = [_fitted(row, len(header.fields), len(titles), pad=pad) for row in rows]
    for row in rows:
        if len(problems) >= MAX_LISTED:
            break
        if len(row.fields) != len(titles):
            problems.append(_ragged(row, len(titles)))
    if problems:
        raise TableError(problems[:MAX_LISTED])
    return Table(titles, rows, header.line)


@dataclass(slots=True)
class _Gathered:
    """The records that a sheet can hold, and how many there are beyond."""

    records: list[Record] = field(default_factory=list[Record])
    count: int = 0
    _filled: int = 0
    _fields: int = 0

    def take(self, records: Iterable[Record]) -> None:
        for record in records:
            self.count += 1
            if self.count > MAX_COUNTED:
                return
            if self.count > MAX_ROWS + 1 or self._filled > MAX_CELLS + MAX_COLUMNS:
                continue  # too large whatever follows: from here on they are only counted
            self.records.append(record)
            self._filled += len(record.fields) - record.fields.count(None)
            self._fields += len(record.fields)
            if self._fields > MAX_FIELDS_HELD:
                text = f"more than {MAX_FIELDS_HELD:,} fields up to here; a sheet holds at most {MAX_CELLS:,} cells"
                raise TableError([Problem(text, line=record.line)])


def _used(record: Record) -> int:
    """How many fields a record has, not counting empty ones at its end."""
    count = len(record.fields)
    while count and record.fields[count - 1] is None:
        count -= 1
    return count


def _title(value: Value) -> str:
    return " ".join(str(value).split()) if value is not None else ""


def _fitted(row: Record, header_fields: int, columns: int, *, pad: bool) -> Record:
    if pad and len(row.fields) < columns:
        return Record(row.line, [*row.fields, *[None] * (columns - len(row.fields))])
    if len(row.fields) == header_fields and header_fields > columns:
        return Record(row.line, row.fields[:columns])
    return row


def _title_problems(header: Record, titles: list[str]) -> list[Problem]:
    problems: list[Problem] = []
    first_use: dict[str, int] = {}
    for number, title in enumerate(titles, start=1):
        if len(problems) >= MAX_LISTED:
            break
        if not title:
            problems.append(Problem("the column has no title", line=line_of(header, number - 1), column=str(number)))
        elif title in first_use:
            text = f"the title {_shown(title)} is already that of column {first_use[title]}"
            problems.append(Problem(text, line=line_of(header, number - 1), column=str(number)))
        first_use.setdefault(title, number)
    return problems


def _shown(title: str) -> str:
    return repr(title if len(title) <= 100 else f"{title[:99]}…")


def _size_problems(columns: int, rows: int) -> list[Problem]:
    limits = [("columns", columns, MAX_COLUMNS), ("rows", rows, MAX_ROWS), ("cells", columns * rows, MAX_CELLS)]
    more = "more than " if rows >= MAX_COUNTED else ""
    return [
        Problem(f"the table has {more if what != 'columns' else ''}{size:,} {what}; a sheet holds at most {limit:,}")
        for what, size, limit in limits
        if size > limit
    ]


def _ragged(row: Record, expected: int) -> Problem:
    found = len(row.fields)
    what = "too many" if found > expected else "too few"
    return Problem(f"{what} fields: {found} instead of {expected}", line=row.line, column=str(min(found, expected) + 1))
