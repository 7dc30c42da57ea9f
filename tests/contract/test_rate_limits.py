"""Instances that count in one store, on each database: together they let through what one would."""

import asyncio

import pytest

from shared.errors import PreconditionFailed, UpstreamUnavailable
from shared.resilience.rate_limits import BLOCKS_PER_WINDOW, RateLimiter, RequestClass, Share
from shared.stores.documents import DocumentStore
from shared.stores.rate_limits import DocumentRateStore
from tests.fakes.clock import FakeClock

INSTANCES = 4


def limiters(documents: DocumentStore, limit: int, clock: FakeClock) -> list[RateLimiter]:
    """As many instances, each with a store object of its own over the same database."""
    limits: dict[RequestClass, int] = {"read": limit, "write": limit, "start": limit, "sign_in": limit}
    return [RateLimiter(DocumentRateStore(documents), limits, clock=clock) for _ in range(INSTANCES)]


async def admitted(instances: list[RateLimiter], requests: int, who: str = "ada") -> int:
    """How many of so many simultaneous requests may pass, dealt out over the instances."""
    told = await asyncio.gather(*(instances[n % len(instances)].count(who, "read") for n in range(requests)))
    return sum(each is not None and each.admitted for each in told)


@pytest.mark.parametrize("limit", [1, 7, 50, 200])
async def test_instances_together_never_let_more_through_than_the_limit(documents: DocumentStore, limit: int):
    clock = FakeClock()
    instances = limiters(documents, limit, clock)
    block = max(1, limit // BLOCKS_PER_WINDOW)
    passed = await admitted(instances, 2 * limit + 20)
    assert limit - INSTANCES * (block - 1) <= passed <= limit
    # What an instance still holds of its block is its own; whoever asks each of them gets all of it.
    for instance in instances:
        passed += await admitted([instance], block + 1)
    assert passed == limit
    clock.advance(60)
    assert await admitted(instances, 1) == 1


async def test_another_instance_knows_what_was_taken(documents: DocumentStore):
    one, other, *_ = limiters(documents, 3, FakeClock())
    assert await admitted([one], 2) == 2
    told = await other.count("ada", "read")
    assert told is not None and (told.admitted, told.remaining) == (True, 0)
    assert await admitted([one, other], 4) == 0
    assert await admitted([one, other], 5, who="bob") == 3


async def test_a_store_gives_what_is_left_and_no_more(documents: DocumentStore):
    store = DocumentRateStore(documents)
    taken = [await store.take("read:ada", 1, 4, limit=10) for _ in range(4)]
    assert taken == [Share(4, 6), Share(4, 2), Share(2, 0), Share(0, 0)]
    assert await store.take("read:ada", 2, 4, limit=10) == Share(4, 6)


async def test_who_never_gets_a_turn_is_told_that_counting_does_not_work(
    documents: DocumentStore, monkeypatch: pytest.MonkeyPatch
):
    store = DocumentRateStore(documents)
    await store.take("read:ada", 1, 1, limit=10)

    async def outrun(*_: object) -> None:
        raise PreconditionFailed("somebody else was faster")

    monkeypatch.setattr(store._windows, "replace", outrun)
    monkeypatch.setattr("shared.stores.rate_limits._STEP_SECONDS", 0)
    with pytest.raises(UpstreamUnavailable):
        await store.take("read:ada", 1, 1, limit=10)
