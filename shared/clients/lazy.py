"""SDK clients that come into being when they are first needed: importing one takes up to half a second."""

import asyncio
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Generic, TypeVar

T = TypeVar("T")


class LazyClient(Generic[T]):
    """Imports `modules` in a thread, then calls `build` in the running event loop, once."""

    def __init__(self, modules: Sequence[str], build: Callable[[], T]) -> None:
        self._modules = tuple(modules)
        self._build = build
        self._opening = asyncio.Lock()
        self._client: T | None = None

    async def get(self) -> T:
        """The client; the first call builds it, and calls at the same time wait for that."""
        if self._client is not None:
            return self._client
        async with self._opening:
            if self._client is None:
                await asyncio.to_thread(self._import)
                self._client = self._build()
            return self._client

    def take(self) -> T | None:
        """The client, to be closed by the caller; None when it was never needed. The next `get` builds a new one."""
        client, self._client = self._client, None
        return client

    def _import(self) -> None:
        for module in self._modules:
            import_module(module)
