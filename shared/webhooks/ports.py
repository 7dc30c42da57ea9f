"""What webhooks need from the outside."""

from typing import Protocol

from pydantic import SecretStr

from shared.ids import SheetId, UserId
from shared.webhooks.models import OwnedWebhook, RemoteWebhook, SheetState, Watcher, WebhookId, WebhookRecord


class WebhookSource(Protocol):
    """Smartsheet's webhooks, as seen with one person's token.

    Every method raises `Unauthorized` (code `needs_sign_in`), `Forbidden` and `InvalidInput` (refused: scope, rights,
    state), `NotFound`, `RateLimited`, `UpstreamUnavailable` and its kinds; `UpstreamTimeout` and `UpstreamFault` leave
    open whether a change took effect.
    """

    async def list_webhooks(self, token: SecretStr) -> list[RemoteWebhook]:
        """All webhooks that the token's owner created."""
        ...

    async def get_webhook(self, token: SecretStr, webhook_id: WebhookId) -> RemoteWebhook:
        """One of them. Raises `NotFound` (`webhook_not_found`)."""
        ...

    async def create_webhook(self, token: SecretStr, sheet_id: SheetId, callback_url: str) -> RemoteWebhook:
        """A new one for all events of a sheet; it is not enabled yet."""
        ...

    async def enable_webhook(self, token: SecretStr, webhook_id: WebhookId, callback_url: str | None) -> RemoteWebhook:
        """Enable it at this URL (None: at the one it has); returns when Smartsheet verified the URL, or failed to."""
        ...

    async def delete_webhook(self, token: SecretStr, webhook_id: WebhookId) -> None:
        """Delete it. Raises `NotFound` (`webhook_not_found`)."""
        ...


class SheetStateStore(Protocol):
    """One state for each sheet."""

    async def find(self, sheet_id: SheetId) -> SheetState | None:
        """One point read."""
        ...

    async def save(self, sheet_id: SheetId, state: SheetState) -> SheetState:
        """Create or replace. Raises `Conflict` or `PreconditionFailed` when another was faster."""
        ...

    async def save_with_delivery(self, sheet_id: SheetId, state: SheetState, key: str) -> None:
        """The same, and in one transaction note a delivery as seen, for days. Raises `Conflict` for a seen one, too."""
        ...

    async def has_seen(self, sheet_id: SheetId, key: str) -> bool:
        """Whether a delivery was noted as seen."""
        ...


class WebhookStore(Protocol):
    """The webhooks that we created, by id and by owner."""

    async def find(self, webhook_id: WebhookId) -> WebhookRecord | None:
        """The webhook, or None for one that is not ours."""
        ...

    async def save(self, record: WebhookRecord) -> None:
        """Note a webhook, whatever was known of it."""
        ...

    async def list_owned(self, owner: UserId) -> list[OwnedWebhook]:
        """Some of the webhooks of an owner; the rest is found once these have been deleted."""
        ...

    async def delete(self, owner: UserId, sheet_id: SheetId, webhook_id: WebhookId) -> None:
        """Forget a webhook; nothing happens when it is unknown."""
        ...


class WatcherStore(Protocol):
    """Who watches a sheet. A watcher that is not added again vanishes by itself: a session's in two weeks, a
    browser's in two hours.
    """

    async def add(self, sheet_id: SheetId, watcher: Watcher) -> None:
        """Note a watcher, or that it still watches."""
        ...

    async def remove(self, sheet_id: SheetId, watcher_id: str) -> None:
        """Forget a watcher; nothing happens when it is unknown."""
        ...

    async def list(self, sheet_id: SheetId) -> list[Watcher]:
        """At most 100 of them."""
        ...
