"""Documents in one SQLite file (WAL): the database of the product on one machine.

One thread owns the one connection; callers wait for it without blocking the event loop. A transaction in WAL
mode with `synchronous=NORMAL` survives the death of the process at any line. Expired rows are not seen any more; they
leave the file at the start and after every so many writes, some at a time.
"""

import asyncio
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from shared.errors import Conflict, PreconditionFailed, StorageFull, UpstreamFault, UpstreamUnavailable
from shared.stores.cursors import decode_cursor, encode_cursor
from shared.stores.documents import (
    Create,
    Delete,
    Document,
    Json,
    Operation,
    Page,
    Replace,
    Upsert,
    Where,
    check_operations,
)
from shared.telemetry import get_logger

log = get_logger(__name__)

T = TypeVar("T")

_MIGRATIONS = (
    """
    create table documents (
        container text not null,
        partition text not null,
        id        text not null,
        body      text not null,
        etag      text not null,
        expires   real,
        primary key (container, partition, id)
    ) without rowid;
    create index documents_expires on documents (expires) where expires is not null;
    create index ledger_unwritten on documents (partition, json_extract(body, '$.position'))
        where container = 'ledger' and json_extract(body, '$.writeState') = 'pending';
    create index events_by_seq on documents (partition, json_extract(body, '$.seq')) where container = 'events';
    """,
    "create index messages_by_seq on documents (partition, json_extract(body, '$.seq')) where container = 'messages';",
)
_INDEXED = frozenset({"ledger", "events", "messages"})
_INTEGER_LIMIT = 2**63  # SQLite's
_CHECK = ("health", "health", "probe")
_SWEEP_EVERY = 100
_SWEPT_AT_ONCE = 250
"""After so many operations, so many expired rows go at most: more than came, and the lock is held for milliseconds."""


