"""Broken orchestrators end as Failed with a reason; nothing hangs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.local.durable_app import function_app
from tests.local.durable_app.harness import UNTYPED, Host, hosted

pytestmark = pytest.mark.filterwarnings(UNTYPED)

REASONS = {
    "unknown activity": "The function 'nobody' doesn't exist, is disabled, or is not an activity function.",
    "unknown orchestrator": "The function 'nobody' doesn't exist, is disabled, or is not an orchestrator function.",
    "unserialisable result": "activity trigger output must be json serializable",
    "cancelled activity": "Activity function 'gives_up' failed: CancelledError: enough",
    "no task": "'int' object has no attribute '_is_scheduled'",
    "nothing": "the orchestrator waits for something that is no durable task",
    "http": "CallHttp is not supported by the local functions host",
    "entity": "CallEntity is not supported by the local functions host",
    "nested entity": "CallEntity is not supported by the local functions host",
    "signal": "SignalEntity is not supported by the local functions host",
}


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    function_app.calls.clear()
    async with hosted(tmp_path / "durable.db") as running:
        yield running


@pytest.mark.parametrize(("rule", "reason"), REASONS.items())
async def test_an_orchestrator_that_breaks_a_rule_fails_with_the_reason(host: Host, rule: str, reason: str) -> None:
    status = await host.run("careless", rule)
    assert status.runtime_status == "Failed"
    assert status.output.startswith("Orchestrator function 'careless' failed: ")
    assert reason in status.output


async def test_an_output_that_is_no_json_fails_the_instance(host: Host) -> None:
    status = await host.run("unserialisable_output")
    assert (status.runtime_status, "not JSON serializable" in status.output) == ("Failed", True)


async def test_an_orchestrator_that_is_not_deterministic_fails_the_instance(host: Host) -> None:
    status = await host.run("changes_its_mind")
    assert status.runtime_status == "Failed"
    assert "Non-Deterministic workflow detected" in status.output


async def test_an_error_of_the_orchestrator_names_the_function(host: Host) -> None:
    status = await host.run("raises")
    assert (status.runtime_status, status.output) == ("Failed", "Orchestrator function 'raises' failed: no luck")
