"""Realtime: negotiation, Web PubSub's upstream events, event history."""

import json

import azure.functions as func
from pydantic import Field, ValidationError

from shared.container import Container, get_container
from shared.errors import InvalidInput, NotFound, UpstreamUnavailable
from shared.events.models import EventView
from shared.functions.http import operation
from shared.functions.registration import Triggers, header_map
from shared.functions.routes import Call, NoQuery
from shared.realtime.models import Negotiate, Negotiated, SubscriptionReply, TopicMessage
from shared.realtime.upstream import verify_signature
from shared.records import Frozen, utc_now
from shared.telemetry import get_logger

log = get_logger(__name__)
triggers = Triggers()


class EventQuery(Frozen):
    """Which events."""

    topic: str = Field(min_length=3, max_length=200)
    after: int = Field(default=0, ge=0, description="The last `seq` the client has.")


class EventPage(Frozen):
    """Events, oldest first. `lastSeq` is the topic's newest: ask again after the last item until it is reached."""

    items: tuple[EventView, ...]
    next_cursor: None = None
    last_seq: int


@operation(
    triggers,
    "POST",
    "realtime/negotiate",
    summary="Where to connect a WebSocket",
    tag="Realtime",
    body=Negotiate,
    answers=Negotiated,
    errors=(InvalidInput, NotFound, UpstreamUnavailable),
)
async def negotiate(call: Call[Negotiate, NoQuery]) -> Negotiated:
    """A URL with a token; may name topics to join."""
    return await call.container.realtime.negotiate(call.caller, call.body.topics)


@operation(
    triggers,
    "GET",
    "events",
    summary="Events that a client missed",
    tag="Realtime",
    query=EventQuery,
    answers=EventPage,
    errors=(InvalidInput, NotFound),
)
async def list_events(call: Call[None, EventQuery]) -> EventPage:
    """The stored events of a topic after a sequence number."""
    query = call.query
    await call.container.realtime.require_access(call.caller, query.topic)
    events = await call.container.events.history(query.topic, query.after)
    last_seq = await call.container.events.last_seq(query.topic)
    return EventPage(items=tuple(EventView.of(event) for event in events), last_seq=last_seq)


@triggers.http("realtime/events", ["POST", "OPTIONS"])
async def receive_realtime_event(req: func.HttpRequest) -> func.HttpResponse:
    """Web PubSub's CloudEvents, trusted by their signature; a user event is always answered with 2xx."""
    container = get_container()
    if req.method == "OPTIONS":
        return func.HttpResponse(status_code=200, headers={"WebHook-Allowed-Origin": container.webpubsub_host})
    headers = header_map(req)
    connection_id = headers.get("ce-connectionId", "")
    if not verify_signature(connection_id, headers.get("ce-signature", ""), container.webpubsub_keys):
        return func.HttpResponse(status_code=401)
    reply = await _dispatch(container, connection_id, req)
    if reply is None:
        return func.HttpResponse(status_code=204)
    return func.HttpResponse(reply.model_dump_json(by_alias=True), mimetype="application/json")


async def _dispatch(container: Container, connection_id: str, req: func.HttpRequest) -> SubscriptionReply | None:
    match header_map(req).get("ce-type", "").removeprefix("azure.webpubsub."):
        case "sys.connect" | "sys.connected":
            await container.realtime.connected(connection_id, header_map(req).get("ce-userId", ""))
        case "sys.disconnected":
            await container.realtime.disconnected(connection_id)
        case "user.subscribe" | "user.unsubscribe" as kind:
            return await _subscription(container, connection_id, kind, req.get_body())
        case other:
            log.info("unknown realtime event %s", other[:60])
            refusal = "Send subscribe or unsubscribe."
            return SubscriptionReply.refused("", "unknown_event", refusal, at=utc_now())
    return None


async def _subscription(container: Container, connection_id: str, kind: str, body: bytes) -> SubscriptionReply:
    try:
        topic = TopicMessage.model_validate(json.loads(body)).topic
    except (ValidationError, ValueError):
        refusal = 'Send {"topic": "job:…"}.'
        return SubscriptionReply.refused("", "invalid_input", refusal, at=utc_now())
    if kind == "user.subscribe":
        return await container.realtime.subscribe(connection_id, topic)
    return await container.realtime.unsubscribe(connection_id, topic)
