"""Sessions: created at once, loaded by a queue message, ACTIVE only when the sheet's data is there.

Whoever starts something in the background notes it as due first, so that `SessionUpkeep` finds what got stuck.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from shared.chat.models import ChatSession, DeleteSession, LoadSession
from shared.chat.ports import MessageStore, SessionStore, SheetWatching
from shared.chat.requests import CreateSession, SessionDeleted, SessionPage, SessionView, UpdateSession
from shared.chat.states import require_transition
from shared.chat.transitions import Changes, SessionTransitions
from shared.due import DueStore
from shared.errors import AppError, Conflict, NotFound, RateLimited, StorageFull, UpstreamFault, UpstreamUnavailable
from shared.events.bus import EventBus
from shared.events.ports import MessageQueue
from shared.idempotency import request_hash, require_same_request, resource_id
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.identity.refusals import noting_refusal
from shared.ids import SessionId
from shared.records import utc_now
from shared.sheets.models import Sheet
from shared.sheets.service import SheetService
from shared.telemetry import current_correlation_id, get_logger, new_correlation_id

log = get_logger(__name__)

LOAD_QUEUE = "session-load"
DELETE_QUEUE = "session-delete"
DUE_KIND = "session"
STUCK_AFTER = timedelta(minutes=2)
_TRANSIENT = (UpstreamUnavailable, RateLimited, StorageFull)


class SessionService:
    """Use cases of sessions."""

    def __init__(
        self,
        sheets: SheetService,
        store: SessionStore,
        messages: MessageStore,
        identity: Identity,
        queue: MessageQueue,
        events: EventBus,
        due: DueStore,
        *,
        watching: SheetWatching | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._watching = watching
        self._sheets = sheets
        self._store = store
        self._messages = messages
        self._identity = identity
        self._queue = queue
        self._due = due
        self._clock = clock
        self._transitions = SessionTransitions(store, events, clock)

    async def create(
        self, caller: Caller, request: CreateSession, *, idempotency_key: str | None = None
    ) -> SessionView:
        """Open a session; its sheet loads in the background.

        Raises `NotFound` (`sheet_not_found`) and `Forbidden` at once for a sheet that the caller may not open.
        """
        await self._sheets.confirm_access(caller, request.sheet_id)
        now = self._clock()
        session = ChatSession(
            id=resource_id(caller.user_id, "sessions", idempotency_key),
            owner=caller.user_id,
            sheet_id=request.sheet_id,
            title=request.title or "",
            state="INITIALIZING",
            load_requested_at=now,
            request_hash=request_hash(request),
            correlation_id=current_correlation_id() or new_correlation_id(),
            created_at=now,
            updated_at=now,
        )
        await self._note_due(caller, session.session_id)
        try:
            session = await self._store.create(session)
        except Conflict:
            session = await self._store.get(caller.user_id, session.session_id)
            require_same_request(session.request_hash, request)
        if session.state == "INITIALIZING":  # also after a crash between saving and sending
            await self._send_load(session)
        return SessionView.of(session)

    async def get(self, caller: Caller, session_id: SessionId) -> SessionView:
        """One of the caller's sessions. Raises `NotFound` (`session_not_found`)."""
        session = await self._store.get(caller.user_id, session_id)
        await self._note_never_loaded(caller, [session])
        return SessionView.of(session)

    async def list(self, caller: Caller, *, limit: int, cursor: str | None) -> SessionPage:
        """The caller's sessions, newest first."""
        sessions, next_cursor = await self._store.list(caller.user_id, limit=limit, cursor=cursor)
        await self._note_never_loaded(caller, sessions)
        return SessionPage(items=tuple(SessionView.of(session) for session in sessions), next_cursor=next_cursor)

    async def update(self, caller: Caller, session_id: SessionId, request: UpdateSession) -> SessionView:
        """Rename or close one of the caller's sessions; closing a closed one changes nothing.

        Raises `NotFound` (`session_not_found`).
        """

        def changes(session: ChatSession) -> Changes:
            renamed: Changes = {} if request.title is None else {"title": request.title}
            if request.state is None or session.state == request.state:
                return renamed
            require_transition(session.state, request.state)
            return {**renamed, "state": request.state, "state_reason": None}

        if request.state is not None:
            await self._close_messages(caller, session_id)
        return SessionView.of(await self._change(caller, session_id, changes))

    async def request_load(self, caller: Caller, session_id: SessionId) -> SessionView:
        """Load the sheet once more, also out of ERROR; the session is INITIALIZING until that is done.

        Raises `NotFound` (`session_not_found`) and `Conflict` (`invalid_transition`) for a closed session.
        """
        now = self._clock()

        def changes(session: ChatSession) -> Changes:
            if session.state == "INITIALIZING" and session.load_requested_at is not None:
                return {}
            if session.state != "INITIALIZING":
                require_transition(session.state, "INITIALIZING")
            return {"state": "INITIALIZING", "state_reason": None, "load_requested_at": now, "load_repairs": 0}

        await self._store.get(caller.user_id, session_id)
        await self._note_due(caller, session_id)
        session = await self._change(caller, session_id, changes)
        await self._send_load(session)
        return SessionView.of(session)

    async def delete(self, caller: Caller, session_id: SessionId) -> SessionDeleted:
        """Delete one of the caller's sessions: nobody finds it any more, and its messages go in the background.

        Raises `NotFound` (`session_not_found`).
        """
        await self._store.get(caller.user_id, session_id)
        await self._note_due(caller, session_id)
        session = await self._change(caller, session_id, lambda _: {"deletion": "requested"})
        message = DeleteSession(
            owner=session.owner,
            session_id=session_id,
            correlation_id=current_correlation_id() or session.correlation_id,
        )
        await self._queue.send(DELETE_QUEUE, message)
        return SessionDeleted(id=session_id)

    async def load(self, message: LoadSession, *, last_attempt: bool) -> None:
        """Load the session's sheet and say how that went.

        Raises the transient errors, so that the queue delivers the message again; on the last attempt they
        too lead to ERROR. A delivery that finds the load done announces what is still unannounced.
        """
        session = await self._store.find(message.owner, message.session_id)
        if session is None:
            return
        if session.deletion is None and session.state == "INITIALIZING":
            outcome = await self._load(session, last_attempt=last_attempt)
            try:
                session = await self._save_outcome(session, outcome)
            except NotFound:
                return  # deleted while it was loaded
        if last_attempt:
            await self._transitions.try_to_announce(session)
        else:
            await self._transitions.announce(session)
        if session.deletion is None and session.state == "ACTIVE":
            await self._watch(session)  # by a later delivery, too: a runner may have died before it came to that

    async def _load(self, session: ChatSession, *, last_attempt: bool) -> Changes:
        try:
            caller = await self._identity.caller_of_user(session.owner)
            async with noting_refusal(self._identity, caller):
                sheet = await self._sheets.open(caller, session.sheet_id)
            _require_data(sheet)
        except _TRANSIENT as error:
            if not last_attempt:
                raise
            return {"state": "ERROR", "state_reason": error.code}
        except AppError as error:
            return {"state": "ERROR", "state_reason": error.code}
        return {
            "state": "ACTIVE",
            "title": sheet.name,
            "sheet_version": sheet.version,
            "row_count": sheet.total_row_count,
        }

    async def _save_outcome(self, loaded: ChatSession, outcome: Changes) -> ChatSession:
        """Save how the load went, unless the session moved on meanwhile: what was requested anew has a message, too."""

        def changes(session: ChatSession) -> Changes:
            if session.state != "INITIALIZING" or session.transitions != loaded.transitions:
                return {}
            require_transition(session.state, outcome["state"])
            return {**outcome, "title": session.title or outcome.get("title", "")}

        return await self._transitions.change(lambda: self._store.get(loaded.owner, loaded.session_id), changes)

    async def _watch(self, session: ChatSession) -> None:
        if self._watching is not None:
            await self._watching.session_opened(session.owner, session.sheet_id, session.session_id)

    async def _change(
        self, caller: Caller, session_id: SessionId, changes: Callable[[ChatSession], Changes]
    ) -> ChatSession:
        session = await self._transitions.change(lambda: self._store.get(caller.user_id, session_id), changes)
        await self._transitions.try_to_announce(session)
        return session

    async def _close_messages(self, caller: Caller, session_id: SessionId) -> None:
        """First of all: so no message comes behind the session's last state. The timer ends what stops between."""
        session = await self._store.get(caller.user_id, session_id)
        if session.state == "CLOSED":
            return
        require_transition(session.state, "CLOSED")
        await self._note_due(caller, session_id)
        await self._messages.close(session_id)

    async def _note_never_loaded(self, caller: Caller, sessions: Sequence[ChatSession]) -> None:
        """Sessions of the first version have no data, and nobody has asked for it: now the timer will.

        Reading does not fail when this cannot be noted: whoever reads next notes it.
        """
        this_minute = self._clock().replace(second=0, microsecond=0)  # one entry, however often it is read meanwhile
        for session in sessions:
            if session.state != "INITIALIZING" or session.load_requested_at is not None:
                continue
            try:
                await self._due.add(DUE_KIND, caller.user_id, session.id, due_at=this_minute)
            except AppError as error:
                log.warning("session %s waits for its first load: %s", session.id, error.code)

    async def _note_due(self, caller: Caller, session_id: SessionId) -> None:
        await self._due.add(DUE_KIND, caller.user_id, session_id, due_at=self._clock() + STUCK_AFTER)

    async def _send_load(self, session: ChatSession) -> None:
        message = LoadSession(owner=session.owner, session_id=session.session_id, correlation_id=session.correlation_id)
        await self._queue.send(LOAD_QUEUE, message)


def _require_data(sheet: Sheet) -> None:
    """ACTIVE promises the data: columns, and as many rows as the sheet has. Raises `UpstreamFault`."""
    if not sheet.columns or len(sheet.rows) != sheet.total_row_count:
        raise UpstreamFault("Smartsheet left out a part of the sheet.", code="incomplete_sheet")
