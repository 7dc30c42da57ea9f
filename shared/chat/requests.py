"""What callers send and get about sessions and messages."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field, model_validator

from shared.chat.models import ChatSession, Message, Role
from shared.chat.states import SessionState
from shared.ids import MessageId, RowId, SessionId, SheetId
from shared.records import Frozen, example


class CreateSession(Frozen):
    """`POST /api/sessions`."""

    sheet_id: SheetId = Field(pattern=r"^\d{1,19}$", description="A Smartsheet sheet id.")
    title: str | None = Field(default=None, min_length=1, max_length=200, description="The sheet's name when absent.")


class UpdateSession(Frozen):
    """`PATCH /api/sessions/{id}`."""

    model_config = example(title="Late tasks")

    title: str | None = Field(default=None, min_length=1, max_length=200)
    state: Literal["CLOSED"] | None = Field(default=None, description="`CLOSED` ends the session for good.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.title is None and self.state is None:
            raise ValueError("give title, state, or both")
        return self


class SessionView(Frozen):
    """A session, as its owner sees it."""

    id: SessionId
    sheet_id: SheetId
    title: str = Field(description="The sheet's name once it is loaded, unless one was given.")
    state: SessionState
    state_reason: str | None
    sheet_version: int | None
    row_count: int | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, session: ChatSession) -> "SessionView":
        """The owner's view."""
        return cls(
            id=session.session_id,
            sheet_id=session.sheet_id,
            title=session.title,
            state=session.state,
            state_reason=session.state_reason,
            sheet_version=session.sheet_version,
            row_count=session.row_count,
            created_at=session.created_at,
            updated_at=session.updated_at,
        )


class SessionPage(Frozen):
    """A page of sessions, newest first."""

    items: tuple[SessionView, ...]
    next_cursor: str | None


class SessionDeleted(Frozen):
    """The session is gone; its messages are being deleted."""

    id: SessionId
    deleted: Literal[True] = True


class MessageMetadata(Frozen):
    """What is known about a message beside its text."""

    id: MessageId
    type: Literal["USER", "ASSISTANT", "SYSTEM", "FUNCTION", "ERROR"]
    timestamp: datetime
    session_id: SessionId
    status: str | None
    error: str | None
    operation: str | None
    name: str | None
    citations: tuple[RowId, ...]


class MessageView(Frozen):
    """A message, as the session's owner sees it."""

    id: MessageId
    session_id: SessionId
    role: Role
    content: str
    name: str | None
    timestamp: datetime
    metadata: MessageMetadata

    @classmethod
    def of(cls, message: Message) -> "MessageView":
        """The owner's view."""
        message_id = MessageId(message.id)
        metadata = {
            **message.details.model_dump(),
            "id": message_id,
            "type": message.role.upper(),
            "timestamp": message.timestamp,
            "session_id": message.session_id,
            "name": message.name,
        }
        return cls(
            id=message_id,
            session_id=message.session_id,
            role=message.role,
            content=message.content,
            name=message.name,
            timestamp=message.timestamp,
            metadata=MessageMetadata.model_validate(metadata),
        )


class MessagePage(Frozen):
    """A page of a session's messages."""

    items: tuple[MessageView, ...]
    next_cursor: str | None


class MessagesCleared(Frozen):
    """The messages are gone from the history."""

    session_id: SessionId
    cleared: int = Field(description="How many they were.")
