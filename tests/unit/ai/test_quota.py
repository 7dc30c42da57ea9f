"""The gate in front of the model."""

import asyncio
import random
from collections.abc import Awaitable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.ai.ports import ModelDeferred
from shared.ai.quota import MAX_CLOSED_SECONDS, QuotaGate, RateLimits, Ticket
from shared.errors import InvalidInput
from tests.fakes.timers import FakeTimers, settle


def gate_of(
    timers: FakeTimers, *, tokens: int = 1_000_000, requests: int = 600_000, concurrency: int = 100
) -> QuotaGate:
    return QuotaGate(tokens_per_minute=tokens, requests_per_minute=requests, concurrency=concurrency, clock=timers)


async def outcome(entering: Awaitable[Ticket]) -> Ticket | float:
    """The ticket, or after how many seconds to come back."""
    try:
        return await entering
    except ModelDeferred as deferred:
        return deferred.seconds


async def deferral(entering: Awaitable[Ticket]) -> float:
    """After how many seconds to come back."""
    with pytest.raises(ModelDeferred) as raised:
        await entering
    return raised.value.seconds


async def test_a_call_with_room_is_admitted_at_once_and_its_slot_comes_back():
    gate = gate_of(FakeTimers())
    async with gate.admit(100) as ticket:
        assert (ticket.tokens, ticket.waited_seconds) == (100, 0)
        assert gate.state().in_flight == 1
    assert gate.state().in_flight == 0
    assert gate.state().tokens_last_minute == 100  # what was reserved is not given back


async def test_slots_are_given_in_order():
    gate = gate_of(FakeTimers(), concurrency=1)
    order = list[int]()
    first = await gate.enter(1)

    async def call(number: int) -> None:
        async with gate.admit(1):
            order.append(number)
            await asyncio.sleep(0)

    calls = [asyncio.create_task(call(number)) for number in range(5)]
    await settle()
    assert gate.state().waiting == 5
    gate.leave(first)
    await asyncio.gather(*calls)
    assert order == [0, 1, 2, 3, 4]


async def test_a_small_call_does_not_overtake_a_large_one():
    timers = FakeTimers()
    gate = gate_of(timers, tokens=1_000)
    gate.leave(await gate.enter(900))
    await timers.advance(60)
    large, small = (asyncio.create_task(outcome(gate.enter(size))) for size in (500, 50))
    await timers.advance(0.5)
    assert not small.done()
    await timers.advance(0.5)
    first, second = await large, await small
    assert isinstance(first, Ticket)
    assert isinstance(second, Ticket)
    assert first.order < second.order


async def test_whoever_waits_two_seconds_for_a_slot_is_deferred():
    timers = FakeTimers()
    gate = gate_of(timers, concurrency=1)
    ticket = await gate.enter(1)
    waiting = asyncio.create_task(outcome(gate.enter(1)))
    await timers.advance(1.99)
    assert not waiting.done()
    await timers.advance(0.02)
    assert isinstance(await waiting, float)
    gate.leave(ticket)
    assert (gate.state().in_flight, gate.state().waiting, timers.pending) == (0, 0, 0)


async def test_a_wait_that_is_known_to_be_too_long_is_refused_at_once_with_its_length():
    timers = FakeTimers()
    gate = gate_of(timers, tokens=1_000)
    gate.leave(await gate.enter(900))
    assert await outcome(gate.enter(200)) == pytest.approx(61)
    await timers.advance(61)
    assert isinstance(await gate.enter(200), Ticket)


async def test_those_who_are_deferred_are_told_different_times():
    gate = gate_of(FakeTimers(), tokens=1_000)
    gate.leave(await gate.enter(1_000))
    times = [await deferral(gate.enter(1_000)) for _ in range(4)]
    assert times == sorted(set(times))


async def test_calls_are_spread_over_the_minute():
    timers = FakeTimers()
    gate = gate_of(timers, requests=120)
    calls = [asyncio.create_task(outcome(gate.enter(1))) for _ in range(5)]
    admitted = list[int]()
    for _ in range(3):
        await timers.advance(0)
        admitted.append(sum(call.done() for call in calls))
        await timers.advance(1)
    assert admitted == [2, 4, 5]
    assert all(isinstance(call.result(), Ticket) for call in calls)


async def test_one_call_above_a_minutes_tokens_can_never_be_made():
    with pytest.raises(InvalidInput, match="AZURE_OPENAI_TOKENS_PER_MINUTE") as raised:
        await gate_of(FakeTimers(), tokens=1_000).enter(1_001)
    assert raised.value.code == "model_quota_too_small"


async def test_a_closed_gate_defers_those_who_wait_and_opens_in_time():
    timers = FakeTimers()
    gate = gate_of(timers, concurrency=1)
    gate_ticket = await gate.enter(1)
    waiting = asyncio.create_task(outcome(gate.enter(1)))
    await settle()
    gate.close_for(30)
    assert await waiting == 30
    gate.leave(gate_ticket)
    seconds = await outcome(gate.enter(1))
    assert isinstance(seconds, float)
    assert seconds >= 30
    await timers.advance(30)
    assert isinstance(await gate.enter(1), Ticket)


