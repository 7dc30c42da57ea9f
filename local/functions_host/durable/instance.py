"""An unfinished orchestration instance, as the engine holds it in memory."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from local.functions_host.durable.progress import Progress, task_of
from local.functions_host.durable.protocol import COMPLETIONS, CONTROLS, Event, EventType


@dataclass(frozen=True, slots=True)
class Parent:
    """Who started a sub-orchestration, and under which of its task ids."""

    instance_id: str
    execution_id: str
    task_id: int


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way to an instance. `stored` messages have a row in the inbox; timers have their own."""

    seq: int
    event: Event
    stored: bool = True


@dataclass(slots=True)
class Instance:
    """`input_text` is JSON text or None; `history` are encoded events, None until they are read from the database."""

    id: str
    execution_id: str
    name: str
    version: str | None
    input_text: str | None
    parent: Parent | None
    created_at: float
    status: str = "Pending"
    progress: Progress = field(default_factory=Progress)
    history: list[str] | None = None
    last_episode_at: float = 0.0
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    queued: bool = False
    active: bool = False
    _controls: deque[Message] = field(default_factory=deque)
    _raised: dict[str, deque[Message]] = field(default_factory=dict)
    _others: deque[Message] = field(default_factory=deque)
    _missing: set[int] | None = None

    def push(self, message: Message) -> None:
        """Put a message behind those that wait already."""
        kind = message.event["EventType"]
        if kind in CONTROLS:
            self._controls.append(message)
        elif kind == EventType.EventRaised:
            self._raised.setdefault(message.event["Name"].casefold(), deque()).append(message)
        else:
            self._others.append(message)
            self._note(message)

    def is_due(self) -> bool:
        """Whether an episode could change something now."""
        if self._controls:
            return True
        if self.status == "Suspended":
            return False
        return (bool(self._others) and not self._missing) or any(name in self.progress.waits for name in self._raised)

    def take_controls(self) -> list[Message]:
        """All requests to terminate, suspend or resume, oldest first."""
        taken = list(self._controls)
        self._controls.clear()
        return taken

    def take(self, limit: int) -> list[Message]:
        """The next batch, oldest first, except that events which use up a task id in the SDK go before all others.

        So the SDK, which takes in event by event, counts the retries first and what the orchestrator
        yields afterwards second: the order in which the host counts. External events stay until the
        orchestrator waits for their name.
        """
        taken = [self._others.popleft() for _ in range(min(limit, len(self._others)))]
        for name, waits in self.progress.waits.items():
            queue = self._raised.get(name, deque())
            taken += [queue.popleft() for _ in range(min(len(waits), len(queue), max(0, limit - len(taken))))]
            if not queue:
                self._raised.pop(name, None)
        taken.sort(key=lambda message: message.seq)
        steps = [message for message in taken if self.progress.is_retry_step(message.event)]
        chosen = {message.seq for message in steps}
        return steps + [message for message in taken if message.seq not in chosen]

    def look_again(self) -> None:
        """Find out anew which completions the orchestrator cannot do without; call after each episode."""
        self._missing = self.progress.needs()
        for message in self._others:
            self._note(message)

    def start_over(self, started: Message) -> None:
        """Continue as new: answers to the former execution go, events and controls stay."""
        self.history = []
        self._others = deque([started])

    def _note(self, message: Message) -> None:
        if self._missing is None:
            return
        if message.event["EventType"] in COMPLETIONS:
            self._missing.discard(task_of(message.event))
        else:
            self._missing = None
