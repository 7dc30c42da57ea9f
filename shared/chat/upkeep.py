"""What happens to sessions in the background: deletion, and help for what got stuck.

A timer looks at the sessions that were noted as due. Each is judged by what is stored about it, and noted again
before anything is done about it: whatever dies on the way is found by a later look.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from shared.chat.messages import PURGE_QUEUE
from shared.chat.models import ChatSession, DeleteSession, LoadSession, PurgeMessages
from shared.chat.ports import MessageStore, SessionStore, SheetWatching
from shared.chat.sessions import DELETE_QUEUE, DUE_KIND, LOAD_QUEUE, STUCK_AFTER
from shared.chat.states import require_transition
from shared.chat.transitions import Changes, SessionTransitions
from shared.due import DueEntry, DueStore, look_at_due
from shared.events.bus import EventBus
from shared.events.ports import MessageQueue
from shared.ids import SessionId
from shared.records import utc_now
from shared.telemetry import get_logger

log = get_logger(__name__)

MAX_LOAD_REPAIRS = 3

Help = Callable[[ChatSession, datetime], Awaitable[None]]


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
        self._due = due
        self._clock = clock
        self._transitions = SessionTransitions(store, events, clock)

    async def delete(self, message: DeleteSession) -> None:
        """Delete the messages of a session whose deletion was requested, then what is left of itself.

        First of all its deletion is announced, where that is still to be done.
        """
        session = await self._store.find(message.owner, message.session_id)
        if session is None or session.deletion != "requested":
            return
        session = await self._transitions.announce(session)
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
        await look_at_due(self._due, DUE_KIND, self._clock(), self._look_at, again_after=STUCK_AFTER)

    async def _look_at(self, entry: DueEntry, now: datetime) -> None:
        session = await self._store.find(entry.owner, SessionId(entry.subject))
        if session is None:
            return
        help_needed = await self._help_needed(session, now)
        if not help_needed:
            return
        await self._due.add(DUE_KIND, session.owner, session.id, due_at=now + STUCK_AFTER)
        for give_help in help_needed:
            await give_help(session, now)

    async def _help_needed(self, session: ChatSession, now: datetime) -> Sequence[Help]:
        if session.deletion is not None:
            return [self._announce, self._request_deletion] if session.deletion == "requested" else []
        needed: list[Help] = []
        if session.unannounced:
            needed.append(self._announce)
        if session.state != "CLOSED" and await self._messages.is_closed(session.session_id):
            needed.append(self._close)
        elif _is_stuck(session, now):
            needed.append(self._repair_load)
        if await self._messages.has_cleared(session.session_id):
            needed.append(self._request_purge)
        return needed

    async def _announce(self, session: ChatSession, now: datetime) -> None:
        await self._transitions.try_to_announce(session)

    async def _request_deletion(self, session: ChatSession, now: datetime) -> None:
        owner, session_id, correlation_id = session.owner, session.session_id, session.correlation_id
        message = DeleteSession(owner=owner, session_id=session_id, correlation_id=correlation_id)
        await self._queue.send(DELETE_QUEUE, message)

    async def _request_purge(self, session: ChatSession, now: datetime) -> None:
        message = PurgeMessages(session_id=session.session_id, correlation_id=session.correlation_id)
        await self._queue.send(PURGE_QUEUE, message)

    async def _close(self, session: ChatSession, now: datetime) -> None:
        """Its messages were closed, and the process died before the session was."""
        await self._change(session, lambda found: {} if found.state == "CLOSED" else _closing(found))

    async def _repair_load(self, session: ChatSession, now: datetime) -> None:
        def changes(found: ChatSession) -> Changes:
            if not _is_stuck(found, now):
                return {}
            if found.load_repairs >= MAX_LOAD_REPAIRS:
                require_transition(found.state, "ERROR")
                return {"state": "ERROR", "state_reason": "load_stuck"}
            return {"load_requested_at": now, "load_repairs": found.load_repairs + 1}

        changed = await self._change(session, changes)
        if changed.state != "INITIALIZING" or changed.load_requested_at != now:
            return  # given up, or it moved while it was looked at
        log.info("session %s: stuck, load requested again (%d)", session.id, changed.load_repairs)
        message = LoadSession(owner=session.owner, session_id=session.session_id, correlation_id=session.correlation_id)
        await self._queue.send(LOAD_QUEUE, message)

    async def _change(self, session: ChatSession, changes: Callable[[ChatSession], Changes]) -> ChatSession:
        changed = await self._transitions.change(lambda: self._store.get(session.owner, session.session_id), changes)
        await self._transitions.try_to_announce(changed)
        return changed


def _is_stuck(session: ChatSession, now: datetime) -> bool:
    """Also where nobody has ever asked for the load: sessions of the first version."""
    since = session.load_requested_at
    return session.state == "INITIALIZING" and (since is None or now - since >= STUCK_AFTER)


def _closing(session: ChatSession) -> Changes:
    require_transition(session.state, "CLOSED")
    return {"state": "CLOSED", "state_reason": None}
