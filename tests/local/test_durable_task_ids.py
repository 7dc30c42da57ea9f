"""Host and SDK count task ids on their own; every answer must reach the task that asked for it."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from tests.local.durable_app import function_app
from tests.local.durable_app.harness import UNTYPED, hosted

pytestmark = pytest.mark.filterwarnings(UNTYPED)


def random_part(rng: random.Random, label: str, depth: int) -> Any:
    kind = rng.choice(["task", "retry", "retry", "timer", "nested"] if depth else ["task", "retry", "retry", "timer"])
    if kind == "nested":
        return [random_part(rng, f"{label}.{n}", depth - 1) for n in range(rng.randint(1, 3))]
    if kind == "timer":
        return {"timer": rng.choice([0, 0.01, 0.03])}
    failures = rng.randint(0, 2) if kind == "retry" else 0
    return {"label": label, "retry": kind == "retry", "failures": failures, "seconds": rng.choice([0, 0, 0.005, 0.02])}


def random_plan(seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {
            "any": rng.random() < 0.5,
            "parts": [random_part(rng, f"{seed}:{turn}.{n}", 2) for n in range(rng.randint(1, 4))],
        }
        for turn in range(rng.randint(1, 5))
    ]


def result_of(part: Any) -> Any:
    return [result_of(inner) for inner in part] if isinstance(part, list) else part.get("label")


def check(plan: list[dict[str, Any]], output: list[Any]) -> None:
    """Each turn's result, then the results of the losers of each race."""
    left: list[Any] = []
    for turn, got in zip(plan, output, strict=False):
        results = [result_of(part) for part in turn["parts"]]
        if turn["any"]:
            index, value = got
            assert value == results[index]
            left += [[result] for n, result in enumerate(results) if n != index]
        else:
            assert got == results
    assert output[len(plan) :] == left


@pytest.mark.parametrize("batch", [1, 3, 256])
async def test_every_answer_reaches_its_task_in_any_mixture_of_retries_timers_and_races(
    tmp_path: Path, batch: int
) -> None:
    function_app.calls.clear()
    async with hosted(tmp_path / "durable.db", eventsPerEpisode=batch) as host:
        plans = [random_plan(seed) for seed in range(batch * 1000, batch * 1000 + 25)]
        ids = [await host.client.start_new("mixture", None, plan) for plan in plans]
        for plan, instance_id in zip(plans, ids, strict=True):
            status = await host.finished(instance_id)
            assert status.runtime_status == "Completed", (status.output, plan)
            check(plan, status.output)


async def test_a_wave_of_retries_comes_through(tmp_path: Path) -> None:
    function_app.calls.clear()
    parts = [{"label": f"t{n}", "retry": True, "failures": n % 4} for n in range(120)]
    async with hosted(tmp_path / "durable.db") as host:
        status = await host.run("mixture", [{"any": False, "parts": parts}])
    assert status.output == [[f"t{n}" for n in range(120)]]
    assert function_app.calls == {f"t{n}": n % 4 + 1 for n in range(120)}


async def test_ids_stay_right_when_the_orchestrator_goes_on_beside_retries(tmp_path: Path) -> None:
    function_app.calls.clear()
    async with hosted(tmp_path / "durable.db") as host:
        status = await host.run("early_failure_beside_retries")
    assert status.output == ["first", "second", "stubborn"]


async def test_ids_stay_right_across_restarts(tmp_path: Path) -> None:
    function_app.calls.clear()
    database = tmp_path / "durable.db"
    plans = {f"plan-{seed}": random_plan(seed) for seed in range(7000, 7020)}
    async with hosted(database) as host:
        for instance_id, plan in plans.items():
            await host.client.start_new("mixture", instance_id, plan)
    for _ in range(6):
        before = function_app.calls.total()
        async with hosted(database, eventsPerEpisode=5) as host:
            while function_app.calls.total() < before + 20 and host.hub.health()["instances"]:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
    async with hosted(database) as host:
        for instance_id, plan in plans.items():
            status = await host.finished(instance_id)
            assert status.runtime_status == "Completed", (status.output, plan)
            check(plan, status.output)
