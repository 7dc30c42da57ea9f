"""Chat sessions."""

from typing import Any

from shared.chat.models import ChatSession
from shared.errors import NotFound
from shared.ids import SessionId, UserId
from shared.stores.collection import Collection, only_new_fields
from shared.stores.documents import DocumentStore

_REMAINS_SECONDS = 86_400


def _with_state(body: dict[str, Any]) -> dict[str, Any]:
    """To version 2. A session without a state has no data that was checked."""
    return {"state": "INITIALIZING", **body}


_MIGRATIONS = (_with_state, only_new_fields)


class DocumentSessionStore:
    """`SessionStore` on documents: one partition per owner."""

    def __init__(self, documents: DocumentStore) -> None:
        self._sessions = Collection(documents, "sessions", ChatSession, migrations=_MIGRATIONS)
        self._remains = Collection(
            documents, "sessions", ChatSession, migrations=_MIGRATIONS, ttl_seconds=_REMAINS_SECONDS
        )

    async def get(self, owner: UserId, session_id: SessionId) -> ChatSession:
        """See `SessionStore.get`."""
        session = await self.find(owner, session_id)
        if session is None or session.deletion is not None:
            raise NotFound("There is no such session.", code="session_not_found")
        return session

    async def find(self, owner: UserId, session_id: SessionId) -> ChatSession | None:
        """See `SessionStore.find`."""
        return await self._sessions.find(owner, session_id)

    async def list(self, owner: UserId, *, limit: int, cursor: str | None) -> tuple[list[ChatSession], str | None]:
        """See `SessionStore.list`. A page is shorter by the deleted sessions in it, but empty only at the end."""
        while True:
            page, cursor = await self._sessions.list(
                owner, order_by="createdAt", descending=True, limit=limit, cursor=cursor
            )
            kept = [session for session in page if session.deletion is None]
            if kept or cursor is None:
                return kept, cursor

    async def create(self, session: ChatSession) -> ChatSession:
        """See `SessionStore.create`."""
        return await self._sessions.create(session.owner, session)

    async def replace(self, session: ChatSession) -> ChatSession:
        """See `SessionStore.replace`."""
        return await self._sessions.replace(session.owner, session)

    async def bury(self, session: ChatSession) -> None:
        """See `SessionStore.bury`. The id stays taken for a day, longer than any message about the session lives."""
        await self._remains.upsert(session.owner, session.model_copy(update={"deletion": "done", "title": ""}))
