"""Leases: one runner at a time, across instances, and never for ever.

A holder that dies loses its lease when the time is over. Who was slower than its lease is not stopped by it: what
must not happen twice is guarded by an ETag as well.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol


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
    """Hold a lease for the block; yields whether it was to be had."""
    held = await store.acquire(key, holder, seconds=seconds)
    try:
        yield held
    finally:
        if held:
            await store.release(key, holder)
