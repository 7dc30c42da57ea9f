"""What orchestrations can do on the local task hub, seen through the SDK's own client."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.functions_host.durable.queries import InstanceFilter
from tests.local.durable_app import function_app
from tests.local.durable_app.harness import UNTYPED, Host, hosted

pytestmark = pytest.mark.filterwarnings(UNTYPED)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    function_app.calls.clear()
    function_app.gates.clear()
    async with hosted(tmp_path / "host" / "durable.db") as running:
        yield running


async def test_activities_run_one_after_the_other_as_coroutines_and_in_threads(host: Host) -> None:
    status = await host.run("chain")
    assert (status.runtime_status, status.output) == ("Completed", ["a", "b", "c", True])


@pytest.mark.parametrize("value", [{"a": [1, None, "ä"]}, [1, 2], "text", 0, None])
async def test_an_input_arrives_as_it_was_given(host: Host, value: object) -> None:
    assert (await host.run("echo", value)).output == value


async def test_names_are_case_insensitive_and_may_differ_from_the_function(host: Host) -> None:
    instance_id = await host.client.start_new("renamed", version="7")
    assert (await host.finished(instance_id)).output == "7"


async def test_an_orchestrator_knows_itself_and_whether_it_replays(host: Host) -> None:
    output = (await host.run("who_am_i", instance_id="me")).output
    assert output.pop("uuid")
    assert output == {"id": "me", "parent": None, "first": True, "second": False}
    child = await host.run("parent", {"name": "who_am_i", "id": "child"}, "mother")
    assert (child.output["id"], child.output["parent"]) == ("child", "mother")


async def test_a_wave_is_replayed_when_all_have_answered_and_not_for_every_answer(host: Host) -> None:
    status = await host.run("fan_out", 400)
    assert status.output == sum(range(400))
    assert function_app.calls["fan_out"] == 2


async def test_sub_orchestrations_give_their_result_or_their_error(host: Host) -> None:
    assert (await host.run("fan_out_in_chunks", {"rows": 25, "chunk": 10})).output == 25
    failed = await host.run("parent", {"name": "raises"})
    assert failed.output == "caught: Orchestrator function 'raises' failed: no luck "


async def test_a_child_whose_id_is_taken_fails_in_its_parent(host: Host) -> None:
    await host.client.start_new("holding", "taken", "gate")
    await host.until("taken", custom_status="holding")
    status = await host.run("parent", {"name": "echo", "id": "taken"})
    assert status.output.startswith("caught: An Orchestration instance with the status Running already exists.")


async def test_retries_stop_at_success_or_after_the_last_attempt(host: Host) -> None:
    tasks = [
        {"label": "lucky"},
        {"label": "second", "failures": 1},
        {"label": "third", "failures": 2},
        {"label": "never", "failures": 9},
    ]
    status = await host.run("retrying", tasks)
    never = "Activity function 'flaky' failed: ValueError: never failed "
    assert status.output == ["lucky", "second", "third", never, "after"]
    assert function_app.calls == {"lucky": 1, "second": 2, "third": 3, "never": 3}


async def test_a_sub_orchestration_is_retried_as_a_whole(host: Host) -> None:
    status = await host.run("child_with_retry", {"label": "child", "failures": 2})
    assert (status.output, function_app.calls["child"]) == ("child", 3)


async def test_a_timer_fires_not_before_its_time(host: Host) -> None:
    output = (await host.run("sleeper", 0.15)).output
    assert 0.15 <= output < 10


async def test_a_long_timer_waits_in_pieces_that_the_sdk_asks_for(host: Host) -> None:
    await host.client.start_new("sleeper", "long", 20 * 86400)
    await host.until("long", runtime_status="Running")
    assert host.hub.health()["timers"] == 1
    status = await host.hub.find_status("long", show_history=True)
    assert status is not None and status.history is not None
    timer = next(event for event in status.history if event["EventType"] == "TimerCreated")
    days = datetime.fromisoformat(timer["FireAt"]) - datetime.now(UTC)
    assert 2.9 < days.total_seconds() / 86400 <= 3


async def test_events_find_their_wait_whatever_their_case_and_cancelled_timers_are_gone(host: Host) -> None:
    await host.client.start_new("approval", "one")
    await host.until("one", runtime_status="Running")
    await host.client.raise_event("one", "aPPROVAL", {"by": "Ann"})
    await host.client.raise_event("one", "Approval", 2)
    # The SDK's client encodes the payload twice, so it arrives as JSON text.
    assert (await host.finished("one")).output == ['{"by": "Ann"}', "2"]
    await host.until_health(instances=0, timers=0)


async def test_events_raised_before_the_wait_are_kept_in_order(host: Host) -> None:
    await host.client.start_new("approval", "two", "gate")
    await host.client.raise_event("two", "approval", "first")
    posted = await host.http.post("/instances/two/raiseEvent/Approval", json={"n": 2})
    assert posted.status_code == 202
    await host.until("two", runtime_status="Running")
    function_app.gates["gate"].set()
    assert (await host.finished("two")).output == ["gate", '"first"', {"n": 2}]


async def test_continue_as_new_keeps_events_that_nobody_has_taken_yet(host: Host) -> None:
    await host.client.start_new("counter", "sum", {"total": 0, "left": 20})
    for value in range(20):
        await host.client.raise_event("sum", "add", value)
    status = await host.finished("sum")
    assert (status.output, status.custom_status) == (sum(range(20)), {"total": sum(range(20))})


async def test_a_suspended_instance_waits_until_it_is_resumed(host: Host) -> None:
    await host.client.start_new("holding", "held", "gate")
    await host.until("held", custom_status="holding")
    await host.client.suspend("held", "lunch")
    await host.until("held", runtime_status="Suspended")
    function_app.gates["gate"].set()
    await host.until_health(activitiesRunning=0)
    await host.until("held", runtime_status="Suspended")
    await host.client.resume("held", "back")
    assert (await host.finished("held")).output == "gate released"


async def test_terminate_ends_an_instance_but_not_its_activities_and_children(host: Host) -> None:
    await host.client.start_new("parent", "mother", {"name": "holding", "id": "child", "input": "gate"})
    await host.until("child", custom_status="holding")
    await host.client.terminate("mother", "enough")
    status = await host.finished("mother")
    assert (status.runtime_status, status.output) == ("Terminated", "enough")
    await host.client.terminate("child", "you too")
    await host.finished("child")
    function_app.gates["gate"].set()
    await host.until_health(activitiesRunning=0)
    await host.until("child", runtime_status="Terminated", output="you too")


async def test_a_parent_learns_that_its_child_was_terminated(host: Host) -> None:
    await host.client.start_new("parent", "mother", {"name": "holding", "id": "child", "input": "gate"})
    await host.until("child", custom_status="holding")
    await host.client.terminate("child", "stop it")
    assert (await host.finished("mother")).output == "caught: stop it "
    function_app.gates["gate"].set()


async def test_after_an_early_failure_the_host_still_waits_for_all(host: Host) -> None:
    await host.client.start_new("early_failure", "early", "gate")
    await host.until("early", custom_status="failed early")
    assert function_app.calls["gate-after"] == 0
    function_app.gates["gate"].set()
    assert (await host.finished("early")).output == "gate-after"


async def test_a_finished_id_may_run_again_and_an_unfinished_one_may_not(host: Host) -> None:
    assert (await host.run("echo", 1, "again")).output == 1
    assert (await host.run("echo", 2, "again")).output == 2
    await host.client.start_new("holding", "busy", "gate")
    with pytest.raises(Exception, match="already exists"):
        await host.client.start_new("echo", "busy", 1)
    function_app.gates.setdefault("gate", asyncio.Event()).set()
    assert (await host.finished("busy")).output == "gate released"


async def test_oldest_activities_run_first_and_no_more_than_allowed(tmp_path: Path) -> None:
    function_app.calls.clear()
    function_app.gates.clear()
    async with hosted(tmp_path / "durable.db", maxConcurrentActivityFunctions=2) as host:
        for n in range(4):
            await host.client.start_new("holding", f"i{n}", f"gate{n}")
            await host.until(f"i{n}", custom_status="holding")
        assert sorted(function_app.calls) == ["gate0", "gate1"]
        assert host.hub.health()["activitiesWaiting"] == 2
        for n in range(4):
            function_app.gates.setdefault(f"gate{n}", asyncio.Event()).set()
        for n in range(4):
            await host.finished(f"i{n}")


async def test_purged_instances_leave_nothing_behind(host: Host) -> None:
    for n in range(3):
        await host.run("chain", None, f"p{n}")
    assert (await host.client.purge_instance_history("p0")).instances_deleted == 1
    assert (await host.client.purge_instance_history("p0")).instances_deleted == 0
    started = datetime(2020, 1, 1, tzinfo=UTC)
    assert (await host.client.purge_instance_history_by(started)).instances_deleted == 2
    assert (await host.hub.list_statuses(InstanceFilter()))[0] == []
    assert await host.hub.raw_history("p1") == []
