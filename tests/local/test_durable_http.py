"""The HTTP API of the task hub: what the SDK's client and other callers get."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import azure.functions as func
import httpx2
import pytest
from azure.durable_functions import OrchestrationRuntimeStatus as RuntimeStatus

from tests.local.durable_app import function_app
from tests.local.durable_app.harness import KEY, PUBLIC, UNTYPED, Host, hosted

pytestmark = pytest.mark.filterwarnings(UNTYPED)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    function_app.calls.clear()
    function_app.gates.clear()
    async with hosted(tmp_path / "durable.db") as running:
        yield running


async def test_the_public_api_wants_the_system_key(host: Host) -> None:
    async with httpx2.AsyncClient(base_url=host.url + PUBLIC) as stranger:
        assert (await stranger.get("/instances")).status_code == 401
        assert (await stranger.get("/instances", params={"code": "wrong"})).status_code == 401
        assert (await stranger.get("/instances", headers={"x-functions-key": KEY})).status_code == 200
        assert (await stranger.get("/instances/", params={"code": KEY})).status_code == 200


@pytest.mark.parametrize("header", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
async def test_web_pages_cannot_use_the_api_of_the_sdk(host: Host, header: dict[str, str]) -> None:
    async with httpx2.AsyncClient(base_url=host.url + "/durabletask") as page:
        assert (await page.post("/orchestrators/echo", headers=header)).status_code == 403
        assert (await page.post("/orchestrators/echo")).status_code == 202


async def test_starting_what_is_not_there_says_what_is(host: Host) -> None:
    with pytest.raises(Exception, match=r"'nobody' doesn't exist.*known orchestrator functions: 'echo', 'chain'"):
        await host.client.start_new("nobody")
    assert (await host.http.post("/orchestrators/same")).status_code == 400


async def test_bad_requests_are_told_apart(host: Host) -> None:
    refused = await host.http.post("/orchestrators/echo", content="{", headers={"content-type": "application/json"})
    assert (refused.status_code, refused.json()["Message"][:20]) == (400, "Invalid JSON content")
    assert (await host.http.post("/orchestrators/echo/@entity")).status_code == 400
    assert (await host.http.post("/orchestrators/echo/" + "x" * 101)).status_code == 400
    await host.client.start_new("approval", "a")
    plain = await host.http.post(
        "/instances/a/raiseEvent/approval", content="1", headers={"content-type": "text/plain"}
    )
    assert plain.status_code == 400
    assert (await host.http.get("/instances", params={"top": "0"})).json()["Message"].startswith("top: ")
    token = {"x-ms-continuation-token": "mine"}
    assert (await host.http.get("/instances", headers=token)).status_code == 400
    assert (await host.http.delete("/instances")).status_code == 400
    assert (await host.http.post("/instances/a/dance")).status_code == 404


async def test_a_start_answers_with_the_urls_that_manage_the_instance(host: Host) -> None:
    answer = await host.http.post("/orchestrators/approval/h")
    assert (answer.status_code, answer.json()["id"]) == (202, "h")
    assert answer.headers["location"] == answer.json()["statusQueryGetUri"]
    urls = host.client.create_http_management_payload("h")
    assert urls == answer.json()
    async with httpx2.AsyncClient() as anyone:
        running = await anyone.get(urls["statusQueryGetUri"])
        assert (running.status_code, running.headers["retry-after"]) == (202, "5")
        assert (await anyone.post(urls["terminatePostUri"].replace("{text}", "over"))).status_code == 202
        await host.finished("h")
        ended = await anyone.get(urls["statusQueryGetUri"])
        assert (ended.status_code, ended.json()["output"]) == (200, "over")


async def test_a_start_may_wait_for_the_end(host: Host) -> None:
    waited = await host.http.post("/orchestrators/chain", params={"timeout": 20, "pollingInterval": 1})
    assert (waited.status_code, waited.json()) == (200, ["a", "b", "c", True])
    failed = await host.http.post("/orchestrators/raises", params={"timeout": 20, "pollingInterval": 1})
    assert (failed.status_code, failed.json()["runtimeStatus"]) == (200, "Failed")
    too_slow = await host.http.post("/orchestrators/approval", params={"timeout": 0.05, "pollingInterval": 0.05})
    assert (too_slow.status_code, "statusQueryGetUri" in too_slow.json()) == (202, True)


async def test_the_client_of_the_sdk_can_wait_for_the_end(host: Host) -> None:
    request = func.HttpRequest(method="GET", url=host.url + "/api/x", body=b"")
    instance_id = await host.client.start_new("chain")
    await host.finished(instance_id)
    response = await host.client.wait_for_completion_or_create_check_status_response(request, instance_id)
    assert json.loads(response.get_body()) == ["a", "b", "c", True]


async def test_a_status_shows_what_was_asked_for(host: Host) -> None:
    await host.run("mixture", [{"any": False, "parts": [{"label": "once", "retry": True, "failures": 1}]}], "m")
    brief = await host.client.get_status("m")
    assert (brief.runtime_status, brief.output, brief.name) == (RuntimeStatus.Completed, [["once"]], "mixture")
    assert (await host.http.get("/instances/m", params={"showInput": "false"})).json()["input"] is None
    shown = (await host.http.get("/instances/m", params={"showHistory": "true", "showHistoryOutput": "true"})).json()
    kinds = [event["EventType"] for event in shown["historyEvents"]]
    assert kinds == [
        "ExecutionStarted",
        "TaskFailed",
        "TimerCreated",
        "TimerFired",
        "TaskCompleted",
        "ExecutionCompleted",
    ]
    completed = shown["historyEvents"][4]
    assert (completed["FunctionName"], completed["Result"]) == ("flaky", "once")
    assert completed["ScheduledTime"] <= completed["Timestamp"]
    hidden = (await host.http.get("/instances/m", params={"showHistory": "true"})).json()
    assert "Result" not in hidden["historyEvents"][4]


async def test_an_unknown_instance_is_a_falsy_status(host: Host) -> None:
    assert not await host.client.get_status("nobody")
    assert (await host.http.get("/instances/nobody")).status_code == 404


async def test_what_has_ended_is_gone_and_what_never_was_is_not_found(host: Host) -> None:
    await host.run("echo", 1, "ended")
    with pytest.raises(Exception, match="gone"):
        await host.client.raise_event("ended", "x")
    with pytest.raises(Exception, match="No instance with ID nobody found"):
        await host.client.raise_event("nobody", "x")
    for operation in ("terminate", "suspend", "resume"):
        assert (await host.http.post(f"/instances/ended/{operation}")).status_code == 410
        assert (await host.http.post(f"/instances/nobody/{operation}")).status_code == 404


async def test_a_running_instance_cannot_be_purged(host: Host) -> None:
    await host.client.start_new("approval", "running")
    refused = await host.http.delete("/instances/running")
    assert (refused.status_code, "terminal state" in refused.json()["Message"]) == (412, True)
    matching = await host.http.delete("/instances", params={"createdTimeFrom": "2020-01-01T00:00:00Z"})
    assert matching.status_code == 404
    assert await host.client.get_status("running")


async def test_lists_filter_by_state_prefix_and_time(host: Host) -> None:
    await host.run("echo", 1, "a-done")
    await host.run("raises", None, "a-failed")
    await host.client.start_new("approval", "b-running")
    await host.until("b-running", runtime_status="Running")
    assert len(await host.client.get_status_all()) == 3

    async def found(**wanted: object) -> list[str | None]:
        return [status.instance_id for status in await host.client.get_status_by(**wanted)]  # type: ignore[arg-type]

    assert await found(runtime_status=[RuntimeStatus.Completed, RuntimeStatus.Failed]) == ["a-done", "a-failed"]
    assert await found(instance_id_prefix="b-") == ["b-running"]
    assert await found(created_time_from=datetime.now(UTC) + timedelta(hours=1)) == []
    assert await found(created_time_to=datetime(1, 1, 2, tzinfo=UTC)) == []
    assert len(await found(created_time_from=datetime(1, 1, 2, tzinfo=UTC))) == 3


async def test_lists_come_in_pages_without_gaps(host: Host) -> None:
    expected = [f"i{n:02}" for n in range(7)]
    for instance_id in expected:
        await host.client.start_new("echo", instance_id, 1)
    found: list[str] = []
    token: str | None = ""
    while token is not None:
        page = await host.http.get("/instances", params={"top": 3}, headers={"x-ms-continuation-token": token})
        found += [status["instanceId"] for status in page.json()]
        token = page.headers.get("x-ms-continuation-token")
    assert found == expected


async def test_what_this_host_does_not_have_is_refused_by_name(host: Host) -> None:
    await host.run("raises", None, "failed")
    with pytest.raises(Exception, match="rewind is not supported"):
        await host.client.rewind("failed", "try again")
    for path in ("/instances/failed/rewind", "/instances/failed/restart", "/entities/counter/1"):
        refused = await host.http.post(path)
        assert (refused.status_code, refused.json()["code"]) == (501, "not_supported")
    assert (await host.http.get("/entities/counter/1")).status_code == 501


async def test_two_starts_of_one_id_at_once_give_one_instance(host: Host) -> None:
    starts = [host.http.post("/orchestrators/approval/one") for _ in range(8)]
    answers = await asyncio.gather(*starts)
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 7
