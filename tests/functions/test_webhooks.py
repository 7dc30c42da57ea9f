"""Smartsheet's callbacks over HTTP, the queue functions behind them, and the timer."""

import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.chat.sessions import LOAD_QUEUE
from shared.container import use_container
from shared.errors import UpstreamUnavailable
from shared.records import utc_now
from shared.webhooks.models import KEEP_QUEUE, KeepWebhook
from tests.fakes.webhooks import cell_event
from tests.functions.client import Functions
from tests.functions.environment import only_these_settings
from tests.functions.webhook_world import BESIDE, ROW, TITLE, WebhookWorld, deliver, opened, tell, the_webhook
from tests.functions.world import CELL_TEXT, SHEET


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[WebhookWorld]:
    with only_these_settings(**BESIDE, TOKEN_KEY=str(tmp_path / "key.jwk")):
        world = WebhookWorld(tmp_path)
    use_container(world.container)
    yield world
    use_container(None)
    await world.documents.close()


async def events(functions: Functions) -> list[Any]:
    return (await functions.request("list_events", query={"topic": f"sheet:{SHEET}"})).json["items"]


async def title(functions: Functions) -> Any:
    page = (await functions.request("list_rows", path={"sheetId": SHEET})).json
    return {cell["columnId"]: cell["value"] for cell in page["items"][0]["cells"]}[TITLE]


async def test_an_edit_by_somebody_else_is_in_the_events_and_in_the_rows_at_once(
    functions: Functions, world: WebhookWorld
):
    await opened(world, functions, functions)
    assert await title(functions) == "Report 1"
    world.source.edit(SHEET, ROW, TITLE, "Edited elsewhere")
    assert await title(functions) == "Report 1"
    callback = world.remote.callback(the_webhook(world), events=[cell_event(ROW, TITLE)])
    answer = await deliver(functions, callback)
    assert (answer.status, answer.text) == (200, "")
    await world.drain(functions)
    event = (await events(functions))[-1]
    assert (event["event"], event["data"]) == ("sheet_update", {"sheetId": SHEET, "version": 2, "rowIds": [ROW]})
    asked = world.source.count("get_sheet")
    assert await title(functions) == "Edited elsewhere"
    assert world.source.count("get_sheet") == asked
    assert world.gateway.pushed[-1][0] == f"sheet:{SHEET}"


async def test_loading_a_session_asks_smartsheet_no_more_than_without_webhooks(
    functions: Functions, world: WebhookWorld
):
    await functions.request("create_session", body={"sheetId": SHEET})
    await functions.deliver("load_session", world.sent_to(LOAD_QUEUE)[0])
    assert world.source.count("get_sheet") == 2  # may they open it, and the sheet
    assert world.remote.calls == []
    assert len(world.sent_to(KEEP_QUEUE)) == 1


async def test_reading_a_sheet_that_nobody_told_about_is_as_it_was(functions: Functions, world: WebhookWorld):
    assert await title(functions) == "Report 1"
    assert world.queues.sent == []


async def test_the_webhook_goes_with_the_session(functions: Functions, world: WebhookWorld):
    session = await opened(world, functions, functions)
    webhook_id = the_webhook(world)
    await functions.request("delete_session", path={"id": session})
    await world.drain(functions)
    assert world.remote.webhooks == {}
    body = json.dumps({"challenge": "abc", "webhookId": int(webhook_id)}).encode()
    assert (await tell(functions, body, Smartsheet_Hook_Challenge="abc")).status == 404


async def test_a_redelivered_load_message_of_an_active_session_finds_its_watcher_again(
    functions: Functions, world: WebhookWorld
):
    await functions.request("create_session", body={"sheetId": SHEET})
    (message,) = world.sent_to(LOAD_QUEUE)
    await functions.deliver("load_session", message)
    world.queues.sent.clear()  # its runner died before it came to the watcher
    await functions.deliver("load_session", message)
    assert [queue for queue, _, _ in world.queues.sent] == [KEEP_QUEUE]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b'{"webhookId": 1}', {}, 404, "webhook_not_found"),
        (b'{"webhookId": 1, "challenge": "abc"}', {"Smartsheet_Hook_Challenge": "abc"}, 404, "webhook_not_found"),
        (b"{", {}, 400, "malformed_json"),
        (b"{}", {}, 422, "invalid_input"),
        (b" " * 10_000_001, {}, 413, "body_too_large"),
    ],
)
async def test_what_is_none_of_ours_is_refused_with_a_problem_and_none_that_disables_webhooks(
    functions: Functions, world: WebhookWorld, body: bytes, headers: dict[str, str], status: int, code: str
):
    answer = await tell(functions, body, **headers)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.json["correlationId"] == answer.headers["X-Correlation-ID"]
    assert world.queues.sent == []


