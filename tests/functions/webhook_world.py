"""A world whose Smartsheet sends webhooks, and requests as Smartsheet sends them."""

import json
from typing import Any

from shared.chat.sessions import DELETE_QUEUE, LOAD_QUEUE
from shared.webhooks.models import DELIVERY_QUEUE, KEEP_QUEUE, REFRESH_QUEUE, WebhookId
from tests.fakes.webhooks import SignedCallback
from tests.functions.client import Answer, Functions
from tests.functions.world import SHEET, World

ROW, TITLE = "1", "1001"
READERS = {
    LOAD_QUEUE: "load_session",
    DELETE_QUEUE: "purge_session",
    DELIVERY_QUEUE: "apply_delivery",
    REFRESH_QUEUE: "refresh_sheet",
    KEEP_QUEUE: "keep_webhook",
}
BESIDE = {"SMARTSHEET_API_BASE": "http://127.0.0.1:7081/2.0"}  # a Smartsheet that can call this machine


class WebhookWorld(World):
    """A world in which messages find their functions."""

    async def drain(self, functions: Functions) -> None:
        """Every message is delivered to its function."""
        while self.queues.sent:
            queue, message, _ = self.queues.sent.pop(0)
            await functions.deliver(READERS[queue], message)


async def tell(functions: Functions, body: bytes, **headers: str | None) -> Answer:
    """A request as Smartsheet sends it: another host name than ours, no page, no X-Requested-With."""
    sent: dict[str, str | None] = {"Host": "whatever.example", "X-Requested-With": None}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await functions.request("receive_webhook", method="POST", raw=body, headers=sent)


async def deliver(functions: Functions, callback: SignedCallback) -> Answer:
    return await tell(functions, callback.body, Smartsheet_Hmac_SHA256=callback.signature)


async def opened(world: WebhookWorld, functions: Functions, client: Any) -> str:
    """A session that is ACTIVE, and the sheet's webhook, verified through the callback function."""

    async def challenge(url: str, webhook_id: WebhookId, text: str) -> bool:
        assert url == "http://localhost:7071/api/webhooks/smartsheet"
        body = json.dumps({"challenge": text, "webhookId": int(webhook_id)}).encode()
        answer = await tell(functions, body, Smartsheet_Hook_Challenge=text)
        assert (answer.status, answer.json) == (200, {"smartsheetHookResponse": text})
        return answer.headers["Smartsheet-Hook-Response"] == text

    world.remote.verify = challenge
    session = (await client.request("create_session", body={"sheetId": SHEET})).json
    await world.drain(functions)
    return session["id"]


def the_webhook(world: WebhookWorld) -> WebhookId:
    (webhook,) = world.remote.of_sheet(SHEET)
    assert webhook.is_enabled
    return webhook.id
