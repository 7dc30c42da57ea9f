"""Smartsheet's webhooks: their callbacks, what is done about them, and their life.

receive_webhook → apply_delivery → (refresh_sheet) → browsers
load_session, purge_session, listening browsers → keep_webhook ← check_webhooks
"""

import json

import azure.functions as func

from shared.container import get_container
from shared.functions.http import callback, serve_request
from shared.functions.registration import Triggers, header_map
from shared.functions.routes import JSON_TYPE
from shared.telemetry import correlated, new_correlation_id
from shared.webhooks.models import (
    DELIVERY_QUEUE,
    KEEP_QUEUE,
    REFRESH_QUEUE,
    ApplyDelivery,
    KeepWebhook,
    RefreshSheet,
)

triggers = Triggers()


@callback(
    triggers,
    "webhooks/smartsheet",
    ("POST",),
    summary="Callbacks of Smartsheet's webhooks",
    tag="Sheets",
    headers=("Smartsheet-Hook-Challenge", "Smartsheet-Hmac-SHA256"),
    answers={200: "Heard; to a challenge, the challenge."},
    body={"type": "object", "required": ["webhookId"], "properties": {"webhookId": {"type": "integer"}}},
)
async def receive_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """Smartsheet's callbacks, trusted by their signature. Exactly 200, or an error after which they are sent again."""

    async def work() -> func.HttpResponse:
        headers = header_map(req)
        challenge = await get_container().webhooks.callbacks.receive(
            req.get_body(),
            challenge=headers.get("Smartsheet-Hook-Challenge"),
            signature=headers.get("Smartsheet-Hmac-SHA256", ""),
        )
        return func.HttpResponse(status_code=200) if challenge is None else _echo(challenge)

    return await serve_request("receive_webhook", req, work)


@triggers.queue(DELIVERY_QUEUE)
async def apply_delivery(msg: func.QueueMessage) -> None:
    """Mark the sheet of a callback as changed, and read what became of it."""
    message = ApplyDelivery.model_validate_json(msg.get_body())
    with correlated(message.correlation_id):
        await get_container().webhooks.deliveries.apply(message)


@triggers.queue(REFRESH_QUEUE)
async def refresh_sheet(msg: func.QueueMessage) -> None:
    """Read what became of a sheet, and tell browsers."""
    message = RefreshSheet.model_validate_json(msg.get_body())
    with correlated(message.correlation_id):
        await get_container().webhooks.refresher.refresh(message)


@triggers.queue(KEEP_QUEUE)
async def keep_webhook(msg: func.QueueMessage) -> None:
    """Create, repair or delete the webhook of a sheet."""
    message = KeepWebhook.model_validate_json(msg.get_body())
    keeper = get_container().webhooks.keeper
    with correlated(message.correlation_id):
        if keeper is not None:
            await keeper.keep(message)


@triggers.timer("15 */5 * * * *")
async def check_webhooks(timer: func.TimerRequest) -> None:
    """Every five minutes: webhooks that were not looked at for an hour, or failed."""
    keeper = get_container().webhooks.keeper
    with correlated(new_correlation_id()):
        if keeper is not None:
            await keeper.look()


def _echo(challenge: str) -> func.HttpResponse:
    body = json.dumps({"smartsheetHookResponse": challenge})
    headers = {"Smartsheet-Hook-Response": challenge}
    return func.HttpResponse(body, status_code=200, headers=headers, mimetype=JSON_TYPE)
