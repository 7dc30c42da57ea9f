"""Changing stored sessions, and announcing each state that they reach at least once.

A state is saved together with the note that it is unannounced; who announced it takes the note away. Whatever dies, or
fails, between the two leaves the note to the next delivery or to the timer: so note a session as due before its state
changes.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from shared.chat.models import ChatSession, StateReached
from shared.chat.ports import SessionStore
from shared.errors import AppError, PreconditionFailed, UpstreamUnavailable
from shared.events.bus import EventBus
from shared.telemetry import get_logger

log = get_logger(__name__)

_ATTEMPTS = 20

Changes = Mapping[str, Any]
"""Fields of a session with their new values; none: leave it as it is."""


class SessionTransitions:
    """Saves changes of sessions, and tells who watches them."""

    def __init__(self, store: SessionStore, events: EventBus, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._events = events
        self._clock = clock

    async def change(
        self, read: Callable[[], Awaitable[ChatSession]], changes: Callable[[ChatSession], Changes]
    ) -> ChatSession:
        """Read, change, save; again when somebody else was faster. `announce` is the caller's next step."""
        for _ in range(_ATTEMPTS):
            session = await read()
            update = changes(session)
            if not update:
                return session
            try:
                return await self._store.replace(session.changed(update, at=self._clock()))
            except PreconditionFailed:
                continue
        raise _too_many_writers()

    async def announce(self, session: ChatSession) -> ChatSession:
        """Publish the states that are still unannounced, in their order. Raises what the stores raise."""
        for reached in session.unannounced:
            await self._publish(session, reached)
        return await self._note_announced(session, session.transitions)

    async def try_to_announce(self, session: ChatSession) -> None:
        """Announce now, or leave it to the timer: an event is a hint, and no reason to stop."""
        try:
            await self.announce(session)
        except AppError as error:
            log.warning("session %s: its state will be announced later: %s", session.id, error.code)

    async def _note_announced(self, session: ChatSession, number: int) -> ChatSession:
        for _ in range(_ATTEMPTS):
            left = tuple(reached for reached in session.unannounced if reached.number > number)
            if left == session.unannounced:
                return session
            try:
                return await self._store.replace(session.model_copy(update={"unannounced": left}))
            except PreconditionFailed:
                found = await self._store.find(session.owner, session.session_id)
                if found is None:
                    return session
                session = found
        raise _too_many_writers()

    async def _publish(self, session: ChatSession, reached: StateReached) -> None:
        log.info("session %s: %s", session.id, "deleted" if reached.deleted else reached.state)
        data: dict[str, Any] = {
            "sessionId": session.id,
            "number": reached.number,
            "state": reached.state,
            "stateReason": reached.reason,
        }
        if reached.deleted:
            data["deleted"] = True
        await self._events.publish(f"session:{session.id}", "session_state", data)


def _too_many_writers() -> UpstreamUnavailable:
    return UpstreamUnavailable("Too many writers work on one session; try again.")
