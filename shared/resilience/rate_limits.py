"""Inbound rate limits: so many requests a minute for each caller and class, counted in the store.

All instances count in one place, in windows of a minute. An instance takes a block of the window's requests at once, so
that not every request writes to the database. Blocks count when they are taken: together the instances never let more
through than the limit, and at most one unfinished block for each of them fewer, as long as the store can be asked.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Literal, Protocol

from shared.errors import StorageFull, UpstreamUnavailable
from shared.records import utc_now
from shared.telemetry import get_logger

log = get_logger(__name__)

WINDOW_SECONDS = 60
BLOCKS_PER_WINDOW = 20
_KEPT = 10_000

RequestClass = Literal["read", "write", "start", "sign_in"]
"""Reading; changing something; starting work in the background; signing in."""


class RateStore(Protocol):
    """How much of each window is taken. May raise `StorageFull` and `UpstreamUnavailable`."""

    async def take(self, key: str, window: int, amount: int, *, limit: int) -> "Share":
        """Take up to `amount` of what is left of the window. `window` counts minutes."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """What was taken of a window, and what is left of it for everybody."""

    taken: int
    left: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller is told: whether the request may pass, the limit, how many are left, seconds until all are back."""

    admitted: bool
    limit: int
    remaining: int
    reset_seconds: int


@dataclass(slots=True)
class _Block:
    """What this instance has taken of the current window, and what the window had left then."""

    window: int
    left: int = 0
    left_for_all: int | None = None
    refilling: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_spent(self) -> bool:
        """Whether more has to be taken of the window, and may be there."""
        return self.left == 0 and self.left_for_all != 0


class RateLimiter:
    """Counts requests. A limit of 0 is none. When the store cannot be asked, requests pass: it is no reason to stop."""

    def __init__(
        self, store: RateStore, limits: Mapping[RequestClass, int], *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._store = store
        self._limits = limits
        self._clock = clock
        self._blocks: OrderedDict[str, _Block] = OrderedDict()

    async def count(self, who: str, kind: RequestClass) -> Allowance | None:
        """Count a request of `who`, if it may pass; None where there is no limit."""
        limit = self._limits[kind]
        if limit == 0:
            return None
        now = self._clock().timestamp()
        window, reset = int(now // WINDOW_SECONDS), ceil(WINDOW_SECONDS - now % WINDOW_SECONDS)
        block = self._block(f"{kind}:{who}", window)
        if block.is_spent:
            async with block.refilling:  # one block for all who wait, not one each
                if block.is_spent:
                    await self._refill(block, f"{kind}:{who}", limit)
        admitted = block.left > 0
        block.left -= admitted
        return Allowance(admitted, limit, block.left + (block.left_for_all or 0), reset)

    async def _refill(self, block: _Block, key: str, limit: int) -> None:
        amount = max(1, limit // BLOCKS_PER_WINDOW)
        try:
            share = await self._store.take(key, block.window, amount, limit=limit)
        except (StorageFull, UpstreamUnavailable) as error:
            log.warning("requests are not counted: %s", error.code)
            share = Share(amount, limit)
        block.left += share.taken
        block.left_for_all = share.left

    def _block(self, key: str, window: int) -> _Block:
        block = self._blocks.get(key)
        if block is None or block.window != window:
            block = self._blocks[key] = _Block(window)
        self._blocks.move_to_end(key)
        while len(self._blocks) > _KEPT:
            self._blocks.popitem(last=False)
        return block
