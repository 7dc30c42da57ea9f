"""Stored events: a head with the last sequence number, and the events, in one partition per topic."""

from datetime import datetime
from typing import Any

from shared.errors import Conflict, PreconditionFailed, UpstreamUnavailable
from shared.events.models import Event, EventName
from shared.stores.collection import Collection
from shared.stores.documents import Create, DocumentStore, Operation, Replace, Where

_HEAD = "head"
_ATTEMPTS = 20


class DocumentEventStore:
    """`EventStore` on documents. The sequence number and the event are stored in one transaction."""

    def __init__(self, documents: DocumentStore, *, retention_days: int) -> None:
        self._documents = documents
        self._events = Collection(documents, "events", Event, ttl_seconds=retention_days * 86_400)

    async def append(
        self, topic: str, event: EventName, data: dict[str, Any], *, at: datetime, correlation_id: str | None
    ) -> Event:
        """See `EventStore.append`."""
        for _ in range(_ATTEMPTS):
            head = await self._documents.find("events", topic, _HEAD)
            seq = 1 if head is None else int(head.body["lastSeq"]) + 1
            record = Event(
                id=f"{seq:012d}", topic=topic, seq=seq, event=event, at=at, data=data, correlation_id=correlation_id
            )
            body = {"id": _HEAD, "topic": topic, "lastSeq": seq}
            write_head: Operation = Create(_HEAD, body) if head is None else Replace(_HEAD, body, head.etag)
            create = Create(record.id, self._events.dump(record), self._events.ttl_seconds)
            try:
                await self._documents.batch("events", topic, [write_head, create])
            except (Conflict, PreconditionFailed):
                continue  # another writer took this number
            return record
        raise UpstreamUnavailable("too many writers on one topic")

    async def last_seq(self, topic: str) -> int:
        """See `EventStore.last_seq`."""
        head = await self._documents.find("events", topic, _HEAD)
        return 0 if head is None else int(head.body["lastSeq"])

    async def after(self, topic: str, seq: int, *, limit: int) -> list[Event]:
        """See `EventStore.after`."""
        events, _ = await self._events.list(topic, where=[Where("seq", ">", seq)], order_by="seq", limit=limit)
        return events
