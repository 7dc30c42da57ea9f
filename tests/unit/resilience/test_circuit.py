import asyncio

import pytest

from shared.errors import UpstreamUnavailable
from shared.resilience.circuit import CircuitBreaker


class Down(Exception):
    pass


class Refused(Exception):
    pass


class Rig:
    def __init__(self) -> None:
        self.now = 0.0
        self.breaker = CircuitBreaker("The service", failures_to_open=3, open_seconds=30, clock=lambda: self.now)

    def call(self, error: Exception | None = None) -> None:
        with self.breaker.guard(lambda failure: isinstance(failure, Down)):
            if error is not None:
                raise error

    def fail(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(Down):
                self.call(Down())


def test_failures_in_a_row_open_it() -> None:
    rig = Rig()
    rig.fail(2)
    assert rig.breaker.state == "closed"
    rig.fail(1)
    assert rig.breaker.state == "open"


def test_a_good_call_between_starts_the_count_again() -> None:
    rig = Rig()
    rig.fail(2)
    rig.call()
    rig.fail(2)
    assert rig.breaker.state == "closed"


def test_an_open_breaker_refuses_and_says_when_to_come_back() -> None:
    rig = Rig()
    rig.fail(3)
    rig.now = 10
    with pytest.raises(UpstreamUnavailable) as refused:
        rig.call()
    assert refused.value.retry_after_seconds == 20
    assert refused.value.code == "upstream_unavailable"


def test_what_is_not_the_services_fault_does_not_count() -> None:
    rig = Rig()
    rig.fail(2)
    with pytest.raises(Refused):
        rig.call(Refused())
    rig.fail(1)
    assert rig.breaker.state == "open"


def test_after_a_while_one_good_call_closes_it() -> None:
    rig = Rig()
    rig.fail(3)
    rig.now = 30
    assert rig.breaker.state == "half-open"
    rig.call()
    assert rig.breaker.state == "closed"
    rig.fail(2)
    assert rig.breaker.state == "closed"


def test_after_a_while_one_bad_call_opens_it_again() -> None:
    rig = Rig()
    rig.fail(3)
    rig.now = 30
    rig.fail(1)
    assert rig.breaker.state == "open"
    rig.now = 59
    assert rig.breaker.state == "open"


def test_half_open_an_answer_of_any_kind_closes_it() -> None:
    rig = Rig()
    rig.fail(3)
    rig.now = 30
    with pytest.raises(Refused):
        rig.call(Refused())
    assert rig.breaker.state == "closed"


def test_half_open_only_one_call_goes_through() -> None:
    rig = Rig()
    rig.fail(3)
    rig.now = 30
    with rig.breaker.guard(lambda _: True), pytest.raises(UpstreamUnavailable):
        rig.call()
    assert rig.breaker.state == "closed"


def test_a_cancelled_probe_leaves_the_question_open() -> None:
    rig = Rig()
    rig.fail(3)
    rig.now = 30
    with pytest.raises(asyncio.CancelledError), rig.breaker.guard(lambda _: True):
        raise asyncio.CancelledError
    assert rig.breaker.state == "half-open"
    rig.call()
    assert rig.breaker.state == "closed"


def test_a_call_that_began_before_it_opened_does_not_close_it() -> None:
    rig = Rig()
    with rig.breaker.guard(lambda _: True):
        rig.fail(3)
    assert rig.breaker.state == "open"
