"""A circuit breaker: after repeated failures a service is left alone for a while, then asked carefully.

closed ── failures in a row ──▶ open ── after a while ──▶ half-open ── one good call ──▶ closed
                                 ▲                            │
                                 └───────── one bad call ─────┘
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal

from shared.errors import UpstreamUnavailable

CircuitState = Literal["closed", "open", "half-open"]


class CircuitBreaker:
    """One breaker per service. Not thread-safe: use it from one event loop.

    `service` is the name that people read. `failures_to_open` failures in a row open it for
    `open_seconds`; then a single call is let through to find out.
    """

    def __init__(
        self,
        service: str,
        *,
        failures_to_open: int = 5,
        open_seconds: float = 30,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._failures_to_open = failures_to_open
        self._open_seconds = open_seconds
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> CircuitState:
        """Where the breaker stands now."""
        if self._opened_at is None:
            return "closed"
        return "open" if self._remaining() > 0 else "half-open"

    @contextmanager
    def guard(self, is_failure: Callable[[Exception], bool]) -> Generator[None, None, None]:
        """Let one call through, and learn from how it ends.

        An exception for which `is_failure` is false (a 404, a 429) is not the service's fault: it counts
        neither for nor against, except that a half-open breaker closes, as the service does answer. A
        cancelled call says nothing. Raises `UpstreamUnavailable` instead of entering while open.
        """
        probe = self._admit()
        try:
            yield
        except Exception as error:
            if is_failure(error):
                self._failed(probe)
            elif probe:
                self._close()
            raise
        else:
            # What began before the breaker opened is old news when it ends.
            if probe or self._opened_at is None:
                self._close()
        finally:
            if probe:
                self._probing = False

    def _admit(self) -> bool:
        """Whether this call is the one that finds out; raises when it may not be made at all."""
        if self._opened_at is None:
            return False
        if self._probing or self._remaining() > 0:
            raise UpstreamUnavailable(
                f"{self._service} is not answering at the moment; it is asked again shortly.",
                retry_after_seconds=max(1.0, self._remaining()),
            )
        self._probing = True
        return True

    def _failed(self, probe: bool) -> None:
        if probe:
            self._opened_at = self._clock()
        elif self._opened_at is None:
            self._failures += 1
            if self._failures >= self._failures_to_open:
                self._opened_at = self._clock()

    def _close(self) -> None:
        self._failures = 0
        self._opened_at = None

    def _remaining(self) -> float:
        return 0.0 if self._opened_at is None else self._opened_at + self._open_seconds - self._clock()
