"""Realtime: negotiation, Web PubSub's upstream events, event history."""

import azure.functions as func
from pydantic import Field, ValidationError

from shared.container import Container, get_container
from shared.errors import InvalidInput, NotFound, RateLimited, Unauthorized, UpstreamUnavailable
from shared.events.models import EventView
from shared.functions.http import callback, json_response, operation, serve_request
from shared.functions.registration import Triggers, header_map
from shared.functions.routes import Call, NoQuery
from shared.realtime.models import Negotiate, Negotiated, SubscriptionReply, TopicMessage
from shared.realtime.upstream import verify_signature
from shared.records import Frozen, utc_now
from shared.telemetry import correlated, get_logger, new_correlation_id

log = get_logger(__name__)
triggers = Triggers()


class EventQuery(Frozen):
    """Which events."""

    topic: str = Field(min_length=3, max_length=200)
    after: int = Field(default=0, ge=0, le=2**53 - 1, description="The last `seq` the client has.")


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
    errors=(InvalidInput, NotFound, RateLimited, UpstreamUnavailable),
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
    errors=(InvalidInput, NotFound, RateLimited, UpstreamUnavailable),
)
async def list_events(call: Call[None, EventQuery]) -> EventPage:
    """The stored events of a topic after a sequence number."""
    query = call.query
    await call.container.realtime.require_access(call.caller, query.topic)
    events = await call.container.events.history(query.topic, query.after)
    last_seq = await call.container.events.last_seq(query.topic)
    return EventPage(items=tuple(EventView.of(event) for event in events), last_seq=last_seq)


@triggers.timer("30 * * * * *")
async def recheck_access(timer: func.TimerRequest) -> None:
    """Every minute: who may no longer hear a topic is taken off it."""
    with correlated(new_correlation_id()):
        await get_container().access_upkeep.recheck()


@callback(
    triggers,
    "realtime/events",
    ("POST", "OPTIONS"),
    summary="Events of Web PubSub",
    tag="Realtime",
    headers=("ce-signature", "ce-type", "ce-connectionId", "ce-userId"),
    answers={200: "What the connection is told; to OPTIONS, that we take events.", 204: "Heard."},
)
async def receive_realtime_event(req: func.HttpRequest) -> func.HttpResponse:
    """Web PubSub's CloudEvents, trusted by their signature; a user event is always answered with 2xx."""

    async def work() -> func.HttpResponse:
        container = get_container()
        if req.method == "OPTIONS":
            return func.HttpResponse(status_code=200, headers={"WebHook-Allowed-Origin": container.webpubsub_host})
        headers = header_map(req)
        connection_id = headers.get("ce-connectionId", "")
        if not verify_signature(connection_id, headers.get("ce-signature", ""), container.webpubsub_keys):
            raise Unauthorized("The event is not signed with our access key.", code="invalid_signature")
        kind = headers.get("ce-type", "").removeprefix("azure.webpubsub.")
        if kind.startswith("sys."):
            await _system_event(container, connection_id, kind, headers.get("ce-userId", ""))
            return func.HttpResponse(status_code=204)
        return json_response(await _user_event(container, connection_id, kind, req.get_body()))

    return await serve_request("receive_realtime_event", req, work)


async def _system_event(container: Container, connection_id: str, kind: str, listener: str) -> None:
    match kind:
        case "sys.connect":
            await container.realtime.connecting(connection_id, listener)
        case "sys.connected":
            await container.realtime.connected(connection_id, listener)
        case "sys.disconnected":
            await container.realtime.disconnected(connection_id)
        case other:
            log.info("unknown system event %r", other[:60])


async def _user_event(container: Container, connection_id: str, kind: str, body: bytes) -> SubscriptionReply:
    """What the connection is told. Never an exception: the service would close the connection."""
    if kind not in ("user.subscribe", "user.unsubscribe"):
        log.info("unknown user event %r", kind[:60])
        return _refused("unknown_event", "Send subscribe or unsubscribe.")
    try:
        topic = TopicMessage.model_validate_json(body).topic
    except ValidationError:
        return _refused("invalid_input", 'Send {"topic": "job:…"}.')
    try:
        if kind == "user.subscribe":
            return await container.realtime.subscribe(connection_id, topic)
        return await container.realtime.unsubscribe(connection_id, topic)
    except Exception:
        log.exception("%s failed", kind)
        return _refused("internal", "Something went wrong here; try again later.")


def _refused(code: str, message: str) -> SubscriptionReply:
    return SubscriptionReply.refused("", code, message, at=utc_now())
