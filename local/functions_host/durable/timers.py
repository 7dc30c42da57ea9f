"""Durable timers: a heap by due time and one task that sleeps until the next."""

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import Callable, Iterable

from local.functions_host.durable.records import Timer

MAX_SLEEP_SECONDS = 30.0  # the wall clock may jump, as after a laptop slept


class Timers:
    """Calls `on_due` for each timer, on the event loop, not before its time."""

    def __init__(self, on_due: Callable[[Timer], None]) -> None:
        self._on_due = on_due
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Timer]] = []
        self._waiting: dict[tuple[str, int], Timer] = {}
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Timers that will still fire."""
        return len(self._waiting)

    def add(self, timer: Timer) -> None:
        """Wait for one more."""
        self._waiting[timer.instance_id, timer.task_id] = timer
        heapq.heappush(self._heap, (timer.due, next(self._order), timer))
        self._changed.set()

    def cancel(self, instance_id: str, task_ids: Iterable[int]) -> None:
        """Forget these timers; ids that belong to other tasks do no harm."""
        for task_id in task_ids:
            self._waiting.pop((instance_id, task_id), None)
        if len(self._heap) > 2 * len(self._waiting) + 100:
            self._heap = [entry for entry in self._heap if self._is_waiting(entry[2])]
            heapq.heapify(self._heap)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._changed.clear()
            now = time.time()
            while self._heap and self._heap[0][0] <= now:
                timer = heapq.heappop(self._heap)[2]
                if self._is_waiting(timer):
                    del self._waiting[timer.instance_id, timer.task_id]
                    self._on_due(timer)
            pause = min(self._heap[0][0] - now, MAX_SLEEP_SECONDS) if self._heap else MAX_SLEEP_SECONDS
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes just as the event is set.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    def _is_waiting(self, timer: Timer) -> bool:
        return self._waiting.get((timer.instance_id, timer.task_id)) is timer
