"""A callback, from the raw request to a queue message: verified, cut down to ids, and never kept."""

import asyncio

from pydantic import SecretStr

from shared.errors import InvalidInput, NotFound, Unauthorized
from shared.events.ports import MessageQueue
from shared.ids import SheetId
from shared.telemetry import current_correlation_id, get_logger, new_correlation_id
from shared.webhooks.callbacks import Callback, delivery_key, read_callback, read_head
from shared.webhooks.models import DELIVERY_QUEUE, ApplyDelivery, WebhookId
from shared.webhooks.secrets import KnownWebhook, WebhookSecrets
from shared.webhooks.signatures import verify_signature

log = get_logger(__name__)

_MAX_CHALLENGE = 512


class CallbackService:
    """What is done while Smartsheet waits: as little as possible. A callback that fails is sent again."""

    def __init__(self, secrets: WebhookSecrets, queue: MessageQueue) -> None:
        self._secrets = secrets
        self._queue = queue

    async def receive(self, body: bytes, *, challenge: str | None, signature: str) -> str | None:
        """Take a callback; the challenge to echo, if it is one.

        Raises `InvalidInput`, `NotFound` (`webhook_not_found`: none of ours), `Unauthorized` (`invalid_signature`),
        and what the database and the queue raise. Challenges are not signed: they are answered for webhooks of ours.
        """
        head = await asyncio.to_thread(read_head, body)
        known = await self._secrets.find(head.webhook)
        if known is None:
            raise NotFound("This is no webhook of this service.", code="webhook_not_found")
        if challenge is not None:
            return _echo(challenge, head.challenge)
        if not verify_signature(body, signature, await self._secret(known)):
            raise Unauthorized("The callback is not signed with the webhook's secret.", code="invalid_signature")
        callback = await asyncio.to_thread(read_callback, body)
        sheet_id = known.sheet_id or callback.sheet_id
        if sheet_id is None:
            raise InvalidInput("The callback does not say which sheet it is about.")
        if callback.events or callback.status:
            await self._enqueue(known.id, sheet_id, callback, body)
        return None

    async def _enqueue(self, webhook_id: WebhookId, sheet_id: SheetId, callback: Callback, body: bytes) -> None:
        rows, is_foreign = await asyncio.to_thread(callback.changes)
        message = ApplyDelivery(
            webhook_id=webhook_id,
            sheet_id=sheet_id,
            key=delivery_key(webhook_id, callback, body),
            rows=rows,
            is_foreign=is_foreign,
            status=callback.status,
            correlation_id=current_correlation_id() or new_correlation_id(),
        )
        await self._queue.send(DELIVERY_QUEUE, message)
        log.info("webhook %s: %d events about sheet %s", webhook_id, len(callback.events), sheet_id)

    async def _secret(self, known: KnownWebhook) -> SecretStr:
        try:
            return await self._secrets.open(known)
        except Unauthorized:  # the key that sealed it is lost: the webhook is made anew when it is looked after
            raise Unauthorized("The webhook's secret cannot be read any more.", code="invalid_signature") from None


def _echo(challenge: str, in_body: object) -> str:
    is_plain = challenge.isascii() and challenge.isprintable() and 0 < len(challenge) <= _MAX_CHALLENGE
    if not is_plain or in_body not in (None, challenge):
        raise InvalidInput("This is no challenge of Smartsheet's.", code="invalid_challenge")
    return challenge
