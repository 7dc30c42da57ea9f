"""One episode: a batch of messages in, a replay of the orchestrator, and what follows from its answer.

Nothing here writes: the outcome is an EpisodeRecord, which is saved in one transaction.
"""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from local.functions_host.durable.errors import FunctionMissing, OrchestratorBroken
from local.functions_host.durable.instance import Instance, Message, Parent
from local.functions_host.durable.progress import Progress, Scheduled, ScheduledCall, task_of
from local.functions_host.durable.protocol import CallActivity, CallSubOrchestrator, EventType, encode, wire_time
from local.functions_host.durable.records import Child, EpisodeRecord, Notice, Timer, Work
from local.functions_host.durable.registry import Registry
from local.functions_host.durable.replay import Answer, context_of, replay
from local.functions_host.functions import Worker

NEW, OLD = '"IsPlayed":false', '"IsPlayed":true'


class Episodes:
    """Runs episodes. `next_seq` gives each message and activity its place in the order of things."""

    def __init__(
        self,
        registry: Registry,
        worker: Worker,
        *,
        batch: int,
        default_version: str | None,
        next_seq: Callable[[], int],
    ) -> None:
        self._registry = registry
        self._worker = worker
        self._batch = batch
        self._default_version = default_version
        self._next_seq = next_seq

    async def run(self, instance: Instance) -> EpisodeRecord:
        """Take the messages that are due and work out what they change. `instance.history` must be loaded."""
        now = max(time.time(), instance.last_episode_at)  # the orchestrator's clock never goes back
        instance.last_episode_at = now
        record = EpisodeRecord(instance, now)
        controls = instance.take_controls()
        if controls:
            self._obey(record, controls)
        else:
            await self._advance(record, instance.take(self._batch))
        return record

    def fail(self, record: EpisodeRecord, message: str, details: str) -> None:
        """End the instance as Failed; nothing of what this episode scheduled is kept."""
        record.work, record.children = [], []
        text = f"Orchestrator function '{record.instance.name}' failed: {message}"
        self._finish(record, "Failed", text, {"Reason": text, "Details": details})

    def _obey(self, record: EpisodeRecord, controls: list[Message]) -> None:
        record.consumed = [message.seq for message in controls]
        for message in controls:
            kind, reason = message.event["EventType"], message.event["Reason"]
            _add(record, kind, Input=reason)
            if kind == EventType.ExecutionTerminated:
                self._finish(record, "Terminated", reason, {"Reason": reason, "Details": None})
                return
            record.instance.status = "Suspended" if kind == EventType.ExecutionSuspended else "Running"

    async def _advance(self, record: EpisodeRecord, batch: list[Message]) -> None:
        instance, progress = record.instance, record.instance.progress
        instance.status = "Running"
        record.consumed = [message.seq for message in batch if message.stored]
        record.closed_timers = [message.event["TimerId"] for message in batch if "TimerId" in message.event]
        events = [
            message.event for message in batch if task_of(message.event) in progress.open or task_of(message.event) < 0
        ]
        if not events:  # answers to calls that are settled already
            return
        _add(record, EventType.OrchestratorStarted)
        try:
            quiet = progress.stays_blocked(events)
            retries = progress.take_in(events, record.now)
            for event in events:
                _add(record, **event)
            answer = None if quiet else await self._replay(record)
            self._schedule(record, retries)
            if answer is not None:
                self._interpret(record, answer)
        except (OrchestratorBroken, FunctionMissing) as error:
            self.fail(record, str(error), str(error.__cause__ or ""))

    async def _replay(self, record: EpisodeRecord) -> Answer:
        instance = record.instance
        assert instance.history is not None
        function = self._registry.orchestrator(instance.name)
        fresh = [event.replace(OLD, NEW, 1) for event in record.history]
        parent_id = instance.parent.instance_id if instance.parent else None
        context = context_of(
            instance.id, parent_id, instance.input_text, instance.history + fresh, bool(instance.history)
        )
        return await replay(self._worker, function, context)

    def _interpret(self, record: EpisodeRecord, answer: Answer) -> None:
        progress = record.instance.progress
        shapes = answer.shapes()
        progress.check_shapes(shapes)
        first = len(progress.shapes)
        progress.plan([answer.action_at(position) for position in range(first, len(shapes))], first, shapes)
        record.closed_timers += progress.cancelled_timers(answer.action_at)
        self._schedule(record, progress.release(answer.action_at, record.now))
        if answer.custom_status is not None:
            record.custom_status = json.dumps(answer.custom_status)
        if not answer.done and answer.error is None:
            if progress.through and progress.waits_for_nothing:
                raise OrchestratorBroken(
                    "the orchestrator waits for something that is no durable task, so nothing could ever wake it"
                )
            _add(record, EventType.OrchestratorCompleted)
        elif not progress.through:  # the host still waits for what was scheduled before, as the real extension does
            _add(record, EventType.OrchestratorCompleted)
        elif answer.error is not None:
            self.fail(record, answer.error, answer.details)
        elif progress.continue_with is not None:
            self._continue_as_new(record, progress.continue_with.input)
        else:
            output = json.dumps(answer.output)
            self._finish(record, "Completed", answer.output, {"Result": output})

    def _schedule(self, record: EpisodeRecord, scheduled: list[Scheduled]) -> None:
        instance = record.instance
        for item in scheduled:
            if not isinstance(item, ScheduledCall):
                _add(record, EventType.TimerCreated, EventId=item.task_id, FireAt=wire_time(item.due))
                record.timers.append(Timer(item.due, instance.id, instance.execution_id, item.task_id))
            elif isinstance(item.call, CallActivity):
                self._registry.activity(item.call.function_name)
                _add(
                    record,
                    EventType.TaskScheduled,
                    EventId=item.task_id,
                    Name=item.call.function_name,
                    Input=item.call.input,
                )
                name, text = item.call.function_name, item.call.input
                record.work.append(Work(self._next_seq(), instance.id, instance.execution_id, item.task_id, name, text))
            else:
                self._schedule_child(record, item.task_id, item.call)

    def _schedule_child(self, record: EpisodeRecord, task_id: int, call: CallSubOrchestrator) -> None:
        instance = record.instance
        self._registry.orchestrator(call.function_name)
        child = Instance(
            id=call.instance_id or f"{instance.execution_id}:{task_id}",
            execution_id=uuid.uuid4().hex,
            name=call.function_name,
            version=call.version or self._default_version,
            input_text=json.dumps(call.input),  # as the SDK's client does: encoded twice
            parent=Parent(instance.id, instance.execution_id, task_id),
            created_at=record.now,
        )
        refusal = {
            "EventType": EventType.SubOrchestrationInstanceFailed,
            "TaskScheduledId": task_id,
            "Reason": "",
            "Details": None,
        }
        record.children.append(Child(child, self.started(child), Message(self._next_seq(), refusal)))
        _add(
            record,
            EventType.SubOrchestrationInstanceCreated,
            EventId=task_id,
            Name=child.name,
            InstanceId=child.id,
            Input=child.input_text,
            Version=child.version,
        )

    def started(self, instance: Instance) -> Message:
        """The first message of an execution."""
        event = {
            "EventType": EventType.ExecutionStarted,
            "Name": instance.name,
            "Version": instance.version,
            "Input": instance.input_text,
            "OrchestrationInstance": {"InstanceId": instance.id, "ExecutionId": instance.execution_id},
            "ParentInstance": {"InstanceId": instance.parent.instance_id} if instance.parent else None,
        }
        return Message(self._next_seq(), event)

    def _continue_as_new(self, record: EpisodeRecord, input_text: str | None) -> None:
        instance = record.instance
        record.abandoned, instance.progress = list(instance.progress.open), Progress()
        instance.execution_id = uuid.uuid4().hex
        instance.input_text = None if input_text is None else json.dumps(input_text)
        record.restart = self.started(instance)
        record.timers = []

    def _finish(self, record: EpisodeRecord, status: str, output: Any, outcome: dict[str, Any]) -> None:
        instance, parent = record.instance, record.instance.parent
        instance.status = status
        record.timers, record.abandoned = [], list(instance.progress.open)
        record.output = json.dumps(output)
        _add(record, EventType.ExecutionCompleted, OrchestrationStatus=status, Result=record.output)
        if parent is not None:
            kind = (
                EventType.SubOrchestrationInstanceCompleted
                if status == "Completed"
                else EventType.SubOrchestrationInstanceFailed
            )
            event = {"EventType": kind, "TaskScheduledId": parent.task_id, **outcome}
            record.notice = Notice(parent, Message(self._next_seq(), event))


def _add(record: EpisodeRecord, EventType: int, EventId: int = -1, **rest: Any) -> None:
    """Append an event to the history, stamped with the time of the episode."""
    event = {"IsPlayed": True, "EventType": EventType, "EventId": EventId, "Timestamp": wire_time(record.now), **rest}
    record.history.append(encode(event))
