"""How an execution counts its tasks, when it retries, and what it waits for."""

from typing import Any

import pytest

from local.functions_host.durable.errors import OrchestratorBroken
from local.functions_host.durable.gate import needed, settle
from local.functions_host.durable.progress import Progress, Scheduled, ScheduledTimer
from local.functions_host.durable.protocol import ACTION, Event, EventType

NOW = 1000.0


def activity(name: str, **retry: object) -> dict[str, Any]:
    if not retry:
        return {"actionType": 0, "functionName": name, "input": "null"}
    options = {"firstRetryIntervalInMilliseconds": 1000, "maxNumberOfAttempts": 3, **retry}
    return {"actionType": 1, "functionName": name, "input": "null", "retryOptions": options}


def every(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"actionType": 12, "compoundActions": list(parts)}


def either(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"actionType": 11, "compoundActions": list(parts)}


def timer(*, cancelled: bool = False) -> dict[str, Any]:
    return {"actionType": 5, "fireAt": "2030-01-01T00:00:00.000000Z", "isCanceled": cancelled}


class Execution:
    """Plays the orchestrator: hands over all actions so far, as the SDK does."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.actions: list[dict[str, Any]] = []

    def act(self, *actions: dict[str, Any]) -> list[str]:
        first = len(self.actions)
        self.actions += actions
        new = [ACTION.validate_python(action) for action in actions]
        self.progress.plan(new, first, [*self.progress.shapes, *range(first, len(self.actions))])
        return described(self.progress.release(self.action_at, NOW))

    def action_at(self, position: int) -> Any:
        return ACTION.validate_python(self.actions[position])

    def hear(self, *events: Event, now: float = NOW) -> list[str]:
        scheduled = described(self.progress.take_in(events, now))
        self.progress = Progress.model_validate_json(self.progress.model_dump_json(exclude_defaults=True))
        return scheduled


def described(scheduled: list[Scheduled]) -> list[str]:
    return [f"{item.task_id} {_what(item)}" for item in scheduled]


def _what(item: Scheduled) -> str:
    return f"+{item.due - NOW:g} s" if isinstance(item, ScheduledTimer) else item.call.function_name


def done(task_id: int) -> Event:
    return {"EventType": EventType.TaskCompleted, "TaskScheduledId": task_id, "Result": "null"}


def failed(task_id: int) -> Event:
    return {"EventType": EventType.TaskFailed, "TaskScheduledId": task_id, "Reason": "boom", "Details": ""}


def fired(task_id: int) -> Event:
    return {"EventType": EventType.TimerFired, "TimerId": task_id}


def raised(name: str) -> Event:
    return {"EventType": EventType.EventRaised, "Name": name, "Input": "1"}


def test_a_failed_call_uses_one_id_to_pause_and_one_to_run_again() -> None:
    execution = Execution()
    assert execution.act(every(activity("a", backoffCoefficient=1), activity("b"))) == ["0 a", "1 b"]
    assert execution.hear(failed(0)) == ["2 +1 s"]
    assert execution.hear(fired(2)) == ["3 a"]
    assert execution.hear(done(3), done(1)) == []
    assert execution.progress.through
    assert execution.act(activity("c")) == ["4 c"]


def test_the_pauses_grow_up_to_the_longest() -> None:
    execution = Execution()
    execution.act(activity("a", maxNumberOfAttempts=9, backoffCoefficient=2, maxRetryIntervalInMilliseconds=5000))
    pauses: list[str] = []
    for attempt in range(5):
        pauses += execution.hear(failed(2 * attempt))
        execution.hear(fired(2 * attempt + 1))
    assert pauses == ["1 +1 s", "3 +2 s", "5 +4 s", "7 +5 s", "9 +5 s"]


def test_after_the_last_attempt_there_is_one_more_pause_as_the_sdk_expects() -> None:
    execution = Execution()
    execution.act(activity("a", maxNumberOfAttempts=1))
    assert execution.hear(failed(0)) == ["1 +1 s"]
    assert not execution.progress.through
    assert execution.hear(fired(1)) == []
    assert execution.progress.through


def test_a_retry_timeout_that_has_passed_fails_the_execution() -> None:
    execution = Execution()
    execution.act(activity("a", retryTimeoutInMilliseconds=2000))
    assert execution.hear(failed(0), now=NOW + 1) == ["1 +2 s"]
    execution.hear(fired(1), now=NOW + 2)
    with pytest.raises(OrchestratorBroken, match="retry timeout of 2000 ms passed after 2 attempts: boom"):
        execution.hear(failed(2), now=NOW + 2)


def test_actions_are_carried_out_one_after_the_other_but_numbered_at_once() -> None:
    execution = Execution()
    execution.act(every(activity("a"), activity("b", backoffCoefficient=1)))
    execution.hear(failed(0))
    assert execution.act(activity("c")) == []
    assert execution.hear(failed(1)) == ["3 +1 s"]
    execution.hear(fired(3))
    execution.hear(done(4))
    assert described(execution.progress.release(execution.action_at, NOW)) == ["2 c"]


def test_the_first_of_a_race_opens_the_gate() -> None:
    execution = Execution()
    assert execution.act(either(activity("a"), every(activity("b"), timer()))) == ["0 a", "1 b", "2 +1.89346e+09 s"]
    execution.hear(done(1))
    assert not execution.progress.through
    execution.hear(fired(2))
    assert execution.progress.through
    assert execution.progress.open == {0}


def test_events_go_to_the_newest_wait_of_their_name_whatever_the_case() -> None:
    execution = Execution()
    execution.act(either({"actionType": 6, "externalEventName": "Go"}, activity("a")))
    execution.hear(done(0))
    execution.act({"actionType": 6, "externalEventName": "Go"})
    event = raised("gO")
    execution.hear(event)
    assert event["Name"] == "Go"
    assert execution.progress.through
    assert [wait.leaf for wait in execution.progress.waits["go"]] == [-1]


def test_a_cancelled_timer_is_waited_for_no_longer() -> None:
    execution = Execution()
    execution.act(every(timer(), activity("a")))
    execution.actions[0]["compoundActions"][0] = timer(cancelled=True)
    assert execution.progress.cancelled_timers(execution.action_at) == [0]
    execution.hear(done(1))
    assert execution.progress.through


def test_a_replay_is_left_out_only_where_it_certainly_changes_nothing() -> None:
    execution = Execution()
    execution.act(every(activity("a"), activity("b"), activity("c", backoffCoefficient=1)))
    stays_blocked = execution.progress.stays_blocked
    assert stays_blocked([done(0)])
    assert stays_blocked([done(0), done(1)])
    assert stays_blocked([done(0), done(1), failed(2)])
    assert not stays_blocked([done(0), done(1), done(2)])
    assert not stays_blocked([failed(0)])
    assert not stays_blocked([raised("x")])
    race = Execution()
    race.act(either(activity("a"), activity("b")))
    assert not race.progress.stays_blocked([done(0)])


def test_after_a_failure_every_answer_is_replayed() -> None:
    execution = Execution()
    execution.act(every(activity("a"), activity("b"), activity("c")))
    execution.hear(failed(0))
    assert not execution.progress.stays_blocked([done(1)])


def test_a_replay_that_differs_is_refused() -> None:
    progress = Progress(shapes=[1, 2])
    progress.check_shapes([1, 2, 3])
    with pytest.raises(OrchestratorBroken, match="differs from it at action 2"):
        progress.check_shapes([1, 7])
    with pytest.raises(OrchestratorBroken, match="Non-Deterministic"):
        progress.check_shapes([1])


@pytest.mark.parametrize(
    ("tree", "settled", "left"),
    [
        (0, {0}, None),
        (["all", 0, 1], {0}, ["all", 1]),
        (["any", 0, ["all", 1, 2]], {1}, ["any", 0, ["all", 2]]),
        (["any", 0, ["all", 1, 2]], {1, 2}, None),
        (["all"], set(), None),
    ],
)
def test_a_gate_opens_part_by_part(tree: Any, settled: set[int], left: Any) -> None:
    assert settle(tree, settled) == left


def test_only_parts_that_cannot_be_done_without_are_needed() -> None:
    assert needed(["all", 0, ["all", 1], ["any", 2, 3]]) == {0, 1}
    assert needed(["any", 0, 1]) == set()
