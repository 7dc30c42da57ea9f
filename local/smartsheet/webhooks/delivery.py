"""Delivering events: signed callbacks, one at a time for each webhook, with retries.

Source: the vendor's guides on webhook callbacks, verification and status.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import httpx2

from local.smartsheet.database import Database
from local.smartsheet.limits import Limits
from local.smartsheet.webhooks import records
from local.smartsheet.webhooks.records import Webhook
from local.smartsheet.wire import encode, now

MAX_RETRIES = 14
CALLBACKS_PER_VERIFICATION = 100
_LONGEST_PAUSE = 60.0
_REDIRECTS = range(300, 309)
_GONE = 410

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Delivery:
    """Sends what is due. Starts a task for a webhook when there is something to send; the task ends with it."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits
        self._client = httpx2.AsyncClient(follow_redirects=True)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._sent: dict[int, int] = {}

    def wake(self) -> None:
        """Send whatever is due now. Call it after every change, on the event loop."""
        with self._database.read() as connection:
            due = [row[0] for row in connection.execute("SELECT DISTINCT webhook_id FROM callbacks_due")]
        for webhook_id in due:
            if webhook_id not in self._tasks:
                task = asyncio.create_task(self._deliver(webhook_id))
                self._tasks[webhook_id] = task
                task.add_done_callback(lambda done, key=webhook_id: self._ended(key, done))

    async def stop(self) -> None:
        """Stop sending; what is due stays due."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Stop, and close the connections."""
        await self.stop()
        await self._client.aclose()

    async def verify(self, webhook_id: int) -> Webhook | None:
        """Send the challenge; enable the webhook where the answer echoes it, else DISABLED_VERIFICATION_FAILED."""
        webhook = await self._in_thread(lambda: self._find(webhook_id))
        if webhook is None:
            return None
        passed = await self._challenge(webhook)
        status = "ENABLED" if passed else "DISABLED_VERIFICATION_FAILED"
        return await self._set_status(webhook_id, status, enabled=passed)

    async def _challenge(self, webhook: Webhook) -> bool:
        challenge = secrets.token_urlsafe(24)
        body = encode({"challenge": challenge, "webhookId": webhook["id"]}).encode()
        response = await self._post(webhook["callbackUrl"], body, {"Smartsheet-Hook-Challenge": challenge})
        if response is None or response.status_code != httpx2.codes.OK:
            return False
        if response.headers.get("Smartsheet-Hook-Response") == challenge:
            return True
        try:
            answer = response.json()
        except ValueError:
            return False
        return isinstance(answer, dict) and answer.get("smartsheetHookResponse") == challenge

    async def _deliver(self, webhook_id: int) -> None:
        while True:
            webhook = await self._in_thread(lambda: self._find(webhook_id))
            last, events = await self._in_thread(lambda: self._due(webhook_id))
            if not events:
                return
            if webhook is None or not webhook["enabled"]:
                await self._in_thread(lambda last=last: self._forget(webhook_id, last))
                return
            sent = self._sent[webhook_id] = self._sent.get(webhook_id, 0) + 1
            if sent % CALLBACKS_PER_VERIFICATION == 0 and not await self._challenge(webhook):
                await self._disable(webhook, "DISABLED_VERIFICATION_FAILED")
                return
            if not await self._send(webhook, {"events": events}):
                return
            await self._in_thread(lambda last=last: self._forget(webhook_id, last))

    async def _send(self, webhook: Webhook, content: dict[str, Any]) -> bool:
        """One callback with its retries; false where the webhook was disabled over it."""
        head = {"nonce": secrets.token_hex(16), "timestamp": now(), "webhookId": webhook["id"]}
        scope = {"scope": "sheet", "scopeObjectId": webhook["scopeObjectId"]}
        body = encode(head | scope | content).encode()
        pause = self._limits.callback_retry_ms / 1000
        for attempt in range(MAX_RETRIES + 1):
            if attempt:
                await asyncio.sleep(min(pause * 2 ** (attempt - 1), _LONGEST_PAUSE))
            signature = sign(webhook["sharedSecret"], body)
            response = await self._post(webhook["callbackUrl"], body, {"Smartsheet-Hmac-SHA256": signature})
            status = 0 if response is None else response.status_code
            await self._note_attempt(webhook["id"], attempt, succeeded=status == httpx2.codes.OK)
            if status == httpx2.codes.OK:
                return True
            if disables(status):
                break
            current = await self._in_thread(partial(self._find, webhook["id"]))
            if current is None or not current["enabled"]:
                return False
            webhook = current
        await self._disable(webhook, "DISABLED_CALLBACK_FAILED")
        return False

    async def _disable(self, webhook: Webhook, status: str) -> None:
        """Disable a webhook of the sandbox's own accord, and tell its URL once."""
        await self._set_status(webhook["id"], status, enabled=False)
        head = {"nonce": secrets.token_hex(16), "timestamp": now(), "webhookId": webhook["id"]}
        scope = {"scope": "sheet", "scopeObjectId": webhook["scopeObjectId"]}
        body = encode(head | scope | {"newWebhookStatus": status}).encode()
        signature = sign(webhook["sharedSecret"], body)
        await self._post(webhook["callbackUrl"], body, {"Smartsheet-Hmac-SHA256": signature})

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> httpx2.Response | None:
        headers = {"Content-Type": "application/json; charset=UTF-8", "User-Agent": "Smartsheet", **headers}
        try:
            timeout = self._limits.callback_timeout_ms / 1000
            return await self._client.post(url, content=body, headers=headers, timeout=timeout)
        except httpx2.HTTPError as error:
            _log.info("callback to %s failed: %s", url, type(error).__name__)
            return None

    async def _set_status(self, webhook_id: int, status: str, *, enabled: bool) -> Webhook | None:
        def change() -> Webhook | None:
            with self._database.write() as connection:
                webhook = records.find(connection, webhook_id)
                if webhook is not None:
                    webhook |= {"enabled": enabled, "status": status}
                    records.save(connection, webhook)
                    if not enabled:
                        records.forget_events(connection, webhook_id)
                return webhook

        return await self._in_thread(change)

    async def _note_attempt(self, webhook_id: int, retries: int, *, succeeded: bool) -> None:
        def note() -> None:
            with self._database.write() as connection:
                webhook = records.find(connection, webhook_id)
                if webhook is not None:
                    stats = {"lastCallbackAttempt": now(), "lastCallbackAttemptRetryCount": retries}
                    stats |= {"lastSuccessfulCallback": now()} if succeeded else {}
                    webhook["stats"] = webhook.get("stats", {}) | stats
                    records.save(connection, webhook)

        await self._in_thread(note)

    def _find(self, webhook_id: int) -> Webhook | None:
        with self._database.read() as connection:
            return records.find(connection, webhook_id)

    def _due(self, webhook_id: int) -> tuple[int, list[dict[str, Any]]]:
        """The events to send, and the number up to which they are."""
        query = "SELECT seq, events FROM callbacks_due WHERE webhook_id = ? ORDER BY seq"
        with self._database.read() as connection:
            rows = connection.execute(query, (webhook_id,)).fetchall()
        return (rows[-1][0] if rows else 0, [event for _, events in rows for event in json.loads(events)])

    def _forget(self, webhook_id: int, last: int) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM callbacks_due WHERE webhook_id = ? AND seq <= ?", (webhook_id, last))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(None, work)

    def _ended(self, webhook_id: int, task: asyncio.Task[None]) -> None:
        self._tasks.pop(webhook_id, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            _log.error("delivery for webhook %s broke off", webhook_id, exc_info=error)
        else:
            self.wake()  # something may have come due between the task's last look and its end


def sign(secret: str, body: bytes) -> str:
    """The hex HMAC-SHA256 of a callback's raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def disables(status: int) -> bool:
    """Whether an answer ends a webhook at once: 201–299, 309–399 and 410. Other failures are retried."""
    return 200 < status < 300 or (300 <= status < 400 and status not in _REDIRECTS) or status == _GONE
