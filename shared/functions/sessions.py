"""Chat sessions."""

import azure.functions as func

from shared.chat.models import CreateSession, LoadSession, SessionView
from shared.chat.sessions import LOAD_QUEUE
from shared.container import get_container
from shared.errors import Forbidden, InvalidInput, NotFound, RateLimited, StorageFull, UpstreamUnavailable
from shared.functions.http import operation
from shared.functions.registration import Triggers
from shared.functions.routes import Call, NoQuery
from shared.ids import SessionId
from shared.telemetry import correlated

triggers = Triggers()

MAX_DEQUEUE_COUNT = 5  # host.json's extensions.queues.maxDequeueCount


@operation(
    triggers,
    "POST",
    "sessions",
    summary="Open a session about a sheet",
    tag="Sessions",
    body=CreateSession,
    answers=SessionView,
    status=201,
    errors=(InvalidInput, NotFound, Forbidden, RateLimited, StorageFull, UpstreamUnavailable),
)
async def create_session(call: Call[CreateSession, NoQuery]) -> SessionView:
    """State `INITIALIZING`; the sheet loads in the background."""
    sessions = call.container.sessions
    return await sessions.create(call.caller, call.body, idempotency_key=call.idempotency_key)


@operation(
    triggers,
    "GET",
    "sessions/{id:guid}",
    summary="A session and its state",
    tag="Sessions",
    answers=SessionView,
    errors=(NotFound,),
)
async def get_session(call: Call[None, NoQuery]) -> SessionView:
    """One of the caller's sessions."""
    return await call.container.sessions.get(call.caller, SessionId(call.path["id"]))


@triggers.queue(LOAD_QUEUE)
async def load_session(msg: func.QueueMessage) -> None:
    """Load the sheet of a session that was just created."""
    message = LoadSession.model_validate_json(msg.get_body())
    last_attempt = (msg.dequeue_count or 1) >= MAX_DEQUEUE_COUNT
    with correlated(message.correlation_id):
        await get_container().sessions.load(message, last_attempt=last_attempt)
