"""The calls about webhooks: what goes out, what is read, what a refusal becomes."""

from typing import Any

import pytest
from pydantic import SecretStr

from shared.errors import AppError, Forbidden, InvalidInput, NotFound, Unauthorized, UpstreamFault, UpstreamTimeout
from shared.ids import SheetId
from shared.webhooks.models import RemoteWebhook, WebhookId
from tests.unit.clients.smartsheet_http import TOKEN, ScriptedSmartsheet, answer, error, lost

SHEET = SheetId("9007199254740993")
HOOK = WebhookId("9007199254740995")
URL = "https://sheets.example/api/webhooks/smartsheet"
WIRE: dict[str, Any] = {
    "id": int(HOOK),
    "name": "ChatSheetAI",
    "scope": "sheet",
    "scopeObjectId": int(SHEET),
    "events": ["*.*"],
    "callbackUrl": URL,
    "sharedSecret": "a-shared-secret",
    "enabled": False,
    "status": "NEW_NOT_VERIFIED",
    "version": 1,
    "somethingNew": {"since": "2027"},
}
READ = RemoteWebhook(HOOK, SHEET, URL, False, "NEW_NOT_VERIFIED", SecretStr("a-shared-secret"))


async def test_a_webhook_is_created_for_all_events_of_a_sheet() -> None:
    async with ScriptedSmartsheet(answer({"resultCode": 0, "result": WIRE})) as smartsheet:
        assert await smartsheet.client.webhooks.create_webhook(TOKEN, SHEET, URL) == READ
        (request,) = smartsheet.requests
        (body,) = smartsheet.bodies
    assert (request.method, request.url.path) == ("POST", "/2.0/webhooks")
    assert body == {
        "name": "ChatSheetAI",
        "callbackUrl": URL,
        "scope": "sheet",
        "scopeObjectId": 9007199254740993,
        "events": ["*.*"],
        "version": 1,
    }


async def test_a_created_webhook_without_a_secret_is_of_no_use() -> None:
    wire = {name: value for name, value in WIRE.items() if name != "sharedSecret"}
    async with ScriptedSmartsheet(answer({"result": wire})) as smartsheet:
        with pytest.raises(UpstreamFault):
            await smartsheet.client.webhooks.create_webhook(TOKEN, SHEET, URL)


@pytest.mark.parametrize(("url", "body"), [(URL, {"enabled": True, "callbackUrl": URL}), (None, {"enabled": True})])
async def test_enabling_says_where_to_call_unless_the_webhook_is_to_stay_where_it_is(url: str | None, body: Any):
    enabled = {**WIRE, "enabled": True, "status": "ENABLED"}
    async with ScriptedSmartsheet(answer({"result": enabled})) as smartsheet:
        webhook = await smartsheet.client.webhooks.enable_webhook(TOKEN, HOOK, url)
        (request,) = smartsheet.requests
        assert smartsheet.bodies == [body]
    assert (request.method, request.url.path) == ("PUT", f"/2.0/webhooks/{HOOK}")
    assert (webhook.is_enabled, webhook.status) == (True, "ENABLED")


async def test_webhooks_are_listed_read_and_deleted() -> None:
    listed = {"pageNumber": 1, "totalPages": 1, "totalCount": 1, "data": [WIRE]}
    async with ScriptedSmartsheet(answer(listed), answer(WIRE), answer({"resultCode": 0})) as smartsheet:
        webhooks = smartsheet.client.webhooks
        assert await webhooks.list_webhooks(TOKEN) == [READ]
        assert await webhooks.get_webhook(TOKEN, HOOK) == READ
        await webhooks.delete_webhook(TOKEN, HOOK)
        sent = [(request.method, request.url.path) for request in smartsheet.requests]
        assert smartsheet.requests[0].url.params["includeAll"] == "true"
    assert sent == [("GET", "/2.0/webhooks"), ("GET", f"/2.0/webhooks/{HOOK}"), ("DELETE", f"/2.0/webhooks/{HOOK}")]


@pytest.mark.parametrize(
    ("given", "kind", "code"),
    [
        (error(1006, 404), NotFound, "webhook_not_found"),
        (error(1004, 403), Forbidden, "forbidden"),
        (error(1002, 401), Unauthorized, "needs_sign_in"),
        (error(1151, 400), InvalidInput, "refused"),
        (error(1152, 400), InvalidInput, "refused"),
        (answer(["nonsense"]), UpstreamFault, "upstream_fault"),
        (answer({"result": {"id": "x"}}), UpstreamFault, "upstream_fault"),
        (lost(), UpstreamTimeout, "timeout"),
    ],
)
async def test_what_goes_wrong_has_a_name_and_no_vendor_text(given: Any, kind: type[AppError], code: str) -> None:
    async with ScriptedSmartsheet(given) as smartsheet:
        with pytest.raises(AppError) as raised:
            await smartsheet.client.webhooks.enable_webhook(TOKEN, HOOK, URL)
        assert len(smartsheet.requests) == 1
    assert (type(raised.value), raised.value.code) == (kind, code)
    assert "VENDOR" not in raised.value.detail and "secret" not in raised.value.detail


def test_the_secret_is_not_shown() -> None:
    assert "a-shared-secret" not in repr(READ)
