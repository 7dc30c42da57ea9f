"""What every `DocumentStore` must do; run on each implementation."""

import asyncio
import base64

import pytest

from shared.errors import Conflict, InvalidInput, PreconditionFailed
from shared.stores.documents import (
    MAX_BATCH,
    Create,
    Delete,
    Document,
    DocumentStore,
    Operation,
    Replace,
    Upsert,
    Where,
)
from tests.contract.conftest import OpenStore
from tests.fakes.clock import FakeClock

C = "things"
FOREIGN = [
    base64.urlsafe_b64encode(text.encode()).decode()
    for text in (
        "[]",
        "[1]",
        '[null, "a"]',
        "[1, 2]",
        '[{}, "a"]',
        '[NaN, "a"]',
        '["\\ud800", "a"]',
        f'[{10**30}, "a"]',
    )
]


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


@pytest.mark.parametrize("etag", ["", "*", "another"])
async def test_replacing_with_a_version_that_never_was_fails(store: DocumentStore, etag: str):
    before = await created(store, "1", n=1)
    with pytest.raises(PreconditionFailed):
        await store.write(C, "p", Replace("1", {"n": 2}, etag))
    with pytest.raises(PreconditionFailed):
        await store.batch(C, "p", [Replace("1", {"n": 2}, etag)])
    assert await store.find(C, "p", "1") == before


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


async def test_an_expired_document_is_gone_and_its_id_is_free_again(open_store: OpenStore):
    clock = FakeClock()
    store = await open_store(clock=lambda: clock().timestamp())
    await store.write(C, "p", Create("1", {"id": "1"}, ttl_seconds=60))
    clock.advance(59)
    assert await store.find(C, "p", "1") is not None
    clock.advance(2)
    assert await store.find(C, "p", "1") is None
    assert (await store.list(C, "p")).items == ()
    await store.write(C, "p", Create("1", {"id": "1"}))


async def test_a_document_that_is_written_again_without_a_lifetime_stays(open_store: OpenStore):
    clock = FakeClock()
    store = await open_store(clock=lambda: clock().timestamp())
    await store.write(C, "p", Create("1", {"id": "1"}, ttl_seconds=60))
    await store.write(C, "p", Upsert("1", {"id": "1", "kept": True}))
    clock.advance(61)
    found = await store.find(C, "p", "1")
    assert found is not None
    assert found.body["kept"]


async def test_numbers_and_names_of_every_kind_survive(store: DocumentStore):
    body = {
        "largest": 2**63,
        "smallest": -(2**70),
        "nested": [{"$int": "5"}, {"$$int": 2**60}, {"$int": 1, "other": 2}],
        "ttl": 1,
        "_etag": "mine",
        "pk": {"id": None},
        "ratio": 0.1,
    }
    await store.write(C, "p", Create("1", body))
    found = await store.find(C, "p", "1")
    assert found is not None
    assert found.body == body


async def test_an_etag_that_was_read_replaces_and_then_holds_no_more(store: DocumentStore):
    await created(store, "1", n=1)
    found = await store.find(C, "p", "1")
    assert found is not None
    (listed,) = (await store.list(C, "p")).items
    assert listed == found
    replaced = await store.write(C, "p", Replace("1", {"n": 2}, found.etag))
    assert replaced is not None and replaced.etag != found.etag
    with pytest.raises(PreconditionFailed):
        await store.write(C, "p", Replace("1", {"n": 3}, found.etag))


@pytest.mark.parametrize(
    ("operations", "error"),
    [
        ([Upsert("new", {}), Create("taken", {})], Conflict),
        ([Upsert("new", {}), Replace("taken", {}, "another")], PreconditionFailed),
        ([Upsert("new", {}), Replace("absent", {}, "another")], PreconditionFailed),
        ([Delete("absent"), Upsert("new", {}), Create("taken", {})], Conflict),
        ([Delete("taken"), Create("taken", {}), Create("taken", {})], Conflict),
        ([Delete("taken"), Replace("taken", {}, "another"), Create("taken", {})], PreconditionFailed),
    ],
)
async def test_a_batch_fails_as_its_first_failing_operation_and_changes_nothing(
    store: DocumentStore, operations: list[Operation], error: type[Exception]
):
    before = await created(store, "taken", n=1)
    with pytest.raises(error) as raised:
        await store.batch(C, "p", operations)
    assert type(raised.value) is error
    assert (await store.list(C, "p")).items == (before,)


