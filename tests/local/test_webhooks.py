"""The application's webhooks against the sandbox: real challenges, signatures, retries and states."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from local.smartsheet.accounts import EDITOR_TOKEN, VIEWER_TOKEN
from shared.identity.service import SINGLE_USER
from shared.ids import SessionId, SheetId
from shared.webhooks.models import ApplyDelivery, KeepWebhook
from tests.fakes.killing import Countdown, Killed, Mortal
from tests.fakes.webhooks import cell_event, sign
from tests.local.smartsheet_sandbox import PROPOSALS, SmartsheetSandbox, sandbox, shared_sandbox
from tests.local.webhook_app import SECONDS, WebhookApp, running_app

__all__ = ["sandbox", "shared_sandbox"]


class Scene:
    """A sheet of the sandbox, one of its cells, and the application."""

    def __init__(self, app: WebhookApp, sandbox: SmartsheetSandbox) -> None:
        self.app = app
        self.sandbox = sandbox
        sheet = sandbox.sheet(PROPOSALS)
        self.sheet_id = str(sheet["id"])
        self.row_id = str(sheet["rows"][0]["id"])
        self.column_id = str(sheet["columns"][0]["id"])

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """A call of the sandbox, past the application, which goes on serving meanwhile."""
        answer = await asyncio.to_thread(self.sandbox.call, method, path, body, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def webhooks(self) -> list[Any]:
        """The owner's webhooks."""
        return (await self.call("GET", "/webhooks"))["data"]

    async def webhook(self) -> Any:
        """The one webhook."""
        (webhook,) = await self.webhooks()
        return webhook

    async def until_status(self, status: str) -> None:
        """Wait until the webhook has this status."""
        async with asyncio.timeout(SECONDS):
            while True:
                if (await self.webhook())["status"] == status:
                    return
                await asyncio.sleep(0.01)

    async def edit(self, value: str, **more: Any) -> None:
        """A colleague sets the cell."""
        change = [{"id": int(self.row_id), "cells": [{"columnId": int(self.column_id), "value": value}]}]
        await self.call("PUT", f"/sheets/{self.sheet_id}/rows", change, token=EDITOR_TOKEN, **more)

    async def title(self) -> Any:
        """What a reader of the application sees."""
        return await self.app.title(self.sheet_id, self.row_id, self.column_id)

    async def updates(self) -> list[dict[str, Any]]:
        """What browsers were told."""
        return await self.app.updates(self.sheet_id)

    async def callback(self, nonce: str) -> tuple[bytes, str]:
        """A callback as the sandbox signs it."""
        webhook = await self.webhook()
        content = {"nonce": nonce, "webhookId": webhook["id"], "scopeObjectId": int(self.sheet_id)}
        body = json.dumps({**content, "events": [cell_event(self.row_id, self.column_id)]}).encode()
        return body, sign(webhook["sharedSecret"], body)

    def sheet_reads(self) -> int:
        """How often the application has asked about the sheet."""
        path = f"/2.0/sheets/{self.sheet_id}"
        return sum(call["method"] == "GET" and call["path"] == path for call in self.sandbox.calls())


@pytest.fixture
async def scene(sandbox: SmartsheetSandbox, tmp_path: Path) -> AsyncIterator[Scene]:
    """The sheet is watched, and a reader has it."""
    async with running_app(sandbox, tmp_path) as app:
        scene = Scene(app, sandbox)
        await scene.title()
        await app.open_session(scene.sheet_id)
        yield scene


async def test_the_sandbox_verifies_the_url_and_the_webhook_is_enabled(scene: Scene):
    webhook = await scene.webhook()
    assert (webhook["status"], webhook["callbackUrl"]) == ("ENABLED", scene.app.url)
    state = await scene.app.state(scene.sheet_id)
    assert state.webhook is not None
    assert (state.webhook.id, state.webhook.status) == (str(webhook["id"]), "ENABLED")


async def test_an_edit_by_a_colleague_is_read_and_told_and_shown_at_once(scene: Scene):
    told_before = len(await scene.updates())
    await scene.edit("A colleague's title")
    await scene.app.until_heard()
    await scene.app.drain()
    reads = scene.sheet_reads()
    assert await scene.title() == "A colleague's title"
    assert scene.sheet_reads() == reads
    (update,) = (await scene.updates())[told_before:]
    assert update == {"sheetId": scene.sheet_id, "version": 2, "rowIds": [scene.row_id]}


async def test_the_same_callback_twice_is_one_mark_one_read_and_one_update(scene: Scene):
    body, signature = await scene.callback("a nonce")
    told_before = len(await scene.updates())
    assert await scene.app.post(body, signature) == 200
    assert await scene.app.post(body, signature) == 200
    reads = scene.sheet_reads()
    await scene.app.drain()
    assert len(await scene.updates()) == told_before + 1
    assert scene.sheet_reads() == reads + 1


async def test_a_nonce_that_is_used_again_in_another_callback_is_a_replay(scene: Scene):
    body, signature = await scene.callback("a nonce")
    assert await scene.app.post(body, signature) == 200
    await scene.app.drain()
    before = await scene.app.state(scene.sheet_id)
    secret = (await scene.webhook())["sharedSecret"]
    replayed = body.replace(b"updated", b"deleted")
    assert await scene.app.post(replayed, sign(secret, replayed)) == 200
    await scene.app.drain()
    assert await scene.app.state(scene.sheet_id) == before


