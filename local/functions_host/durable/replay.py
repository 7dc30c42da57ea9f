"""One run of an orchestrator function over a history: what it answered."""

import json
import traceback
import zlib
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from pydantic import ValidationError

from local.functions_host.durable.errors import OrchestratorBroken
from local.functions_host.durable.protocol import (
    ACTION,
    LONG_TIMER_INTERVAL,
    MAX_SHORT_TIMER,
    REFUSED_ACTIONS,
    Action,
)
from local.functions_host.functions import LoadedFunction, Worker

ERROR_LABEL = "\n\n$OutOfProcData$:"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the orchestrator wants: `raw_actions` are all top-level actions since the execution began.

    `error` is set when the orchestrator raised; `custom_status` is None where it is to stay as it was.
    """

    done: bool
    raw_actions: list[Any]
    output: Any
    error: str | None
    details: str
    custom_status: Any

    def action_at(self, position: int) -> Action:
        """The top-level action at a position; raises OrchestratorBroken where it is none that this host knows."""
        raw = self.raw_actions[position]
        refused = _refused(raw)
        if refused is not None:
            raise OrchestratorBroken(f"{refused} is not supported by the local functions host")
        try:
            return ACTION.validate_python(raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise OrchestratorBroken(f"the orchestrator answered an invalid action ({where}: {first['msg']})") from None

    def shapes(self) -> list[int]:
        """A fingerprint of each top-level action."""
        return [zlib.crc32(_outline(raw).encode()) for raw in self.raw_actions]


def context_of(
    instance_id: str, parent_id: str | None, input_text: str | None, history: list[str], replaying: bool
) -> str:
    """The JSON text that an orchestrator function gets; `history` are encoded events."""
    rest = {
        "input": as_input(input_text),
        "instanceId": instance_id,
        "isReplaying": replaying,
        "parentInstanceId": parent_id,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "longRunningTimerIntervalDuration": LONG_TIMER_INTERVAL,
        "maximumShortTimerDuration": MAX_SHORT_TIMER,
    }
    return '{"history":[' + ",".join(history) + "]," + json.dumps(rest)[1:]


def as_input(text: str | None) -> str | None:
    """An input as orchestrator functions see it: always JSON *text*, which `get_input` decodes.

    The SDK's client encodes inputs twice, plain HTTP callers once.
    """
    if text is None:
        return None
    value = json.loads(text)
    return value if isinstance(value, str) else text


async def replay(worker: Worker, function: LoadedFunction, context: str) -> Answer:
    """Run the orchestrator function; raises OrchestratorBroken where it gives no usable answer."""
    try:
        text = await worker.call(function, {function.trigger.name: func.OrchestrationContext(context)})
        return _parse(text, "")
    except OrchestratorBroken:
        raise
    except Exception as error:
        message, label, data = str(error).partition(ERROR_LABEL)
        details = "".join(traceback.format_exception(error.__cause__ or error))
        if label:
            return _parse(data, details)
        raise OrchestratorBroken(message or type(error).__name__) from error


def _parse(text: object, details: str) -> Answer:
    try:
        data = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("actions"), list):
        raise OrchestratorBroken("the orchestrator did not answer with the JSON that the Durable protocol asks for")
    batches = data["actions"]
    if len(batches) != 1 or not isinstance(batches[0], list):
        raise OrchestratorBroken(
            f"the orchestrator answered {len(batches)} lists of actions; this host expects one (schema 3)"
        )
    return Answer(
        done=bool(data.get("isDone")),
        raw_actions=batches[0],
        output=data.get("output"),
        error=data.get("error"),
        details=details,
        custom_status=data.get("customStatus"),
    )


def _refused(raw: Any) -> str | None:
    if not isinstance(raw, dict):
        return None
    if raw.get("actionType") in REFUSED_ACTIONS:
        return REFUSED_ACTIONS[raw["actionType"]]
    parts = raw.get("compoundActions")
    return next((name for name in map(_refused, parts) if name), None) if isinstance(parts, list) else None


def _outline(action: object) -> str:
    """An action without its data: kind, function or event name, parts."""
    if not isinstance(action, dict):
        raise OrchestratorBroken(f"the orchestrator answered an action that is no object: {type(action).__name__}")
    parts = action.get("compoundActions")
    inner = ",".join(map(_outline, parts)) if isinstance(parts, list) else ""
    name = action.get("functionName") or action.get("externalEventName") or ""
    return f"{action.get('actionType')}:{name}({inner})"
