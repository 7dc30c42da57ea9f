"""Sheets as stored, and who may do what with one."""

import json
import sqlite3
from dataclasses import dataclass, replace

from local.smartsheet.accounts import User
from local.smartsheet.columns import Column
from local.smartsheet.errors import ApiError
from local.smartsheet.wire import encode

LEVELS = ("VIEWER", "COMMENTER", "EDITOR", "EDITOR_SHARE", "ADMIN", "OWNER")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet and the caller's access to it. `dependencies` marks a project sheet (its end dates are computed)."""

    id: int
    name: str
    version: int
    owner_id: int
    created_at: str
    modified_at: str
    read_only: bool
    dependencies: bool
    level: str

    def allows(self, level: str) -> bool:
        """Whether the caller's access reaches `level`."""
        return LEVELS.index(self.level) >= LEVELS.index(level)

    def require(self, level: str) -> None:
        """Raises 1004 where the caller's access does not reach `level`, 1045 where nobody may change the sheet."""
        if not self.allows(level):
            raise ApiError(1004)
        if self.read_only and level != "VIEWER":
            raise ApiError(1045)


_SELECT = """
SELECT s.id, name, version, owner_id, created_at, modified_at, read_only, dependencies, level
FROM sheets s JOIN shares ON shares.sheet_id = s.id AND shares.user_id = ?
"""


def list_sheets(connection: sqlite3.Connection, user: User) -> list[Sheet]:
    """The sheets that a user may open, by name."""
    return [_sheet(row) for row in connection.execute(_SELECT + "ORDER BY name, s.id", (user.id,))]


def open_sheet(connection: sqlite3.Connection, user: User, sheet_id: int) -> Sheet:
    """A sheet that the user may see. Raises 1006 for a sheet that is missing or not shared, alike."""
    row = connection.execute(_SELECT + "WHERE s.id = ?", (user.id, sheet_id)).fetchone()
    if row is None:
        raise ApiError(1006)
    return _sheet(row)


def load_columns(connection: sqlite3.Connection, sheet_id: int) -> list[Column]:
    """A sheet's columns in display order."""
    rows = connection.execute("SELECT body FROM columns WHERE sheet_id = ? ORDER BY position", (sheet_id,))
    return [Column(**json.loads(body)) for (body,) in rows]


def save_columns(connection: sqlite3.Connection, sheet_id: int, columns: list[Column]) -> None:
    """Put these columns, in this order, in place of the sheet's columns."""
    connection.execute("DELETE FROM columns WHERE sheet_id = ?", (sheet_id,))
    connection.executemany(
        "INSERT INTO columns (id, sheet_id, position, body) VALUES (?, ?, ?, ?)",
        [(column.id, sheet_id, position, encode(column.stored())) for position, column in enumerate(columns)],
    )


def insert_sheet(connection: sqlite3.Connection, sheet: Sheet, columns: list[Column], shares: dict[int, str]) -> None:
    """Store a new sheet. `shares` maps user id to access level; the owner is added."""
    connection.execute(
        "INSERT INTO sheets VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            sheet.id,
            sheet.name,
            sheet.version,
            sheet.owner_id,
            sheet.created_at,
            sheet.modified_at,
            sheet.read_only,
            sheet.dependencies,
        ),
    )
    everyone = shares | {sheet.owner_id: "OWNER"}
    connection.executemany("INSERT INTO shares VALUES (?, ?, ?)", [(sheet.id, *share) for share in everyone.items()])
    save_columns(connection, sheet.id, columns)


def delete_sheet(connection: sqlite3.Connection, sheet_id: int) -> None:
    """Remove a sheet with everything in it; its webhooks are the caller's business."""
    connection.execute("DELETE FROM row_cells WHERE row_id IN (SELECT id FROM rows WHERE sheet_id = ?)", (sheet_id,))
    for table in ("rows", "columns", "shares"):
        connection.execute(f"DELETE FROM {table} WHERE sheet_id = ?", (sheet_id,))  # noqa: S608 - fixed names
    connection.execute("DELETE FROM sheets WHERE id = ?", (sheet_id,))


def _sheet(row: tuple[int, str, int, int, str, str, int, int, str]) -> Sheet:
    sheet_id, name, version, owner_id, created_at, modified_at, read_only, dependencies, level = row
    sheet = Sheet(
        sheet_id, name, version, owner_id, created_at, modified_at, bool(read_only), bool(dependencies), level
    )
    # A read-only sheet shows everybody but its owner as a viewer.
    return replace(sheet, level="VIEWER") if sheet.read_only and level != "OWNER" else sheet
