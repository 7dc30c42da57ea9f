"""Limits, faults, collisions, restarts: the sandbox on a bad day."""

import os
import shutil
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from local.smartsheet.accounts import EDITOR_TOKEN, OWNER_TOKEN
from local.smartsheet.limits import Limits, RateLimit
from tests.local.smartsheet_sandbox import (
    RISKS,
    SmartsheetSandbox,
    running_sandbox,
    sandbox,
    shared_sandbox,
    titled,
)

__all__ = ["sandbox", "shared_sandbox"]


def add_risk(sandbox: SmartsheetSandbox, *risks: str) -> httpx2.Response:
    sheet = sandbox.sheet(RISKS)
    rows = [{"cells": [{"columnId": titled(sheet)["Risk"], "value": risk}]} for risk in risks]
    return sandbox.call("POST", f"/sheets/{sheet['id']}/rows", rows)


def count_risks(sandbox: SmartsheetSandbox) -> int:
    return sandbox.sheet(RISKS)["totalRowCount"]


def test_a_token_has_its_own_calls_per_minute(sandbox: SmartsheetSandbox) -> None:
    sandbox.limit({"requestsPerMinute": 3})
    answers = [sandbox.call("GET", "/users/me") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].json()["errorCode"] == 4003
    assert sandbox.call("GET", "/users/me", token=EDITOR_TOKEN).status_code == 200


def test_the_minute_of_a_rate_limit_slides() -> None:
    seconds = 0.0
    rate = RateLimit(Limits(requests_per_minute=2), clock=lambda: seconds)
    assert [rate.admit("a"), rate.admit("a"), rate.admit("a")] == [True, True, False]
    seconds = 59.0
    assert not rate.admit("a")
    seconds = 60.0
    assert rate.admit("a")


def test_a_limit_that_makes_no_sense_is_refused(sandbox: SmartsheetSandbox) -> None:
    refused = sandbox.http.put("/_control/limits", json={"requestsPerMinute": -1})
    assert refused.status_code == 422
    assert "requestsPerMinute" in refused.json()["error"]


def test_of_parallel_writers_of_one_sheet_some_collide_and_none_is_lost(sandbox: SmartsheetSandbox) -> None:
    sandbox.limit({"writeMsPerRow": 300})
    sheet_id = sandbox.sheet_id(RISKS)
    with ThreadPoolExecutor(6) as threads:
        path, body = f"/sheets/{sheet_id}/rows", [{"cells": []}]
        answers = list(threads.map(lambda _: sandbox.call("POST", path, body), range(6)))
    outcomes = Counter((answer.status_code, answer.json().get("errorCode")) for answer in answers)
    assert outcomes.keys() == {(200, None), (500, 4004)}
    sandbox.limit({"writeMsPerRow": 0})
    assert count_risks(sandbox) == outcomes[200, None]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"status": 429}, (429, 4003)),
        ({"status": 503}, (503, 4001)),
        ({"status": 500}, (500, 4000)),
        ({"status": 500, "errorCode": 4002}, (500, 4002)),
        ({"status": 403}, (403, 1004)),
    ],
)
def test_a_fault_answers_with_the_official_body(
    sandbox: SmartsheetSandbox, fault: dict[str, int], expected: tuple[int, int]
) -> None:
    sandbox.fault({"match": "GET /2.0/users/*", "count": 1, "retryAfterMs": 1500, **fault})
    answer = sandbox.call("GET", "/users/me")
    assert (answer.status_code, answer.json()["errorCode"]) == expected
    assert answer.json()["message"]
    assert answer.json()["refId"]
    assert answer.headers["Retry-After"] == "2"
    assert sandbox.call("GET", "/users/me").status_code == 200


def test_a_lost_answer_leaves_its_effect(sandbox: SmartsheetSandbox) -> None:
    sandbox.fault({"match": "POST /2.0/sheets/*/rows", "drop": True, "phase": "after", "count": 1})
    with pytest.raises(httpx2.HTTPError):
        add_risk(sandbox, "Fire")
    assert count_risks(sandbox) == 1
    assert [write["after"] for write in sandbox.writes()] == ["Fire"]


def test_a_lost_request_has_no_effect(sandbox: SmartsheetSandbox) -> None:
    sandbox.fault({"match": "POST /2.0/sheets/*/rows", "drop": True, "count": 1})
    with pytest.raises(httpx2.HTTPError):
        add_risk(sandbox, "Fire")
    assert count_risks(sandbox) == 0
    assert sandbox.writes() == []


def test_the_log_of_calls_tells_user_and_rows(sandbox: SmartsheetSandbox) -> None:
    add_risk(sandbox, "Fire", "Flood")
    call = next(call for call in sandbox.calls() if call["method"] == "POST" and call["path"].endswith("/rows"))
    assert (call["status"], call["user"], call["rows"]) == (200, "ada.lindqvist@halden.example", 2)
    sandbox.call("GET", "/sheets/17")
    assert sandbox.calls()[-1]["errorCode"] == 1006


def test_a_body_that_is_not_json_is_refused(sandbox: SmartsheetSandbox) -> None:
    path, token = f"/2.0/sheets/{sandbox.sheet_id(RISKS)}/rows", {"Authorization": f"Bearer {OWNER_TOKEN}"}
    as_json = token | {"Content-Type": "application/json"}
    codes = [
        sandbox.http.post(path, content=b"{broken", headers=as_json).json()["errorCode"],
        sandbox.http.post(path, content=b"", headers=as_json).json()["errorCode"],
        sandbox.http.post(path, content=b"a=b", headers=token | {"Content-Type": "text/plain"}).json()["errorCode"],
        sandbox.http.post(path, content=b"[]", headers=as_json | {"Smartsheet-Change-Agent": "x" * 513}).json()[
            "errorCode"
        ],
    ]
    assert codes == [1008, 1024, 1124, 1011]


def test_a_reset_puts_the_samples_back(sandbox: SmartsheetSandbox) -> None:
    before = sandbox.sheet(RISKS)
    add_risk(sandbox, "Fire")
    sandbox.call(
        "POST", "/sheets", {"name": "Mine", "columns": [{"title": "A", "type": "TEXT_NUMBER", "primary": True}]}
    )
    sandbox.call("DELETE", f"/sheets/{sandbox.sheet_id('Research proposals, autumn round')}")
    sandbox.reset()
    assert sandbox.sheet(RISKS) == before
    assert sandbox.sheet("Research proposals, autumn round")["totalRowCount"] == 300
    assert sandbox.get("/sheets")["totalCount"] == 5
    assert sandbox.writes() == []


def test_what_was_written_survives_a_kill(
    sandbox: SmartsheetSandbox, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "smartsheet").mkdir()
    for samples in tmp_path_factory.getbasetemp().glob("smartsheet-sandbox/smartsheet/samples-*.db"):
        shutil.copy(samples, tmp_path / "smartsheet")  # the shared sandbox has built them
    with running_sandbox(tmp_path) as first:
        assert add_risk(first, "Fire").status_code == 200
        os.kill(first.pid, signal.SIGKILL)
    with running_sandbox(tmp_path) as second:
        assert count_risks(second) == 1
        assert [write["after"] for write in second.writes()] == ["Fire"]
        assert add_risk(second, "Flood").status_code == 200
        assert [write["seq"] for write in second.writes()] == [1, 2]
