"""Staying fresh on the running product: somebody edits in Smartsheet, and who watches hears of it and reads it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from local.smartsheet.accounts import EDITOR_TOKEN, OWNER_TOKEN
from tests.e2e.stack import Api, Stack
from tests.e2e.tables import report_table

PROPOSALS = "Research proposals, autumn round"


class Smartsheet:
    """The sandbox, as people and the vendor's pages use it: past the product."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=f"{url}/2.0", timeout=30)

    def call(self, method: str, path: str, body: Any = None, *, token: str = OWNER_TOKEN) -> Any:
        """A call that must succeed."""
        answer = self._client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def sheet_id(self, name: str) -> str:
        """The id of a sample sheet."""
        return next(
            str(each["id"]) for each in self.call("GET", "/sheets?includeAll=true")["data"] if each["name"] == name
        )

    def webhooks(self, sheet_id: str) -> list[Any]:
        """The webhooks of a sheet, by the owner's token."""
        return [each for each in self.call("GET", "/webhooks")["data"] if str(each["scopeObjectId"]) == sheet_id]

    def is_watched(self, sheet_id: str) -> bool:
        """Whether exactly one webhook tells of the sheet's changes."""
        return [each["status"] for each in self.webhooks(sheet_id)] == ["ENABLED"]

    def edit(self, sheet_id: str, row_id: str, column_id: str, value: str) -> None:
        """A colleague sets a cell."""
        change = [{"id": int(row_id), "cells": [{"columnId": int(column_id), "value": value}]}]
        self.call("PUT", f"/sheets/{sheet_id}/rows", change, token=EDITOR_TOKEN)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


@pytest.fixture
def smartsheet(stack: Stack) -> Iterator[Smartsheet]:
    client = Smartsheet(stack.url("smartsheet"))
    yield client
    client.close()


def wait_until(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_an_edit_by_a_colleague_is_heard_and_read_at_once(api: Api, smartsheet: Smartsheet):
    sheet_id = smartsheet.sheet_id(PROPOSALS)
    api.open_session(sheet_id)
    wait_until(lambda: smartsheet.is_watched(sheet_id), "the sheet has no webhook")
    topic = f"events?topic=sheet:{sheet_id}"
    rows = api.get(f"smartsheet/{sheet_id}/rows?pageSize=1")
    row_id = rows["items"][0]["id"]
    column_id = api.get(f"smartsheet/{sheet_id}/columns")["items"][0]["id"]
    before = api.wait(topic, lambda page: page["lastSeq"] > 0)["lastSeq"]  # a new webhook says: anything may be new

    smartsheet.edit(sheet_id, row_id, column_id, "A colleague's title")

    def is_told(page: Any) -> bool:
        return any(
            each["event"] == "sheet_update" and row_id in (each["data"]["rowIds"] or ()) for each in page["items"]
        )

    told = api.wait(f"{topic}&after={before}", is_told)["items"][-1]["data"]
    row = api.get(f"smartsheet/{sheet_id}/rows/{row_id}")
    assert {cell["columnId"]: cell["value"] for cell in row["cells"]}[column_id] == "A colleague's title"
    assert told["version"] == api.get(f"smartsheet/{sheet_id}")["version"]
    assert "colleague" not in str(told)


def test_a_webhook_goes_with_the_last_session_about_its_sheet(
    stack: Stack, api: Api, smartsheet: Smartsheet, tmp_path: Path
):
    sheet_id = stack.import_table(report_table(tmp_path, 3))["sheetId"]  # no other test watches it
    first, last = api.open_session(sheet_id), api.open_session(sheet_id)
    wait_until(lambda: smartsheet.is_watched(sheet_id), "the sheet has no webhook")
    for session in (first, last):
        assert smartsheet.is_watched(sheet_id)
        assert api.call("DELETE", f"sessions/{session['id']}").status_code == 200
    wait_until(lambda: smartsheet.webhooks(sheet_id) == [], "the webhook is still there")
