"""Typed documents: one container of the database as pydantic records."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from shared.errors import NotFound
from shared.records import Record
from shared.stores.documents import Create, Document, DocumentStore, Json, Replace, Upsert, Where

M = TypeVar("M", bound=Record)


class Collection(Generic[M]):
    """The records of one container; the caller says the partition."""

    def __init__(
        self, documents: DocumentStore, container: str, model: type[M], *, ttl_seconds: int | None = None
    ) -> None:
        self.documents = documents
        self.container = container
        self._model = model
        self.ttl_seconds = ttl_seconds

    async def find(self, partition: str, record_id: str) -> M | None:
        """The record, or None."""
        document = await self.documents.find(self.container, partition, record_id)
        return None if document is None else self.load(document)

    async def get(self, partition: str, record_id: str, *, code: str, detail: str) -> M:
        """The record; raises `NotFound` with these words."""
        record = await self.find(partition, record_id)
        if record is None:
            raise NotFound(detail, code=code)
        return record

    async def create(self, partition: str, record: M) -> M:
        """Store a new record; raises `Conflict` (code `already_exists`)."""
        return await self._write(partition, Create(record.id, self.dump(record), self.ttl_seconds))

    async def replace(self, partition: str, record: M) -> M:
        """Store the next version of a record that was read; raises `PreconditionFailed` if it changed meanwhile."""
        return await self._write(partition, Replace(record.id, self.dump(record), record.etag, self.ttl_seconds))

    async def upsert(self, partition: str, record: M) -> M:
        """Store a record, whatever is there."""
        return await self._write(partition, Upsert(record.id, self.dump(record), self.ttl_seconds))

    async def list(
        self,
        partition: str,
        *,
        where: Sequence[Where] = (),
        order_by: str = "id",
        descending: bool = False,
        limit: int = 100,
        cursor: str | None = None,
    ) -> tuple[list[M], str | None]:
        """A page of records, and the cursor of the next."""
        page = await self.documents.list(
            self.container,
            partition,
            where=where,
            order_by=order_by,
            descending=descending,
            limit=limit,
            continuation=cursor,
        )
        return [self.load(document) for document in page.items], page.continuation

    def load(self, document: Document) -> M:
        """The record in a document."""
        return self._model.model_validate({**document.body, "etag": document.etag})

    def dump(self, record: M) -> Json:
        """The JSON body of a record."""
        return record.model_dump(mode="json", by_alias=True)

    async def _write(self, partition: str, operation: Create | Replace | Upsert) -> M:
        document = await self.documents.write(self.container, partition, operation)
        assert document is not None
        return self.load(document)
