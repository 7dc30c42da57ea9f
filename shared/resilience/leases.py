"""Leases: one runner at a time, across instances, and never for ever.

A holder renews its lease while it works, and one that dies loses it when the time is over. Who stood still for longer
than that is not stopped by it: what must not happen twice is guarded by an ETag as well.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

from shared.errors import AppError
from shared.telemetry import get_logger

log = get_logger(__name__)


class LeaseStore(Protocol):
    """Leases by key. May raise `StorageFull` and `UpstreamUnavailable`."""

    async def acquire(self, key: str, holder: str, *, seconds: float) -> bool:
        """Take a lease that nobody holds, or renew one's own; False when another holds it."""
        ...

    async def release(self, key: str, holder: str) -> None:
        """Give one's lease back; nothing happens when another holds it by now."""
        ...


@asynccontextmanager
async def leased(store: LeaseStore, key: str, holder: str, *, seconds: float) -> AsyncGenerator[bool, None]:
    """Hold a lease for the block, however long that takes; yields whether it was to be had."""
    if not await store.acquire(key, holder, seconds=seconds):
        yield False
        return
    renewal = asyncio.create_task(_renew(store, key, holder, seconds))
    try:
        yield True
    finally:
        renewal.cancel()
        await asyncio.wait(
            {renewal}
        )  # unlike awaiting it, this neither hides that we are cancelled nor keeps the lease
        if not renewal.cancelled() and renewal.exception() is not None:
            log.error("renewing the lease of %s broke", key.partition(":")[0], exc_info=renewal.exception())
        await store.release(key, holder)


async def _renew(store: LeaseStore, key: str, holder: str, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds / 3)
        try:
            held = await store.acquire(key, holder, seconds=seconds)
        except AppError as error:
            log.warning("the lease of %s is not renewed (%s)", key.partition(":")[0], error.code)
            continue
        if not held:
            log.warning("the lease of %s was lost", key.partition(":")[0])
            return
