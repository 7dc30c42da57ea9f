"""What chat needs from the outside."""

from datetime import datetime
from typing import Protocol

from shared.chat.models import ChatSession, Message, NewMessage
from shared.ids import SessionId, SheetId, UserId


class SheetWatching(Protocol):
    """Who is told which sheets are worth watching, since there are sessions about them. Both may be told twice."""

    async def session_opened(self, user_id: UserId, sheet_id: SheetId, session_id: SessionId) -> None:
        """A session about the sheet is there."""
        ...

    async def session_deleted(self, sheet_id: SheetId, session_id: SessionId) -> None:
        """A session is gone."""
        ...


class SessionStore(Protocol):
    """Chat sessions, by owner. Only `find` tells of sessions whose deletion was requested."""

    async def get(self, owner: UserId, session_id: SessionId) -> ChatSession:
        """Raises `NotFound` (code `session_not_found`), also for somebody else's session."""
        ...

    async def find(self, owner: UserId, session_id: SessionId) -> ChatSession | None:
        """The session, deleted or not, or None."""
        ...

    async def list(self, owner: UserId, *, limit: int, cursor: str | None) -> tuple[list[ChatSession], str | None]:
        """A page of the owner's sessions, newest first, at most `limit`, and the cursor of the next page."""
        ...

    async def create(self, session: ChatSession) -> ChatSession:
        """Raises `Conflict` (code `already_exists`)."""
        ...

    async def replace(self, session: ChatSession) -> ChatSession:
        """Raises `PreconditionFailed` when the session changed since it was read."""
        ...

    async def bury(self, session: ChatSession) -> None:
        """Replace a session that has been deleted by what vanishes by itself within days."""
        ...


class MessageStore(Protocol):
    """The messages of each session, in the order in which they were appended."""

    async def append(self, session_id: SessionId, message: NewMessage, *, at: datetime) -> Message:
        """Store the message under the next number; one whose id is there already is answered as it was stored.

        One whose id was cleared within the last days is answered, and not shown again. Raises `Conflict` (code
        `session_closed`) for a session that was closed or sealed.
        """
        ...

    async def list(
        self, session_id: SessionId, *, limit: int, cursor: str | None, descending: bool
    ) -> tuple[list[Message], str | None]:
        """A page of the messages that were not cleared, and the cursor of the next."""
        ...

    async def clear(self, session_id: SessionId) -> int:
        """Take all messages out of the history in one step; how many. `purge` deletes them."""
        ...

    async def close(self, session_id: SessionId) -> None:
        """Take no more messages; those that are there stay."""
        ...

    async def is_closed(self, session_id: SessionId) -> bool:
        """Whether `close` was called."""
        ...

    async def seal(self, session_id: SessionId) -> None:
        """Clear, and take no more messages."""
        ...

    async def purge(self, session_id: SessionId) -> None:
        """Delete what was cleared, in batches; what was begun goes on with the next call.

        Of a session that was not sealed, the ids are remembered for some days.
        """
        ...

    async def has_cleared(self, session_id: SessionId) -> bool:
        """Whether there is something to purge."""
        ...
