"""What is SQLite's own."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from shared.errors import StorageFull, UpstreamFault
from shared.stores.documents import Create
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock

C = "things"


async def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path):
    path = tmp_path / "app.db"
    store = SqliteDocuments(path)
    await store.write(C, "p", Create("kept", {"id": "kept", "text": "here"}))
    await store.limit_size(40)
    with pytest.raises(StorageFull):
        for n in range(1000):
            await store.write(C, "p", Create(str(n), {"id": str(n), "text": "x" * 4000}))
    with pytest.raises(StorageFull):
        await store.check()
    assert await store.find(C, "p", "kept") is not None
    await store.limit_size(100_000)
    await store.check()
    await store.write(C, "p", Create("later", {"id": "later", "text": "x" * 4000}))
    await store.close()
    assert sqlite3.connect(path).execute("pragma integrity_check").fetchone() == ("ok",)


async def test_what_has_expired_leaves_the_file_at_the_next_start(tmp_path: Path):
    path, clock = tmp_path / "app.db", FakeClock()
    first = SqliteDocuments(path, clock=lambda: clock().timestamp())
    await first.write(C, "p", Create("1", {"id": "1"}, ttl_seconds=60))
    await first.write(C, "p", Create("2", {"id": "2"}))
    await first.close()
    clock.advance(61)
    second = SqliteDocuments(path, clock=lambda: clock().timestamp())
    assert await second.find(C, "p", "2") is not None
    await second.close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select id from documents where container = ?", (C,)).fetchall() == [("2",)]


async def test_a_row_that_holds_no_json_is_told_without_telling_it(tmp_path: Path):
    store = SqliteDocuments(tmp_path / "app.db")
    await store.write(C, "p", Create("1", {"id": "1"}))
    with closing(sqlite3.connect(tmp_path / "app.db")) as database, database:
        database.execute("update documents set body = '{secret'")
    with pytest.raises(UpstreamFault) as raised:
        await store.find(C, "p", "1")
    assert (raised.value.code, raised.value.__suppress_context__) == ("unreadable_document", True)
    assert "secret" not in raised.value.detail
    await store.close()
