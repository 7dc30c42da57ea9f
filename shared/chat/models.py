"""Chat sessions."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from shared.ids import SessionId, SheetId, UserId
from shared.records import Frozen, Record

SessionState = Literal["INITIALIZING", "ACTIVE", "ERROR", "CLOSED"]


class ChatSession(Record):
    """A chat about one sheet. ACTIVE means that the sheet's data was loaded and found whole."""

    owner: UserId
    sheet_id: SheetId
    title: str
    state: SessionState
    state_reason: str | None = None
    sheet_version: int | None = None
    row_count: int | None = None
    request_hash: str
    correlation_id: str
    created_at: datetime
    updated_at: datetime

    @property
    def session_id(self) -> SessionId:
        """The id, as what it is."""
        return SessionId(self.id)


class CreateSession(Frozen):
    """`POST /api/sessions`."""

    sheet_id: SheetId = Field(pattern=r"^\d{1,19}$", description="A Smartsheet sheet id.")
    title: str | None = Field(default=None, min_length=1, max_length=200, description="The sheet's name when absent.")


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


class LoadSession(Frozen):
    """The queue message that loads a session's sheet."""

    owner: UserId
    session_id: SessionId
    correlation_id: str
