"""Counters of this instance, since it started."""

import os
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from shared.records import Frozen
from shared.resilience.circuit import CircuitState

BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
_STATM = Path("/proc/self/statm")


class LatencyBucket(Frozen):
    """Answers that took at most so many milliseconds, and more than the bucket before; None: more than all."""

    up_to_ms: int | None
    count: int


class RouteMetrics(Frozen):
    """What became of the requests of one function."""

    requests: int
    by_status: dict[str, int] = Field(description="By `2xx`, `4xx` and so on.")
    latency: tuple[LatencyBucket, ...]


class InstanceMetrics(Frozen):
    """Counters of the instance that answers, since it started: others have counters of their own."""

    instance: str
    uptime_seconds: int
    memory_bytes: int | None = Field(description="Resident memory; null where the system does not tell, as Linux does.")
    routes: dict[str, RouteMetrics]
    rate_limited: int = Field(description="Requests turned away by the limits of this service.")
    circuits: dict[str, Literal["closed", "open", "half-open"]]
    sheets: dict[str, float] = Field(description="The cache of sheets.")


class Metrics:
    """Counts. Use it from one event loop."""

    def __init__(self, instance: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._instance = instance
        self._clock = clock
        self._started = clock()
        self._statuses: dict[str, Counter[str]] = {}
        self._latencies: dict[str, Counter[int]] = {}
        self._turned_away = 0

    def record(self, name: str, status: int, seconds: float) -> None:
        """A request of the function `name` was answered."""
        self._statuses.setdefault(name, Counter())[f"{status // 100}xx"] += 1
        self._latencies.setdefault(name, Counter())[bisect_left(BUCKETS_MS, seconds * 1000)] += 1

    def record_turned_away(self) -> None:
        """A request was over its caller's limit."""
        self._turned_away += 1

    def report(self, circuits: Mapping[str, CircuitState], sheets: Mapping[str, float]) -> InstanceMetrics:
        """All counters as they are now."""
        return InstanceMetrics(
            instance=self._instance,
            uptime_seconds=round(self._clock() - self._started),
            memory_bytes=_resident_bytes(),
            routes={name: self._route(name) for name in sorted(self._statuses)},
            rate_limited=self._turned_away,
            circuits=dict(circuits),
            sheets=dict(sheets),
        )

    def _route(self, name: str) -> RouteMetrics:
        statuses, latencies = self._statuses[name], self._latencies[name]
        limits = (*BUCKETS_MS, None)
        latency = tuple(LatencyBucket(up_to_ms=limits[at], count=latencies[at]) for at in sorted(latencies))
        return RouteMetrics(requests=statuses.total(), by_status=dict(statuses), latency=latency)


def _resident_bytes() -> int | None:
    """Resident memory, which `statm` counts in pages (proc(5))."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
