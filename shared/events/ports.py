"""What the event bus, and whoever defers work, need from the outside."""

from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel

from shared.events.models import Event, EventName


class MessageQueue(Protocol):
    """Storage queues. A message carries ids, never contents, and may be delivered twice."""

    async def send(self, queue: str, message: BaseModel, *, delay_seconds: int = 0) -> None:
        """Put a message (≤ 48 KB of JSON) into the queue; it becomes visible after the delay."""
        ...


class EventStore(Protocol):
    """The stored events of each topic."""

    async def append(
        self, topic: str, event: EventName, data: dict[str, Any], *, at: datetime, correlation_id: str | None
    ) -> Event:
        """Give the event the topic's next sequence number and store both in one transaction."""
        ...

    async def last_seq(self, topic: str) -> int:
        """The number of the topic's newest event; 0 when there is none."""
        ...

    async def after(self, topic: str, seq: int, *, limit: int) -> list[Event]:
        """Events with a higher number, oldest first, at most `limit`."""
        ...
