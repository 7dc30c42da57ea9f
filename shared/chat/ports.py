"""What chat sessions need from the outside."""

from typing import Protocol

from shared.chat.models import ChatSession
from shared.ids import SessionId, UserId


class SessionStore(Protocol):
    """Chat sessions, by owner."""

    async def get(self, owner: UserId, session_id: SessionId) -> ChatSession:
        """Raises `NotFound` (code `session_not_found`), also for somebody else's session."""
        ...

    async def create(self, session: ChatSession) -> ChatSession:
        """Raises `Conflict` (code `already_exists`)."""
        ...

    async def replace(self, session: ChatSession) -> ChatSession:
        """Raises `PreconditionFailed` when the session changed since it was read."""
        ...
