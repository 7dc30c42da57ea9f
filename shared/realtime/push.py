"""Pushing stored events to the browsers that hear their topic."""

from shared.events.bus import Subscriber
from shared.events.models import Event, EventView
from shared.realtime.ports import RealtimeGateway


def push_to(gateway: RealtimeGateway) -> Subscriber:
    """A subscriber that sends each event to the group named like its topic."""

    async def push(event: Event) -> None:
        body = EventView.of(event).model_dump(mode="json", by_alias=True, exclude_none=True)
        await gateway.send_to_group(event.topic, body)

    return push
