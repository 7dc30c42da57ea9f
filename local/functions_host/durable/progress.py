"""What one execution of an orchestration has scheduled, and what it waits for.

Task ids are never sent: orchestrator (SDK) and host count on their own and must agree. The SDK counts
tasks in the order in which they are yielded, and, while it takes in events, one for the timer after each
failed attempt of a call with retries and one for the next attempt. External events are not counted here;
they get negative numbers so that the gate can name them.

The host carries out top-level actions one after the other, each when the former is through, even where
the orchestrator already went on (as after a `task_all` that failed early). So does the real extension
(`OutOfProcOrchestrationShim.ProcessAsyncActionsV2`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from local.functions_host.durable.errors import OrchestratorBroken
from local.functions_host.durable.gate import Tree, needed, settle
from local.functions_host.durable.protocol import (
    COMPLETIONS,
    FAILURES,
    WHEN_ALL,
    Action,
    CallActivity,
    CallSubOrchestrator,
    Compound,
    ContinueAsNewAction,
    CreateTimer,
    Event,
    EventType,
    RetryOptions,
    WaitForExternalEvent,
    leaves_of,
)

Call = CallActivity | CallSubOrchestrator


@dataclass(frozen=True, slots=True)
class ScheduledCall:
    """Start this activity or sub-orchestration under this task id."""

    task_id: int
    call: Call


@dataclass(frozen=True, slots=True)
class ScheduledTimer:
    """Fire at `due` (seconds since the epoch) under this task id."""

    task_id: int
    due: float


Scheduled = ScheduledCall | ScheduledTimer


class Retry(BaseModel):
    """A call with retries under way: `leaf` is its first task id, `attempt` counts from 1."""

    leaf: int
    call: CallActivity | CallSubOrchestrator
    options: RetryOptions
    first_attempt_at: float
    attempt: int = 1
    pausing: bool = False


class Wait(BaseModel):
    """An external event that is waited for, named as the orchestrator wrote it."""

    leaf: int
    name: str


class Planned(BaseModel):
    """A top-level action that is numbered but not carried out yet; `numbers` of its leaves in order."""

    position: int
    numbers: list[int]


class Progress(BaseModel):
    """The state of one execution; saved with every episode."""

    next_id: int = 0
    next_wait: int = -1
    shapes: list[int] = []
    gate: Tree | None = None
    blocked: bool = False
    planned: list[Planned] = []
    settled_early: set[int] = set()
    open: set[int] = set()
    retries: dict[int, Retry] = {}
    waits: dict[str, list[Wait]] = {}
    timers: dict[int, list[int]] = {}
    continue_with: ContinueAsNewAction | None = None

    # --- events ---------------------------------------------------------------------------------

    def is_retry_step(self, event: Event) -> bool:
        """Whether taking in this event consumes a task id. Such events go first in a batch."""
        retry = self.retries.get(task_of(event))
        if retry is None:
            return False
        return event["EventType"] in FAILURES or (
            retry.pausing and retry.attempt < retry.options.max_number_of_attempts
        )

    def needs(self) -> set[int] | None:
        """Task ids without which the orchestrator certainly cannot go on; None where any event may wake it."""
        if not self.blocked or self.gate is None:
            return None
        leaves = needed(self.gate)
        by_leaf = {retry.leaf: task_id for task_id, retry in self.retries.items()}
        return {by_leaf.get(leaf, leaf) for leaf in leaves} or None

    def stays_blocked(self, events: Iterable[Event]) -> bool:
        """Whether replaying after these events would certainly change nothing."""
        missing = self.needs()
        if missing is None:
            return False
        for event in events:
            if event["EventType"] in COMPLETIONS:
                missing.discard(task_of(event))
            elif not self.is_retry_step(event):
                return False
        return bool(missing)

    def take_in(self, events: Iterable[Event], now: float) -> list[Scheduled]:
        """Note what these events finish; returns the retries to schedule. Unknown tasks must be filtered out before."""
        done: set[int] = set()
        scheduled: list[Scheduled] = []
        for event in events:
            kind = event["EventType"]
            if kind == EventType.EventRaised:
                done.add(self._claim(event))
            elif kind != EventType.ExecutionStarted:
                task_id = task_of(event)
                self.open.discard(task_id)
                self.timers.pop(task_id, None)
                retry = self.retries.pop(task_id, None)
                if retry is None:
                    done.add(task_id)
                    self.blocked = self.blocked and kind not in FAILURES
                else:
                    scheduled += self._go_on_retrying(retry, event, now, done)
        if self.gate is not None:
            self.gate = settle(self.gate, done)
        self.settled_early |= done.intersection(number for planned in self.planned for number in planned.numbers)
        return scheduled

    def _claim(self, event: Event) -> int:
        """Match a raised event with the newest wait for its name, whatever the case of its letters."""
        waits = self.waits[event["Name"].casefold()]
        wait = waits.pop()
        if not waits:
            del self.waits[event["Name"].casefold()]
        event["Name"] = wait.name
        return wait.leaf

    def _go_on_retrying(self, retry: Retry, event: Event, now: float, done: set[int]) -> list[Scheduled]:
        if event["EventType"] in COMPLETIONS:
            done.add(retry.leaf)
            return []
        if event["EventType"] in FAILURES:
            due = now + self._pause(retry, now, event) / 1000
            task_id = self._number()
            self.retries[task_id] = retry.model_copy(update={"pausing": True})
            self.open.add(task_id)
            return [ScheduledTimer(task_id, due)]
        if retry.attempt >= retry.options.max_number_of_attempts:  # the SDK expects a pause after the last attempt too
            done.add(retry.leaf)
            self.blocked = False
            return []
        task_id = self._number()
        self.retries[task_id] = retry.model_copy(update={"pausing": False, "attempt": retry.attempt + 1})
        self.open.add(task_id)
        return [ScheduledCall(task_id, retry.call)]

    @staticmethod
    def _pause(retry: Retry, now: float, event: Event) -> float:
        options = retry.options
        timeout = options.retry_timeout_in_milliseconds
        if timeout is not None and now >= retry.first_attempt_at + timeout / 1000:
            # The SDK knows no retry timeout and would wait for a further attempt for ever.
            raise OrchestratorBroken(
                f"retry timeout of {timeout} ms passed after {retry.attempt} attempts: {event['Reason']}"
            )
        pause = options.first_retry_interval_in_milliseconds * options.backoff_coefficient ** (retry.attempt - 1)
        return min(pause, options.max_retry_interval_in_milliseconds)

    # --- actions --------------------------------------------------------------------------------

    def check_shapes(self, shapes: list[int]) -> None:
        """Compare with the actions of former replays; raises OrchestratorBroken where they differ."""
        known = self.shapes
        if shapes[: len(known)] != known:
            at = next((i for i, (a, b) in enumerate(zip(shapes, known, strict=False)) if a != b), len(shapes))
            raise OrchestratorBroken(
                "Non-Deterministic workflow detected: a former replay of this instance scheduled "
                f"{len(known)} top-level actions, and this one differs from it at action {at + 1}. "
                "Orchestrator code must not change while instances run, nor use clocks, random numbers or I/O."
            )

    def plan(self, actions: list[Action], first: int, shapes: list[int]) -> None:
        """Number the new top-level actions; `first` is the position of the first of them."""
        for offset, action in enumerate(actions):
            numbers = [self._number_leaf(leaf) for leaf in leaves_of(action)]
            self.planned.append(Planned(position=first + offset, numbers=numbers))
        self.shapes += shapes[first:]

    def release(self, action_at: Callable[[int], Action], now: float) -> list[Scheduled]:
        """Carry out planned actions up to the first that has to be waited for."""
        scheduled: list[Scheduled] = []
        while self.planned and self.gate is None:
            planned = self.planned.pop(0)
            action = action_at(planned.position)
            numbers = iter(planned.numbers)
            tree = self._carry_out(action, [planned.position], numbers, now, scheduled)
            self.gate = settle(tree, self.settled_early)
            self.settled_early.difference_update(planned.numbers)
            self.blocked = not self.planned
        return scheduled

    def cancelled_timers(self, action_at: Callable[[int], Action]) -> list[int]:
        """Timers that the orchestrator has cancelled since; they count as done."""
        cancelled = [task_id for task_id, path in self.timers.items() if _is_cancelled(action_at, path)]
        for task_id in cancelled:
            del self.timers[task_id]
            self.open.discard(task_id)
        if cancelled and self.gate is not None:
            self.gate = settle(self.gate, set(cancelled))
        return cancelled

    @property
    def through(self) -> bool:
        """Whether everything that the orchestrator asked for is carried out and waited for."""
        return self.gate is None and not self.planned

    @property
    def waits_for_nothing(self) -> bool:
        """Whether no event can ever wake this execution again."""
        return not (self.open or self.waits or self.planned)

    def _carry_out(
        self, action: Action, path: list[int], numbers: Iterator[int], now: float, to: list[Scheduled]
    ) -> Tree:
        if isinstance(action, Compound):
            parts = [
                self._carry_out(part, [*path, index], numbers, now, to)
                for index, part in enumerate(action.compound_actions)
            ]
            return ["all" if action.action_type == WHEN_ALL else "any", *parts]
        number = next(numbers)
        if isinstance(action, ContinueAsNewAction):
            self.continue_with = action
            self.settled_early.add(number)
        elif isinstance(action, CreateTimer):
            if action.is_canceled:
                self.settled_early.add(number)
            else:
                self.open.add(number)
                self.timers[number] = path
                to.append(ScheduledTimer(number, action.fire_at.timestamp()))
        elif not isinstance(action, WaitForExternalEvent):
            self.open.add(number)
            if action.retry_options is not None:
                self.retries[number] = Retry(
                    leaf=number, call=action, options=action.retry_options, first_attempt_at=now
                )
            to.append(ScheduledCall(number, action))
        return number

    def _number(self) -> int:
        number = self.next_id
        self.next_id += 1
        return number

    def _number_leaf(self, leaf: Action) -> int:
        if not isinstance(leaf, WaitForExternalEvent):
            return self._number()
        number = self.next_wait
        self.next_wait -= 1
        name = leaf.external_event_name
        self.waits.setdefault(name.casefold(), []).append(Wait(leaf=number, name=name))
        return number


def task_of(event: Event) -> int:
    """The task id that an event is about; -1 for events about none."""
    return event.get("TaskScheduledId", event.get("TimerId", -1))


def _is_cancelled(action_at: Callable[[int], Action], path: list[int]) -> bool:
    action = action_at(path[0])
    for index in path[1:]:
        assert isinstance(action, Compound)
        action = action.compound_actions[index]
    return isinstance(action, CreateTimer) and action.is_canceled
