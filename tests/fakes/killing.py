"""Death at any line: a wrapper that lets the n-th call of an object never return, before or after its effect."""

import inspect
from typing import Any


class Killed(BaseException):
    """The process died here. Not an Exception: nothing may catch it."""


class Countdown:
    """Counts the calls of all objects that share it; the `deadly`-th one kills."""

    def __init__(self, deadly: int, *, after_effect: bool) -> None:
        self.deadly = deadly
        self.after_effect = after_effect
        self.calls = 0

    def strikes(self) -> bool:
        """Whether this call is the deadly one."""
        self.calls += 1
        return self.calls == self.deadly


class Mortal:
    """Passes every call on, and dies where the countdown says."""

    def __init__(self, inner: object, countdown: Countdown) -> None:
        self._inner = inner
        self._countdown = countdown

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(method):
            return method

        async def call(*args: Any, **kwargs: Any) -> Any:
            strikes = self._countdown.strikes()
            if strikes and not self._countdown.after_effect:
                raise Killed(name)
            try:
                return await method(*args, **kwargs)
            finally:
                if strikes:
                    raise Killed(name)  # also in place of an error: the dead hear no answer

        return call
