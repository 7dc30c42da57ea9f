from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.resilience.retry import Retrier, RetryPolicy, TryAgain, retry_after_seconds

NOW = datetime(2025, 5, 1, 12, tzinfo=UTC)


class Boom(Exception):
    pass


class Rig:
    """A clock that only sleeping moves, and a call that fails as often as told."""

    def __init__(self, policy: RetryPolicy, *, randomness: float = 1.0, seconds_per_call: float = 0.0) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.attempts: list[int] = []
        self._seconds_per_call = seconds_per_call
        self.retrier = Retrier(policy, clock=lambda: self.now, sleep=self._sleep, random=lambda: randomness)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def run(self, failures: int, judge: Callable[[Exception], TryAgain | None] = lambda _: TryAgain()) -> str:
        async def call(attempt: int) -> str:
            self.attempts.append(attempt)
            self.now += self._seconds_per_call
            if attempt <= failures:
                raise Boom(str(attempt))
            return "answer"

        return await self.retrier.run(call, judge)


async def test_a_call_that_works_is_made_once() -> None:
    rig = Rig(RetryPolicy())
    assert await rig.run(failures=0) == "answer"
    assert rig.attempts == [1]
    assert rig.slept == []


async def test_waits_double_up_to_the_longest_wait() -> None:
    rig = Rig(RetryPolicy(attempts=6, base_seconds=1, longest_wait_seconds=5, budget_seconds=1000))
    assert await rig.run(failures=5) == "answer"
    assert rig.slept == [1, 2, 4, 5, 5]


async def test_jitter_spreads_the_waits_down_to_zero() -> None:
    rig = Rig(RetryPolicy(attempts=3, base_seconds=1), randomness=0.25)
    await rig.run(failures=2)
    assert rig.slept == [0.25, 0.5]


async def test_the_last_failure_is_raised_when_the_attempts_are_used_up() -> None:
    rig = Rig(RetryPolicy(attempts=3))
    with pytest.raises(Boom, match="3"):
        await rig.run(failures=9)
    assert rig.attempts == [1, 2, 3]


async def test_a_failure_that_another_attempt_cannot_mend_is_raised_at_once() -> None:
    rig = Rig(RetryPolicy())
    with pytest.raises(Boom, match="1"):
        await rig.run(failures=9, judge=lambda _: None)
    assert rig.attempts == [1]


async def test_what_the_service_asks_for_is_waited_and_never_less() -> None:
    rig = Rig(RetryPolicy(base_seconds=0.5), randomness=0.0)
    await rig.run(failures=1, judge=lambda _: TryAgain(after_seconds=7))
    assert rig.slept == [7]


async def test_a_wait_longer_than_the_longest_is_left_to_the_caller() -> None:
    rig = Rig(RetryPolicy(longest_wait_seconds=20, budget_seconds=1000))
    with pytest.raises(Boom):
        await rig.run(failures=1, judge=lambda _: TryAgain(after_seconds=21))
    assert rig.slept == []


async def test_no_attempt_starts_after_the_budget() -> None:
    rig = Rig(RetryPolicy(attempts=10, base_seconds=1, budget_seconds=25), seconds_per_call=10)
    with pytest.raises(Boom):
        await rig.run(failures=9)
    assert rig.attempts == [1, 2, 3]  # begun at 0, 11 and 23; a fourth would begin at 37


@given(
    attempts=st.integers(1, 8),
    base=st.floats(0.01, 5),
    longest=st.floats(0.01, 30),
    budget=st.floats(0, 60),
    randomness=st.floats(0, 1),
    asked=st.none() | st.floats(0, 60),
)
async def test_waiting_always_stays_within_the_policy(
    attempts: int, base: float, longest: float, budget: float, randomness: float, asked: float | None
) -> None:
    rig = Rig(RetryPolicy(attempts, base, longest, budget), randomness=randomness)
    with pytest.raises(Boom):
        await rig.run(failures=100, judge=lambda _: TryAgain(asked))
    assert len(rig.attempts) <= attempts
    assert sum(rig.slept) <= budget * (1 + 1e-9)
    assert all(wait <= longest + base for wait in rig.slept)
    assert all(wait >= (asked or 0) for wait in rig.slept)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("0", 0),
        (" 12 ", 12),
        ("1.5", 1.5),
        ("Thu, 01 May 2025 12:00:30 GMT", 30),
        ("Thu, 01 May 2025 11:00:00 GMT", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text())
def test_no_retry_after_header_breaks_its_reader(header: str) -> None:
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or seconds >= 0


@given(st.timedeltas(timedelta(0), timedelta(days=1)))
def test_a_date_and_the_seconds_until_it_mean_the_same(wait: timedelta) -> None:
    whole = timedelta(seconds=int(wait.total_seconds()))
    header = (NOW + whole).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert retry_after_seconds(header, NOW) == whole.total_seconds()
