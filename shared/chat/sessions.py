"""Sessions: created at once, loaded by a queue message, ACTIVE only when the sheet's data is there."""

from collections.abc import Callable
from datetime import datetime

from shared.chat.models import ChatSession, CreateSession, LoadSession, SessionView
from shared.chat.ports import SessionStore
from shared.errors import AppError, Conflict, PreconditionFailed, RateLimited, StorageFull, UpstreamUnavailable
from shared.events.bus import EventBus
from shared.events.ports import MessageQueue
from shared.idempotency import request_hash, require_same_request, resource_id
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.ids import SessionId
from shared.records import utc_now
from shared.sheets.service import SheetService
from shared.telemetry import current_correlation_id, get_logger, new_correlation_id

log = get_logger(__name__)

LOAD_QUEUE = "session-load"
_TRANSIENT = (UpstreamUnavailable, RateLimited, StorageFull)


class SessionService:
    """Use cases of sessions."""

    def __init__(
        self,
        sheets: SheetService,
        store: SessionStore,
        identity: Identity,
        queue: MessageQueue,
        events: EventBus,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sheets = sheets
        self._store = store
        self._identity = identity
        self._queue = queue
        self._events = events
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
            request_hash=request_hash(request),
            correlation_id=current_correlation_id() or new_correlation_id(),
            created_at=now,
            updated_at=now,
        )
        try:
            session = await self._store.create(session)
        except Conflict:
            session = await self._store.get(caller.user_id, session.session_id)
            require_same_request(session.request_hash, request)
        if session.state == "INITIALIZING":  # also after a crash between saving and sending
            message = LoadSession(
                owner=session.owner, session_id=session.session_id, correlation_id=session.correlation_id
            )
            await self._queue.send(LOAD_QUEUE, message)
        return SessionView.of(session)

    async def get(self, caller: Caller, session_id: SessionId) -> SessionView:
        """One of the caller's sessions. Raises `NotFound` (`session_not_found`)."""
        return SessionView.of(await self._store.get(caller.user_id, session_id))

    async def load(self, message: LoadSession, *, last_attempt: bool) -> None:
        """Load the session's sheet and say how that went.

        Raises the transient errors, so that the queue delivers the message again; on the last attempt they
        too lead to ERROR.
        """
        session = await self._store.get(message.owner, message.session_id)
        if session.state != "INITIALIZING":
            return
        try:
            caller = await self._identity.caller_of_user(message.owner)
            sheet = await self._sheets.open(caller, session.sheet_id)
        except _TRANSIENT as error:
            if not last_attempt:
                raise
            changes: dict[str, object] = {"state": "ERROR", "state_reason": error.code}
        except AppError as error:
            changes = {"state": "ERROR", "state_reason": error.code}
        else:
            changes = {
                "state": "ACTIVE",
                "title": session.title or sheet.name,
                "sheet_version": sheet.version,
                "row_count": sheet.total_row_count,
            }
        await self._move(session, changes)

    async def _move(self, session: ChatSession, changes: dict[str, object]) -> None:
        try:
            moved = await self._store.replace(session.model_copy(update={**changes, "updated_at": self._clock()}))
        except PreconditionFailed:
            log.info("session %s was moved by another delivery", session.id)
            return
        log.info("session %s: %s", moved.id, moved.state)
        data = {"sessionId": moved.id, "state": moved.state, "stateReason": moved.state_reason}
        await self._events.publish(f"session:{moved.id}", "session_state", data)
