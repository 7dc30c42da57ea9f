"""Webhooks at Smartsheet: found, created, enabled and deleted, with one person's token.

Creating may die at any line: what was created but not noted is found again by its sheet and URL.
"""

from collections.abc import Callable
from datetime import datetime

from shared.errors import AppError, NotFound, Unauthorized
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.identity.refusals import noting_refusal
from shared.ids import SheetId, UserId
from shared.records import utc_now
from shared.telemetry import get_logger
from shared.webhooks.models import ENABLED, RemoteWebhook, SheetWebhook, WebhookId
from shared.webhooks.ports import WebhookSource, WebhookStore
from shared.webhooks.secrets import WebhookSecrets

log = get_logger(__name__)

_NEVER_REENABLED = frozenset({"DISABLED_ADMINISTRATIVE", "DISABLED_BY_OWNER"})
"""Somebody wanted it so."""
_LOST = frozenset({"DISABLED_APP_REVOKED", "DISABLED_SCOPE_INACCESSIBLE"})


class WebhookRegistrar:
    """Every method raises what `WebhookSource` raises, unless it says otherwise."""

    def __init__(
        self,
        source: WebhookSource,
        store: WebhookStore,
        secrets: WebhookSecrets,
        identity: Identity,
        callback_url: str,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._source = source
        self._store = store
        self._secrets = secrets
        self._identity = identity
        self._callback_url = callback_url
        self._clock = clock

    async def check(self, webhook: SheetWebhook) -> SheetWebhook | None:
        """The webhook as it is now; None when there is none any more, or none of use."""
        if not await self._is_known(webhook.id):
            return None
        try:
            caller = await self._identity.caller_of_user(webhook.owner)
            async with noting_refusal(self._identity, caller):
                remote = await self._source.get_webhook(caller.token, webhook.id)
        except (NotFound, Unauthorized) as error:
            log.info("webhook %s is lost (%s)", webhook.id, error.code)
            return None
        return None if remote.status in _LOST else self._noted(webhook.owner, remote)

    def can_be_enabled(self, webhook: SheetWebhook) -> bool:
        """Whether it does not call us now, and nobody wanted it so."""
        is_in_place = webhook.status == ENABLED and webhook.callback_url == self._callback_url
        return not is_in_place and webhook.status not in _NEVER_REENABLED

    async def prepare(self, caller: Caller, sheet_id: SheetId) -> SheetWebhook:
        """A webhook of the caller's for the sheet, noted as ours; it may have to be enabled."""
        async with noting_refusal(self._identity, caller):
            remote = await self._found(caller, sheet_id)
            if remote is None:
                remote = await self._source.create_webhook(caller.token, sheet_id, self._callback_url)
        if not self._secrets.is_configured(remote.id):
            assert remote.secret is not None
            await self._secrets.keep(remote.id, sheet_id, caller.user_id, remote.secret, at=self._clock())
        return self._noted(caller.user_id, remote)

    async def enable(self, webhook: SheetWebhook) -> SheetWebhook:
        """The webhook after Smartsheet has tried to verify our URL, which takes as long as it takes."""
        caller = await self._identity.caller_of_user(webhook.owner)
        url = None if self._secrets.is_configured(webhook.id) else self._callback_url
        async with noting_refusal(self._identity, caller):
            remote = await self._source.enable_webhook(caller.token, webhook.id, url)
        return self._noted(webhook.owner, remote)

    async def remove(self, sheet_id: SheetId, owner: UserId, webhook_id: WebhookId) -> None:
        """Delete a webhook and forget it. Where Smartsheet cannot be asked, it is forgotten all the same.

        Smartsheet disables by itself a webhook whose callbacks are refused.
        """
        if not self._secrets.is_configured(webhook_id):
            try:
                caller = await self._identity.caller_of_user(owner)
                await self._source.delete_webhook(caller.token, webhook_id)
            except AppError as error:
                log.info("webhook %s was not deleted at Smartsheet (%s)", webhook_id, error.code)
        await self._store.delete(owner, sheet_id, webhook_id)

    async def _found(self, caller: Caller, sheet_id: SheetId) -> RemoteWebhook | None:
        """The one that exists already; more than one, from runs that died, are deleted."""
        found: RemoteWebhook | None = None
        for remote in await self._source.list_webhooks(caller.token):
            if remote.sheet_id != sheet_id:
                continue
            if self._secrets.is_configured(remote.id):
                return remote
            if remote.callback_url != self._callback_url:
                continue
            if found is None and remote.secret is not None and remote.status not in _LOST:
                found = remote
            else:
                await self._source.delete_webhook(caller.token, remote.id)
        return found

    def _noted(self, owner: UserId, remote: RemoteWebhook) -> SheetWebhook:
        """What is kept of a webhook. The one made by hand may call us by another address."""
        url = self._callback_url if self._secrets.is_configured(remote.id) else remote.callback_url
        return SheetWebhook(id=remote.id, owner=owner, status=_status(remote), callback_url=url)

    async def _is_known(self, webhook_id: WebhookId) -> bool:
        """Whether its callbacks can be verified: its secret is there, and can be read."""
        known = await self._secrets.find(webhook_id)
        if known is None:
            return False
        try:
            await self._secrets.open(known)
        except Unauthorized:
            return False
        return True


def _status(remote: RemoteWebhook) -> str:
    """Smartsheet's word; one that is not enabled is never taken for an enabled one."""
    return "DISABLED" if remote.status == ENABLED and not remote.is_enabled else remote.status
