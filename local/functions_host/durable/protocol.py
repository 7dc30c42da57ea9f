"""The JSON that host and orchestrator exchange: history events in, actions out.

Names and numbers are those of the Durable extension's out-of-process protocol (replay schema 3), which
`azure-functions-durable` 1.x speaks. Event keys are PascalCase, action keys camelCase.
"""

import json
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

Event = dict[str, Any]
MAX_SHORT_TIMER = "6.00:00:00"
LONG_TIMER_INTERVAL = "3.00:00:00"


class EventType(IntEnum):
    """Types of history events; the names are those that the HTTP API shows."""

    ExecutionStarted = 0
    ExecutionCompleted = 1
    ExecutionTerminated = 3
    TaskScheduled = 4
    TaskCompleted = 5
    TaskFailed = 6
    SubOrchestrationInstanceCreated = 7
    SubOrchestrationInstanceCompleted = 8
    SubOrchestrationInstanceFailed = 9
    TimerCreated = 10
    TimerFired = 11
    OrchestratorStarted = 12
    OrchestratorCompleted = 13
    EventRaised = 15
    ContinueAsNew = 16
    ExecutionSuspended = 19
    ExecutionResumed = 20


COMPLETIONS = frozenset({EventType.TaskCompleted, EventType.SubOrchestrationInstanceCompleted})
FAILURES = frozenset({EventType.TaskFailed, EventType.SubOrchestrationInstanceFailed})
CONTROLS = frozenset({EventType.ExecutionTerminated, EventType.ExecutionSuspended, EventType.ExecutionResumed})


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class RetryOptions(_Wire):
    """When a failed call is tried again. Intervals are milliseconds; `max_number_of_attempts` counts the first one."""

    first_retry_interval_in_milliseconds: int = Field(gt=0)
    max_number_of_attempts: int = Field(ge=1)
    backoff_coefficient: float = Field(default=1.0, ge=1)
    max_retry_interval_in_milliseconds: int = Field(default=6 * 24 * 3600 * 1000, gt=0)
    retry_timeout_in_milliseconds: int | None = Field(default=None, gt=0)


class CallActivity(_Wire):
    """Run an activity; with `retry_options` (type 1) until it succeeds or the attempts are used up."""

    action_type: Literal[0, 1]
    function_name: str
    input: str | None = None
    retry_options: RetryOptions | None = None


class CallSubOrchestrator(_Wire):
    """Run another orchestration as a child; `retry_options` as for activities (type 3)."""

    action_type: Literal[2, 3]
    function_name: str
    input: str | None = None
    instance_id: str | None = None
    version: str | None = None
    retry_options: RetryOptions | None = None


class ContinueAsNewAction(_Wire):
    """Start over with a new input and an empty history."""

    action_type: Literal[4]
    input: str | None = None


class CreateTimer(_Wire):
    """Wake up at `fire_at`."""

    action_type: Literal[5]
    fire_at: AwareDatetime
    is_canceled: bool = False


class WaitForExternalEvent(_Wire):
    """Wait for an event of that name."""

    action_type: Literal[6]
    external_event_name: str


class Compound(_Wire):
    """Wait for any (11) or all (12) of the parts."""

    action_type: Literal[11, 12]
    compound_actions: list["Action"]


Action = Annotated[
    CallActivity | CallSubOrchestrator | ContinueAsNewAction | CreateTimer | WaitForExternalEvent | Compound,
    Field(discriminator="action_type"),
]
ACTION: TypeAdapter[Action] = TypeAdapter(Action)
WHEN_ALL = 12
REFUSED_ACTIONS = {7: "CallEntity", 8: "CallHttp", 9: "SignalEntity", 10: "ScheduledSignalEntity"}


def leaves_of(action: Action) -> list[Action]:
    """The action itself, or the leaves of a compound, in the order in which the SDK numbers them."""
    if isinstance(action, Compound):
        return [leaf for part in action.compound_actions for leaf in leaves_of(part)]
    return [action]


def wire_time(seconds: float) -> str:
    """A time as the SDK writes and reads it: UTC, microseconds, `Z`. `seconds` since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encode(event: Event) -> str:
    """An event as one line of JSON."""
    return json.dumps(event, separators=(",", ":"))
