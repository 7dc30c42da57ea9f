"""What is Cosmos DB's own: the errors of the service, its clock, its sizes; and that the fake is strict."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from pydantic import SecretStr

from shared.changes.models import Author, ChangeSet, ColumnCell, ItemChunk, RowAdd
from shared.errors import (
    AppError,
    Conflict,
    InvalidInput,
    RateLimited,
    StorageFull,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.ids import ChangeSetId, ColumnId, SheetId, UserId
from shared.records import Record
from shared.resilience.circuit import CircuitBreaker
from shared.sheets.input import CellContent
from shared.sheets.row_size import find_oversize
from shared.stores.changes import DocumentChangeStore
from shared.stores.collection import Collection
from shared.stores.cosmos.connection import THROTTLED_RETRIES
from shared.stores.cosmos.documents import CosmosDocuments
from shared.stores.documents import Create, Delete, Upsert, Where
from tests.contract.conftest import WIDE, on_fake
from tests.fakes.clock import FakeClock
from tests.fakes.cosmos_rest import FakeCosmos

C = "things"


@pytest.fixture
async def cosmos(fake: FakeCosmos) -> AsyncIterator[CosmosDocuments]:
    documents = on_fake(fake)
    await documents.create_missing(WIDE)
    yield documents
    await documents.close()


async def test_a_busy_service_is_asked_again(fake: FakeCosmos, cosmos: CosmosDocuments):
    fake.fail(429, times=THROTTLED_RETRIES)
    await cosmos.write(C, "p", Create("1", {"n": 1}))
    fake.fail(429, times=THROTTLED_RETRIES)
    assert len((await cosmos.list(C, "p")).items) == 1


async def test_a_service_that_stays_busy_is_left_alone_after_a_few_times(fake: FakeCosmos, cosmos: CosmosDocuments):
    await cosmos.check()
    fake.requests.clear()
    fake.fail(429, times=THROTTLED_RETRIES + 1)
    with pytest.raises(RateLimited) as raised:
        await cosmos.batch(C, "p", [Upsert("1", {})])
    assert raised.value.retry_after_seconds > 0
    assert len(fake.requests) == THROTTLED_RETRIES + 1


@pytest.mark.parametrize(
    ("status", "sub_status", "error", "code"),
    [
        (403, 1014, StorageFull, "storage_full"),
        (507, 0, StorageFull, "storage_full"),
        (403, 5300, UpstreamFault, "upstream_fault"),
        (400, 0, UpstreamFault, "upstream_fault"),
        (404, 1003, UpstreamFault, "database_missing"),
        (408, 0, UpstreamTimeout, "timeout"),
        (449, 0, UpstreamUnavailable, "storage_unavailable"),
        (500, 0, UpstreamUnavailable, "storage_unavailable"),
        (503, 0, UpstreamUnavailable, "storage_unavailable"),
    ],
)
async def test_what_the_service_says_is_told_in_our_words(
    fake: FakeCosmos, cosmos: CosmosDocuments, status: int, sub_status: int, error: type[AppError], code: str
):
    await cosmos.check()
    fake.fail(status, sub_status=sub_status, times=20)
    with pytest.raises(AppError) as raised:
        await cosmos.write(C, "p", Upsert("1", {}))
    assert (type(raised.value), raised.value.code) == (error, code)
    with pytest.raises(error):
        await cosmos.batch(C, "p", [Upsert("1", {})])


async def test_a_database_that_is_not_there_is_said_plainly_and_found_when_it_is(fake: FakeCosmos):
    documents = on_fake(fake)
    with pytest.raises(UpstreamFault) as raised:
        await documents.find(C, "p", "1")
    assert raised.value.code == "database_missing"
    await documents.create_missing()
    await documents.create_missing()
    assert await documents.find(C, "p", "1") is None
    await documents.close()


async def test_another_key_is_refused(fake: FakeCosmos):
    documents = CosmosDocuments(fake.url, key=SecretStr("c29tZSBvdGhlciBrZXk="), breaker=CircuitBreaker("x"))
    with pytest.raises(UpstreamFault) as raised:
        await documents.check()
    assert "c29t" not in raised.value.detail
    await documents.close()


async def test_a_key_that_cannot_be_one_is_told_without_it(fake: FakeCosmos):
    documents = CosmosDocuments(fake.url, key=SecretStr("not a key"), breaker=CircuitBreaker("x"))
    with pytest.raises(UpstreamFault) as raised:
        await documents.check()
    assert "not a key" not in raised.value.detail
    assert fake.requests == []


async def test_a_service_that_is_not_there_is_unavailable():
    documents = CosmosDocuments("http://127.0.0.1:9", key=SecretStr("a2V5"), breaker=CircuitBreaker("x"))
    with pytest.raises(UpstreamUnavailable):
        await documents.check()
    await documents.close()


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # the SDK's way of sending one
async def test_what_is_too_large_is_refused_and_not_stored(cosmos: CosmosDocuments):
    half = "x" * 1_100_000
    for call in (
        cosmos.write(C, "p", Create("1", {"text": half * 2})),
        cosmos.batch(C, "p", [Create("1", {"text": half}), Create("2", {"text": half})]),
    ):
        with pytest.raises(InvalidInput) as raised:
            await call
        assert raised.value.code == "document_too_large"
    assert (await cosmos.list(C, "p")).items == ()


class Text(Record):
    """A record of any size."""

    text: str


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # the SDK's way of sending one
async def test_many_records_go_into_batches_that_are_small_enough_as_they_are_sent(cosmos: CosmosDocuments):
    texts = [Text(id=str(number), text="ж" * 200_000) for number in range(4)]  # 400 kB each, and 1.2 MB as sent
    collection = Collection(cosmos, C, Text)
    await collection.upsert_all("p", texts)
    assert [text.text for text in (await collection.list("p"))[0]] == ["ж" * 200_000] * 4


@pytest.mark.parametrize("character", ["x", "ж", "😀", '"'])
@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # the SDK's way of sending one
async def test_the_biggest_row_that_may_be_added_can_be_stored(cosmos: CosmosDocuments, character: str):
    def row(length: int) -> RowAdd:
        columns = [ColumnId(str(2**62 + number)) for number in range(400)]
        content = CellContent(value=character * length)
        return RowAdd(cells=tuple(ColumnCell(column_id=column, content=content) for column in columns))

    biggest = next(
        row(length)
        for length in range(4000, 0, -10)
        if find_oversize(cell.content for cell in row(length).cells) is None
    )
    chunk = ItemChunk(id="000000", items=(biggest,))
    store = DocumentChangeStore(cosmos)
    now = FakeClock()()
    author = Author(kind="user", id="ada")
    header = ChangeSet(
        id="c", owner=UserId("ada"), sheet_id=SheetId("1"), author=author, item_count=2, created_at=now, updated_at=now
    )
    await store.create(header, [chunk, chunk.model_copy(update={"id": "000001"})])
    (stored, _), _ = await store.list_chunks(ChangeSetId("c"), limit=10, cursor=None)
    assert stored.items == (biggest,)


async def test_an_id_is_free_when_it_has_expired_on_our_clock_only(fake: FakeCosmos):
    clock = FakeClock()
    fake.clock = lambda: FakeClock()().timestamp()  # the service's stands still
    cosmos = on_fake(fake, clock=lambda: clock().timestamp())
    await cosmos.create_missing()
    for document_id in ("1", "2", "3"):
        await cosmos.write(C, "p", Create(document_id, {"old": True}, ttl_seconds=60))
    clock.advance(61)
    assert await cosmos.find(C, "p", "1") is None
    assert (await cosmos.list(C, "p")).items == ()
    await cosmos.write(C, "p", Create("1", {"new": True}))
    await cosmos.batch(C, "p", [Create("2", {"new": True}), Create("3", {"new": True})])
    assert [item.body for item in (await cosmos.list(C, "p")).items] == [{"new": True}] * 3
    with pytest.raises(Conflict):
        await cosmos.write(C, "p", Create("1", {}))
    await cosmos.close()


async def test_short_pages_of_the_service_are_filled_up(fake: FakeCosmos, cosmos: CosmosDocuments):
    await cosmos.batch(C, "p", [Create(f"{n}", {"rank": n}) for n in range(9)])
    fake.page_items = 2
    page = await cosmos.list(C, "p", where=[Where("rank", ">", 0)], order_by="rank", limit=7)
    assert [item.body["rank"] for item in page.items] == [1, 2, 3, 4, 5, 6, 7]
    rest = await cosmos.list(C, "p", order_by="rank", limit=7, continuation=page.continuation)
    assert ([item.body["rank"] for item in rest.items], rest.continuation) == ([8], None)


async def test_fields_of_the_service_are_not_shown(cosmos: CosmosDocuments):
    await cosmos.write(C, "p", Create("1", {"n": 1}, ttl_seconds=60))
    found = await cosmos.find(C, "p", "1")
    assert found is not None
    assert (dict(found.body), found.partition, found.id) == ({"n": 1}, "p", "1")


async def test_an_order_without_an_index_is_refused(fake: FakeCosmos, cosmos: CosmosDocuments):
    with pytest.raises(UpstreamFault):
        await cosmos.list(C, "p", order_by="colour")
    assert fake.unlisted == ["no index on c.body.colour"]
    fake.unlisted.clear()


async def test_an_id_that_names_another_resource_is_never_sent(fake: FakeCosmos, cosmos: CosmosDocuments):
    await cosmos.check()
    fake.requests.clear()
    await cosmos.write(C, "p", Delete(".."))
    assert await cosmos.find(C, "p", "../../colls") is None
    assert fake.requests == []


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/dbs/x"), ("PATCH", "/dbs/x/colls/y/docs/1"), ("GET", "/")])
async def test_the_fake_refuses_what_it_does_not_list(fake: FakeCosmos, method: str, path: str):
    async with aiohttp.ClientSession() as http, http.request(method, fake.url + path) as answer:
        assert answer.status == 400
    assert len(fake.unlisted) == 1
    fake.unlisted.clear()
