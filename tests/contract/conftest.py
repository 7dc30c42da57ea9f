"""The databases that the suites run on: SQLite, the fake of Cosmos DB, and a real account that the environment names.

A real account (or Microsoft's emulator): `COSMOS_ENDPOINT`, and `COSMOS_KEY` where no identity signs in. The database
`chatsheet-contract` is created with the key, and must be there (see docs/stores.md) without.
"""

import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
from pydantic import SecretStr

from shared.resilience.circuit import CircuitBreaker
from shared.stores.cosmos.documents import CosmosDocuments
from shared.stores.cosmos.layout import FILTER_FIELDS, ORDER_FIELDS, container_definition
from shared.stores.documents import Document, DocumentStore, Operation, Page, Where
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.cosmos_rest import KEY, FakeCosmos

DATABASE = "chatsheet-contract"
ENDPOINT = os.environ.get("COSMOS_ENDPOINT")
STORES = ["sqlite", "cosmos-fake", *(["cosmos-account"] if ENDPOINT else [])]
WIDE = container_definition((*ORDER_FIELDS, "rank", "n"), (*FILTER_FIELDS, "even"))
"""With the indexes for what the suite of `DocumentStore` orders and compares."""

Clock = Callable[[], float]


class OpenStore(Protocol):
    """Opens one more store; all are closed at the end of the test."""

    def __call__(
        self, *, clock: Clock = time.time, definition: Mapping[str, Any] = WIDE
    ) -> Awaitable[DocumentStore]: ...


class Apart:
    """A store in an account that other runs use, too: its containers have names of their own."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._run = uuid.uuid4().hex

    async def find(self, container: str, partition: str, document_id: str) -> Document | None:
        return await self._documents.find(self._run + container, partition, document_id)

    async def write(self, container: str, partition: str, operation: Operation) -> Document | None:
        return await self._documents.write(self._run + container, partition, operation)

    async def batch(self, container: str, partition: str, operations: Sequence[Operation]) -> None:
        await self._documents.batch(self._run + container, partition, operations)

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
        return await self._documents.list(
            self._run + container,
            partition,
            where=where,
            order_by=order_by,
            descending=descending,
            limit=limit,
            continuation=continuation,
        )

    async def check(self) -> None:
        await self._documents.check()

    async def close(self) -> None:
        await self._documents.close()


@pytest.fixture
async def fake() -> AsyncIterator[FakeCosmos]:
    """A running fake of Cosmos DB; that every request is one it lists is part of each test."""
    running = FakeCosmos()
    await running.start()
    yield running
    await running.stop()
    assert running.unlisted == []


def on_fake(fake: FakeCosmos, *, clock: Clock = time.time) -> CosmosDocuments:
    """The store on the fake; database and container may be missing."""
    return CosmosDocuments(
        fake.url, database=DATABASE, key=SecretStr(KEY), breaker=CircuitBreaker("The database"), clock=clock
    )


def on_account(*, clock: Clock) -> CosmosDocuments:
    """The store on the account of the environment."""
    assert ENDPOINT
    key = os.environ.get("COSMOS_KEY")
    breaker = CircuitBreaker("The database")
    return CosmosDocuments(
        ENDPOINT, database=DATABASE, key=SecretStr(key) if key else None, breaker=breaker, clock=clock
    )


@pytest.fixture(params=STORES)
async def open_store(request: pytest.FixtureRequest, tmp_path: Path, fake: FakeCosmos) -> AsyncIterator[OpenStore]:
    """Opens stores of each kind; on the fake, the service has the clock of the store."""
    opened: list[DocumentStore] = []

    async def open_one(*, clock: Clock = time.time, definition: Mapping[str, Any] = WIDE) -> DocumentStore:
        if request.param == "sqlite":
            opened.append(SqliteDocuments(tmp_path / "a folder" / "app.db", clock=clock))
            return opened[-1]
        fake.clock = clock
        documents = on_fake(fake, clock=clock) if request.param == "cosmos-fake" else on_account(clock=clock)
        opened.append(documents)
        if request.param == "cosmos-fake" or os.environ.get("COSMOS_KEY"):
            await documents.create_missing(definition)
        opened[-1] = Apart(documents)
        return opened[-1]

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> DocumentStore:
    """A store of each kind."""
    return await open_store()


@pytest.fixture
async def documents(open_store: OpenStore) -> DocumentStore:
    """A store of each kind; on the fake, with the indexes of the product and no others."""
    return await open_store(definition=container_definition())
