"""A small Durable app: one orchestrator per feature of the engine."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

app = df.DFApp()
calls: Counter[str] = Counter()  # runs of `flaky` by label, and of orchestrators by name
gates: dict[str, asyncio.Event] = {}  # what `held` waits for


def given(context: df.DurableOrchestrationContext) -> Any:
    """The input of the orchestration."""
    return context.get_input()


# --- activities ---------------------------------------------------------------------------------


@app.activity_trigger(input_name="value")
async def same(value: Any) -> Any:
    return value


@app.activity_trigger(input_name="value")
def same_in_thread(value: Any) -> list[Any]:
    return [value, threading.current_thread().name.startswith("function")]


@app.activity_trigger(input_name="task")
async def flaky(task: dict[str, Any]) -> str:
    """Fails `failures` times, then returns its label."""
    await asyncio.sleep(task.get("seconds", 0))
    calls[task["label"]] += 1
    if calls[task["label"]] <= task.get("failures", 0):
        raise ValueError(f"{task['label']} failed")
    return task["label"]


@app.activity_trigger(input_name="gate")
async def held(gate: str) -> str:
    calls[gate] += 1
    await gates.setdefault(gate, asyncio.Event()).wait()
    return gate


@app.activity_trigger(input_name="gate")
async def held_then_big(gate: str) -> str:
    await gates.setdefault(gate, asyncio.Event()).wait()
    return "x" * 300_000


@app.activity_trigger(input_name="line")
def append_line(line: dict[str, Any]) -> int:
    time.sleep(0.02)
    with Path(line["path"]).open("a") as file:
        file.write(f"{line['n']}\n")
    return line["n"]


@app.activity_trigger(input_name="value")
async def unserialisable(value: Any) -> Any:
    return {value}


@app.activity_trigger(input_name="value")
async def gives_up(value: Any) -> Any:
    raise asyncio.CancelledError(value)


# --- orchestrators ------------------------------------------------------------------------------


@app.orchestration_trigger(context_name="context")
def echo(context: df.DurableOrchestrationContext) -> Any:
    return given(context)


@app.orchestration_trigger(context_name="context")
def chain(context: df.DurableOrchestrationContext):
    first = yield context.call_activity("same", "a")
    second = yield context.call_activity(same, "b")
    third = yield context.call_activity("same_in_thread", "c")
    return [first, second, *third]


@app.orchestration_trigger(context_name="context", orchestration="Renamed")
def other_name(context: df.DurableOrchestrationContext):
    return (yield context.call_activity("SAME", context.version))


@app.orchestration_trigger(context_name="context")
def fan_out(context: df.DurableOrchestrationContext):
    calls["fan_out"] += 1
    rows = given(context)
    results = yield context.task_all([context.call_activity("same", n) for n in range(rows)])
    return sum(results)


@app.orchestration_trigger(context_name="context")
def fan_out_in_chunks(context: df.DurableOrchestrationContext):
    plan = given(context)
    sizes = [min(plan["chunk"], plan["rows"] - at) for at in range(0, plan["rows"], plan["chunk"])]
    yield context.task_all([context.call_sub_orchestrator("fan_out", size) for size in sizes])
    return plan["rows"]


@app.orchestration_trigger(context_name="context")
def append_lines(context: df.DurableOrchestrationContext):
    job = given(context)
    done: list[int] = []
    for first in range(0, job["rows"], job["wave"]):
        wave = [context.call_activity("append_line", {"path": job["path"], "n": first + n}) for n in range(job["wave"])]
        done += yield context.task_all(wave)
        context.set_custom_status({"done": len(done)})
    return done


@app.orchestration_trigger(context_name="context")
def retrying(context: df.DurableOrchestrationContext):
    """Input: `flaky` tasks, one after the other, 3 attempts each. Returns each outcome, then that of one more call."""
    options = df.RetryOptions(20, 3)
    tasks = [context.call_activity_with_retry("flaky", options, task) for task in given(context)]
    outcomes: list[str] = []
    for task in tasks:
        try:
            outcomes.append((yield task))
        except Exception as error:  # noqa: BLE001 - the SDK raises plain Exception
            outcomes.append(str(error).splitlines()[0])
    outcomes.append((yield context.call_activity("same", "after")))
    return outcomes


@app.orchestration_trigger(context_name="context")
def mixture(context: df.DurableOrchestrationContext):
    """Input: rounds of `{"any": bool, "parts": [...]}`; a part is a flaky task, a timer, or a nested list of parts."""
    labels: list[Any] = []
    options = df.RetryOptions(5, 4)

    def task_of(part: Any) -> Any:
        if isinstance(part, list):
            return context.task_all([task_of(inner) for inner in part])
        if "timer" in part:
            return context.create_timer(context.current_utc_datetime + timedelta(seconds=part["timer"]))
        if part["retry"]:
            return context.call_activity_with_retry("flaky", options, part)
        return context.call_activity("flaky", part)

    left: list[Any] = []
    for turn in given(context):
        tasks = [task_of(part) for part in turn["parts"]]
        if turn["any"]:
            winner = yield context.task_any(tasks)
            labels.append([tasks.index(winner), winner.result])
            left += [task for task in tasks if task is not winner]
        else:
            labels.append((yield context.task_all(tasks)))
    for task in left:
        labels.append((yield context.task_all([task])))
    return labels


@app.orchestration_trigger(context_name="context")
def child_with_retry(context: df.DurableOrchestrationContext):
    options = df.RetryOptions(20, 3)
    return (yield context.call_sub_orchestrator_with_retry("failing_child", options, given(context)))


@app.orchestration_trigger(context_name="context")
def failing_child(context: df.DurableOrchestrationContext):
    return (yield context.call_activity("flaky", given(context)))


@app.orchestration_trigger(context_name="context")
def parent(context: df.DurableOrchestrationContext):
    """Input: {name, id, input}: runs one child, reports how it ended."""
    child = given(context)
    try:
        return (yield context.call_sub_orchestrator(child["name"], child.get("input"), child.get("id")))
    except Exception as error:  # noqa: BLE001 - the SDK raises plain Exception
        return f"caught: {str(error).splitlines()[0]}"


@app.orchestration_trigger(context_name="context")
def sleeper(context: df.DurableOrchestrationContext):
    started = context.current_utc_datetime
    yield context.create_timer(started + timedelta(seconds=given(context)))
    return (context.current_utc_datetime - started).total_seconds()


@app.orchestration_trigger(context_name="context")
def approval(context: df.DurableOrchestrationContext):
    """Waits for two `Approval` events one after the other, or a timer."""
    answers: list[Any] = [(yield context.call_activity("held", given(context)))] if given(context) else []
    for _ in range(2):
        event = context.wait_for_external_event("Approval")
        timer: Any = context.create_timer(context.current_utc_datetime + timedelta(days=20))
        winner = yield context.task_any([event, timer])
        if winner is not event:
            return "too late"
        timer.cancel()
        answers.append(event.result)
    return answers


@app.orchestration_trigger(context_name="context")
def counter(context: df.DurableOrchestrationContext):
    """Adds up `add` events, one per execution, until the input says how many are left."""
    state = given(context)
    value = yield context.wait_for_external_event("add")
    total = state["total"] + int(value)
    context.set_custom_status({"total": total})
    if state["left"] == 1:
        return total
    context.continue_as_new({"total": total, "left": state["left"] - 1})
    return None


@app.orchestration_trigger(context_name="context")
def holding(context: df.DurableOrchestrationContext):
    """Runs `held`, then says so."""
    context.set_custom_status("holding")
    name = yield context.call_activity("held", given(context))
    return f"{name} released"


@app.orchestration_trigger(context_name="context")
def early_failure(context: df.DurableOrchestrationContext):
    """One of two fails at once while the other is held; what comes after must wait for both."""
    gate = given(context)
    try:
        yield context.task_all(
            [
                context.call_activity("flaky", {"label": f"{gate}-bad", "failures": 9}),
                context.call_activity("held", gate),
            ]
        )
    except Exception:  # noqa: BLE001 - the SDK raises plain Exception
        context.set_custom_status("failed early")
    return (yield context.call_activity("flaky", {"label": f"{gate}-after"}))


@app.orchestration_trigger(context_name="context")
def early_failure_beside_retries(context: df.DurableOrchestrationContext):
    """The orchestrator goes on after the failure of one task while another is still being retried."""
    stubborn = context.call_activity_with_retry("flaky", df.RetryOptions(10, 4), {"label": "stubborn", "failures": 3})
    try:
        yield context.task_all([context.call_activity("flaky", {"label": "hopeless", "failures": 99}), stubborn])
    except Exception:  # noqa: BLE001 - the SDK raises plain Exception
        context.set_custom_status("failed early")
    first = yield context.call_activity("same", "first")
    second = yield context.call_activity("same", "second")
    return [first, second, stubborn.result]


@app.orchestration_trigger(context_name="context")
def big_result(context: df.DurableOrchestrationContext):
    context.set_custom_status("holding")
    result = yield context.call_activity("held_then_big", given(context))
    return len(result)


@app.orchestration_trigger(context_name="context")
def raises(context: df.DurableOrchestrationContext):
    yield context.call_activity("same", 1)
    raise RuntimeError("no luck")


def signal(context: df.DurableOrchestrationContext) -> Any:
    context.signal_entity(COUNTER, "add", 1)
    return context.call_activity("same", 1)


COUNTER = df.EntityId("counter", "1")
BROKEN_RULES: dict[str, Callable[[df.DurableOrchestrationContext], Any]] = {
    "unknown activity": lambda context: context.call_activity("nobody"),
    "unknown orchestrator": lambda context: context.call_sub_orchestrator("nobody"),
    "unserialisable result": lambda context: context.call_activity("unserialisable", 1),
    "cancelled activity": lambda context: context.call_activity("gives_up", "enough"),
    "no task": lambda context: 5,
    "nothing": lambda context: None,
    "http": lambda context: context.call_http("GET", "http://localhost/"),
    "entity": lambda context: context.call_entity(COUNTER, "get"),
    "nested entity": lambda context: context.task_all([context.call_entity(COUNTER, "get")]),
    "signal": signal,
}


@app.orchestration_trigger(context_name="context")
def careless(context: df.DurableOrchestrationContext):
    """Breaks the rule that its input names."""
    yield BROKEN_RULES[given(context)](context)


@app.orchestration_trigger(context_name="context")
def unserialisable_output(context: df.DurableOrchestrationContext):
    return {1}


@app.orchestration_trigger(context_name="context")
def changes_its_mind(context: df.DurableOrchestrationContext):
    """Calls another activity on each replay."""
    calls["changes_its_mind"] += 1
    yield context.call_activity("same" if calls["changes_its_mind"] % 2 else "same_in_thread", 1)
    yield context.call_activity("same", 2)


@app.orchestration_trigger(context_name="context")
def who_am_i(context: df.DurableOrchestrationContext):
    before = context.is_replaying
    yield context.call_activity("same", 1)
    return {
        "id": context.instance_id,
        "parent": context.parent_instance_id,
        "first": before,
        "second": context.is_replaying,
        "uuid": context.new_uuid(),
    }
