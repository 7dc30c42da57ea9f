"""Chat sessions."""

from shared.chat.models import ChatSession
from shared.ids import SessionId, UserId
from shared.stores.collection import Collection
from shared.stores.documents import DocumentStore


class DocumentSessionStore:
    """`SessionStore` on documents: one partition per owner."""

    def __init__(self, documents: DocumentStore) -> None:
        self._sessions = Collection(documents, "sessions", ChatSession)

    async def get(self, owner: UserId, session_id: SessionId) -> ChatSession:
        """See `SessionStore.get`."""
        return await self._sessions.get(owner, session_id, code="session_not_found", detail="There is no such session.")

    async def create(self, session: ChatSession) -> ChatSession:
        """See `SessionStore.create`."""
        return await self._sessions.create(session.owner, session)

    async def replace(self, session: ChatSession) -> ChatSession:
        """See `SessionStore.replace`."""
        return await self._sessions.replace(session.owner, session)
