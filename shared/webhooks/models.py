"""What is kept of sheets that are watched, and what travels through queues: ids, numbers and words, never contents."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NewType

from pydantic import SecretStr

from shared.identity.vault import Sealed, WrappedKey
from shared.ids import RowId, SessionId, SheetId, UserId
from shared.records import Frozen, Record

WebhookId = NewType("WebhookId", str)

DELIVERY_QUEUE = "webhook-delivery"
REFRESH_QUEUE = "sheet-refresh"
KEEP_QUEUE = "webhook-keep"

ENABLED = "ENABLED"
NEW = "NEW_NOT_VERIFIED"
MAX_ROWS_TOLD = 200
"""More changed rows than these are told as "the whole sheet"."""


@dataclass(frozen=True, slots=True)
class RemoteWebhook:
    """A webhook as Smartsheet tells of it. `status` is Smartsheet's word."""

    id: WebhookId
    sheet_id: SheetId | None
    callback_url: str
    is_enabled: bool
    status: str
    secret: SecretStr | None = field(repr=False)


class WebhookRecord(Record):
    """A webhook that we created; `id` is Smartsheet's. Its secret is sealed for its owner."""

    sheet_id: SheetId
    owner: UserId
    data_key: WrappedKey
    secret: Sealed
    created_at: datetime


class OwnedWebhook(Record):
    """That a user's token created the webhook of a sheet; `id` is the sheet's."""

    webhook_id: WebhookId


class SheetWebhook(Frozen):
    """The webhook that tells of a sheet's changes, whose token manages it, and how it does."""

    id: WebhookId
    owner: UserId
    status: str
    callback_url: str


class Refusal(Frozen):
    """Smartsheet lets this user create no webhook for the sheet; it is not asked again before `until`."""

    user_id: UserId
    until: datetime


class SheetState(Record):
    """What all instances know of a sheet; `id` is always `state`, the partition is the sheet.

    `marks` counts how often it was heard that the sheet changed. Up to the mark `read`, somebody has asked Smartsheet
    since, which gave `version`; up to `told`, browsers were told. `rows` changed since then; None: any of them may
    have. `is_foreign`: not all that is unread was written by this application.
    """

    marks: int = 0
    read: int = 0
    told: int = 0
    version: int | None = None
    rows: tuple[RowId, ...] | None = ()
    is_foreign: bool = False
    webhook: SheetWebhook | None = None
    look_at: datetime | None = None
    failures: int = 0
    refusals: tuple[Refusal, ...] = ()

    @property
    def is_dirty(self) -> bool:
        """Whether nobody has read the sheet since it was last heard to have changed."""
        return self.read < self.marks

    @property
    def is_untold(self) -> bool:
        """Whether browsers have still to be told of changes."""
        return self.told < self.marks

    def is_refused(self, user_id: UserId, now: datetime) -> bool:
        """Whether Smartsheet refused this user a webhook lately."""
        return any(each.user_id == user_id and each.until > now for each in self.refusals)


class Watcher(Record):
    """Why a sheet is watched, and by whom: a session about it, or a browser that hears its topic."""

    user_id: UserId
    kind: Literal["session", "topic"]
    since: datetime

    @classmethod
    def of_session(cls, user_id: UserId, session_id: SessionId, since: datetime) -> "Watcher":
        """A session's."""
        return cls(id=session_watcher_id(session_id), user_id=user_id, kind="session", since=since)

    @classmethod
    def of_topic(cls, user_id: UserId, since: datetime) -> "Watcher":
        """A listening user's."""
        return cls(id=f"topic-{user_id}", user_id=user_id, kind="topic", since=since)


def session_watcher_id(session_id: SessionId) -> str:
    """The id of a session's `Watcher`."""
    return f"session-{session_id}"


class ApplyDelivery(Frozen):
    """The queue message of one callback.

    `key` is the same for a callback that is sent again. `rows` None: any row may have changed. `status` is the
    webhook's new one, if the callback told of that instead of changes.
    """

    webhook_id: WebhookId
    sheet_id: SheetId
    key: str
    rows: tuple[RowId, ...] | None
    is_foreign: bool
    status: str | None = None
    correlation_id: str


class RefreshSheet(Frozen):
    """The queue message that asks Smartsheet what became of a sheet, and tells browsers."""

    sheet_id: SheetId
    attempt: int = 0
    correlation_id: str


class KeepWebhook(Frozen):
    """The queue message that creates, repairs or deletes the webhook of a sheet, as is needed.

    With `is_due` Smartsheet is asked how the webhook does, though nothing seems to be wrong.
    """

    sheet_id: SheetId
    is_due: bool = False
    correlation_id: str
