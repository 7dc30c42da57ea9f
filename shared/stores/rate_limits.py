"""How much of each minute's requests is taken: one document for each key and minute."""

import asyncio
import random

from shared.errors import Conflict, PreconditionFailed, UpstreamUnavailable
from shared.records import Record
from shared.resilience.rate_limits import Share
from shared.stores.collection import Collection
from shared.stores.documents import DocumentStore

_TTL_SECONDS = 180
_ATTEMPTS = 10
_STEP_SECONDS = 0.01


class Taken(Record):
    """What the instances have taken of one window together."""

    taken: int


class DocumentRateStore:
    """`RateStore` on documents: one partition per key."""

    def __init__(self, documents: DocumentStore) -> None:
        self._windows = Collection(documents, "rate-limits", Taken, ttl_seconds=_TTL_SECONDS)

    async def take(self, key: str, window: int, amount: int, *, limit: int) -> Share:
        """See `RateStore.take`."""
        for attempt in range(_ATTEMPTS):
            await asyncio.sleep(random.uniform(0, attempt * _STEP_SECONDS))
            known = await self._windows.find(key, str(window))
            taken = 0 if known is None else known.taken
            share = min(amount, max(0, limit - taken))
            if share == 0:
                return Share(0, 0)
            try:
                if known is None:
                    await self._windows.create(key, Taken(id=str(window), taken=share))
                else:
                    await self._windows.replace(key, known.model_copy(update={"taken": taken + share}))
            except (Conflict, PreconditionFailed):
                continue  # another instance took its share
            return Share(share, limit - taken - share)
        raise UpstreamUnavailable("too many instances count one caller's requests")
