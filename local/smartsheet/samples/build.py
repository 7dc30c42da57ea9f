"""From a sample's description to rows in the database."""

import csv
import random
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from local.smartsheet.access import Sheet, insert_sheet, save_columns
from local.smartsheet.accounts import OWNER, User
from local.smartsheet.cells import Cell, Fragments, read_fragment
from local.smartsheet.change import SheetChange
from local.smartsheet.columns import Column
from local.smartsheet.project import RowFinder
from local.smartsheet.rows.derived import Recalculation, stamp_changed, stamp_new
from local.smartsheet.rows.outline import Outline
from local.smartsheet.rows.records import Row, insert_rows
from local.smartsheet.values import Rules, read_value

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A row: cells by column title; `parent` is the index of the parent row, which comes earlier."""

    cells: dict[str, Cell]
    parent: int | None = None
    locked: bool = False
    created_at: str = "2025-09-01T08:00:00Z"
    modified_at: str = "2025-11-03T09:30:00Z"


@dataclass(frozen=True, slots=True)
class Sample:
    """A sheet and its rows. `seed` decides its ids; `shares` maps user ids to access levels."""

    seed: str
    name: str
    columns: Sequence[Column]
    rows: Iterable[SampleRow]
    owner: User = OWNER
    shares: dict[int, str] = field(default_factory=dict)
    read_only: bool = False
    dependencies: bool = False


class SampleIds:
    """Ids that look like Smartsheet's and are the same on every machine."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(f"ids of {seed}")

    def next(self) -> int:
        """The next id, of 53 to 60 bits."""
        return self._random.randrange(2**52, 2**59)


def read_table(name: str) -> list[dict[str, str]]:
    """A sample's hand-written rows, from `data/<name>.csv`, by column title."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def store_sample(connection: sqlite3.Connection, sample: Sample) -> None:
    """Write a sample sheet into an empty place of the database."""
    ids = SampleIds(sample.seed)
    columns = [replace(column, id=ids.next()) for column in sample.columns]
    at = "2025-11-03T09:30:00Z"
    sheet = Sheet(
        ids.next(),
        sample.name,
        1,
        sample.owner.id,
        "2025-09-01T08:00:00Z",
        at,
        sample.read_only,
        sample.dependencies,
        "OWNER",
    )
    insert_sheet(connection, sheet, columns, sample.shares)
    rows, columns = _rows(sample, columns, ids)
    outline = Outline((row.id, row.parent_id) for row in rows)
    _link_predecessors(columns, rows, RowFinder(outline.row_at, outline.number_of))
    change = SheetChange(connection, sheet, sample.owner, "samples", at=at)
    Recalculation(change, outline, {row.id: row for row in rows}).run(_with_derived_values(sheet, rows))
    insert_rows(connection, sheet.id, rows)
    save_columns(connection, sheet.id, columns)


def _with_derived_values(sheet: Sheet, rows: list[Row]) -> list[int]:
    return [row.id for row in rows if sheet.dependencies or row.has_formula]


def _link_predecessors(columns: list[Column], rows: list[Row], finder: RowFinder) -> None:
    """Give predecessors, written as text with row numbers, the ids of those rows."""
    for column in columns:
        for row in rows:
            if column.type == "PREDECESSOR" and column.id in row.cells:
                text = read_fragment(row.cells[column.id]).value
                row.cells[column.id] = read_value(column, text, Rules(rows=finder)).fragment()


def _rows(sample: Sample, columns: list[Column], ids: SampleIds) -> tuple[list[Row], list[Column]]:
    id_by_title = {column.title: column.id for column in columns}
    rows: list[Row] = []
    for number, given in enumerate(sample.rows, start=1):
        cells: Fragments = {
            id_by_title[title]: cell.fragment() for title, cell in given.cells.items() if not cell.empty
        }
        parent_id = None if given.parent is None else rows[given.parent].id
        owner = sample.owner.id
        row = Row(
            ids.next(), number, parent_id, True, given.locked, given.created_at, owner, given.modified_at, owner, cells
        )
        columns = stamp_new(columns, row, sample.owner, given.created_at)
        stamp_changed(columns, row, sample.owner, given.modified_at)
        rows.append(row)
    return rows, columns
