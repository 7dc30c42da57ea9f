"""Chat sessions: the API, loading, deletion, and the timer that repairs."""

import azure.functions as func

from shared.chat.models import DeleteSession, LoadSession
from shared.chat.requests import CreateSession, SessionDeleted, SessionPage, SessionView, UpdateSession
from shared.chat.sessions import DELETE_QUEUE, LOAD_QUEUE
from shared.container import get_container
from shared.errors import Conflict, Forbidden, InvalidInput, NotFound, RateLimited, StorageFull, UpstreamUnavailable
from shared.functions.http import operation
from shared.functions.paging import PageQuery
from shared.functions.registration import Triggers
from shared.functions.routes import Call, NoQuery
from shared.ids import SessionId
from shared.telemetry import correlated, new_correlation_id

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
    "sessions",
    summary="The caller's sessions",
    tag="Sessions",
    query=PageQuery,
    answers=SessionPage,
    errors=(InvalidInput,),
)
async def list_sessions(call: Call[None, PageQuery]) -> SessionPage:
    """Newest first."""
    return await call.container.sessions.list(call.caller, limit=call.query.limit, cursor=call.query.cursor)


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


@operation(
    triggers,
    "PATCH",
    "sessions/{id:guid}",
    summary="Rename or close a session",
    tag="Sessions",
    body=UpdateSession,
    answers=SessionView,
    errors=(InvalidInput, NotFound, Conflict, StorageFull),
)
async def update_session(call: Call[UpdateSession, NoQuery]) -> SessionView:
    """A closed session stays closed; its messages can still be read."""
    return await call.container.sessions.update(call.caller, SessionId(call.path["id"]), call.body)


@operation(
    triggers,
    "DELETE",
    "sessions/{id:guid}",
    summary="Delete a session with its messages",
    tag="Sessions",
    answers=SessionDeleted,
    errors=(NotFound, StorageFull, UpstreamUnavailable),
)
async def delete_session(call: Call[None, NoQuery]) -> SessionDeleted:
    """The session is gone at once; its messages are deleted in the background."""
    return await call.container.sessions.delete(call.caller, SessionId(call.path["id"]))


@operation(
    triggers,
    "POST",
    "sessions/{id:guid}/load",
    summary="Load the sheet of a session once more",
    tag="Sessions",
    answers=SessionView,
    status=202,
    errors=(NotFound, Conflict, StorageFull, UpstreamUnavailable),
)
async def request_session_load(call: Call[None, NoQuery]) -> SessionView:
    """State `INITIALIZING` until it is loaded; the way out of `ERROR`. Asking again meanwhile changes nothing."""
    return await call.container.sessions.request_load(call.caller, SessionId(call.path["id"]))


@triggers.queue(LOAD_QUEUE)
async def load_session(msg: func.QueueMessage) -> None:
    """Load the sheet of a session."""
    message = LoadSession.model_validate_json(msg.get_body())
    last_attempt = (msg.dequeue_count or 1) >= MAX_DEQUEUE_COUNT
    with correlated(message.correlation_id):
        await get_container().sessions.load(message, last_attempt=last_attempt)


@triggers.queue(DELETE_QUEUE)
async def purge_session(msg: func.QueueMessage) -> None:
    """Delete what a deleted session leaves behind."""
    message = DeleteSession.model_validate_json(msg.get_body())
    with correlated(message.correlation_id):
        await get_container().session_upkeep.delete(message)


@triggers.timer("0 * * * * *")
async def repair_sessions(timer: func.TimerRequest) -> None:
    """Every minute: help sessions that got stuck."""
    with correlated(new_correlation_id()):
        await get_container().session_upkeep.repair()
