"""Rows as the database keeps them."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from local.smartsheet.cells import Fragments, join_cells, split_cells
from local.smartsheet.rows.outline import Outline

_BATCH = 500
_SELECT = """
SELECT id, number, parent_id, expanded, locked, created_at, created_by, modified_at, modified_by, cells
FROM rows JOIN row_cells ON row_id = id
"""
RowTuple = tuple[int, int, int | None, int, int, str, int, str, int, str]
"""id, number, parent, expanded, locked, created at/by, modified at/by, stored cells."""


@dataclass(slots=True)
class Row:
    """A row while a call works on it. `cells` are stored fragments by column id."""

    id: int
    number: int
    parent_id: int | None
    expanded: bool
    locked: bool
    created_at: str
    created_by: int
    modified_at: str
    modified_by: int
    cells: Fragments = field(default_factory=dict)

    @property
    def has_formula(self) -> bool:
        """Whether any cell shows a formula's value."""
        return any(',"formula":' in fragment for fragment in self.cells.values())


def read_rows(connection: sqlite3.Connection, sheet_id: int) -> Iterator[RowTuple]:
    """All rows of a sheet in display order, cells unparsed."""
    return connection.execute(f"{_SELECT} WHERE sheet_id = ? ORDER BY number", (sheet_id,))


def read_rows_by_id(connection: sqlite3.Connection, sheet_id: int, row_ids: Sequence[int]) -> list[RowTuple]:
    """The named rows of a sheet in display order; unknown ids are left out."""
    found: list[RowTuple] = []
    for start in range(0, len(row_ids), _BATCH):
        batch = row_ids[start : start + _BATCH]
        marks = ",".join("?" * len(batch))
        found += connection.execute(f"{_SELECT} WHERE id IN ({marks}) AND sheet_id = ?", (*batch, sheet_id))
    return sorted(found, key=lambda row: row[1])


def load_rows(connection: sqlite3.Connection, sheet_id: int, row_ids: Sequence[int]) -> dict[int, Row]:
    """The named rows of a sheet, by id."""
    return {found[0]: row_of(found) for found in read_rows_by_id(connection, sheet_id, row_ids)}


def row_of(record: RowTuple) -> Row:
    """A row with its cells split."""
    row_id, number, parent_id, expanded, locked, created_at, created_by, modified_at, modified_by, cells = record
    return Row(
        row_id,
        number,
        parent_id,
        bool(expanded),
        bool(locked),
        created_at,
        created_by,
        modified_at,
        modified_by,
        split_cells(cells),
    )


def load_outline(connection: sqlite3.Connection, sheet_id: int) -> Outline:
    """The order and hierarchy of a sheet's rows."""
    return Outline(connection.execute("SELECT id, parent_id FROM rows WHERE sheet_id = ? ORDER BY number", (sheet_id,)))


def count_rows(connection: sqlite3.Connection, sheet_id: int) -> int:
    """How many rows a sheet has."""
    return connection.execute("SELECT count(*) FROM rows WHERE sheet_id = ?", (sheet_id,)).fetchone()[0]


def insert_rows(connection: sqlite3.Connection, sheet_id: int, rows: Iterable[Row]) -> None:
    """Store new rows."""
    rows = list(rows)
    connection.executemany(
        "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                row.id,
                sheet_id,
                row.number,
                row.parent_id,
                row.expanded,
                row.locked,
                row.created_at,
                row.created_by,
                row.modified_at,
                row.modified_by,
                row.has_formula,
            )
            for row in rows
        ],
    )
    connection.executemany("INSERT INTO row_cells VALUES (?, ?)", [(row.id, join_cells(row.cells)) for row in rows])


def update_rows(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Store rows as they are now, except number and parent (`save_outline` stores those)."""
    rows = list(rows)
    connection.executemany(
        "UPDATE rows SET expanded = ?, locked = ?, modified_at = ?, modified_by = ?, has_formula = ? WHERE id = ?",
        [(row.expanded, row.locked, row.modified_at, row.modified_by, row.has_formula, row.id) for row in rows],
    )
    connection.executemany(
        "UPDATE row_cells SET cells = ? WHERE row_id = ?", [(join_cells(row.cells), row.id) for row in rows]
    )


def delete_rows(connection: sqlite3.Connection, row_ids: Sequence[int]) -> None:
    """Remove rows and their cells."""
    keys = [(row_id,) for row_id in row_ids]
    connection.executemany("DELETE FROM rows WHERE id = ?", keys)
    connection.executemany("DELETE FROM row_cells WHERE row_id = ?", keys)


def save_outline(connection: sqlite3.Connection, sheet_id: int, outline: Outline) -> None:
    """Store the row numbers and parents that differ from the stored ones."""
    query = "SELECT id, number, parent_id FROM rows WHERE sheet_id = ?"
    stored = {row_id: (number, parent_id) for row_id, number, parent_id in connection.execute(query, (sheet_id,))}
    connection.executemany(
        "UPDATE rows SET number = ?, parent_id = ? WHERE id = ?",
        [
            (number, parent_id, row_id)
            for number, (row_id, parent_id) in enumerate(outline.entries, start=1)
            if stored.get(row_id) != (number, parent_id)
        ],
    )
