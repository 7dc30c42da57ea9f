"""What clients and the gateway exchange with the application."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shared.records import Frozen


class Negotiate(Frozen):
    """`POST /api/realtime/negotiate`."""

    topics: tuple[str, ...] = Field(default=(), description="Topics to hear from the start, such as `job:{id}`.")


class Negotiated(Frozen):
    """Where to connect, and until when the URL works."""

    url: str
    expires_at: datetime


class TopicMessage(Frozen):
    """What a client sends with the user events `subscribe` and `unsubscribe`."""

    topic: str = Field(min_length=3, max_length=200)


class SubscriptionReply(Frozen):
    """The answer to `subscribe` and `unsubscribe`. `seq` is the topic's newest: read the history up to it."""

    event: Literal["subscribed", "unsubscribed", "error"]
    topic: str
    at: datetime
    data: dict[str, Any]

    @classmethod
    def accepted(cls, topic: str, seq: int, *, at: datetime) -> "SubscriptionReply":
        """The connection hears the topic now."""
        return cls(event="subscribed", topic=topic, at=at, data={"lastSeq": seq})

    @classmethod
    def left(cls, topic: str, *, at: datetime) -> "SubscriptionReply":
        """The connection no longer hears the topic."""
        return cls(event="unsubscribed", topic=topic, at=at, data={})

    @classmethod
    def refused(cls, topic: str, code: str, message: str, *, at: datetime) -> "SubscriptionReply":
        """Nothing changed, and why."""
        return cls(event="error", topic=topic, at=at, data={"code": code, "message": message})
