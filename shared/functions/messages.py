"""Messages of sessions."""

from typing import Literal

import azure.functions as func
from pydantic import Field

from shared.chat.messages import PURGE_QUEUE
from shared.chat.models import PurgeMessages
from shared.chat.requests import MessagePage, MessagesCleared
from shared.container import get_container
from shared.errors import InvalidInput, NotFound, StorageFull, UpstreamUnavailable
from shared.functions.http import operation
from shared.functions.paging import PageQuery
from shared.functions.registration import Triggers
from shared.functions.routes import Call
from shared.ids import SessionId
from shared.records import Frozen
from shared.telemetry import correlated

triggers = Triggers()

_GUID = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"


class SessionQuery(Frozen):
    """Of which session."""

    session_id: SessionId = Field(pattern=_GUID, description="One of your sessions.")


class HistoryQuery(PageQuery, SessionQuery):
    """A page of a session's messages."""

    order: Literal["asc", "desc"] = Field(default="asc", description="`asc`: the oldest first.")


@operation(
    triggers,
    "GET",
    "messages",
    summary="The messages of a session",
    tag="Messages",
    query=HistoryQuery,
    answers=MessagePage,
    errors=(InvalidInput, NotFound),
)
async def list_messages(call: Call[None, HistoryQuery]) -> MessagePage:
    """The oldest first, unless `order` says otherwise."""
    query = call.query
    return await call.container.messages.list(
        call.caller, query.session_id, limit=query.limit, cursor=query.cursor, descending=query.order == "desc"
    )


@operation(
    triggers,
    "DELETE",
    "messages",
    summary="Clear the history of a session",
    tag="Messages",
    query=SessionQuery,
    answers=MessagesCleared,
    errors=(InvalidInput, NotFound, StorageFull, UpstreamUnavailable),
)
async def clear_messages(call: Call[None, SessionQuery]) -> MessagesCleared:
    """All messages that there are now; the session stays."""
    return await call.container.messages.clear(call.caller, call.query.session_id)


@triggers.queue(PURGE_QUEUE)
async def purge_messages(msg: func.QueueMessage) -> None:
    """Delete messages that were cleared."""
    message = PurgeMessages.model_validate_json(msg.get_body())
    with correlated(message.correlation_id):
        await get_container().session_upkeep.purge_messages(message)
