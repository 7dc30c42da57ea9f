"""The log of calls that a stand-in served: what tests and benches count."""

import itertools
from collections import deque
from typing import Any

MAX_CALLS = 200_000


class Calls:
    """The newest `MAX_CALLS` calls, numbered from 1."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._calls: deque[dict[str, Any]] = deque(maxlen=MAX_CALLS)

    def add(self, call: dict[str, Any]) -> dict[str, Any]:
        """Number and keep one call (`method, path, status, ms, at, clientRequestId, …`)."""
        call = {"seq": next(self._numbers), **call}
        self._calls.append(call)
        return call

    def list(self, after: int = 0) -> list[dict[str, Any]]:
        """Calls with a number above `after`, oldest first."""
        return [call for call in self._calls if call["seq"] > after]

    def clear(self) -> None:
        """Forget the calls; numbers go on rising."""
        self._calls.clear()
