"""A table as read from a file, and what can be wrong with one."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

Value = str | int | float | bool | date | None
"""A cell: CSV gives texts and `None`; XLSX also numbers, booleans and dates."""

MAX_LISTED = 20
MAX_NOTED = 100

MAX_COLUMNS = 400  # what a sheet holds
MAX_ROWS = 20_000
MAX_CELLS = 500_000


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the file. `line` (from 1) is where it begins."""

    line: int
    fields: list[Value]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns by title, and the records below the header, each with one field per column. `line` is the header's."""

    titles: list[str]
    records: list[Record]
    line: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `line` is in the file; `column` is a title, or a number where there is no title."""

    text: str
    line: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        where = [f"line {self.line}"] if self.line is not None else []
        where += [f"column {self.column}"] if self.column is not None else []
        return f"{', '.join(where)}: {self.text}" if where else self.text


class TableError(Exception):
    """The file cannot be read as a table. `problems` holds the first `MAX_LISTED` reasons."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(map(str, self.problems)))


@dataclass(slots=True)
class Notes:
    """What is in a file and not in its table, though nothing is wrong; `listed` are the first of `count`."""

    listed: list[Problem] = field(default_factory=list[Problem])
    count: int = 0

    def add(self, note: Problem) -> None:
        """Count it, and list it while the list is short."""
        self.count += 1
        if len(self.listed) < MAX_NOTED:
            self.listed.append(note)


def line_of(record: Record, index: int) -> int:
    """The line on which a field of a record begins."""
    before = [field for field in record.fields[:index] if isinstance(field, str)]
    return record.line + sum(count_lines(field) for field in before)


def count_lines(text: str) -> int:
    """How many line ends a text contains (`\\n`, `\\r\\n` and `\\r` count as one each)."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")
