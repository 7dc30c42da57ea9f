"""The event bus: write, then publish.

An event is stored first (with its topic's next sequence number), then handed to every subscriber whose
pattern matches. Events are hints: a subscriber that fails is logged and never undoes the write, and a client
that missed a push reads the history.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from shared.errors import AppError
from shared.events.models import Event, EventName
from shared.events.ports import EventStore
from shared.records import utc_now
from shared.telemetry import current_correlation_id, get_logger

log = get_logger(__name__)

Subscriber = Callable[[Event], Awaitable[None]]


class EventBus:
    """Stores events and tells subscribers. Patterns are `topic/event` with `*`: `job:*/job_status`, `*/*`."""

    def __init__(self, store: EventStore, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._clock = clock
        self._subscribers: list[tuple[str, Subscriber]] = []

    def subscribe(self, pattern: str, subscriber: Subscriber) -> None:
        """Call `subscriber` for each event whose `topic/event` matches the pattern."""
        self._subscribers.append((pattern, subscriber))

    async def publish(self, topic: str, event: EventName, data: dict[str, Any]) -> Event:
        """Store an event, then tell the subscribers. Raises only what the store raises."""
        stored = await self._store.append(topic, event, data, at=self._clock(), correlation_id=current_correlation_id())
        name = f"{topic}/{event}"
        for pattern, subscriber in self._subscribers:
            if not fnmatchcase(name, pattern):
                continue
            try:
                await subscriber(stored)
            except AppError as error:
                log.warning("event %s seq %d not delivered: %s", name, stored.seq, error.code)
        return stored

    async def history(self, topic: str, after: int, *, limit: int = 500) -> list[Event]:
        """The stored events of a topic with a number above `after`, oldest first."""
        return await self._store.after(topic, after, limit=limit)

    async def last_seq(self, topic: str) -> int:
        """The number of the topic's newest event; 0 when there is none."""
        return await self._store.last_seq(topic)