async def test_neither_our_host_name_nor_our_page_is_asked_for(functions: Functions):
    headers = {"Host": "10.0.0.7", "Origin": "https://evil.example", "X-Requested-With": None, "Content-Type": None}
    answer = await functions.request("receive_webhook", method="POST", raw=b'{"webhookId": 5}', headers=headers)
    assert (answer.status, answer.json["code"]) == (404, "webhook_not_found")


async def test_a_wrong_signature_changes_nothing_and_nothing_of_the_body_is_logged(
    functions: Functions, world: WebhookWorld, caplog: pytest.LogCaptureFixture
):
    await opened(world, functions, functions)
    before = await events(functions)
    world.queues.sent.clear()
    callback = world.remote.callback(the_webhook(world), events=[cell_event(ROW, value=CELL_TEXT)])
    caplog.set_level(logging.DEBUG)
    answer = await tell(functions, callback.body, Smartsheet_Hmac_SHA256="0" * 64)
    assert (answer.status, answer.json["code"]) == (401, "invalid_signature")
    assert world.queues.sent == [] and await events(functions) == before
    assert (await deliver(functions, callback)).status == 200
    assert "nonce-" not in caplog.text and callback.signature not in caplog.text


async def test_a_callback_that_cannot_be_queued_is_answered_so_that_it_comes_again(
    functions: Functions, world: WebhookWorld, monkeypatch: pytest.MonkeyPatch
):
    await opened(world, functions, functions)

    async def down(*_: Any, **__: Any) -> None:
        raise UpstreamUnavailable("The message queue is down.")

    callback = world.remote.callback(the_webhook(world), events=[cell_event(ROW)])
    with monkeypatch.context() as patch:
        patch.setattr(world.queues, "send", down)
        assert (await deliver(functions, callback)).status == 503
    assert (await deliver(functions, callback)).status == 200


async def test_a_broken_message_fails_so_that_the_host_puts_it_aside(functions: Functions):
    with pytest.raises(ValidationError):
        await functions.deliver("apply_delivery", b"{}")
    with pytest.raises(ValidationError):
        await functions.deliver("refresh_sheet", b"{}")
    with pytest.raises(ValidationError):
        await functions.deliver("keep_webhook", b"{}")


async def test_the_timer_has_a_silent_webhook_looked_at(
    functions: Functions, world: WebhookWorld, monkeypatch: pytest.MonkeyPatch
):
    await opened(world, functions, functions)
    await functions.tick("check_webhooks")
    assert world.queues.sent == []
    keeper = world.container.webhooks.keeper
    later = utc_now() + timedelta(hours=2)
    monkeypatch.setattr(keeper, "_clock", lambda: later)
    await functions.tick("check_webhooks")
    ((queue, message, _),) = world.queues.sent
    assert queue == KEEP_QUEUE and isinstance(message, KeepWebhook)
    assert (message.sheet_id, message.is_due) == (SHEET, True)


async def test_listening_to_a_sheet_is_watching_it(functions: Functions, world: WebhookWorld):
    await functions.request("list_events", query={"topic": f"sheet:{SHEET}"})
    await functions.request("list_events", query={"topic": f"sheet:{SHEET}"})
    assert [queue for queue, _, _ in world.queues.sent] == [KEEP_QUEUE]


# --- where Smartsheet cannot call us ------------------------------------------------------------------


async def test_without_an_address_for_callbacks_everything_works_and_it_is_said_once(
    functions: Functions, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with only_these_settings():  # Smartsheet's own address, and ours on this machine
        world = WebhookWorld(tmp_path / "elsewhere")
    use_container(world.container)
    await functions.request("create_session", body={"sheetId": SHEET})
    await functions.deliver("load_session", world.sent_to(LOAD_QUEUE)[0])
    await functions.request("list_events", query={"topic": f"sheet:{SHEET}"})
    await functions.tick("check_webhooks")
    await functions.deliver("keep_webhook", KeepWebhook(sheet_id=SHEET, correlation_id="correlation-1"))  # type: ignore[arg-type]
    assert world.sent_to(KEEP_QUEUE) == [] and world.remote.calls == []
    assert await title(functions) == "Report 1"
    assert [record.levelname for record in caplog.records if "webhooks are off" in record.message] == ["WARNING"]
    health = (await functions.request("get_health")).json
    assert (health["status"], health["parts"]["webhooks"]["code"]) == ("ok", "webhooks_off")
    await world.documents.close()
