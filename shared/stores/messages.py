"""Messages: a head with the last number and how far they were cleared, and the messages, one partition per session."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from shared.chat.models import Message, NewMessage
from shared.errors import Conflict, PreconditionFailed, UpstreamUnavailable
from shared.ids import SessionId
from shared.records import Record
from shared.stores.collection import Collection
from shared.stores.documents import MAX_BATCH, Create, Delete, DocumentStore, Operation, Replace, Where

_CONTAINER = "messages"
_HEAD = "head"
_ATTEMPTS = 20
_SEALED_SECONDS = 7 * 86_400


class MessageHead(Record):
    """What holds for a session's messages as a whole. Those with a number up to `cleared_seq` are no longer shown."""

    last_seq: int = 0
    cleared_seq: int = 0
    sealed: bool = False


class DocumentMessageStore:
    """`MessageStore` on documents. A message and its number are stored in one transaction."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._messages = Collection(documents, _CONTAINER, Message)
        self._heads = Collection(documents, _CONTAINER, MessageHead)

    async def append(self, session_id: SessionId, message: NewMessage, *, at: datetime) -> Message:
        """See `MessageStore.append`."""
        for _ in range(_ATTEMPTS):
            head = await self._head(session_id)
            if head.sealed:
                raise Conflict("The session was deleted.", code="session_closed")
            record = Message(**dict(message), session_id=session_id, seq=head.last_seq + 1, timestamp=at)
            following = head.model_copy(update={"last_seq": record.seq})
            create = Create(record.id, self._messages.dump(record))
            try:
                await self._documents.batch(_CONTAINER, session_id, [self._write(following), create])
            except (Conflict, PreconditionFailed):
                stored = await self._messages.find(session_id, record.id)
                if stored is not None:
                    return stored
                continue  # another writer took this number
            return record
        raise _too_many_writers()

    async def list(
        self, session_id: SessionId, *, limit: int, cursor: str | None, descending: bool
    ) -> tuple[list[Message], str | None]:
        """See `MessageStore.list`."""
        head = await self._head(session_id)
        shown = [Where("seq", ">", head.cleared_seq)]
        return await self._messages.list(
            session_id, where=shown, order_by="seq", descending=descending, limit=limit, cursor=cursor
        )

    async def clear(self, session_id: SessionId) -> int:
        """See `MessageStore.clear`."""
        before = await self._change(session_id, lambda head: {"cleared_seq": head.last_seq})
        return before.last_seq - before.cleared_seq

    async def seal(self, session_id: SessionId) -> None:
        """See `MessageStore.seal`. The head outlives the session by days, and vanishes by itself."""
        await self._change(
            session_id, lambda head: {"cleared_seq": head.last_seq, "sealed": True}, ttl_seconds=_SEALED_SECONDS
        )

    async def purge(self, session_id: SessionId) -> None:
        """See `MessageStore.purge`."""
        head = await self._head(session_id)
        while batch := await self._cleared(session_id, head, limit=MAX_BATCH):
            await self._documents.batch(_CONTAINER, session_id, [Delete(message.id) for message in batch])

    async def has_cleared(self, session_id: SessionId) -> bool:
        """See `MessageStore.has_cleared`."""
        return bool(await self._cleared(session_id, await self._head(session_id), limit=1))

    async def _cleared(self, session_id: SessionId, head: MessageHead, *, limit: int) -> Sequence[Message]:
        cleared, _ = await self._messages.list(
            session_id, where=[Where("seq", "<=", head.cleared_seq)], order_by="seq", limit=limit
        )
        return cleared

    async def _head(self, session_id: SessionId) -> MessageHead:
        return await self._heads.find(session_id, _HEAD) or MessageHead(id=_HEAD)

    async def _change(
        self,
        session_id: SessionId,
        changes: Callable[[MessageHead], dict[str, Any]],
        *,
        ttl_seconds: int | None = None,
    ) -> MessageHead:
        """Change the head; what it was before."""
        for _ in range(_ATTEMPTS):
            head = await self._head(session_id)
            following = head.model_copy(update=changes(head))
            try:
                await self._documents.write(_CONTAINER, session_id, self._write(following, ttl_seconds))
            except (Conflict, PreconditionFailed):
                continue  # another writer was first
            return head
        raise _too_many_writers()

    def _write(self, head: MessageHead, ttl_seconds: int | None = None) -> Operation:
        body = self._heads.dump(head)
        return Replace(_HEAD, body, head.etag, ttl_seconds) if head.etag else Create(_HEAD, body, ttl_seconds)


def _too_many_writers() -> UpstreamUnavailable:
    return UpstreamUnavailable("Too many writers work on one session; try again.")
