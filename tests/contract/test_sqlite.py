"""What is SQLite's own."""

import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from shared.errors import StorageFull, UpstreamFault
from shared.stores.documents import Create, Upsert
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


def kept_rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("select count(*) from documents where container = ?", (C,)).fetchone()[0]


async def test_rows_that_expire_while_it_runs_leave_the_file(tmp_path: Path):
    path, clock = tmp_path / "app.db", FakeClock()
    store = SqliteDocuments(path, clock=lambda: clock().timestamp())
    for minute in range(3000):  # as one caller's requests are counted
        await store.write(C, "ada", Create(str(minute), {"taken": 1}, ttl_seconds=180))
        clock.advance(60)
    await store.close()
    assert kept_rows(path) <= 3 + 100


@pytest.mark.parametrize("batch_size", [1, 100])
async def test_many_rows_that_expired_at_once_go_in_small_parts(tmp_path: Path, batch_size: int):
    path, clock = tmp_path / "app.db", FakeClock()
    store = SqliteDocuments(path, clock=lambda: clock().timestamp())
    for start in range(0, 3000, 100):
        rows = [Create(str(number), {"n": number}, ttl_seconds=60) for number in range(start, start + 100)]
        await store.batch(C, "p", rows)
    await store.write(C, "p", Create("forever", {"n": 1}))
    clock.advance(61)
    left = [kept_rows(path)]
    assert left == [3001]
    for start in range(0, 3000, batch_size):
        await store.batch("others", "p", [Upsert(str(start + n), {"n": 1}) for n in range(batch_size)])
        left.append(kept_rows(path))
    assert max(before - after for before, after in pairwise(left)) == 250
    assert left[-1] == 1
    assert await store.find(C, "p", "forever") is not None
    await store.close()


async def test_a_file_with_many_expired_rows_is_not_held_up_at_the_start(tmp_path: Path):
    path, clock = tmp_path / "app.db", FakeClock()
    first = SqliteDocuments(path, clock=lambda: clock().timestamp())
    for start in range(0, 1000, 100):
        await first.batch(C, "p", [Create(str(start + n), {"n": 1}, ttl_seconds=60) for n in range(100)])
    await first.close()
    clock.advance(61)
    second = SqliteDocuments(path, clock=lambda: clock().timestamp())
    assert await second.find(C, "p", "1") is None
    assert kept_rows(path) == 750
    await second.close()


async def test_a_write_stands_although_expired_rows_cannot_be_removed(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path, clock = tmp_path / "app.db", FakeClock()
    store = SqliteDocuments(path, clock=lambda: clock().timestamp())
    await store.write(C, "p", Create("old", {"n": 1}, ttl_seconds=60))
    clock.advance(61)
    with closing(sqlite3.connect(path)) as database:
        database.execute("create trigger refuse before delete on documents begin select raise(abort, 'no'); end")
    for number in range(150):
        await store.write(C, "p", Create(str(number), {"n": number}))
    assert "expired rows stay until later" in caplog.text
    with closing(sqlite3.connect(path)) as database:
        assert kept_rows(path) == 151
        database.execute("drop trigger refuse")
    for number in range(150, 250):
        await store.write(C, "p", Create(str(number), {"n": number}))
    assert kept_rows(path) == 250
    await store.close()


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
