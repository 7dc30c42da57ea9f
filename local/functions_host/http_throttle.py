"""`maxOutstandingRequests` and `maxConcurrentRequests` of host.json."""

import asyncio
from types import TracebackType

from local.functions_host.host_json import UNBOUNDED, HttpOptions


class HttpThrottle:
    """Counts requests; `async with` waits for its turn. Check `is_full` first, and answer 429."""

    def __init__(self, options: HttpOptions) -> None:
        self._most = options.max_outstanding_requests
        concurrent = options.max_concurrent_requests
        self._turns = None if concurrent == UNBOUNDED else asyncio.Semaphore(concurrent)
        self._outstanding = 0

    @property
    def is_full(self) -> bool:
        """Whether another request must be refused."""
        return self._most != UNBOUNDED and self._outstanding >= self._most

    async def __aenter__(self) -> None:
        self._outstanding += 1
        if self._turns is not None:
            try:
                await self._turns.acquire()
            except BaseException:
                self._outstanding -= 1
                raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._outstanding -= 1
        if self._turns is not None:
            self._turns.release()
