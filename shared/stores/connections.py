"""Live WebSocket connections, and what is heard by them."""

from shared.realtime.ports import Audience, Connection
from shared.stores.collection import Collection
from shared.stores.documents import Delete, DocumentStore

_DAY_SECONDS = 86_400


class DocumentConnectionStore:
    """`ConnectionStore` on documents: one partition per connection."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._connections = Collection(documents, "connections", Connection, ttl_seconds=_DAY_SECONDS)

    async def save(self, connection: Connection) -> None:
        """See `ConnectionStore.save`."""
        await self._connections.upsert(connection.id, connection)

    async def find(self, connection_id: str) -> Connection | None:
        """See `ConnectionStore.find`."""
        return await self._connections.find(connection_id, connection_id)

    async def delete(self, connection_id: str) -> None:
        """See `ConnectionStore.delete`."""
        await self._documents.write("connections", connection_id, Delete(connection_id))


class DocumentAudienceStore:
    """`AudienceStore` on documents: one partition per listener."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._audiences = Collection(documents, "audiences", Audience)

    async def find(self, listener: str) -> Audience | None:
        """See `AudienceStore.find`."""
        return await self._audiences.find(listener, listener)

    async def save(self, audience: Audience) -> Audience:
        """See `AudienceStore.save`."""
        if not audience.etag:
            return await self._audiences.create(audience.id, audience)
        return await self._audiences.replace(audience.id, audience)

    async def delete(self, audience: Audience) -> None:
        """See `AudienceStore.delete`."""
        await self._documents.write("audiences", audience.id, Delete(audience.id))
