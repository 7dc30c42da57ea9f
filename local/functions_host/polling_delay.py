"""How long a queue listener waits after it found nothing."""

import random
from collections.abc import Callable

SHORTEST_SECONDS = 0.1
SPREAD = 0.2


class PollingDelay:
    """Randomised exponential back-off (`RandomizedExponentialBackoffStrategy` of the WebJobs SDK)."""

    def __init__(self, longest_seconds: float, spread: Callable[[float, float], float] = random.uniform) -> None:
        self._longest = max(longest_seconds, SHORTEST_SECONDS)
        self._spread = spread
        self._misses = 0

    def reset(self) -> None:
        """A message was found."""
        self._misses = 0

    def next(self) -> float:
        """Seconds to wait now; grows with every call since the last reset."""
        growth = 0.0
        if self._misses:
            factor = self._spread(1 - SPREAD, 1 + SPREAD)
            growth = factor * 2.0 ** min(self._misses - 1, 30) * SHORTEST_SECONDS
        self._misses += 1
        return min(SHORTEST_SECONDS + growth, self._longest)
