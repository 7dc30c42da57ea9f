"""Sessions: created at once, loaded by a queue message, ACTIVE only when the sheet's data is there.

Whoever starts something in the background notes it as due first, so that `SessionUpkeep` finds what got stuck.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from shared.chat.models import ChatSession, DeleteSession, LoadSession
from shared.chat.ports import SessionStore, SheetWatching
from shared.chat.requests import CreateSession, SessionDeleted, SessionPage, SessionView, UpdateSession
from shared.chat.states import require_transition
from shared.due import DueStore
from shared.errors import (
    AppError,
    Conflict,
    PreconditionFailed,
    RateLimited,
    StorageFull,
    UpstreamFault,
    UpstreamUnavailable,
)
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
_ATTEMPTS = 20
_TRANSIENT = (UpstreamUnavailable, RateLimited, StorageFull)

Changes = dict[str, Any]


class SessionService:
    """Use cases of sessions."""

    def __init__(
        self,
        sheets: SheetService,
        store: SessionStore,
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
        self._identity = identity
        self._queue = queue
        self._events = events
        self._due = due
        self._clock = clock

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
        return SessionView.of(await self._store.get(caller.user_id, session_id))

    async def list(self, caller: Caller, *, limit: int, cursor: str | None) -> SessionPage:
        """The caller's sessions, newest first."""
        sessions, next_cursor = await self._store.list(caller.user_id, limit=limit, cursor=cursor)
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
        too lead to ERROR.
        """
        session = await self._store.find(message.owner, message.session_id)
        if session is None or session.deletion is not None:
            return
        if session.state == "ACTIVE":
            await self._watch(session)  # a runner may have died before it came to that
        if session.state != "INITIALIZING":
            return
        try:
            caller = await self._identity.caller_of_user(message.owner)
            async with noting_refusal(self._identity, caller):
                sheet = await self._sheets.open(caller, session.sheet_id)
            _require_data(sheet)
        except _TRANSIENT as error:
            if not last_attempt:
                raise
            changes: Changes = {"state": "ERROR", "state_reason": error.code}
        except AppError as error:
            changes = {"state": "ERROR", "state_reason": error.code}
        else:
            changes = {
                "state": "ACTIVE",
                "title": session.title or sheet.name,
                "sheet_version": sheet.version,
                "row_count": sheet.total_row_count,
            }
        require_transition(session.state, changes["state"])
        try:
            moved = await self._store.replace(session.model_copy(update={**changes, "updated_at": self._clock()}))
        except PreconditionFailed:
            if not last_attempt:
                raise  # renamed meanwhile, perhaps: the next delivery sees
            log.info("session %s was changed while it was loaded", session.id)
            return
        await publish_state(self._events, moved)
        if moved.state == "ACTIVE":
            await self._watch(moved)

    async def _watch(self, session: ChatSession) -> None:
        if self._watching is not None:
            await self._watching.session_opened(session.owner, session.sheet_id, session.session_id)

    async def _change(
        self, caller: Caller, session_id: SessionId, changes: Callable[[ChatSession], Changes]
    ) -> ChatSession:
        """Read, change, save; again when somebody else was faster."""
        for _ in range(_ATTEMPTS):
            session = await self._store.get(caller.user_id, session_id)
            update = changes(session)
            if not update:
                return session
            try:
                changed = await self._store.replace(session.model_copy(update={**update, "updated_at": self._clock()}))
            except PreconditionFailed:
                continue
            if changed.state != session.state or changed.deletion is not None:
                await publish_state(self._events, changed)
            return changed
        raise UpstreamUnavailable("Too many writers work on one session; try again.")

    async def _note_due(self, caller: Caller, session_id: SessionId) -> None:
        await self._due.add(DUE_KIND, caller.user_id, session_id, due_at=self._clock() + STUCK_AFTER)

    async def _send_load(self, session: ChatSession) -> None:
        message = LoadSession(owner=session.owner, session_id=session.session_id, correlation_id=session.correlation_id)
        await self._queue.send(LOAD_QUEUE, message)


async def publish_state(events: EventBus, session: ChatSession) -> None:
    """Tell who watches the session what has become of it."""
    log.info("session %s: %s", session.id, session.state if session.deletion is None else "deleted")
    data: dict[str, Any] = {"sessionId": session.id, "state": session.state, "stateReason": session.state_reason}
    if session.deletion is not None:
        data["deleted"] = True
    await events.publish(f"session:{session.id}", "session_state", data)


def _require_data(sheet: Sheet) -> None:
    """ACTIVE promises the data: columns, and as many rows as the sheet has. Raises `UpstreamFault`."""
    if not sheet.columns or len(sheet.rows) != sheet.total_row_count:
        raise UpstreamFault("Smartsheet left out a part of the sheet.", code="incomplete_sheet")
