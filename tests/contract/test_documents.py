"""What every `DocumentStore` must do; run on each implementation."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.errors import Conflict, InvalidInput, PreconditionFailed, StorageFull
from shared.stores.documents import Create, Delete, Document, DocumentStore, Replace, Upsert, Where
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock

C = "things"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    documents = SqliteDocuments(tmp_path / "a folder" / "app.db")
    yield documents
    await documents.close()


async def created(store: DocumentStore, document_id: str, partition: str = "p", **body: object) -> Document:
    document = await store.write(C, partition, Create(document_id, {"id": document_id, **body}))
    assert document is not None
    return document


async def test_a_document_is_read_back_as_it_was_written(store: DocumentStore):
    body = {"id": "1", "text": "Größe „x“ \U0001f600", "number": 12345678901234567, "nested": {"a": [1, None, True]}}
    await store.write(C, "p", Create("1", body))
    found = await store.find(C, "p", "1")
    assert found is not None
    assert found.body == body


async def test_other_partitions_and_containers_are_not_seen(store: DocumentStore):
    await created(store, "1", partition="ada")
    assert await store.find(C, "bob", "1") is None
    assert await store.find("other", "ada", "1") is None
    assert (await store.list(C, "bob")).items == ()


async def test_creating_an_id_twice_is_a_conflict(store: DocumentStore):
    await created(store, "1", n=1)
    with pytest.raises(Conflict) as raised:
        await created(store, "1", n=2)
    assert raised.value.code == "already_exists"


async def test_only_one_of_two_writers_with_the_same_etag_wins(store: DocumentStore):
    document = await created(store, "1", n=0)
    writes = [store.write(C, "p", Replace("1", {"id": "1", "n": n}, document.etag)) for n in range(5)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results].count(Document) == 1
    assert sum(isinstance(result, PreconditionFailed) for result in results) == 4


async def test_replacing_what_is_gone_fails(store: DocumentStore):
    document = await created(store, "1")
    await store.write(C, "p", Delete("1"))
    with pytest.raises(PreconditionFailed):
        await store.write(C, "p", Replace("1", {"id": "1"}, document.etag))


async def test_deleting_twice_is_no_error(store: DocumentStore):
    await created(store, "1")
    await store.write(C, "p", Delete("1"))
    await store.write(C, "p", Delete("1"))
    assert await store.find(C, "p", "1") is None


async def test_a_batch_is_all_or_nothing(store: DocumentStore):
    await created(store, "taken")
    with pytest.raises(Conflict):
        await store.batch(C, "p", [Upsert("new", {"id": "new"}), Create("taken", {"id": "taken"})])
    assert await store.find(C, "p", "new") is None


async def test_a_list_is_ordered_filtered_and_paged_without_gaps(store: DocumentStore):
    for n in range(25):
        await created(store, f"{n:02d}", rank=(n * 7) % 25, even=n % 2 == 0)
    seen: list[int] = []
    cursor: str | None = None
    while True:
        page = await store.list(
            C, "p", where=[Where("even", "=", True)], order_by="rank", descending=True, limit=4, continuation=cursor
        )
        assert len(page.items) <= 4
        seen += [item.body["rank"] for item in page.items]
        cursor = page.continuation
        if cursor is None:
            break
    assert seen == sorted(((n * 7) % 25 for n in range(0, 25, 2)), reverse=True)


async def test_a_list_compares(store: DocumentStore):
    for n in range(5):
        await created(store, str(n), n=n)
    page = await store.list(C, "p", where=[Where("n", ">", 1), Where("n", "<=", 3)], order_by="n")
    assert [item.body["n"] for item in page.items] == [2, 3]


async def test_documents_with_equal_order_values_are_all_listed(store: DocumentStore):
    for n in range(7):
        await created(store, str(n), rank=1)
    first = await store.list(C, "p", order_by="rank", limit=4)
    second = await store.list(C, "p", order_by="rank", limit=4, continuation=first.continuation)
    assert len({item.id for item in (*first.items, *second.items)}) == 7


@pytest.mark.parametrize(
    "cursor", ["nonsense", "", "eyJhIjoxfQ==", "\N{SNOWMAN}", "W3t9LCJhIl0=", "WzEsMl0=", "W1tdLCAiYSJd"]
)
async def test_a_foreign_cursor_is_refused(store: DocumentStore, cursor: str):
    with pytest.raises(InvalidInput) as raised:
        await store.list(C, "p", continuation=cursor)
    assert raised.value.code == "invalid_cursor"


async def test_an_expired_document_is_gone(tmp_path: Path):
    clock = FakeClock()
    store = SqliteDocuments(tmp_path / "app.db", clock=lambda: clock().timestamp())
    await store.write(C, "p", Create("1", {"id": "1"}, ttl_seconds=60))
    clock.advance(59)
    assert await store.find(C, "p", "1") is not None
    clock.advance(2)
    assert await store.find(C, "p", "1") is None
    assert (await store.list(C, "p")).items == ()
    await store.write(C, "p", Create("1", {"id": "1"}))  # the id is free again
    await store.close()


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