async def test_a_batch_deletes_what_is_gone_already(store: DocumentStore):
    await created(store, "there")
    await store.batch(C, "p", [Delete("gone"), Delete("there"), Upsert("new", {"n": 1}), Delete("gone too")])
    assert [item.id for item in (await store.list(C, "p")).items] == ["new"]
    await store.batch(C, "p", [Delete("gone")])
    await store.batch(C, "p", [])


async def test_a_full_batch_is_stored_and_a_larger_one_is_refused(store: DocumentStore):
    operations = [Create(f"{n:03d}", {"n": n}) for n in range(MAX_BATCH)]
    await store.batch(C, "p", operations)
    assert [item.body["n"] for item in (await store.list(C, "p")).items] == list(range(MAX_BATCH))
    with pytest.raises(ValueError, match="at most 100"):
        await store.batch(C, "q", [*operations, Create("one more", {})])
    assert (await store.list(C, "q")).items == ()


async def test_documents_without_the_ordering_field_are_left_out(store: DocumentStore):
    await created(store, "1", rank=2)
    await created(store, "2")
    await created(store, "3", rank=None)
    await created(store, "4", rank=1)
    assert [item.id for item in (await store.list(C, "p", order_by="rank")).items] == ["4", "1"]
    assert [item.id for item in (await store.list(C, "p", descending=True)).items] == ["4", "3", "2", "1"]


@pytest.mark.parametrize("descending", [False, True])
async def test_equal_order_values_go_by_id(store: DocumentStore, descending: bool):
    for document_id in ("b", "d", "a", "c"):
        await created(store, document_id, rank=1)
    page = await store.list(C, "p", order_by="rank", descending=descending)
    assert [item.id for item in page.items] == sorted("abcd", reverse=descending)


@pytest.mark.parametrize("order_by", ["id", "rank"])
async def test_the_last_page_says_so_even_when_it_is_full(store: DocumentStore, order_by: str):
    for n in range(4):
        await created(store, str(n), rank=n)
    first = await store.list(C, "p", order_by=order_by, limit=2)
    second = await store.list(C, "p", order_by=order_by, limit=2, continuation=first.continuation)
    assert [item.id for item in second.items] == ["2", "3"]
    assert second.continuation is None


async def test_a_list_goes_on_although_the_last_item_is_gone(store: DocumentStore):
    for n in range(4):
        await created(store, str(n), rank=n)
    first = await store.list(C, "p", order_by="rank", limit=2)
    await store.write(C, "p", Delete("1"))
    await created(store, "0 and later", rank=0)
    second = await store.list(C, "p", order_by="rank", limit=2, continuation=first.continuation)
    assert [item.id for item in second.items] == ["2", "3"]


@pytest.mark.parametrize("name", ["a.b", "a b", "a'", "größe", "1=1) OR (1"])
async def test_only_names_are_taken_as_fields(store: DocumentStore, name: str):
    with pytest.raises(ValueError, match="is not a field name"):
        await store.list(C, "p", order_by=name)
    with pytest.raises(ValueError, match="is not a field name"):
        await store.list(C, "p", where=[Where(name, "=", 1)])


async def test_an_id_from_outside_that_no_document_can_have_is_just_not_found(store: DocumentStore):
    for document_id in ("..", ".", "a/b", "a?b", "x" * 2000, "a\nb", ""):
        assert await store.find(C, "p", document_id) is None
        await store.write(C, "p", Delete(document_id))
        await store.batch(C, "p", [Delete(document_id)])
        with pytest.raises(InvalidInput) as raised:
            await store.batch(C, "p", [Upsert("good", {}), Create(document_id, {})])
        assert raised.value.code == "invalid_id"
    assert await store.find(C, "p", "good") is None


async def test_a_check_of_a_sound_store_passes(store: DocumentStore):
    await store.check()
    await store.check()
