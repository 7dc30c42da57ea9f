"""From records to a table that Smartsheet can hold, or to everything that is wrong with it."""

from collections.abc import Iterable

from local.importing.table import MAX_LISTED, Problem, Record, Table, TableError, Value, line_of

MAX_COLUMNS = 400
MAX_ROWS = 20_000
MAX_CELLS = 500_000
MAX_TITLE = 50
MAX_TEXT = 4_000
SHORTENED = " […]"


def make_table(records: Iterable[Record], *, pad: bool = False, shorten: bool = False) -> Table:
    """The table whose first record is the header.

    `pad` fills short records (worksheets leave out empty cells); `shorten` cuts values over 4,000 characters and
    marks the cut. Empty columns without a title at the end are dropped. Raises `TableError`.
    """
    found = list(records)
    if not found:
        raise TableError([Problem("the file is empty: the first line must hold the column titles")])
    header, rows = found[0], found[1:]
    width = max((_used(record) for record in found), default=0)
    titles = [_title(field) for field in header.fields[:width]]
    problems = _title_problems(header, titles)
    rows = [_fitted(row, len(header.fields), len(titles), pad=pad) for row in rows]
    problems += _size_problems(len(titles), len(rows))
    for row in rows:
        if len(problems) >= MAX_LISTED:
            break
        if len(row.fields) != len(titles):
            problems.append(_ragged(row, len(titles)))
        elif not shorten:
            problems += _long_values(row, titles)
    if problems:
        raise TableError(problems[:MAX_LISTED])
    if shorten:
        rows = [Record(row.line, [_shortened(field) for field in row.fields]) for row in rows]
    return Table(titles, rows)


def _used(record: Record) -> int:
    """How many fields a record has, not counting empty ones at its end."""
    count = len(record.fields)
    while count and record.fields[count - 1] is None:
        count -= 1
    return count


def _title(field: Value) -> str:
    return " ".join(str(field).split()) if field is not None else ""


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
        line = line_of(header, number - 1)
        if not title:
            problems.append(Problem("the column has no title", line=line, column=str(number)))
        elif len(title) > MAX_TITLE:
            text = f"the title has {len(title)} characters; Smartsheet allows {MAX_TITLE}: {title!r}"
            problems.append(Problem(text, line=line, column=str(number)))
        elif title in first_use:
            text = f"the title {title!r} is already that of column {first_use[title]}"
            problems.append(Problem(text, line=line, column=str(number)))
        first_use.setdefault(title, number)
    return problems


def _size_problems(columns: int, rows: int) -> list[Problem]:
    limits = [("columns", columns, MAX_COLUMNS), ("rows", rows, MAX_ROWS), ("cells", columns * rows, MAX_CELLS)]
    return [
        Problem(f"the table has {size:,} {what}; a sheet holds at most {limit:,}")
        for what, size, limit in limits
        if size > limit
    ]


def _ragged(row: Record, expected: int) -> Problem:
    found = len(row.fields)
    what = "too many" if found > expected else "too few"
    return Problem(f"{what} fields: {found} instead of {expected}", line=row.line, column=str(min(found, expected) + 1))


def _long_values(row: Record, titles: list[str]) -> list[Problem]:
    return [
        Problem(
            f"the value has {len(field):,} characters; a cell holds at most {MAX_TEXT:,} (--shorten cuts and marks it)",
            line=line_of(row, index),
            column=repr(titles[index]),
        )
        for index, field in enumerate(row.fields)
        if isinstance(field, str) and len(field) > MAX_TEXT
    ]


def _shortened(field: Value) -> Value:
    if isinstance(field, str) and len(field) > MAX_TEXT:
        return field[: MAX_TEXT - len(SHORTENED)] + SHORTENED
    return field
