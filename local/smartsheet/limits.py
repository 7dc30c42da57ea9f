"""What can be set while the sandbox runs, and the count of calls per token."""

import time
from collections import deque
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_WINDOW_SECONDS = 60.0


class Limits(BaseModel):
    """`PUT /_control/limits`. 300 calls a minute for each token is what the vendor's older documentation names."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    requests_per_minute: int = Field(default=300, ge=0, description="0 counts nothing")
    latency_ms: int = Field(default=0, ge=0, description="added to every call")
    write_ms_per_row: float = Field(default=0, ge=0, description="added to a write, while its sheet is locked")
    callback_retry_ms: int = Field(
        default=1000, ge=0, description="pause before the first retry; doubles up to a minute"
    )
    access_token_seconds: int = Field(default=604_799, ge=0, description="of access tokens given from now on")
    callback_timeout_ms: int = Field(default=10_000, ge=1)


class RateLimit:
    """Calls of each token in the past minute."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._calls: dict[str, deque[float]] = {}

    def admit(self, token: str) -> bool:
        """Count a call; false where the token has used up its minute."""
        allowed = self._limits.requests_per_minute
        if not allowed:
            return True
        calls = self._calls.setdefault(token, deque())
        now = self._clock()
        while calls and calls[0] <= now - _WINDOW_SECONDS:
            calls.popleft()
        if len(calls) >= allowed:
            return False
        calls.append(now)
        return True

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
