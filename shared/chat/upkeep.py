"""What happens to sessions in the background: deletion, and help for what got stuck.

A timer looks at the sessions that were noted as due. Each is judged by what is stored about it, and noted again
before anything is done about it: whatever dies on the way is found by a later look.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from shared.chat.messages import PURGE_QUEUE
from shared.chat.models import ChatSession, DeleteSession, LoadSession, PurgeMessages
from shared.chat.ports import MessageStore, SessionStore, SheetWatching
from shared.chat.sessions import DELETE_QUEUE, DUE_KIND, LOAD_QUEUE, STUCK_AFTER, publish_state
from shared.chat.states import require_transition
from shared.due import DueEntry, DueStore
from shared.errors import AppError, PreconditionFailed
from shared.events.bus import EventBus
from shared.events.ports import MessageQueue
from shared.ids import SessionId
from shared.records import utc_now
from shared.telemetry import get_logger

log = get_logger(__name__)

MAX_LOAD_REPAIRS = 3
_ENTRIES_PER_PAGE = 100
_PAGES_AT_ONCE = 20


class SessionUpkeep:
    """Work on sessions that nobody waits for."""

    def __init__(
        self,
        store: SessionStore,
        messages: MessageStore,
        queue: MessageQueue,
        events: EventBus,
        due: DueStore,
        *,
        watching: SheetWatching | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._watching = watching
        self._store = store
        self._messages = messages
        self._queue = queue
        self._events = events
        self._due = due
        self._clock = clock

    async def delete(self, message: DeleteSession) -> None:
        """Delete the messages of a session whose deletion was requested, then what is left of itself."""
        session = await self._store.find(message.owner, message.session_id)
        if session is None or session.deletion != "requested":
            return
        await self._messages.seal(message.session_id)
        await self._messages.purge(message.session_id)
        if self._watching is not None:
            await self._watching.session_deleted(session.sheet_id, session.session_id)
        await self._store.bury(session)
        log.info("session %s and its messages are deleted", session.id)

    async def purge_messages(self, message: PurgeMessages) -> None:
        """Delete the messages that were cleared."""
        await self._messages.purge(message.session_id)

    async def repair(self) -> None:
        """Look at the sessions that are due. What fails is looked at again two minutes later."""
        now = self._clock()
        for _ in range(_PAGES_AT_ONCE):
            entries = await self._due.list_due(DUE_KIND, now, limit=_ENTRIES_PER_PAGE)
            for entry in entries:
                try:
                    await self._look_at(entry, now)
                except AppError as error:
                    log.warning("session %s could not be looked after: %s", entry.subject, error.code)
                    await self._due.add(DUE_KIND, entry.owner, entry.subject, due_at=now + STUCK_AFTER)
                await self._due.remove(entry)
            if len(entries) < _ENTRIES_PER_PAGE:
                return

    async def _look_at(self, entry: DueEntry, now: datetime) -> None:
        session = await self._store.find(entry.owner, SessionId(entry.subject))
        if session is not None and await self._needs_help(session, now):
            await self._due.add(DUE_KIND, session.owner, session.id, due_at=now + STUCK_AFTER)
            await self._help(session, now)

    async def _needs_help(self, session: ChatSession, now: datetime) -> bool:
        if session.deletion is not None:
            return session.deletion == "requested"
        return _is_stuck(session, now) or await self._messages.has_cleared(session.session_id)

    async def _help(self, session: ChatSession, now: datetime) -> None:
        owner, session_id, correlation_id = session.owner, session.session_id, session.correlation_id
        if session.deletion is not None:
            deletion = DeleteSession(owner=owner, session_id=session_id, correlation_id=correlation_id)
            await self._queue.send(DELETE_QUEUE, deletion)
            return
        if _is_stuck(session, now):
            await self._repair_load(session, now)
        if await self._messages.has_cleared(session_id):
            await self._queue.send(PURGE_QUEUE, PurgeMessages(session_id=session_id, correlation_id=correlation_id))

    async def _repair_load(self, session: ChatSession, now: datetime) -> None:
        given_up = session.load_repairs >= MAX_LOAD_REPAIRS
        changes: dict[str, Any] = {"load_requested_at": now, "load_repairs": session.load_repairs + 1}
        if given_up:
            require_transition(session.state, "ERROR")
            changes = {"state": "ERROR", "state_reason": "load_stuck"}
        try:
            changed = await self._store.replace(session.model_copy(update={**changes, "updated_at": now}))
        except PreconditionFailed:
            return  # it moved while it was looked at: it is not stuck, or the next look finds it
        if given_up:
            await publish_state(self._events, changed)
            return
        log.info("session %s: stuck, load requested again (%d)", session.id, changed.load_repairs)
        message = LoadSession(owner=session.owner, session_id=session.session_id, correlation_id=session.correlation_id)
        await self._queue.send(LOAD_QUEUE, message)


def _is_stuck(session: ChatSession, now: datetime) -> bool:
    since = session.load_requested_at or session.updated_at
    return session.state == "INITIALIZING" and now - since >= STUCK_AFTER
