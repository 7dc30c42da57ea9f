"""Typed documents: one container of the database as pydantic records.

Every document says which version of its schema it was written in (`schemaVersion`; the first one did not say). One
of an older version is migrated when it is read, and stored in the newest with its next write. Lists compare and
order what is stored: a field that they name has to be in every version.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from shared.errors import NotFound, UpstreamFault
from shared.records import Record
from shared.stores.documents import MAX_BATCH, Create, Document, DocumentStore, Json, Replace, Upsert, Where
from shared.telemetry import get_logger

log = get_logger(__name__)

M = TypeVar("M", bound=Record)

Migration = Callable[[dict[str, Any]], dict[str, Any]]
"""From the body of one version to that of the next."""
_VERSION = "schemaVersion"


def only_new_fields(body: dict[str, Any]) -> dict[str, Any]:
    """The migration to a version that has further fields, with defaults: an older release does not know them."""
    return body


_BATCH_BYTES = 1_500_000  # Cosmos DB takes 2 MB a request


class Collection(Generic[M]):
    """The records of one container; the caller says the partition. The n-th migration leads to version n + 1."""

    def __init__(
        self,
        documents: DocumentStore,
        container: str,
        model: type[M],
        *,
        ttl_seconds: int | None = None,
        migrations: Sequence[Migration] = (),
    ) -> None:
        self.documents = documents
        self.container = container
        self._model = model
        self.ttl_seconds = ttl_seconds
        self._migrations = tuple(migrations)

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

    async def upsert_all(self, partition: str, records: Sequence[M]) -> None:
        """Store records, whatever is there; in batches, each of which is stored whole or not at all."""
        batch: list[Upsert] = []
        room = _BATCH_BYTES
        for record in records:
            body = self.dump(record)
            size = len(json.dumps(body))  # as the SDK sends it: a letter beyond ASCII takes six bytes
            if batch and (size > room or len(batch) == MAX_BATCH):
                await self.documents.batch(self.container, partition, batch)
                batch, room = [], _BATCH_BYTES
            batch.append(Upsert(record.id, body, self.ttl_seconds))
            room -= size
        if batch:
            await self.documents.batch(self.container, partition, batch)

    async def list(
        self,
        partition: str,
        *,
        where: Sequence[Where] = (),
        order_by: str = "id",
        descending: bool = False,
        limit: int = 100,
        cursor: str | None = None,
        skip_unreadable: bool = False,
    ) -> tuple[list[M], str | None]:
        """A page of records, and the cursor of the next.

        With `skip_unreadable`, documents that `load` refuses are left out, and only `load`'s log tells of them.
        """
        page = await self.documents.list(
            self.container,
            partition,
            where=where,
            order_by=order_by,
            descending=descending,
            limit=limit,
            continuation=cursor,
        )
        records: list[M] = []
        for document in page.items:
            try:
                records.append(self.load(document))
            except UpstreamFault:
                if not skip_unreadable:
                    raise
        return records, page.continuation

    def load(self, document: Document) -> M:
        """The record in a document, in the newest version.

        Raises `UpstreamFault`: code `newer_schema` for one that a newer release of the application wrote,
        `unreadable_document` for one that is no record of this container. Neither text nor log hold any of it.
        """
        try:
            return self._model.model_validate({**self._migrated(document), "etag": document.etag})
        except (ValueError, TypeError, LookupError, AttributeError) as error:  # migrations meet unchecked bodies
            log.warning("document %s cannot be read: %s", self._name(document), type(error).__name__)
            detail = f"A document of {self.container} cannot be read."
            raise UpstreamFault(detail, code="unreadable_document") from None

    def dump(self, record: M) -> Json:
        """The JSON body of a record."""
        return {**record.model_dump(mode="json", by_alias=True), _VERSION: len(self._migrations) + 1}

    def _migrated(self, document: Document) -> dict[str, Any]:
        body = dict(document.body)
        version = int(body.pop(_VERSION, 1))
        if version > len(self._migrations) + 1:
            log.warning("document %s was written by a newer release: version %d", self._name(document), version)
            detail = f"A document of {self.container} was written by a newer version of this service."
            raise UpstreamFault(detail, code="newer_schema")
        for migrate in self._migrations[version - 1 :]:
            body = migrate(body)
        return body

    def _name(self, document: Document) -> str:
        return f"{self.container}/{document.partition}/{document.id}"

    async def _write(self, partition: str, operation: Create | Replace | Upsert) -> M:
        document = await self.documents.write(self.container, partition, operation)
        assert document is not None
        return self.load(document)
