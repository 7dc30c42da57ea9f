"""Runs activities: oldest first over all instances, so many at a time, at least once each."""

import asyncio
import json
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from azure.functions._durable_functions import df_dumps, df_loads  # the worker's own encoders

from local.functions_host.durable.errors import FunctionMissing
from local.functions_host.durable.protocol import Event, EventType
from local.functions_host.durable.records import Work
from local.functions_host.durable.registry import Registry
from local.functions_host.functions import Worker


class Activities:
    """The queue of activities. `on_outcome` gets each with the event that tells how it ended.

    Nothing new is started while `may_start()` is false; call `pump` when that changes.
    """

    def __init__(
        self,
        registry: Registry,
        worker: Worker,
        *,
        limit: int,
        may_start: Callable[[], bool],
        on_outcome: Callable[[Work, Event], None],
    ) -> None:
        self._registry = registry
        self._worker = worker
        self._limit = limit
        self._may_start = may_start
        self._on_outcome = on_outcome
        self._queue: deque[Work] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def waiting(self) -> int:
        """Activities that are not started yet."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Activities under way."""
        return len(self._running)

    def add(self, work: Iterable[Work]) -> None:
        """Queue activities and start what may be started."""
        self._queue.extend(work)
        self.pump()

    def pump(self) -> None:
        """Start activities up to the limit."""
        while self._queue and len(self._running) < self._limit and not self._stopping and self._may_start():
            task = asyncio.create_task(self._run(self._queue.popleft()))
            self._running.add(task)
            task.add_done_callback(self._ended)

    async def stop(self, seconds: float) -> None:
        """Start nothing more and cancel what runs as a coroutine; threads run on, their outcome is dropped."""
        self._stopping = True
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.pump()

    async def _run(self, work: Work) -> None:
        outcome: Event
        try:
            function = self._registry.activity(work.name)
            result = await self._worker.call(function, {function.trigger.name: _decode(work.input_text)})
            outcome = {"EventType": EventType.TaskCompleted, "TaskScheduledId": work.task_id, "Result": _encode(result)}
        except FunctionMissing as error:
            outcome = _failure(work, str(error), "")
        except (Exception, SystemExit, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it raises is its outcome
            if self._stopping:
                return
            outcome = _failure(work, f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))
        self._on_outcome(work, outcome)


def _decode(text: str | None) -> Any:
    """As the worker's converter: JSON where it is JSON, else the text."""
    if text is None:
        return None
    try:
        return df_loads(text)
    except json.JSONDecodeError:
        return text


def _encode(result: object) -> str:
    try:
        return df_dumps(result)
    except TypeError as error:
        raise ValueError(f"activity trigger output must be json serializable ({error})") from error


def _failure(work: Work, message: str, details: str) -> Event:
    return {
        "EventType": EventType.TaskFailed,
        "TaskScheduledId": work.task_id,
        "Reason": f"Activity function '{work.name}' failed: {message}",
        "Details": details,
    }
