"""Messages: appended by the application, read and cleared by the session's owner."""

from collections.abc import Callable
from datetime import datetime

from shared.chat.models import Message, NewMessage, PurgeMessages
from shared.chat.ports import MessageStore, SessionStore
from shared.chat.requests import MessagePage, MessagesCleared, MessageView
from shared.chat.sessions import DUE_KIND, STUCK_AFTER
from shared.due import DueStore
from shared.errors import Conflict
from shared.events.bus import EventBus
from shared.events.ports import MessageQueue
from shared.identity.models import Caller
from shared.ids import SessionId, UserId
from shared.records import utc_now
from shared.telemetry import current_correlation_id

PURGE_QUEUE = "messages-purge"


class MessageService:
    """Use cases of messages. Every method raises `NotFound` (`session_not_found`) for a session that is not theirs."""

    def __init__(
        self,
        sessions: SessionStore,
        store: MessageStore,
        queue: MessageQueue,
        events: EventBus,
        due: DueStore,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sessions = sessions
        self._store = store
        self._queue = queue
        self._events = events
        self._due = due
        self._clock = clock

    async def append(self, owner: UserId, session_id: SessionId, message: NewMessage) -> Message:
        """Add a message to a session; one with an id that is there already is not added twice.

        Raises `Conflict` (`session_closed`).
        """
        session = await self._sessions.get(owner, session_id)
        if session.state == "CLOSED":
            raise Conflict("The session is closed and takes no more messages.", code="session_closed")
        stored = await self._store.append(session_id, message, at=self._clock())
        data = {"sessionId": session_id, "messageId": stored.id, "role": stored.role}
        await self._events.publish(f"session:{session_id}", "message", data)
        return stored

    async def list(
        self, caller: Caller, session_id: SessionId, *, limit: int, cursor: str | None, descending: bool = False
    ) -> MessagePage:
        """The history, the oldest first unless `descending`."""
        await self._sessions.get(caller.user_id, session_id)
        messages, next_cursor = await self._store.list(session_id, limit=limit, cursor=cursor, descending=descending)
        return MessagePage(items=tuple(MessageView.of(message) for message in messages), next_cursor=next_cursor)

    async def clear(self, caller: Caller, session_id: SessionId) -> MessagesCleared:
        """Empty the history at once; what was in it is deleted in the background."""
        session = await self._sessions.get(caller.user_id, session_id)
        await self._due.add(DUE_KIND, caller.user_id, session_id, due_at=self._clock() + STUCK_AFTER)
        cleared = await self._store.clear(session_id)
        correlation_id = current_correlation_id() or session.correlation_id
        await self._queue.send(PURGE_QUEUE, PurgeMessages(session_id=session_id, correlation_id=correlation_id))
        return MessagesCleared(session_id=session_id, cleared=cleared)
