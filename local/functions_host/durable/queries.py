"""Reading instances: status, lists with filters and pages, history as the HTTP API shows it."""

import base64
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from local.functions_host.durable.errors import InvalidRequest
from local.functions_host.durable.protocol import EventType
from local.functions_host.durable.records import FINISHED, read_history

PAGE = 100


def _padded(value: object) -> object:
    """Python's `strftime` writes years before 1000 with fewer than four digits; the SDK sends them so."""
    year, dash, rest = value.partition("-") if isinstance(value, str) else ("", "", "")
    return f"{year:0>4}-{rest}" if dash and year.isdecimal() else value


Time = Annotated[datetime, BeforeValidator(_padded)]


class InstanceFilter(BaseModel):
    """Which instances a list or a purge is about. Times without a zone are UTC; `top` is the size of a page."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")

    created_time_from: Time | None = None
    created_time_to: Time | None = None
    runtime_status: list[str] = []
    instance_id_prefix: str | None = None
    show_input: bool = True
    top: int = Field(default=PAGE, ge=1, le=1000)
    continuation_token: str | None = None


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """The state of an instance: `input`, `output`, `custom_status` decoded, times in seconds since the epoch."""

    name: str
    instance_id: str
    runtime_status: str
    input: Any
    output: Any
    custom_status: Any
    created_at: float
    updated_at: float
    history: list[dict[str, Any]] | None = None

    @property
    def finished(self) -> bool:
        """Whether the instance has ended."""
        return self.runtime_status in FINISHED

    def payload(self) -> dict[str, Any]:
        """The JSON of the HTTP API (times to the second, as there)."""
        body = {
            "name": self.name,
            "instanceId": self.instance_id,
            "runtimeStatus": self.runtime_status,
            "input": self.input,
            "customStatus": self.custom_status,
            "output": self.output,
            "createdTime": _seconds(self.created_at),
            "lastUpdatedTime": _seconds(self.updated_at),
        }
        return body if self.history is None else {**body, "historyEvents": self.history}


def find_status(
    db: sqlite3.Connection, instance_id: str, *, show_input: bool, show_history: bool, show_history_output: bool
) -> InstanceStatus | None:
    """The status of one instance, or None."""
    row = db.execute(f"{_SELECT} WHERE id = ?", (instance_id,)).fetchone()
    if row is None:
        return None
    history = _shown_history(read_history(db, instance_id), show_input, show_history_output) if show_history else None
    return _status(row, show_input, history)


def list_statuses(db: sqlite3.Connection, wanted: InstanceFilter) -> tuple[list[InstanceStatus], str | None]:
    """One page, oldest first, and the token of the next page, if any."""
    where, values = _conditions(wanted)
    if wanted.continuation_token is not None:
        where += " AND (created_at, id) > (?, ?)"
        values += _read_token(wanted.continuation_token)
    rows = db.execute(f"{_SELECT} WHERE {where} ORDER BY created_at, id LIMIT ?", [*values, wanted.top + 1]).fetchall()
    token = _token(rows[wanted.top - 1]) if len(rows) > wanted.top else None
    return [_status(row, wanted.show_input, None) for row in rows[: wanted.top]], token


def matching_ids(db: sqlite3.Connection, wanted: InstanceFilter) -> list[str]:
    """The ids of all instances that a filter is about (no pages)."""
    where, values = _conditions(wanted)
    return [row[0] for row in db.execute(f"SELECT id FROM instances WHERE {where}", values)]  # noqa: S608 - no user text in it


_SELECT = "SELECT id, name, status, input, output, custom_status, created_at, updated_at FROM instances"


def _conditions(wanted: InstanceFilter) -> tuple[str, list[Any]]:
    parts: list[str] = ["1"]
    values: list[Any] = []
    if wanted.created_time_from is not None:
        parts.append("created_at >= ?")
        values.append(_epoch(wanted.created_time_from))
    if wanted.created_time_to is not None:
        parts.append("created_at <= ?")
        values.append(_epoch(wanted.created_time_to))
    if wanted.runtime_status:
        parts.append(f"status IN ({','.join('?' * len(wanted.runtime_status))})")
        values += wanted.runtime_status
    if wanted.instance_id_prefix:
        parts.append("substr(id, 1, length(?)) = ?")
        values += [wanted.instance_id_prefix] * 2
    return " AND ".join(parts), values


def _status(row: Sequence[Any], show_input: bool, history: list[dict[str, Any]] | None) -> InstanceStatus:
    instance_id, name, status, input_text, output, custom, created, updated = row
    return InstanceStatus(
        name=name,
        instance_id=instance_id,
        runtime_status=status,
        input=_decode(input_text) if show_input else None,
        output=_decode(output),
        custom_status=_decode(custom),
        created_at=created,
        updated_at=updated,
        history=history,
    )


def _shown_history(events: list[str], show_input: bool, show_output: bool) -> list[dict[str, Any]]:
    """The history as the extension shows it: no bookkeeping, each outcome joined with its call."""
    calls: dict[int, dict[str, Any]] = {}
    shown: list[dict[str, Any]] = []
    for text in events:
        event = json.loads(text)
        kind = EventType(event.pop("EventType"))
        event_id = event.pop("EventId")
        event.pop("IsPlayed")
        if kind in (EventType.TaskScheduled, EventType.SubOrchestrationInstanceCreated):
            calls[event_id] = event
        if kind in _HIDDEN:
            continue
        call = calls.get(event.pop("TaskScheduledId", -1))
        if call is not None:
            event |= {"ScheduledTime": call["Timestamp"], "FunctionName": call["Name"], "Input": call["Input"]}
        if kind == EventType.ExecutionStarted:
            event["FunctionName"] = event.pop("Name")
            for key in ("OrchestrationInstance", "ParentInstance", "Version"):
                event.pop(key, None)
        event.pop("TimerId", None)
        if not show_input:
            event.pop("Input", None)
        if "Result" in event:
            result = event.pop("Result")
            if show_output:
                event["Result"] = _decode(result)
        shown.append({"EventType": kind.name, **event})
    return shown


_HIDDEN = {
    EventType.OrchestratorStarted,
    EventType.OrchestratorCompleted,
    EventType.TaskScheduled,
    EventType.SubOrchestrationInstanceCreated,
}


def _decode(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _seconds(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _epoch(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _token(row: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([row[6], row[0]]).encode()).decode()


def _read_token(token: str) -> list[Any]:
    try:
        created, instance_id = json.loads(base64.urlsafe_b64decode(token))
        return [float(created), str(instance_id)]
    except (ValueError, TypeError):
        raise InvalidRequest("x-ms-continuation-token: not a token that this host gave out") from None
