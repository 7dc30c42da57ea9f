"""The one thread that writes to the database: group commit, and patience with a full disk."""

import asyncio
import contextlib
import fcntl
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from local.functions_host.durable.errors import StorageFull, StorageLocked

T = TypeVar("T")
logger = logging.getLogger(__name__)
STORAGE_ERRORS = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
}
VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, name TEXT NOT NULL, version TEXT, status TEXT NOT NULL,
    input TEXT, output TEXT, custom_status TEXT, created_at REAL NOT NULL, updated_at REAL NOT NULL,
    parent_id TEXT, parent_execution_id TEXT, parent_task_id INTEGER, progress TEXT);
CREATE INDEX IF NOT EXISTS instances_by_age ON instances (created_at, id);
CREATE TABLE IF NOT EXISTS history (
    instance_id TEXT NOT NULL, position INTEGER NOT NULL, event TEXT NOT NULL,
    PRIMARY KEY (instance_id, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inbox (seq INTEGER PRIMARY KEY, instance_id TEXT NOT NULL, event TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS inbox_by_instance ON inbox (instance_id);
CREATE TABLE IF NOT EXISTS work (
    seq INTEGER PRIMARY KEY, instance_id TEXT NOT NULL, execution_id TEXT NOT NULL, task_id INTEGER NOT NULL,
    name TEXT NOT NULL, input TEXT);
CREATE INDEX IF NOT EXISTS work_by_instance ON work (instance_id);
CREATE TABLE IF NOT EXISTS timers (
    instance_id TEXT NOT NULL, task_id INTEGER NOT NULL, due REAL NOT NULL,
    PRIMARY KEY (instance_id, task_id)) WITHOUT ROWID;
"""


@dataclass(slots=True)
class _Unit:
    run: Callable[[sqlite3.Connection], Any]
    then: Callable[[Any], None] | None
    refusable: bool
    future: asyncio.Future[Any]


class Writer:
    """Runs units of work on the database, each all or nothing, as many per transaction as are waiting.

    `problem` says why the last write failed (None: it went well). A unit that finds the disk full waits
    until there is room, unless it is refusable. `on_recovery` is called on the event loop.
    """

    def __init__(self, database: Path, retry_seconds: float, *, on_recovery: Callable[[], None]) -> None:
        self.problem: str | None = None
        self._database = database
        self._retry_seconds = retry_seconds
        self._on_recovery = on_recovery
        self._queue: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._waiting: list[_Unit] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Lock and open the database and start the thread; raises StorageLocked where that cannot be."""
        self._loop = asyncio.get_running_loop()
        self._database.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._database.with_name(self._database.name + ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise StorageLocked(f"another host is working on {self._database}") from None
        self._db = connect(self._database)
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, VERSION):
            self._db.close()
            self._lock.close()
            raise StorageLocked(
                f"{self._database} has format {version}, this host writes format {VERSION}; move it away"
            )
        self._db.executescript(f"PRAGMA journal_mode = WAL; {SCHEMA} PRAGMA user_version = {VERSION};")
        self._thread = threading.Thread(target=self._serve, name="durable-writer", daemon=True)
        self._thread.start()

    @property
    def stuck(self) -> bool:
        """Whether units are waiting for room on the disk."""
        return self.problem is not None and bool(self._waiting)

    async def close(self, seconds: float) -> None:
        """Write what is waiting, then close; after so many seconds leave the thread to end on its own."""
        if self._thread is not None:
            self._stopping.set()
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join, seconds)

    def write(
        self,
        run: Callable[[sqlite3.Connection], T],
        *,
        then: Callable[[T], None] | None = None,
        refusable: bool = False,
    ) -> asyncio.Future[T]:
        """Run one unit. `then` gets its result on the event loop, in the order of commits, before the future does.

        A refusable unit raises StorageFull where the disk has no room; others wait.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Unit(run, then, refusable, future))
        return future

    # --- the thread -----------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while self._collect():
                if self._waiting and not self._commit(self._waiting):
                    self._commit_singly()
        finally:
            for unit in self._waiting:
                self._tell(lambda unit=unit: unit.future.cancel())
            self._db.close()
            self._lock.close()

    def _collect(self) -> bool:
        """Take everything that is queued, waiting for the first of it; False when it is time to end."""
        ending = self._stopping.is_set()
        if ending and (self.problem is not None or not (self._waiting or self._queue.qsize())):
            return False
        with contextlib.suppress(queue.Empty):
            unit = self._queue.get(not ending, self._retry_seconds if self._waiting else None)
            while True:
                if unit is not None:
                    self._waiting.append(unit)
                unit = self._queue.get_nowait()
        return True

    def _commit(self, units: list[_Unit]) -> bool:
        """Commit these units in one transaction and take them off the list; False where the storage failed."""
        outcomes: list[tuple[_Unit, Any, BaseException | None]] = []
        try:
            self._db.execute("BEGIN IMMEDIATE")
            outcomes = [(unit, *self._run(unit)) for unit in units]
            self._db.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self.problem = str(error)
            return False
        finished = {id(unit) for unit in units}
        self._waiting = [unit for unit in self._waiting if id(unit) not in finished]
        self._tell(lambda: _deliver(outcomes))
        if self.problem is not None and not self._waiting:
            self.problem = None
            self._tell(self._on_recovery)
        return True

    def _run(self, unit: _Unit) -> tuple[Any, BaseException | None]:
        self._db.execute("SAVEPOINT unit")
        try:
            result = unit.run(self._db)
        except Exception as error:  # it belongs to the caller of write(), unless the storage failed
            if _is_storage(error):
                raise
            self._db.execute("ROLLBACK TO unit")
            self._db.execute("RELEASE unit")
            return None, error
        self._db.execute("RELEASE unit")
        return result, None

    def _commit_singly(self) -> None:
        """The group did not fit: refuse what may be refused, and keep what does not fit on its own either."""
        for unit in list(self._waiting):
            if not self._commit([unit]) and unit.refusable:
                self._waiting.remove(unit)
                problem = StorageFull(f"the Durable storage cannot be written: {self.problem}")
                self._tell(lambda unit=unit, problem=problem: _deliver([(unit, None, problem)]))

    def _tell(self, call: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to tell
            self._loop.call_soon_threadsafe(call)


def connect(database: Path) -> sqlite3.Connection:
    """A connection with the engine's settings; transactions are explicit. A killed process loses nothing committed."""
    db = sqlite3.connect(database, isolation_level=None, check_same_thread=False, timeout=5)
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def _is_storage(error: Exception) -> bool:
    """Whether the disk or the file failed, rather than the statement."""
    code = getattr(error, "sqlite_errorcode", 0)
    return isinstance(error, OSError) or (code & 0xFF) in STORAGE_ERRORS


def _deliver(outcomes: list[tuple[_Unit, Any, BaseException | None]]) -> None:
    for unit, result, error in outcomes:
        try:
            if error is None and unit.then is not None:
                unit.then(result)
        except Exception as failure:
            logger.exception("the Durable engine failed after a commit")
            error = failure
        if unit.future.done():  # the caller has gone away
            continue
        if error is None:
            unit.future.set_result(result)
        else:
            unit.future.set_exception(error)
