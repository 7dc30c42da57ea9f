"""The calls to Smartsheet that the webhooks domain makes."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel

from shared.clients.smartsheet.failures import unusable_answer
from shared.clients.smartsheet.requests import number, sheet_ids
from shared.clients.smartsheet.transport import Call, Transport
from shared.ids import SheetId
from shared.telemetry import get_logger
from shared.webhooks.models import RemoteWebhook, WebhookId

T = TypeVar("T")
log = get_logger(__name__)

NAME = "ChatSheetAI"
_WEBHOOKS = "/webhooks"
_WEBHOOK = "/webhooks/{webhookId}"
_ALL_EVENTS = ["*.*"]
_VERSION = 1  # of the callbacks' form; there is no other


class _Wire(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )


class _WireWebhook(_Wire):
    id: int
    scope_object_id: int | None = None
    callback_url: str
    enabled: bool = False
    status: str = Field(max_length=100)
    shared_secret: SecretStr | None = None


class _WireList(_Wire):
    data: tuple[_WireWebhook, ...]


class _WireResult(_Wire):
    result: _WireWebhook


class SmartsheetWebhooks:
    """`WebhookSource` over HTTP, with the transport of `SmartsheetClient`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list_webhooks(self, token: SecretStr) -> list[RemoteWebhook]:
        """See `WebhookSource.list_webhooks`."""
        call = Call("GET", _WEBHOOKS, query={"includeAll": "true"}, subject="webhooks")
        body = await self._transport.send(call, token)
        return [_webhook(wire) for wire in _read(_WireList.model_validate_json, body).data]

    async def get_webhook(self, token: SecretStr, webhook_id: WebhookId) -> RemoteWebhook:
        """See `WebhookSource.get_webhook`."""
        body = await self._transport.send(_call("GET", webhook_id), token)
        return _webhook(_read(_WireWebhook.model_validate_json, body))

    async def create_webhook(self, token: SecretStr, sheet_id: SheetId, callback_url: str) -> RemoteWebhook:
        """See `WebhookSource.create_webhook`. Raises `UpstreamFault` where the answer holds no secret."""
        definition = {
            "name": NAME,
            "callbackUrl": callback_url,
            "scope": "sheet",
            "scopeObjectId": int(sheet_ids(sheet_id)["sheetId"]),
            "events": _ALL_EVENTS,
            "version": _VERSION,
        }
        body = await self._transport.send(Call("POST", _WEBHOOKS, body=_json(definition), subject="webhooks"), token)
        created = _webhook(_read(_WireResult.model_validate_json, body).result)
        if created.secret is None:
            raise unusable_answer()
        return created

    async def enable_webhook(self, token: SecretStr, webhook_id: WebhookId, callback_url: str | None) -> RemoteWebhook:
        """See `WebhookSource.enable_webhook`."""
        change = {"enabled": True} if callback_url is None else {"enabled": True, "callbackUrl": callback_url}
        body = await self._transport.send(_call("PUT", webhook_id, _json(change)), token)
        return _webhook(_read(_WireResult.model_validate_json, body).result)

    async def delete_webhook(self, token: SecretStr, webhook_id: WebhookId) -> None:
        """See `WebhookSource.delete_webhook`."""
        await self._transport.send(_call("DELETE", webhook_id), token)


def _call(method: Any, webhook_id: WebhookId, body: bytes | None = None) -> Call:
    return Call(method, _WEBHOOK, {"webhookId": number(webhook_id, "webhookId")}, body=body, subject="webhooks")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _read(parse: Callable[[bytes], T], body: bytes) -> T:
    try:
        return parse(body)
    except ValueError:
        log.warning("smartsheet gave an answer of %d bytes about webhooks that cannot be read", len(body))
        raise unusable_answer() from None


def _webhook(wire: _WireWebhook) -> RemoteWebhook:
    return RemoteWebhook(
        id=WebhookId(str(wire.id)),
        sheet_id=None if wire.scope_object_id is None else SheetId(str(wire.scope_object_id)),
        callback_url=wire.callback_url,
        is_enabled=wire.enabled,
        status=wire.status,
        secret=wire.shared_secret,
    )
