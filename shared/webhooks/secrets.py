"""The shared secrets of webhooks: sealed in the token vault, or set by configuration for a webhook made by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from shared.identity.vault import TokenVault
from shared.ids import SheetId, UserId
from shared.webhooks.models import WebhookId, WebhookRecord
from shared.webhooks.ports import WebhookStore


@dataclass(frozen=True, slots=True)
class ConfiguredWebhook:
    """A webhook that was made by hand."""

    id: WebhookId
    secret: SecretStr = field(repr=False)


@dataclass(frozen=True, slots=True)
class KnownWebhook:
    """A webhook whose callbacks are taken. Without a `record` it is the configured one, of whichever sheet."""

    id: WebhookId
    record: WebhookRecord | None

    @property
    def sheet_id(self) -> SheetId | None:
        """The sheet that it was created for."""
        return None if self.record is None else self.record.sheet_id


class WebhookSecrets:
    """Finds webhooks and their secrets. `vault` is called when it is needed: where no key is set there is none."""

    def __init__(
        self, store: WebhookStore, vault: Callable[[], TokenVault], configured: ConfiguredWebhook | None
    ) -> None:
        self._store = store
        self._vault = vault
        self._configured = configured

    def is_configured(self, webhook_id: WebhookId) -> bool:
        """Whether it is the webhook made by hand: it is neither created nor deleted here."""
        return self._configured is not None and self._configured.id == webhook_id

    async def find(self, webhook_id: WebhookId) -> KnownWebhook | None:
        """A webhook of ours, or None."""
        if self.is_configured(webhook_id):
            return KnownWebhook(webhook_id, None)
        record = await self._store.find(webhook_id)
        return None if record is None else KnownWebhook(webhook_id, record)

    async def open(self, known: KnownWebhook) -> SecretStr:
        """Its secret. Raises `Unauthorized` when it cannot be read any more, and what the vault raises."""
        if known.record is None:
            assert self._configured is not None
            return self._configured.secret
        record = known.record
        return await self._vault().open(record.data_key, record.secret, user_id=record.owner, purpose="webhook")

    async def keep(
        self, webhook_id: WebhookId, sheet_id: SheetId, owner: UserId, secret: SecretStr, *, at: datetime
    ) -> None:
        """Note a webhook as ours, with its secret sealed for its owner."""
        vault = self._vault()
        key = await vault.new_key()
        record = WebhookRecord(
            id=webhook_id,
            sheet_id=sheet_id,
            owner=owner,
            data_key=key,
            secret=await vault.seal(key, secret, user_id=owner, purpose="webhook"),
            created_at=at,
        )
        await self._store.save(record)