async def test_a_wrong_signature_is_refused_and_the_webhook_goes_on(scene: Scene):
    body, signature = await scene.callback("a nonce")
    before = await scene.app.state(scene.sheet_id)
    assert await scene.app.post(body, sign("guessed", body)) == 401
    assert await scene.app.post(body + b" ", signature) == 401
    assert scene.app.queues.sent == []
    assert await scene.app.state(scene.sheet_id) == before
    assert (await scene.webhook())["status"] == "ENABLED"


async def test_killed_between_the_mark_and_the_refresh_the_message_finishes_the_work(scene: Scene):
    told_before = len(await scene.updates())
    await scene.edit("edited before the death")
    await scene.app.until_heard()
    scene.app.container.webhooks.refresher._sheets = Mortal(
        scene.app.container.sheets, Countdown(1, after_effect=False)
    )
    with pytest.raises(Killed):
        await scene.app.drain()
    state = await scene.app.state(scene.sheet_id)
    assert state.is_dirty and state.is_untold
    (delivery,) = [message for _, message, _ in scene.app.queues.sent]
    assert isinstance(delivery, ApplyDelivery)
    await scene.app.restart()
    await scene.app.drain_after_death(scene.sheet_id)
    state = await scene.app.state(scene.sheet_id)
    assert (state.is_dirty, state.is_untold, state.version) == (False, False, 2)
    assert (await scene.updates())[told_before:] == [
        {"sheetId": scene.sheet_id, "version": 2, "rowIds": [scene.row_id]}
    ]


async def test_after_a_death_a_reader_sees_the_edit_though_nobody_has_refreshed_yet(scene: Scene):
    await scene.edit("edited before the death")
    await scene.app.until_heard()
    scene.app.container.webhooks.refresher._sheets = Mortal(
        scene.app.container.sheets, Countdown(1, after_effect=False)
    )
    with pytest.raises(Killed):
        await scene.app.drain()
    assert await scene.title() == "edited before the death"


async def test_a_webhook_that_was_disabled_over_failing_callbacks_recovers_and_nothing_is_missed(scene: Scene):
    scene.sandbox.limit({"callbackRetryMs": 0})
    scene.app.answer = 500
    await scene.edit("while we were out of order")
    await scene.until_status("DISABLED_CALLBACK_FAILED")
    scene.app.answer = None
    await scene.app.deliver(KeepWebhook(sheet_id=SheetId(scene.sheet_id), is_due=True, correlation_id="hourly"))
    await scene.app.drain()
    assert (await scene.webhook())["status"] == "ENABLED"
    assert (await scene.updates())[-1] == {"sheetId": scene.sheet_id, "version": 2, "rowIds": None}
    assert await scene.title() == "while we were out of order"
    await scene.edit("and afterwards")
    await scene.app.until_heard()
    await scene.app.drain()
    assert await scene.title() == "and afterwards"


async def test_a_webhook_that_tells_of_its_end_recovers_by_itself(scene: Scene):
    scene.app.answer = 410  # ends a webhook at once, and the next request is the news of it
    await scene.edit("unheard")
    await scene.until_status("DISABLED_CALLBACK_FAILED")
    scene.app.answer = None
    webhook = await scene.webhook()
    content = {"nonce": "n", "webhookId": webhook["id"], "scopeObjectId": int(scene.sheet_id)}
    body = json.dumps({**content, "newWebhookStatus": "DISABLED_CALLBACK_FAILED"}).encode()
    assert await scene.app.post(body, sign(webhook["sharedSecret"], body)) == 200
    await scene.app.drain()
    assert (await scene.webhook())["status"] == "ENABLED"
    assert await scene.title() == "unheard"


async def test_our_own_write_comes_back_without_a_loop_or_a_load(scene: Scene):
    agent = {"Smartsheet-Change-Agent": "chatsheet:0f1e9679"}
    await scene.edit("ours", **agent)
    await scene.app.until_heard()
    (delivery,) = [message for _, message, _ in scene.app.queues.sent]
    assert isinstance(delivery, ApplyDelivery) and not delivery.is_foreign
    reads = scene.sheet_reads()
    await scene.app.drain()
    assert scene.sheet_reads() == reads + 1
    await asyncio.sleep(0.2)
    assert scene.app.queues.sent == [] and scene.app.answers == []
    assert scene.app.container.sheets.metrics()["reloads"] == 0


async def test_a_viewers_token_gets_a_webhook_or_is_done_without(sandbox: SmartsheetSandbox, tmp_path: Path):
    async with running_app(sandbox, tmp_path, token=VIEWER_TOKEN) as app:
        sheet_id = str(sandbox.sheet_id(PROPOSALS))
        await app.open_session(sheet_id)
        state = await app.state(sheet_id)
        assert state.webhook is not None and state.webhook.status == "ENABLED"


async def test_a_sheet_that_the_token_does_not_open_gets_no_webhook_and_is_not_asked_for_again(scene: Scene):
    foreign = "4583173393803140"
    for _ in range(3):
        await scene.app.container.webhooks.watchers.session_opened(SINGLE_USER, SheetId(foreign), SessionId("x"))
        await scene.app.drain()
    created = [call for call in scene.sandbox.calls() if (call["method"], call["path"]) == ("POST", "/2.0/webhooks")]
    assert [call["status"] for call in created] == [200, 404]
    assert (await scene.app.state(foreign)).webhook is None
