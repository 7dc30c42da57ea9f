"""Time and timers, replaceable in tests."""

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that can still be called off."""

    def cancel(self) -> object:
        """Call it off."""
        ...


class Clock(Protocol):
    """Time and timers, as an asyncio event loop has them."""

    def time(self) -> float:
        """Seconds that never go back."""
        ...

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer:
        """Call `callback` in `delay` seconds."""
        ...
