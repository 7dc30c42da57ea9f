"""Smartsheet's webhooks in memory, and the callbacks that it would send."""

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import SecretStr

from shared.errors import AppError, NotFound
from shared.ids import SheetId
from shared.webhooks.models import RemoteWebhook, WebhookId

Verify = Callable[[str, WebhookId, str], Awaitable[bool]]
"""Sends a challenge to a URL for a webhook, and says whether it was echoed."""


@dataclass(frozen=True)
class SignedCallback:
    """A callback as Smartsheet sends it."""

    body: bytes
    signature: str


class FakeWebhookSource:
    """`WebhookSource` that keeps webhooks by token, verifies URLs, and fails as it is told.

    `verify` stands for the challenge. `refusals` are errors that a token always gets for creating.
    """

    def __init__(self) -> None:
        self.webhooks: dict[WebhookId, RemoteWebhook] = {}
        self.calls: list[tuple[str, str]] = []
        self.refusals: dict[str, AppError] = {}
        self.verify: Verify = _echoes
        self._owners: dict[WebhookId, str] = {}
        self._faults: defaultdict[str, list[AppError]] = defaultdict(list)
        self._nonces = 0

    # What a test arranges and looks at.

    def fail(self, method: str, error: AppError, *, times: int = 1) -> None:
        """Let the next calls of a method fail before they have an effect."""
        self._faults[method] += [error] * times

    def set_status(self, webhook_id: WebhookId, status: str) -> None:
        """Smartsheet disables a webhook."""
        self.webhooks[webhook_id] = replace(self.webhooks[webhook_id], status=status, is_enabled=False)

    def of_sheet(self, sheet_id: str) -> list[RemoteWebhook]:
        """The webhooks of a sheet, whoever's they are."""
        return [each for each in self.webhooks.values() if each.sheet_id == sheet_id]

    def callback(self, webhook_id: WebhookId, *, nonce: str | None = None, **content: Any) -> SignedCallback:
        """A signed callback with `events` or a `newWebhookStatus`; each has a nonce of its own unless one is given."""
        self._nonces += 1
        webhook = self.webhooks[webhook_id]
        body = json.dumps(
            {
                "nonce": nonce or f"nonce-{self._nonces}",
                "timestamp": "2026-03-02T09:00:00.000+00:00",
                "webhookId": int(webhook_id),
                "scope": "sheet",
                "scopeObjectId": int(webhook.sheet_id or 0),
                **content,
            }
        ).encode()
        assert webhook.secret is not None
        return SignedCallback(body, sign(webhook.secret.get_secret_value(), body))

    # WebhookSource.

    async def list_webhooks(self, token: SecretStr) -> list[RemoteWebhook]:
        """See `WebhookSource`."""
        self._begin("list", token)
        owner = token.get_secret_value()
        return [each for each in self.webhooks.values() if self._owners[each.id] == owner]

    async def get_webhook(self, token: SecretStr, webhook_id: WebhookId) -> RemoteWebhook:
        """See `WebhookSource`."""
        self._begin("get", token)
        return self._own(token, webhook_id)

    async def create_webhook(self, token: SecretStr, sheet_id: SheetId, callback_url: str) -> RemoteWebhook:
        """See `WebhookSource`."""
        self._begin("create", token)
        if token.get_secret_value() in self.refusals:
            raise self.refusals[token.get_secret_value()]
        webhook_id = WebhookId(str(7000 + len(self._owners)))
        secret = SecretStr(f"secret-of-{webhook_id}")
        self._owners[webhook_id] = token.get_secret_value()
        self.webhooks[webhook_id] = RemoteWebhook(webhook_id, sheet_id, callback_url, False, "NEW_NOT_VERIFIED", secret)
        return self.webhooks[webhook_id]

    async def enable_webhook(self, token: SecretStr, webhook_id: WebhookId, callback_url: str | None) -> RemoteWebhook:
        """See `WebhookSource`."""
        self._begin("enable", token)
        webhook = self._own(token, webhook_id)
        url = callback_url or webhook.callback_url
        passed = await self.verify(url, webhook_id, f"challenge-{webhook_id}")
        status = "ENABLED" if passed else "DISABLED_VERIFICATION_FAILED"
        self.webhooks[webhook_id] = replace(webhook, callback_url=url, is_enabled=passed, status=status)
        return self.webhooks[webhook_id]

    async def delete_webhook(self, token: SecretStr, webhook_id: WebhookId) -> None:
        """See `WebhookSource`."""
        self._begin("delete", token)
        self._own(token, webhook_id)
        del self.webhooks[webhook_id]

    def _begin(self, method: str, token: SecretStr) -> None:
        self.calls.append((method, token.get_secret_value()))
        if self._faults[method]:
            raise self._faults[method].pop(0)

    def _own(self, token: SecretStr, webhook_id: WebhookId) -> RemoteWebhook:
        webhook = self.webhooks.get(webhook_id)
        if webhook is None or self._owners[webhook_id] != token.get_secret_value():
            raise NotFound("There is no such webhook.", code="webhook_not_found")
        return webhook


def sign(secret: str, body: bytes) -> str:
    """Smartsheet's signature."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def row_event(row_id: str, event_type: str = "updated", **more: Any) -> dict[str, Any]:
    """Something happened to a row."""
    return {"objectType": "row", "eventType": event_type, "id": int(row_id), "userId": 5, **more}


def cell_event(row_id: str, column_id: str = "1001", **more: Any) -> dict[str, Any]:
    """A cell changed."""
    ids = {"rowId": int(row_id), "columnId": int(column_id)}
    return {"objectType": "cell", "eventType": "updated", **ids, "userId": 5, **more}


async def _echoes(url: str, webhook_id: WebhookId, challenge: str) -> bool:
    return True
