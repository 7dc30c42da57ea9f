"""The stand-in's quota windows, on a clock of our own."""

import pytest

from local.openai.errors import ApiError
from local.openai.limits import Limits
from local.openai.quota import Quota


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def admitted(quota: Quota, tokens: int = 1) -> bool:
    try:
        quota.admit("d", tokens, "v1")
    except ApiError as error:
        assert error.status == 429
        return False
    return True


def test_the_token_counter_starts_anew_after_a_minute() -> None:
    clock = Clock()
    quota = Quota(Limits(tokens_per_minute=100, requests_per_minute=0), clock)
    assert [admitted(quota, 60), admitted(quota, 60), admitted(quota, 40)] == [True, False, True]
    clock.now += 59.9
    assert not admitted(quota, 1)
    clock.now += 0.1
    assert admitted(quota, 100)


def test_requests_are_counted_over_the_short_window() -> None:
    clock = Clock()
    quota = Quota(Limits(tokens_per_minute=0, requests_per_minute=60, request_window_seconds=10), clock)
    assert [admitted(quota) for _ in range(11)] == [True] * 10 + [False]
    clock.now += 10
    assert admitted(quota)


def test_a_refused_call_uses_nothing_up_and_says_when_the_window_opens() -> None:
    clock = Clock()
    quota = Quota(Limits(tokens_per_minute=100, requests_per_minute=0), clock)
    quota.admit("d", 90, "v1")
    clock.now += 15.5
    with pytest.raises(ApiError) as caught:
        quota.admit("d", 20, "v1")
    assert caught.value.headers == {
        "retry-after": "45",
        "retry-after-ms": "44500",
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "10",
        "x-ratelimit-reset-tokens": "45",
    }
    assert admitted(quota, 10)


def test_limits_that_are_off_count_nothing() -> None:
    quota = Quota(Limits(tokens_per_minute=0, requests_per_minute=0), Clock())
    assert quota.admit("d", 10**9, "v1") == {}
