"""What is known of watched sheets, the webhooks that tell of them, and who watches."""

from shared.ids import SheetId, UserId
from shared.records import Record
from shared.stores.collection import Collection
from shared.stores.documents import Create, Delete, DocumentStore, Operation, Replace
from shared.webhooks.models import OwnedWebhook, SheetState, Watcher, WebhookId, WebhookRecord

_STATE = "state"
_DELIVERY_SECONDS = 3 * 86_400
_SESSION_SECONDS = 14 * 86_400
_TOPIC_SECONDS = 2 * 3600
_AT_ONCE = 100


class SeenDelivery(Record):
    """A callback that was applied; `id` is its key."""


class DocumentSheetStateStore:
    """`SheetStateStore` on documents: one partition per sheet, so that state and delivery are one transaction."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._states = Collection(documents, "sheet-states", SheetState)
        self._deliveries = Collection(documents, "sheet-states", SeenDelivery, ttl_seconds=_DELIVERY_SECONDS)

    async def find(self, sheet_id: SheetId) -> SheetState | None:
        """See `SheetStateStore.find`."""
        return await self._states.find(sheet_id, _STATE)

    async def save(self, sheet_id: SheetId, state: SheetState) -> SheetState:
        """See `SheetStateStore.save`."""
        if not state.etag:
            return await self._states.create(sheet_id, state)
        return await self._states.replace(sheet_id, state)

    async def save_with_delivery(self, sheet_id: SheetId, state: SheetState, key: str) -> None:
        """See `SheetStateStore.save_with_delivery`."""
        body = self._states.dump(state)
        write: Operation = Replace(_STATE, body, state.etag) if state.etag else Create(_STATE, body)
        seen = SeenDelivery(id=f"delivery-{key}")
        note = Create(seen.id, self._deliveries.dump(seen), self._deliveries.ttl_seconds)
        await self._documents.batch("sheet-states", sheet_id, [write, note])

    async def has_seen(self, sheet_id: SheetId, key: str) -> bool:
        """See `SheetStateStore.has_seen`."""
        return await self._deliveries.find(sheet_id, f"delivery-{key}") is not None


class DocumentWebhookStore:
    """`WebhookStore` on documents: one partition per webhook, and an index by owner."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._webhooks = Collection(documents, "webhooks", WebhookRecord)
        self._owned = Collection(documents, "owned-webhooks", OwnedWebhook)

    async def find(self, webhook_id: WebhookId) -> WebhookRecord | None:
        """See `WebhookStore.find`."""
        return await self._webhooks.find(webhook_id, webhook_id)

    async def save(self, record: WebhookRecord) -> None:
        """See `WebhookStore.save`. The index comes first: what is not in it would not be found again."""
        webhook_id = WebhookId(record.id)
        await self._owned.upsert(record.owner, OwnedWebhook(id=record.sheet_id, webhook_id=webhook_id))
        await self._webhooks.upsert(webhook_id, record)

    async def list_owned(self, owner: UserId) -> list[OwnedWebhook]:
        """See `WebhookStore.list_owned`."""
        found, _ = await self._owned.list(owner, limit=_AT_ONCE)
        return found

    async def delete(self, owner: UserId, sheet_id: SheetId, webhook_id: WebhookId) -> None:
        """See `WebhookStore.delete`."""
        await self._documents.write("webhooks", webhook_id, Delete(webhook_id))
        owned = await self._owned.find(owner, sheet_id)
        if owned is not None and owned.webhook_id == webhook_id:
            await self._documents.write("owned-webhooks", owner, Delete(sheet_id))


class DocumentWatcherStore:
    """`WatcherStore` on documents: one partition per sheet."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._watchers = {
            "session": Collection(documents, "sheet-watchers", Watcher, ttl_seconds=_SESSION_SECONDS),
            "topic": Collection(documents, "sheet-watchers", Watcher, ttl_seconds=_TOPIC_SECONDS),
        }

    async def add(self, sheet_id: SheetId, watcher: Watcher) -> None:
        """See `WatcherStore.add`."""
        await self._watchers[watcher.kind].upsert(sheet_id, watcher)

    async def remove(self, sheet_id: SheetId, watcher_id: str) -> None:
        """See `WatcherStore.remove`."""
        await self._documents.write("sheet-watchers", sheet_id, Delete(watcher_id))

    async def list(self, sheet_id: SheetId) -> list[Watcher]:
        """See `WatcherStore.list`."""
        found, _ = await self._watchers["session"].list(sheet_id, limit=_AT_ONCE)
        return found
