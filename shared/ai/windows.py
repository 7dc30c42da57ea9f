"""Sliding windows: what was admitted lately, and how long until there is room for more. Bounded memory."""

import math
from collections import deque

MINUTE_SECONDS = 60.0
SLICE_SECONDS = 1.0


class TokenWindow:
    """Tokens of the last minute, counted in slices of a second: at most 62 of them are kept.

    A slice is forgotten a minute after its end, so that no window of 60 s holds more than was allowed.
    """

    def __init__(self) -> None:
        self._slices: deque[tuple[float, int]] = deque()
        self._used = 0

    def add(self, tokens: int, now: float) -> None:
        """Count tokens as used at `now` (seconds; never earlier than before)."""
        self.used(now)
        if self._slices and now - self._slices[-1][0] < SLICE_SECONDS:
            started, counted = self._slices[-1]
            self._slices[-1] = (started, counted + tokens)
        else:
            self._slices.append((now, tokens))
        self._used += tokens

    def used(self, now: float) -> int:
        """The tokens that still count."""
        while self._slices and _forgotten_at(self._slices[0]) <= now:
            self._used -= self._slices.popleft()[1]
        return self._used

    def seconds_until(self, tokens: int, limit: int, now: float) -> float:
        """Until `tokens` more fit below `limit`; for more than fits at once, as if they went out minute by minute."""
        excess = self.used(now) + tokens - limit
        if excess <= 0:
            return 0.0
        for part in self._slices:
            excess -= part[1]
            if excess <= 0:
                return _forgotten_at(part) - now
        rest = _forgotten_at(self._slices[-1]) - now if self._slices else 0.0
        return rest + MINUTE_SECONDS * excess / limit


def _forgotten_at(part: tuple[float, int]) -> float:
    return part[0] + SLICE_SECONDS + MINUTE_SECONDS


class RequestWindow:
    """At most the minute's rate in every short window (about a second; longer below 60 calls a minute).

    Azure checks the rate over 1 to 10 s, so that a burst is refused although the minute would hold it.
    """

    def __init__(self, requests_per_minute: int) -> None:
        self._count = math.ceil(requests_per_minute / MINUTE_SECONDS)
        self._seconds = self._count * MINUTE_SECONDS / requests_per_minute
        self._sent: deque[float] = deque(maxlen=self._count)

    @property
    def per_second(self) -> float:
        """The rate."""
        return self._count / self._seconds

    def add(self, now: float) -> None:
        """Count one call at `now`."""
        self._sent.append(now)

    def seconds_until_room(self, now: float) -> float:
        """Until one more call fits."""
        if len(self._sent) < self._count:
            return 0.0
        return max(0.0, self._sent[0] + self._seconds - now)
