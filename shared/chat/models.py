"""Chat sessions and messages, as they are stored and as they travel through queues."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shared.chat.states import SessionState
from shared.ids import MessageId, RowId, SessionId, SheetId, UserId
from shared.records import Frozen, Record

MAX_CONTENT_CHARACTERS = 100_000

Role = Literal["user", "assistant", "system", "function", "error"]


class StateReached(Frozen):
    """A state that a session came into, or its deletion. `number` rises by one with each."""

    number: int
    state: SessionState
    reason: str | None
    deleted: bool


class ChatSession(Record):
    """A chat about one sheet. ACTIVE means that the sheet's data was loaded and found whole.

    A session whose deletion was requested is nobody's any more; what is left of it keeps its id from being used again
    for a while. `transitions` counts the states that it reached since it was created; those that `unannounced` names
    are still to be told to who watches it.
    """

    owner: UserId
    sheet_id: SheetId
    title: str
    state: SessionState
    state_reason: str | None = None
    sheet_version: int | None = None
    row_count: int | None = None
    load_requested_at: datetime | None = None
    load_repairs: int = 0
    deletion: Literal["requested", "done"] | None = None
    transitions: int = 0
    unannounced: tuple[StateReached, ...] = ()
    request_hash: str
    correlation_id: str
    created_at: datetime
    updated_at: datetime

    @property
    def session_id(self) -> SessionId:
        """The id, as what it is."""
        return SessionId(self.id)

    def changed(self, changes: Mapping[str, Any], *, at: datetime) -> "ChatSession":
        """With these fields; a new state, or the deletion, is noted as unannounced."""
        following = self.model_copy(update={**changes, "updated_at": at})
        if (following.state, following.deletion) == (self.state, self.deletion):
            return following
        reached = StateReached(
            number=self.transitions + 1,
            state=following.state,
            reason=following.state_reason,
            deleted=following.deletion is not None,
        )
        return following.model_copy(update={"transitions": reached.number, "unannounced": (*self.unannounced, reached)})


class MessageDetails(Frozen):
    """What is known about a message beside its text."""

    status: Literal["pending", "complete", "success", "error"] | None = None
    error: str | None = Field(default=None, description="A stable word for what went wrong.")
    operation: str | None = None
    citations: tuple[RowId, ...] = Field(default=(), description="The rows that the text rests on.")


class NewMessage(Frozen):
    """A message to be appended. The one who appends it again after a crash gives the same id."""

    id: MessageId = Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
    role: Role
    content: str = Field(max_length=MAX_CONTENT_CHARACTERS)
    name: str | None = Field(default=None, description="The function's, for messages of the role `function`.")
    details: MessageDetails = MessageDetails()


class Message(Record):
    """A message of a session. `seq` rises by one with each."""

    session_id: SessionId
    seq: int
    role: Role
    content: str
    name: str | None
    timestamp: datetime
    details: MessageDetails


class LoadSession(Frozen):
    """The queue message that loads a session's sheet."""

    owner: UserId
    session_id: SessionId
    correlation_id: str


class DeleteSession(Frozen):
    """The queue message that deletes what a deleted session leaves behind."""

    owner: UserId
    session_id: SessionId
    correlation_id: str


class PurgeMessages(Frozen):
    """The queue message that deletes the messages that were cleared from a session."""

    session_id: SessionId
    correlation_id: str
