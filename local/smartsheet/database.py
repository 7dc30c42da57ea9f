"""The sandbox's SQLite file: schema, connections per thread, one writer at a time."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA_VERSION = 1

SCHEMA = f"""
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE sheets (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, owner_id INTEGER NOT NULL,
    created_at TEXT NOT NULL, modified_at TEXT NOT NULL, read_only INTEGER NOT NULL DEFAULT 0,
    dependencies INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE shares (
    sheet_id INTEGER NOT NULL, user_id INTEGER NOT NULL, level TEXT NOT NULL, PRIMARY KEY (sheet_id, user_id)
) WITHOUT ROWID;
CREATE TABLE columns (
    id INTEGER PRIMARY KEY, sheet_id INTEGER NOT NULL, position INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE INDEX columns_of_sheet ON columns (sheet_id, position);
CREATE TABLE rows (
    id INTEGER PRIMARY KEY, sheet_id INTEGER NOT NULL, number INTEGER NOT NULL, parent_id INTEGER,
    expanded INTEGER NOT NULL, locked INTEGER NOT NULL, created_at TEXT NOT NULL, created_by INTEGER NOT NULL,
    modified_at TEXT NOT NULL, modified_by INTEGER NOT NULL, has_formula INTEGER NOT NULL
);
CREATE INDEX rows_of_sheet ON rows (sheet_id, number, id, parent_id);
CREATE TABLE row_cells (row_id INTEGER PRIMARY KEY, cells TEXT NOT NULL);
CREATE TABLE writes (
    first_seq INTEGER PRIMARY KEY, count INTEGER NOT NULL, request_id TEXT NOT NULL, sheet_id INTEGER NOT NULL,
    row_id INTEGER NOT NULL, at TEXT NOT NULL, changes TEXT NOT NULL
);
CREATE TABLE webhooks (
    id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL, sheet_id INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE TABLE callbacks_due (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, webhook_id INTEGER NOT NULL, events TEXT NOT NULL
);
"""

_RESTORE = [
    "DELETE FROM writes",
    "DELETE FROM webhooks",
    "DELETE FROM callbacks_due",
    "CREATE TEMP TABLE changed AS SELECT id, version FROM main.sheets EXCEPT SELECT id, version FROM seed.sheets",
    "DELETE FROM row_cells WHERE row_id IN (SELECT id FROM rows WHERE sheet_id IN (SELECT id FROM changed))",
    "DELETE FROM rows WHERE sheet_id IN (SELECT id FROM changed)",
    "DELETE FROM columns WHERE sheet_id IN (SELECT id FROM changed)",
    "DELETE FROM shares WHERE sheet_id IN (SELECT id FROM changed)",
    "DELETE FROM sheets WHERE id IN (SELECT id FROM changed)",
    "CREATE TEMP TABLE lacking AS SELECT id FROM seed.sheets EXCEPT SELECT id FROM main.sheets",
    "INSERT INTO row_cells SELECT * FROM seed.row_cells WHERE row_id IN "
    "(SELECT id FROM seed.rows WHERE sheet_id IN (SELECT id FROM lacking))",
    "INSERT INTO rows SELECT * FROM seed.rows WHERE sheet_id IN (SELECT id FROM lacking)",
    "INSERT INTO columns SELECT * FROM seed.columns WHERE sheet_id IN (SELECT id FROM lacking)",
    "INSERT INTO shares SELECT * FROM seed.shares WHERE sheet_id IN (SELECT id FROM lacking)",
    "INSERT INTO sheets SELECT * FROM seed.sheets WHERE id IN (SELECT id FROM lacking)",
    "DROP TABLE changed",
    "DROP TABLE lacking",
]


class Database:
    """The file at `path`. Readers see the last commit and never wait; writers take turns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = threading.local()
        self._writer = threading.Lock()

    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = self._threads.connection = connect(self.path)
        return connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection whose queries all see the same commit."""
        connection = self.connection()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.rollback()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end, rolled back where an exception leaves it."""
        connection = self.connection()
        with self._writer:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.commit()
            finally:
                if connection.in_transaction:
                    connection.rollback()

    def restore(self, seed: Path) -> None:
        """Go back to the content of another file, in one transaction.

        Every change of a sheet raises its version, so only sheets whose version differs are copied.
        """
        self.connection().execute("ATTACH ? AS seed", (str(seed),))
        try:
            with self.write() as connection:
                for statement in _RESTORE:
                    connection.execute(statement)
        finally:
            self.connection().execute("DETACH seed")


def connect(path: Path) -> sqlite3.Connection:
    """A connection without implicit transactions, in WAL mode (readers beside one writer)."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -65536")
    return connection
