"""The body of a callback, which anybody may have written: read leniently, and cut down to ids.

Smartsheet may add members at any time, so unknown ones are ignored. An event that cannot be read is taken as "something
changed": refusing the callback would make Smartsheet send it again, and disable the webhook in the end.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shared.errors import InvalidInput
from shared.ids import RowId, SheetId
from shared.sheets.ports import CHANGE_AGENT_PREFIX
from shared.webhooks.models import MAX_ROWS_TOLD, WebhookId

MAX_BODY_BYTES = 10_000_000
"""Some 50,000 events."""


def _id_text(value: object) -> object:
    """Ids come as integers, which are texts here."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Id = Annotated[str, BeforeValidator(_id_text), Field(pattern=r"^\d{1,19}$")]


class _Hostile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Event(_Hostile):
    object_type: str = Field(validation_alias=AliasChoices("objectType", "objecttype"))
    event_type: str | None = Field(default=None, validation_alias=AliasChoices("eventType", "eventtype"))
    id: _Id | None = None
    row_id: _Id | None = Field(default=None, validation_alias=AliasChoices("rowId", "rowid"))
    change_agent: str | None = Field(default=None, validation_alias=AliasChoices("changeAgent", "changeagent"))


class CallbackHead(_Hostile):
    """What is read before it is known who sent the callback."""

    webhook_id: _Id = Field(validation_alias=AliasChoices("webhookId", "webhookid"))
    challenge: Any = None

    @property
    def webhook(self) -> WebhookId:
        """The id of the webhook, as what it is."""
        return WebhookId(self.webhook_id)


class Callback(_Hostile):
    """What Smartsheet tells: events, or a new status."""

    nonce: str | None = None
    sheet: _Id | None = Field(default=None, validation_alias=AliasChoices("scopeObjectId", "scopeobjectid"))
    status: str | None = Field(
        default=None,
        pattern=r"^[A-Z_]{1,60}$",
        validation_alias=AliasChoices("newWebhookStatus", "newwebhookstatus"),
    )
    events: tuple[Any, ...] = ()

    @property
    def sheet_id(self) -> SheetId | None:
        """The sheet that the callback says it is about."""
        return None if self.sheet is None else SheetId(self.sheet)

    def changes(self) -> tuple[tuple[RowId, ...] | None, bool]:
        """The rows that changed (None: any may have), and whether anybody but this application changed something."""
        read = [_event(raw) for raw in self.events]
        is_foreign = any(event is None or not _is_own(event) for event in read)
        return _rows(read), is_foreign


_UNREADABLE = Callback(events=(None,))


def read_head(body: bytes) -> CallbackHead:
    """The head of a callback. Raises `InvalidInput` (`body_too_large`, `malformed_json`, `invalid_input`)."""
    if len(body) > MAX_BODY_BYTES:
        raise InvalidInput(f"A callback may have at most {MAX_BODY_BYTES:,} bytes.", code="body_too_large")
    try:
        return CallbackHead.model_validate_json(body)
    except ValidationError as error:
        kinds = {fault["type"] for fault in error.errors(include_url=False, include_input=False, include_context=False)}
        code = "malformed_json" if "json_invalid" in kinds else "invalid_input"
        raise InvalidInput("The body is no callback of Smartsheet's.", code=code) from None


def read_callback(body: bytes) -> Callback:
    """All of a callback that Smartsheet sent; one of a form that is not known yet says "something changed"."""
    try:
        return Callback.model_validate_json(body)
    except ValidationError:
        return _UNREADABLE


def delivery_key(webhook_id: WebhookId, callback: Callback, body: bytes) -> str:
    """Tells callbacks apart; one that is sent again has the same. Without a nonce the body stands for it."""
    told = json.dumps([webhook_id, callback.nonce]).encode() if callback.nonce else body
    return hashlib.sha256(told).hexdigest()


def _event(raw: Any) -> _Event | None:
    try:
        return _Event.model_validate(raw)
    except ValidationError:
        return None


def _is_own(event: _Event) -> bool:
    return (event.change_agent or "").startswith(CHANGE_AGENT_PREFIX)


def _rows(events: Sequence[_Event | None]) -> tuple[RowId, ...] | None:
    """The rows of all events; None where they are too many, or an event is about more than rows."""
    rows: dict[RowId, None] = {}
    tells_of_sheet = False
    for event in events:
        match event:
            case _Event(object_type="row", id=str(row_id)) | _Event(object_type="cell", row_id=str(row_id)):
                rows[RowId(row_id)] = None
            case _Event(object_type="sheet", event_type="updated"):
                tells_of_sheet = True  # comes along with what was updated in it; alone, it is a new name
            case _Event(object_type="attachment" | "comment" | "discussion"):
                continue  # nothing that is shown of a row
            case _:
                return None
        if len(rows) > MAX_ROWS_TOLD:
            return None
    return None if tells_of_sheet and not rows else tuple(rows)
