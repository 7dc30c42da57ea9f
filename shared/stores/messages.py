"""Messages: a head with the last number and how far they were cleared, and the messages, one partition per session.

A message that was cleared leaves its id behind for some days, so that one that is delivered again is not shown again.
What is left has no `seq`: lists, which are ordered by it, do not see it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from shared.chat.models import Message, NewMessage
from shared.errors import Conflict, PreconditionFailed, UpstreamUnavailable
from shared.ids import SessionId
from shared.records import Record
from shared.stores.collection import Collection, only_new_fields
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

_CONTAINER = "messages"
_HEAD = "head"
_ATTEMPTS = 20
_REMEMBERED_SECONDS = 7 * 86_400  # as long as a message waits in a queue at most


class MessageHead(Record):
    """What holds for a session's messages as a whole. Those with a number up to `cleared_seq` are no longer shown."""

    last_seq: int = 0
    cleared_seq: int = 0
    closed: bool = False
    sealed: bool = False


class ClearedMessage(Record):
    """What is left of a message that was cleared: its id, and the number that it had."""

    number: int


class DocumentMessageStore:
    """`MessageStore` on documents. A message and its number are stored in one transaction."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._messages = Collection(documents, _CONTAINER, Message)
        self._cleared = Collection(documents, _CONTAINER, ClearedMessage)
        self._heads = Collection(documents, _CONTAINER, MessageHead, migrations=[only_new_fields])

    async def append(self, session_id: SessionId, message: NewMessage, *, at: datetime) -> Message:
        """See `MessageStore.append`."""
        for _ in range(_ATTEMPTS):
            head = await self._head(session_id)
            if head.closed or head.sealed:
                raise Conflict("The session is closed and takes no more messages.", code="session_closed")
            record = Message(**dict(message), session_id=session_id, seq=head.last_seq + 1, timestamp=at)
            following = head.model_copy(update={"last_seq": record.seq})
            create = Create(record.id, self._messages.dump(record))
            try:
                await self._documents.batch(_CONTAINER, session_id, [self._write(following), create])
            except (Conflict, PreconditionFailed):
                stored = await self._documents.find(_CONTAINER, session_id, record.id)
                if stored is not None:
                    return self._as_it_was(stored, record)
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

    async def close(self, session_id: SessionId) -> None:
        """See `MessageStore.close`. An append that had read the head fails at the head's version, and looks again."""
        await self._change(session_id, lambda _: {"closed": True})

    async def is_closed(self, session_id: SessionId) -> bool:
        """See `MessageStore.is_closed`."""
        return (await self._head(session_id)).closed

    async def seal(self, session_id: SessionId) -> None:
        """See `MessageStore.seal`. The head outlives the session by days, and vanishes by itself."""
        await self._change(session_id, lambda head: {"cleared_seq": head.last_seq, "sealed": True})

    async def purge(self, session_id: SessionId) -> None:
        """See `MessageStore.purge`."""
        head = await self._head(session_id)
        while batch := await self._list_cleared(session_id, head, limit=MAX_BATCH):
            await self._documents.batch(_CONTAINER, session_id, [self._removal(head, document) for document in batch])

    async def has_cleared(self, session_id: SessionId) -> bool:
        """See `MessageStore.has_cleared`."""
        return bool(await self._list_cleared(session_id, await self._head(session_id), limit=1))

    async def _list_cleared(self, session_id: SessionId, head: MessageHead, *, limit: int) -> Sequence[Document]:
        """As documents: one that is no message any more has to go, too."""
        cleared = [Where("seq", "<=", head.cleared_seq)]
        page = await self._documents.list(_CONTAINER, session_id, where=cleared, order_by="seq", limit=limit)
        return page.items

    def _removal(self, head: MessageHead, document: Document) -> Operation:
        if head.sealed:  # which refuses what is delivered again by itself
            return Delete(document.id)
        cleared = ClearedMessage(id=document.id, number=document.body["seq"])
        return Upsert(document.id, self._cleared.dump(cleared), _REMEMBERED_SECONDS)

    def _as_it_was(self, stored: Document, message: Message) -> Message:
        """The message with this id that is there, or was until it was cleared."""
        if "seq" in stored.body:
            return self._messages.load(stored)
        return message.model_copy(update={"seq": self._cleared.load(stored).number})

    async def _head(self, session_id: SessionId) -> MessageHead:
        return await self._heads.find(session_id, _HEAD) or MessageHead(id=_HEAD)

    async def _change(self, session_id: SessionId, changes: Callable[[MessageHead], dict[str, Any]]) -> MessageHead:
        """Change the head; what it was before."""
        for _ in range(_ATTEMPTS):
            head = await self._head(session_id)
            following = head.model_copy(update=changes(head))
            try:
                await self._documents.write(_CONTAINER, session_id, self._write(following))
            except (Conflict, PreconditionFailed):
                continue  # another writer was first
            return head
        raise _too_many_writers()

    def _write(self, head: MessageHead) -> Operation:
        body = self._heads.dump(head)
        ttl_seconds = _REMEMBERED_SECONDS if head.sealed else None
        return Replace(_HEAD, body, head.etag, ttl_seconds) if head.etag else Create(_HEAD, body, ttl_seconds)


def _too_many_writers() -> UpstreamUnavailable:
    return UpstreamUnavailable("Too many writers work on one session; try again.")
