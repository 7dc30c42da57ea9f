"""Quotas as Azure counts them.

A call is admitted by *reserved* tokens (prompt estimate + output cap), added to a counter that starts anew every
minute; requests are counted over a window of 1 to 10 seconds, so that a burst is refused although the minute as a
whole would hold it. Source: "Manage Azure OpenAI quota", section "Understanding rate limits".
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from local.openai.errors import ApiError, rate_limited
from local.openai.limits import Limits

MINUTE_SECONDS = 60


@dataclass
class Window:
    """A counter that starts anew when `seconds` have passed since its first use."""

    started: float = -math.inf
    used: int = 0

    def roll(self, now: float, seconds: float) -> float:
        """Start anew where it is time; returns the seconds until the next start."""
        if now - self.started >= seconds:
            self.started, self.used = now, 0
        return seconds - (now - self.started)


@dataclass
class _Counters:
    tokens: Window = field(default_factory=Window)
    requests: Window = field(default_factory=Window)


class Quota:
    """The counters of every deployment. `clock` returns seconds and never goes back."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._counters: dict[str, _Counters] = {}

    def reset(self) -> None:
        """Forget what was used."""
        self._counters.clear()

    def admit(self, deployment: str, reserved_tokens: int, api_version: str) -> dict[str, str]:
        """Count one call and return its `x-ratelimit-*` headers; raises the 429 with the same headers."""
        limits = self._limits
        now = self._clock()
        counters = self._counters.setdefault(deployment, _Counters())
        tokens_reset = counters.tokens.roll(now, limits.token_window_seconds)
        requests_reset = counters.requests.roll(now, limits.request_window_seconds)
        token_room = _share(limits.tokens_per_minute, limits.token_window_seconds)
        request_room = _share(limits.requests_per_minute, limits.request_window_seconds)

        refused: ApiError | None = None
        if request_room and counters.requests.used >= request_room:
            refused = rate_limited("call", deployment, api_version, requests_reset)
        elif token_room and counters.tokens.used + reserved_tokens > token_room:
            refused = rate_limited("token", deployment, api_version, tokens_reset)
        else:
            counters.tokens.used += reserved_tokens
            counters.requests.used += 1

        headers: dict[str, str] = {}
        if token_room:
            headers |= _headers("tokens", limits.tokens_per_minute, token_room - counters.tokens.used, tokens_reset)
        if request_room:
            left = request_room - counters.requests.used
            headers |= _headers("requests", limits.requests_per_minute, left, requests_reset)
        if refused is not None:
            refused.headers |= headers
            raise refused
        return headers


def _share(per_minute: int, window_seconds: float) -> int:
    """What of a per-minute limit one window admits: at least one, 0 when the limit is off."""
    return max(1, int(per_minute * window_seconds / MINUTE_SECONDS)) if per_minute else 0


def _headers(unit: str, limit: int, remaining: int, reset_seconds: float) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{unit}": str(limit),
        f"x-ratelimit-remaining-{unit}": str(max(0, remaining)),
        f"x-ratelimit-reset-{unit}": str(math.ceil(reset_seconds)),
    }
