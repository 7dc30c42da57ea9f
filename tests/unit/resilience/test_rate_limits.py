"""How one instance counts: windows, blocks, and what the caller is told."""

import asyncio
from typing import Any

import pytest

from shared.errors import StorageFull, UpstreamUnavailable
from shared.resilience.rate_limits import BLOCKS_PER_WINDOW, Allowance, RateLimiter, Share
from tests.fakes.clock import FakeClock


class Counted:
    """A store that has taken so much of each window, and remembers what it was asked."""

    def __init__(self) -> None:
        self.taken: dict[tuple[str, int], int] = {}
        self.asked: list[int] = []
        self.broken: Exception | None = None

    async def take(self, key: str, window: int, amount: int, *, limit: int) -> Share:
        await asyncio.sleep(0)
        if self.broken is not None:
            raise self.broken
        self.asked.append(amount)
        taken = self.taken.get((key, window), 0)
        share = min(amount, limit - taken)
        self.taken[key, window] = taken + share
        return Share(share, limit - taken - share)


class Rig:
    def __init__(self, **limits: int) -> None:
        self.clock, self.store = FakeClock(), Counted()
        every: Any = {"read": 100, "write": 3, "start": 0, "sign_in": 1, **limits}
        self.limiter = RateLimiter(self.store, every, clock=self.clock)

    async def count(self, who: str = "ada", kind: Any = "write") -> Allowance:
        allowance = await self.limiter.count(who, kind)
        assert allowance is not None
        return allowance


async def test_a_caller_may_make_so_many_requests_a_minute_and_is_told_how_many_are_left():
    rig = Rig()
    rig.clock.advance(15)
    told = [await rig.count() for _ in range(5)]
    assert [each.admitted for each in told] == [True, True, True, False, False]
    assert [each.remaining for each in told] == [2, 1, 0, 0, 0]
    assert {(each.limit, each.reset_seconds) for each in told} == {(3, 45)}
    rig.clock.advance(45)
    assert (await rig.count()).admitted


async def test_callers_and_classes_are_counted_apart():
    rig = Rig(write=1)
    assert [(await rig.count(who)).admitted for who in ("ada", "ada", "bob")] == [True, False, True]
    assert (await rig.count("ada", "sign_in")).admitted


async def test_a_limit_of_nothing_is_none():
    assert await Rig().limiter.count("ada", "start") is None


async def test_requests_are_taken_from_the_store_in_blocks():
    rig = Rig()
    told = [await rig.count(kind="read") for _ in range(100)]
    assert rig.store.asked == [100 // BLOCKS_PER_WINDOW] * BLOCKS_PER_WINDOW
    assert [each.remaining for each in told] == list(range(99, -1, -1))
    assert not (await rig.count(kind="read")).admitted
    assert len(rig.store.asked) == BLOCKS_PER_WINDOW  # nothing is left to be asked for


async def test_all_who_wait_for_a_block_share_one():
    rig = Rig()
    told = await asyncio.gather(*(rig.count(kind="read") for _ in range(5)))
    assert rig.store.asked == [5] and all(each.admitted for each in told)


@pytest.mark.parametrize("error", [UpstreamUnavailable("away"), StorageFull("full")])
async def test_requests_pass_uncounted_while_the_store_cannot_be_asked(error: Exception):
    rig = Rig(write=1)
    rig.store.broken = error
    assert all([(await rig.count()).admitted for _ in range(10)])
    rig.store.broken = None
    rig.clock.advance(60)
    assert [(await rig.count()).admitted for _ in range(2)] == [True, False]


async def test_what_is_remembered_of_callers_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shared.resilience.rate_limits._KEPT", 10)
    rig = Rig(write=1)
    for number in range(30):
        assert (await rig.count(f"caller {number}")).admitted
    assert len(rig.limiter._blocks) == 10
    assert not (await rig.count("caller 0")).admitted  # forgotten here, and still counted in the store
