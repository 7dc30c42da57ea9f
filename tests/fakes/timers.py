"""An event loop's clock that moves when it is told to."""

import asyncio
import heapq
import itertools
from collections.abc import Callable


class FakeTimer:
    """What `FakeTimers.call_later` returns."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Never call back."""
        self.cancelled = True


class FakeTimers:
    """Implements `shared.ai.clock.Clock`; callable like `time.monotonic`."""

    def __init__(self, start: float = 1_000.0) -> None:
        self._now = start
        self._numbers = itertools.count()
        self._timers: list[tuple[float, int, FakeTimer]] = []

    def __call__(self) -> float:
        return self._now

    def time(self) -> float:
        """Seconds."""
        return self._now

    def call_later(self, delay: float, callback: Callable[[], object], /) -> FakeTimer:
        """Call back once the time has been moved that far."""
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (self._now + delay, next(self._numbers), timer))
        return timer

    @property
    def pending(self) -> int:
        """Timers that have neither been called nor cancelled."""
        return sum(not timer.cancelled for _, _, timer in self._timers)

    async def advance(self, seconds: float) -> None:
        """Move the time, call what is due at its own moment, and let tasks run."""
        end = self._now + seconds
        await settle()
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, due)
            if not timer.cancelled:
                timer.callback()
                await settle()
        self._now = end
        await settle()


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(10):
        await asyncio.sleep(0)
