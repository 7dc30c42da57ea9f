"""Leases: one document each, which expires by itself and is checked against our own clock."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from shared.errors import Conflict, PreconditionFailed
from shared.records import Record, utc_now
from shared.stores.collection import Collection
from shared.stores.documents import DocumentStore

_TTL_SECONDS = 3600
_ID = "lease"


class Lease(Record):
    """Who holds it, and until when."""

    holder: str
    until: datetime


class DocumentLeaseStore:
    """`LeaseStore` on documents: one partition per key. No lease is longer than an hour."""

    def __init__(self, documents: DocumentStore, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._leases = Collection(documents, "leases", Lease, ttl_seconds=_TTL_SECONDS)
        self._clock = clock

    async def acquire(self, key: str, holder: str, *, seconds: float) -> bool:
        """See `LeaseStore.acquire`."""
        now = self._clock()
        wanted = Lease(id=_ID, holder=holder, until=now + timedelta(seconds=seconds))
        held = await self._leases.find(key, _ID)
        if held is not None and held.holder != holder and held.until > now:
            return False
        try:
            if held is None:
                await self._leases.create(key, wanted)
            else:
                await self._leases.replace(key, wanted.model_copy(update={"etag": held.etag}))
        except (Conflict, PreconditionFailed):
            return False  # another was faster
        return True

    async def release(self, key: str, holder: str) -> None:
        """See `LeaseStore.release`."""
        held = await self._leases.find(key, _ID)
        if held is not None and held.holder == holder:
            with suppress(PreconditionFailed):  # it ran out, and another took it meanwhile
                await self._leases.replace(key, held.model_copy(update={"until": self._clock()}))
