"""Events and topics."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shared.records import Frozen, Record

EventName = Literal[
    "sheet_update", "job_status", "session_state", "message_delta", "message", "change_set", "presence", "error"
]


class Event(Record):
    """A durable event. `seq` rises by one per topic; `data` carries ids, states and counts, never cells."""

    topic: str
    seq: int
    event: EventName
    at: datetime
    correlation_id: str | None = None
    data: dict[str, Any]


class EventView(Frozen):
    """An event as clients get it, over the WebSocket and from `GET /api/events`."""

    event: EventName
    topic: str
    seq: int | None = Field(default=None, description="Absent on ephemeral events.")
    at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> "EventView":
        """The client's view of a stored event."""
        return cls(event=event.event, topic=event.topic, seq=event.seq, at=event.at, data=event.data)
