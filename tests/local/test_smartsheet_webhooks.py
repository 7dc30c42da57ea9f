"""Webhooks against a real endpoint: verification, signed events, retries, states."""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import pytest
import smartsheet
from smartsheet.models import Webhook

from local.smartsheet.accounts import OTHER_TOKEN, OWNER, OWNER_TOKEN
from local.smartsheet.webhooks.delivery import CALLBACKS_PER_VERIFICATION, MAX_RETRIES, disables
from tests.local.smartsheet_sandbox import (
    RISKS,
    ROTA,
    CallbackReceiver,
    SmartsheetSandbox,
    receiver,
    sandbox,
    shared_sandbox,
    titled,
)
from tests.local.smartsheet_schemas import assert_official

__all__ = ["receiver", "sandbox", "shared_sandbox"]

# The vendor's SDK still sets these options; nothing here uses TLS.
pytestmark = pytest.mark.filterwarnings(r"ignore:ssl.OP_NO_SSL\*/ssl.OP_NO_TLS\* options:DeprecationWarning")


class Hook:
    """A webhook on the empty sample sheet."""

    def __init__(self, sandbox: SmartsheetSandbox, receiver: CallbackReceiver, **more: Any) -> None:
        self.sandbox = sandbox
        self.sheet = sandbox.sheet(RISKS)
        self.columns = titled(self.sheet)
        created = sandbox.call("POST", "/webhooks", definition(self.sheet["id"], receiver.url) | more)
        assert created.status_code == 200, created.text
        self.id: int = created.json()["result"]["id"]
        self.secret: str = created.json()["result"]["sharedSecret"]

    def put(self, **change: Any) -> dict[str, Any]:
        response = self.sandbox.call("PUT", f"/webhooks/{self.id}", change)
        assert response.status_code == 200, response.text
        return response.json()["result"]

    def get(self) -> dict[str, Any]:
        return self.sandbox.get(f"/webhooks/{self.id}")

    def add_row(self, risk: str = "Fire", **headers: str) -> int:
        row = {"cells": [{"columnId": self.columns["Risk"], "value": risk}]}
        response = self.sandbox.call("POST", f"/sheets/{self.sheet['id']}/rows", row, **headers)
        assert response.status_code == 200, response.text
        return response.json()["result"]["id"]

    def wait_until(self, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while not reached(webhook := self.get()):
            assert time.monotonic() < deadline, webhook
            time.sleep(0.02)
        return webhook


def definition(sheet_id: int, url: str) -> dict[str, Any]:
    return {
        "name": "Watch the risks",
        "callbackUrl": url,
        "scope": "sheet",
        "scopeObjectId": sheet_id,
        "events": ["*.*"],
        "version": 1,
    }


@pytest.fixture
def hook(sandbox: SmartsheetSandbox, receiver: CallbackReceiver) -> Hook:
    created = Hook(sandbox, receiver)
    assert created.put(enabled=True)["status"] == "ENABLED"
    return created


def test_a_webhook_starts_disabled_and_is_enabled_by_its_echo(
    sandbox: SmartsheetSandbox, receiver: CallbackReceiver
) -> None:
    hook = Hook(sandbox, receiver)
    webhook = hook.get()
    assert_official("GET", "/webhooks", sandbox.get("/webhooks"))
    assert (webhook["enabled"], webhook["status"]) == (False, "NEW_NOT_VERIFIED")
    enabled = sandbox.call("PUT", f"/webhooks/{hook.id}", {"enabled": True}).json()
    assert_official("PUT", "/webhooks/{webhookId}", enabled)
    assert (enabled["result"]["enabled"], enabled["result"]["status"]) == (True, "ENABLED")


def test_an_endpoint_that_does_not_echo_the_challenge_stays_disabled(
    sandbox: SmartsheetSandbox, receiver: CallbackReceiver
) -> None:
    receiver.echo_challenge = False
    webhook = Hook(sandbox, receiver).put(enabled=True)
    assert (webhook["enabled"], webhook["status"]) == (False, "DISABLED_VERIFICATION_FAILED")


def test_an_endpoint_that_nobody_serves_stays_disabled(sandbox: SmartsheetSandbox, receiver: CallbackReceiver) -> None:
    hook = Hook(sandbox, receiver)
    receiver.close()
    assert hook.put(enabled=True)["status"] == "DISABLED_VERIFICATION_FAILED"


def test_the_sdk_creates_lists_and_deletes_webhooks(sandbox: SmartsheetSandbox, receiver: CallbackReceiver) -> None:
    client: Any = smartsheet.Smartsheet(access_token=OWNER_TOKEN, api_base=f"{sandbox.url}/2.0", max_retry_time=0)
    client.errors_as_exceptions(True)
    created = client.Webhooks.create_webhook(Webhook(definition(sandbox.sheet_id(RISKS), receiver.url)))
    assert [webhook.id for webhook in client.Webhooks.list_webhooks().data] == [created.result.id]
    secret = client.Webhooks.reset_shared_secret(created.result.id).result.shared_secret
    assert secret != created.result.shared_secret
    assert client.Webhooks.delete_webhook(created.result.id).message == "SUCCESS"
    assert client.Webhooks.list_webhooks().data == []
    client._session.close()


def test_a_write_is_told_in_one_signed_callback(hook: Hook, receiver: CallbackReceiver) -> None:
    row = hook.add_row(**{"Smartsheet-Change-Agent": "chatsheet-7"})
    (callback,) = receiver.wait_for(1)
    headers, body = receiver.received[0]
    assert headers["smartsheet-hmac-sha256"] == hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
    assert (callback["webhookId"], callback["scope"], callback["scopeObjectId"]) == (hook.id, "sheet", hook.sheet["id"])
    told = [(event["objectType"], event["eventType"]) for event in callback["events"]]
    assert told == [("row", "created"), ("cell", "created")]
    assert callback["events"][0]["id"] == callback["events"][1]["rowId"] == row
    assert callback["events"][1]["columnId"] == hook.columns["Risk"]
    assert {event["changeAgent"] for event in callback["events"]} == {"chatsheet-7"}
    assert {event["userId"] for event in callback["events"]} == {OWNER.id}


def test_every_kind_of_change_is_told(hook: Hook, receiver: CallbackReceiver) -> None:
    path = f"/sheets/{hook.sheet['id']}"
    row = hook.add_row()
    receiver.wait_for(1)
    change = [{"id": row, "cells": [{"columnId": hook.columns["Impact"], "value": "High"}]}]
    new = {"title": "Cause", "type": "TEXT_NUMBER", "index": 1}
    for number, (method, where, body) in enumerate(
        [
            ("PUT", f"{path}/rows", change),
            ("DELETE", f"{path}/rows?ids={row}", None),
            ("POST", f"{path}/columns", new),
            ("PUT", f"{path}/columns/{hook.columns['Owner']}", {"title": "Keeper"}),
            ("DELETE", f"{path}/columns/{hook.columns['Owner']}", None),
            ("PUT", path, {"name": "Risks"}),
        ],
        start=2,
    ):
        assert hook.sandbox.call(method, where, body).status_code == 200
        receiver.wait_for(number)
    told = [[(e["objectType"], e["eventType"]) for e in body["events"]] for body in receiver.wait_for(7)[1:]]
    assert told == [
        [("row", "updated"), ("cell", "created")],
        [("row", "deleted")],
        [("column", "created")],
        [("column", "updated")],
        [("column", "deleted")],
        [("sheet", "updated")],
    ]


def test_a_subscope_hears_of_its_columns_and_of_deleted_rows(
    sandbox: SmartsheetSandbox, receiver: CallbackReceiver
) -> None:
    impact = titled(sandbox.sheet(RISKS))["Impact"]
    hook = Hook(sandbox, receiver, subscope={"columnIds": [impact]})
    hook.put(enabled=True)
    row = hook.add_row()
    change = [{"id": row, "cells": [{"columnId": impact, "value": "High"}]}]
    sandbox.call("PUT", f"/sheets/{hook.sheet['id']}/rows", change)
    receiver.wait_for(1)
    sandbox.call("DELETE", f"/sheets/{hook.sheet['id']}/rows?ids={row}")
    events = [event for body in receiver.wait_for(2) for event in body["events"]]
    assert [(event["objectType"], event["eventType"]) for event in events] == [("cell", "created"), ("row", "deleted")]


def test_a_failed_callback_is_sent_again_with_the_same_nonce(hook: Hook, receiver: CallbackReceiver) -> None:
    receiver.answer = lambda number: 503 if number < 3 else 200
    hook.add_row()
    bodies = receiver.wait_for(3)
    assert len({body["nonce"] for body in bodies}) == 1
    webhook = hook.wait_until(lambda webhook: "lastSuccessfulCallback" in webhook.get("stats", {}))
    assert (webhook["status"], webhook["stats"]["lastCallbackAttemptRetryCount"]) == ("ENABLED", 2)


def test_changes_during_a_callback_wait_for_its_end(hook: Hook, receiver: CallbackReceiver) -> None:
    receiver.answer = lambda number: 503 if number < 3 else 200
    hook.sandbox.limit({"callbackRetryMs": 150})
    hook.add_row("Fire")
    receiver.wait_for(1)
    hook.add_row("Flood")
    hook.add_row("Theft")
    bodies = receiver.wait_for(4)
    assert [len(body["events"]) for body in bodies] == [2, 2, 2, 4]


def test_an_endpoint_that_keeps_failing_is_disabled_and_told(hook: Hook, receiver: CallbackReceiver) -> None:
    receiver.answer = lambda number: 500
    hook.sandbox.limit({"callbackRetryMs": 0})
    hook.add_row()
    webhook = hook.wait_until(lambda webhook: not webhook["enabled"])
    assert webhook["status"] == "DISABLED_CALLBACK_FAILED"
    bodies = receiver.wait_for(MAX_RETRIES + 2)
    assert bodies[-1]["newWebhookStatus"] == "DISABLED_CALLBACK_FAILED"


def test_the_challenge_is_repeated_now_and_then(hook: Hook, receiver: CallbackReceiver) -> None:
    for number in range(1, CALLBACKS_PER_VERIFICATION):
        hook.add_row(f"Risk {number}")
        receiver.wait_for(number)
    assert receiver.challenges == 1
    receiver.echo_challenge = False
    hook.add_row("One more")
    assert hook.wait_until(lambda webhook: not webhook["enabled"])["status"] == "DISABLED_VERIFICATION_FAILED"
    assert receiver.challenges == 2


@pytest.mark.parametrize("status", [201, 204, 410])
def test_some_answers_disable_a_webhook_at_once(hook: Hook, receiver: CallbackReceiver, status: int) -> None:
    receiver.answer = lambda number: status
    hook.add_row()
    assert hook.wait_until(lambda webhook: not webhook["enabled"])["status"] == "DISABLED_CALLBACK_FAILED"
    assert sum("events" in body for body in receiver.wait_for(1)) == 1


def test_only_the_documented_answers_disable_at_once() -> None:
    disabling = {status for status in range(100, 600) if disables(status)}
    assert disabling == {*range(201, 300), *range(309, 400), 410}


def test_events_while_disabled_are_lost(hook: Hook, receiver: CallbackReceiver) -> None:
    assert hook.put(enabled=False)["status"] == "DISABLED_BY_OWNER"
    hook.add_row("Fire")
    hook.put(enabled=True)
    row = hook.add_row("Flood")
    assert [body["events"][0]["id"] for body in receiver.wait_for(1)] == [row]


def test_a_new_callback_url_has_to_be_verified(hook: Hook) -> None:
    moved = hook.put(callbackUrl="http://localhost:1/elsewhere")
    assert (moved["enabled"], moved["status"]) == (False, "NEW_NOT_VERIFIED")


def test_deleting_the_sheet_ends_its_webhooks(hook: Hook) -> None:
    assert hook.sandbox.call("DELETE", f"/sheets/{hook.sheet['id']}").status_code == 200
    assert hook.get()["status"] == "DISABLED_SCOPE_INACCESSIBLE"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": None}, (400, 1012)),
        ({"version": 2}, (400, 1031)),
        ({"events": ["row.*"]}, (400, 1031)),
        ({"scope": "workspace"}, (400, 1031)),
        ({"scopeObjectId": 17}, (404, 1151)),
        ({"callbackUrl": "http://callbacks.example/hook"}, (400, 1152)),
        ({"callbackUrl": "https://callbacks.example:9000/hook"}, (400, 1031)),
        ({"subscope": {"columnIds": [17]}}, (404, 1293)),
    ],
)
def test_a_webhook_that_breaks_a_rule_is_not_created(
    sandbox: SmartsheetSandbox, change: dict[str, Any], expected: tuple[int, int]
) -> None:
    body = definition(sandbox.sheet_id(RISKS), "http://127.0.0.1:1/hook") | change
    assert sandbox.refusal("POST", "/webhooks", body) == expected
    assert sandbox.get("/webhooks")["totalCount"] == 0


def test_webhooks_are_private(hook: Hook) -> None:
    assert hook.sandbox.refusal("GET", f"/webhooks/{hook.id}", token=OTHER_TOKEN) == (404, 1006)
    foreign = hook.sandbox.sheet_id(ROTA, token=OTHER_TOKEN)
    assert hook.sandbox.refusal("POST", "/webhooks", definition(foreign, "http://127.0.0.1:1/")) == (404, 1151)
