"""Trying again: exponential backoff with full jitter, bounded in attempts and in time.

One policy for every adapter; which failures are worth another attempt is the adapter's knowledge.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and for how long, to try again.

    `attempts` counts the first one. No single wait is longer than `longest_wait_seconds`: when the service
    asks for more, the failure goes to the caller, who can wait without holding a request open. No attempt
    starts later than `budget_seconds` after the first.
    """

    attempts: int = 4
    base_seconds: float = 0.5
    longest_wait_seconds: float = 20
    budget_seconds: float = 60


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The verdict that another attempt can help; `after_seconds` is what the service asked for (Retry-After)."""

    after_seconds: float | None = None


class Retrier:
    """Runs a call under a policy. Clock (monotonic seconds), sleep and randomness can be given."""

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._sleep = sleep
        self._random = random

    async def run(self, call: Callable[[int], Awaitable[T]], judge: Callable[[Exception], TryAgain | None]) -> T:
        """The answer of `call(attempt)`, attempts numbered from 1.

        Raises the last attempt's failure when `judge` says None, or when the policy allows no more.
        """
        started = self._clock()
        for attempt in count(1):
            try:
                return await call(attempt)
            except Exception as failure:
                verdict = judge(failure)
                if verdict is None or attempt >= self._policy.attempts:
                    raise
                wait = self._wait(attempt, verdict.after_seconds)
                if wait is None or self._clock() - started + wait > self._policy.budget_seconds:
                    raise
            await self._sleep(wait)
        raise AssertionError("count() has no end")

    def _wait(self, attempt: int, asked_seconds: float | None) -> float | None:
        policy = self._policy
        if asked_seconds is None:
            return self._random() * min(policy.longest_wait_seconds, policy.base_seconds * 2 ** (attempt - 1))
        if asked_seconds > policy.longest_wait_seconds:
            return None
        # Never sooner than asked; the jitter keeps those who were told the same from coming back together.
        return asked_seconds + self._random() * policy.base_seconds


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """The seconds that a `Retry-After` header asks for; it holds seconds or an HTTP date (RFC 9110, 10.2.3).

    None when the header is absent or says neither.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
