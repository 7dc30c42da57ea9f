"""Whatever is done to them in whatever order, SQLite and Cosmos DB (its fake) give the same answers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import AppError
from shared.stores.documents import Create, Delete, Document, DocumentStore, Operation, Replace, Upsert, Where
from shared.stores.sqlite import SqliteDocuments
from tests.contract.conftest import WIDE, on_fake
from tests.fakes.clock import FakeClock
from tests.fakes.cosmos_rest import FakeCosmos

C = "things"

IDS = st.sampled_from(["a", "b", "c", "ä", ".."])
TTLS = st.sampled_from([None, None, 1, 60])
VERSIONS = st.integers(0, 3)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "rank": st.none() | st.integers(-2, 2),
        "n": st.none() | st.floats(-1, 1, width=16) | st.integers(-1, 1),
        "even": st.none() | st.booleans(),
        "$int": st.integers(-(2**70), 2**70) | st.text(max_size=3),
        "text": st.text(max_size=5) | st.lists(st.integers(2**53 - 1, 2**53 + 1), max_size=2),
    },
)
FILTERS = st.lists(
    st.builds(Where, st.just("even"), st.just("="), st.booleans())
    | st.builds(Where, st.just("rank"), st.sampled_from(["=", ">", ">=", "<", "<="]), st.integers(-2, 2))
    | st.builds(Where, st.just("n"), st.sampled_from([">", ">=", "<", "<="]), st.floats(-1, 1, width=16)),
    max_size=2,
)


@dataclass(frozen=True)
class Replacing:
    """A replacement with the version that the document had so many versions ago."""

    id: str
    body: dict[str, Any]
    back: int
    ttl_seconds: int | None


@dataclass(frozen=True)
class Batching:
    parts: list[Any]


@dataclass(frozen=True)
class Waiting:
    seconds: int


@dataclass(frozen=True)
class Listing:
    where: list[Where]
    order_by: str
    descending: bool
    limit: int


WRITES = (
    st.builds(Create, IDS, BODIES, TTLS)
    | st.builds(Upsert, IDS, BODIES, TTLS)
    | st.builds(Delete, IDS)
    | st.builds(Replacing, IDS, BODIES, VERSIONS, TTLS)
)
STEPS = st.lists(
    WRITES
    | WRITES
    | st.builds(Batching, st.lists(WRITES, max_size=4))
    | st.builds(Waiting, st.sampled_from([1, 30, 61]))
    | st.builds(Listing, FILTERS, st.sampled_from(["id", "rank", "n"]), st.booleans(), st.integers(1, 3)),
    max_size=12,
)


@dataclass
class Database:
    """One of the stores, and the versions that it gave to each document."""

    store: DocumentStore
    etags: dict[str, list[str]] = field(default_factory=dict)

    async def answer(self, step: Any, partition: str) -> Any:
        """What the step gives, in words that do not depend on the database."""
        match step:
            case Listing():
                return await self._pages(step, partition)
            case Batching(parts=parts):
                return await self._told(lambda: self.store.batch(C, partition, [self._known(part) for part in parts]))
            case _:
                return await self._told(lambda: self.store.write(C, partition, self._known(step)))

    async def state(self, partition: str) -> list[tuple[str, Any]]:
        """All documents, by point reads; their versions can be named from now on."""
        found = [await self.store.find(C, partition, document_id) for document_id in ("a", "b", "c", "ä")]
        for document in found:
            if document is not None and self.etags.setdefault(document.id, [""])[-1] != document.etag:
                self.etags[document.id].append(document.etag)
        return [(document.id, document.body) for document in found if document is not None]

    def _known(self, step: Any) -> Operation:
        if not isinstance(step, Replacing):
            return step
        versions = self.etags.get(step.id, [])
        etag = versions[-1 - step.back] if step.back < len(versions) else "unknown"
        return Replace(step.id, step.body, etag, step.ttl_seconds)

    async def _pages(self, listing: Listing, partition: str) -> Any:
        pages: list[list[tuple[str, Any]]] = []
        cursor: str | None = None
        while True:
            page = await self.store.list(
                C,
                partition,
                where=listing.where,
                order_by=listing.order_by,
                descending=listing.descending,
                limit=listing.limit,
                continuation=cursor,
            )
            pages.append([(item.id, item.body) for item in page.items])
            cursor = page.continuation
            if cursor is None:
                return pages

    async def _told(self, call: Callable[[], Awaitable[Document | None]]) -> Any:
        try:
            document = await call()
        except AppError as error:
            return type(error).__name__, error.code, error.detail
        return None if document is None else (document.partition, document.id, document.body)


@pytest.fixture
async def databases(tmp_path: Path, fake: FakeCosmos) -> AsyncIterator[tuple[Database, Database, FakeClock]]:
    clock = FakeClock()
    fake.clock = lambda: clock().timestamp()
    fake.page_items = 2
    cosmos = on_fake(fake, clock=fake.clock)
    await cosmos.create_missing(WIDE)
    sqlite = SqliteDocuments(tmp_path / "app.db", clock=fake.clock)
    yield Database(sqlite), Database(cosmos), clock
    await sqlite.close()
    await cosmos.close()


PARTITIONS = count()


@given(steps=STEPS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_both_databases_give_the_same_answers(databases: tuple[Database, Database, FakeClock], steps: list[Any]):
    sqlite, cosmos, clock = databases
    partition = f"p{next(PARTITIONS)}"
    sqlite.etags.clear()
    cosmos.etags.clear()
    for step in steps:
        if isinstance(step, Waiting):
            clock.advance(step.seconds)
        else:
            assert await sqlite.answer(step, partition) == await cosmos.answer(step, partition)
        assert await sqlite.state(partition) == await cosmos.state(partition)
