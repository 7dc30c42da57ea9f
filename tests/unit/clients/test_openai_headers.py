"""The quota in the service's headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ai.quota import RateLimits
from shared.clients.openai.headers import asked_delay, rate_limits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60", 60),
        ("1.5", 1.5),
        ("6m0s", 360),
        ("1s", 1),
        ("20ms", 0.02),
        ("1h2m3.5s", 3723.5),
        ("soon", None),
        ("", None),
    ],
)
def test_times_come_in_several_forms(text: str, seconds: float | None):
    assert rate_limits({"x-ratelimit-reset-tokens": text}).reset_tokens == seconds


def test_headers_that_are_absent_say_nothing():
    assert rate_limits({}) == RateLimits()
    assert asked_delay({}) is None


def test_milliseconds_are_more_exact_than_seconds():
    assert asked_delay({"retry-after": "2", "retry-after-ms": "1250"}) == 1.25
    assert asked_delay({"retry-after": "2"}) == 2


@given(st.text(), st.text())
def test_no_header_can_break_a_call(first: str, second: str):
    names = ("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens")
    rate_limits(dict.fromkeys(names, first))
    delay = asked_delay({"retry-after": first, "retry-after-ms": second})
    assert delay is None or delay >= 0