async def test_a_short_closing_is_waited_for():
    timers = FakeTimers()
    gate = gate_of(timers)
    gate.close_for(1.5)
    waiting = asyncio.create_task(outcome(gate.enter(1)))
    await timers.advance(1.5)
    ticket = await waiting
    assert isinstance(ticket, Ticket)
    assert ticket.waited_seconds == pytest.approx(1.5)


async def test_a_service_that_asks_for_days_is_asked_again_in_minutes():
    timers = FakeTimers()
    gate = gate_of(timers)
    gate.close_for(86_400)
    assert gate.state().closed_seconds == MAX_CLOSED_SECONDS
    assert gate.state().throttled == 1


async def test_tokens_that_others_used_are_respected():
    timers = FakeTimers()
    gate = gate_of(timers, tokens=1_000)
    first, second = await gate.enter(100), await gate.enter(100)
    gate.adapt(first, RateLimits(remaining_tokens=250, reset_tokens=20))
    assert await outcome(gate.enter(200)) == 20  # of the 250, the second call has taken 100 meanwhile
    assert isinstance(await gate.enter(150), Ticket)
    gate.adapt(second, RateLimits(remaining_tokens=800, reset_tokens=19))
    assert isinstance(await gate.enter(200), Ticket)


async def test_a_quota_below_the_configured_one_is_adopted_and_a_larger_one_is_not():
    gate = gate_of(FakeTimers(), tokens=1_000)
    ticket = await gate.enter(100)
    gate.adapt(ticket, RateLimits(limit_tokens=300))
    assert gate.state().tokens_per_minute == 300
    gate.adapt(ticket, RateLimits(limit_tokens=0))
    assert gate.state().tokens_per_minute == 300
    gate.adapt(ticket, RateLimits(limit_tokens=5_000))
    assert gate.state().tokens_per_minute == 1_000


async def test_a_cancelled_waiter_leaves_the_queue_to_the_others():
    gate = gate_of(FakeTimers(), concurrency=1)
    ticket = await gate.enter(1)
    gone, next_one = (asyncio.create_task(outcome(gate.enter(1))) for _ in range(2))
    await settle()
    gone.cancel()
    gate.leave(ticket)
    assert isinstance(await next_one, Ticket)
    assert (gate.state().in_flight, gate.state().waiting) == (1, 0)


async def test_a_waiter_cancelled_in_the_moment_of_admission_gives_its_slot_back():
    gate = gate_of(FakeTimers(), concurrency=1)
    ticket = await gate.enter(1)
    waiting = asyncio.create_task(outcome(gate.enter(1)))
    await settle()
    gate.leave(ticket)  # admits the waiter, whose task has not run yet
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gate.state().in_flight == 0
    assert isinstance(await gate.enter(1), Ticket)


async def test_a_call_that_fails_gives_its_slot_back():
    gate = gate_of(FakeTimers(), concurrency=1)
    with pytest.raises(RuntimeError):
        async with gate.admit(1):
            raise RuntimeError
    assert gate.state().in_flight == 0


async def test_the_event_loops_clock_is_used_when_none_is_given():
    gate = QuotaGate(tokens_per_minute=100, requests_per_minute=600, concurrency=1, max_wait_seconds=0.01)
    ticket = await gate.enter(1)
    assert isinstance(await outcome(gate.enter(1)), float)
    gate.leave(ticket)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    concurrency=st.integers(1, 4),
    tokens=st.integers(300, 3_000),
    requests=st.integers(30, 600),
    callers=st.integers(1, 40),
)
async def test_whatever_happens_the_limits_hold_and_everything_is_given_back(
    seed: int, concurrency: int, tokens: int, requests: int, callers: int
):
    chance, timers = random.Random(seed), FakeTimers()
    gate = gate_of(timers, tokens=tokens, requests=requests, concurrency=concurrency)
    admitted = list[tuple[float, int]]()
    arrived, served = list[int](), list[int]()
    in_flight = 0

    async def caller(number: int) -> None:
        nonlocal in_flight
        size = chance.randint(1, 300)
        arrived.append(number)
        async with gate.admit(size):
            served.append(number)
            in_flight += 1
            assert in_flight <= concurrency
            admitted.append((timers.time(), size))
            try:
                done = asyncio.get_running_loop().create_future()
                timers.call_later(chance.random() * 2, lambda: done.cancelled() or done.set_result(None))
                await done
            finally:
                in_flight -= 1

    tasks = list[asyncio.Task[None]]()
    for number in range(callers):
        tasks.append(asyncio.create_task(caller(number)))
        if chance.random() < 0.3:
            await timers.advance(chance.random() * 3)
        if chance.random() < 0.2:
            chance.choice(tasks).cancel()
        if chance.random() < 0.05:
            gate.close_for(chance.random() * 5)
    await timers.advance(10)
    endings = await asyncio.gather(*tasks, return_exceptions=True)

    assert all(end is None or isinstance(end, ModelDeferred | asyncio.CancelledError) for end in endings)
    assert served == [number for number in arrived if number in set(served)]  # in the order of arrival
    for started, _ in admitted:
        assert sum(size for at, size in admitted if started <= at < started + 60) <= tokens
        in_a_second = sum(started <= at < started + 1 - 1e-6 for at, _ in admitted)
        assert in_a_second <= -(-requests // 60)
    state = gate.state()
    assert (state.in_flight, state.waiting, timers.pending) == (0, 0, 0)
    assert state.admitted >= len(admitted)