class SqliteDocuments:
    """`DocumentStore` on a SQLite file; the file and its folder are made on first use."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._connection: sqlite3.Connection | None = None
        self._unswept = 0

    async def find(self, container: str, partition: str, document_id: str) -> Document | None:
        """See `DocumentStore.find`."""
        return await self._run(lambda db: self._read(db, container, partition, document_id))

    async def write(self, container: str, partition: str, operation: Operation) -> Document | None:
        """See `DocumentStore.write`."""
        check_operations([operation])

        def work(db: sqlite3.Connection) -> Document | None:
            with _transaction(db, [operation]):
                document = self._apply(db, container, partition, operation)
            self._sweep_after(db, 1)
            return document

        return await self._run(work)

    async def batch(self, container: str, partition: str, operations: Sequence[Operation]) -> None:
        """See `DocumentStore.batch`."""
        check_operations(operations)

        def work(db: sqlite3.Connection) -> None:
            with _transaction(db, operations):
                for operation in operations:
                    self._apply(db, container, partition, operation)
            self._sweep_after(db, len(operations))

        await self._run(work)

    async def list(
        self,
        container: str,
        partition: str,
        *,
        where: Sequence[Where] = (),
        order_by: str = "id",
        descending: bool = False,
        limit: int = 100,
        continuation: str | None = None,
    ) -> Page:
        """See `DocumentStore.list`. The continuation is the last item's (order value, id)."""
        after = decode_cursor(continuation)
        key = "id" if order_by == "id" else _extract(order_by)
        conditions = ["container = ?", "partition = ?", f"{key} is not null", "(expires is null or expires > ?)"]
        values: list[Any] = [container, partition, self._clock()]
        for clause in where:
            conditions.append(f"{_extract(clause.field)} {clause.op} ?")
            values.append(clause.value)
        if container in _INDEXED:
            # Repeated as a literal so that SQLite can prove that the partial index serves the query.
            conditions.append(f"container = '{container}'")
        if after is not None:
            conditions.append(f"({key}, id) {'<' if descending else '>'} (?, ?)")
            values += after
        direction = "desc" if descending else "asc"
        sql = (
            f"select id, body, etag, {key} from documents where {' and '.join(conditions)} "  # noqa: S608 - names are checked
            f"order by {key} {direction}, id {direction} limit ?"
        )

        def work(db: sqlite3.Connection) -> Page:
            rows = db.execute(sql, [*values, limit + 1]).fetchall()
            items = tuple(Document(partition, row[0], _body(container, row[1]), row[2]) for row in rows[:limit])
            more = len(rows) > limit
            return Page(items, encode_cursor(rows[limit - 1][3], rows[limit - 1][0]) if more else None)

        return await self._run(work)

    async def check(self) -> None:
        """Write and commit a probe, so that a full disk shows."""
        container, partition, document_id = _CHECK

        def work(db: sqlite3.Connection) -> None:
            self._store(db, container, partition, document_id, {"at": self._clock(), "room": "x" * 8192}, None)

        await self._run(work)

    async def limit_size(self, pages: int) -> None:
        """Let the file grow to at most so many pages of 4 KB; more is as if the disk were full."""
        await self._run(lambda db: db.execute(f"pragma max_page_count = {pages:d}").fetchone())

    async def close(self) -> None:
        """Close the connection and end the thread."""

        def work() -> None:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

        await asyncio.get_running_loop().run_in_executor(self._thread, work)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def guarded() -> T:
            try:
                return work(self._open())
            except sqlite3.Error as error:
                raise _translate(error) from error
            except OSError as error:
                raise UpstreamUnavailable("the database file cannot be opened") from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, guarded)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            connection.execute("pragma journal_mode=wal")
            connection.execute("pragma synchronous=normal")
            connection.execute("pragma busy_timeout=5000")
            _migrate(connection)
            self._sweep(connection)
            self._connection = connection
        return self._connection

    def _sweep_after(self, db: sqlite3.Connection, operations: int) -> None:
        self._unswept += operations
        if self._unswept >= _SWEEP_EVERY:
            self._unswept = 0
            self._sweep(db)

    def _sweep(self, db: sqlite3.Connection) -> None:
        """Remove some of the rows that have expired, the oldest first. What was written before stands either way."""
        try:
            db.execute(
                "delete from documents where (container, partition, id) in (select container, partition, id "
                "from documents where expires <= ? order by expires limit ?)",
                (self._clock(), _SWEPT_AT_ONCE),
            )
        except sqlite3.Error as error:
            log.warning("expired rows stay until later: %s", type(error).__name__)

    def _read(self, db: sqlite3.Connection, container: str, partition: str, document_id: str) -> Document | None:
        row = db.execute(
            "select body, etag from documents where container = ? and partition = ? and id = ? "
            "and (expires is null or expires > ?)",
            (container, partition, document_id, self._clock()),
        ).fetchone()
        return None if row is None else Document(partition, document_id, _body(container, row[0]), row[1])

    def _apply(self, db: sqlite3.Connection, container: str, partition: str, operation: Operation) -> Document | None:
        if isinstance(operation, Delete):
            db.execute(
                "delete from documents where container = ? and partition = ? and id = ?",
                (container, partition, operation.id),
            )
            return None
        if isinstance(operation, Create | Replace):
            stored = self._read(db, container, partition, operation.id)
            if isinstance(operation, Create) and stored is not None:
                raise Conflict(f"{container}: this id exists already", code="already_exists")
            if isinstance(operation, Replace) and (stored is None or stored.etag != operation.etag):
                raise PreconditionFailed(f"{container}: changed since it was read")
        return self._store(db, container, partition, operation.id, operation.body, operation.ttl_seconds)

    def _store(
        self,
        db: sqlite3.Connection,
        container: str,
        partition: str,
        document_id: str,
        body: Json,
        ttl_seconds: int | None,
    ) -> Document:
        etag = uuid.uuid4().hex
        expires = None if ttl_seconds is None else self._clock() + ttl_seconds
        db.execute(
            "insert or replace into documents values (?, ?, ?, ?, ?, ?)",
            (container, partition, document_id, json.dumps(body, ensure_ascii=False), etag, expires),
        )
        return Document(partition, document_id, body, etag)


@contextmanager
def _transaction(db: sqlite3.Connection, operations: Sequence[Operation]) -> Generator[None, None, None]:
    """What these operations need: none where one statement does all, which is a transaction by itself."""
    if len(operations) == 1 and isinstance(operations[0], Upsert | Delete):
        yield
        return
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        if db.in_transaction:  # SQLite rolls back by itself when the disk is full
            db.execute("rollback")
        raise


def _migrate(db: sqlite3.Connection) -> None:
    version = db.execute("pragma user_version").fetchone()[0]
    for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
        db.executescript(f"begin; {script} pragma user_version = {number}; commit;")


def _body(container: str, text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        raise UpstreamFault(f"A document of {container} is no JSON.", code="unreadable_document") from None


def _translate(error: sqlite3.Error) -> Exception:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
        return StorageFull("The database has no room. Nothing was lost; free some space and try again.")
    return UpstreamUnavailable("the database cannot be used right now", code="storage_unavailable")


def _extract(field: str) -> str:
    if not (field.isidentifier() and field.isascii()):
        raise ValueError(f"{field!r} is not a field name")
    return f"json_extract(body, '$.{field}')"
