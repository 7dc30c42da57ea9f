"""One at a time on a user's tokens, across instances: a refresh token works once."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from shared.errors import AppError, UpstreamUnavailable
from shared.identity.models import User
from shared.ids import UserId
from shared.resilience.leases import LeaseStore
from shared.telemetry import get_logger

log = get_logger(__name__)

T = TypeVar("T")

_LEASE_SECONDS = 120.0
_LOOKS, _LOOK_EVERY_SECONDS = 20, 0.25

Look = Callable[[UserId], Awaitable[User]]
IsSettled = Callable[[User], bool]
Settle = Callable[[User], Awaitable[User]]


class TokenLease:
    """The lease of each user's tokens. `look` reads a user as stored now."""

    def __init__(self, leases: LeaseStore, look: Look, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._leases = leases
        self._look = look
        self._sleep = sleep
        self._running: set[asyncio.Task[Any]] = set()

    async def settled(self, user_id: UserId, is_settled: IsSettled, settle: Settle) -> User:
        """The user as soon as they are settled: by `settle`, under the lease, or by whoever holds it.

        `settle` goes on to its end when its caller is cancelled. Raises `UpstreamUnavailable` when somebody else has
        not settled it within five seconds.
        """
        for looks in range(_LOOKS + 1):
            if looks:
                await self._sleep(_LOOK_EVERY_SECONDS)
            user = await self._look(user_id)
            if is_settled(user):
                return user
            settled = await self._to_the_end(self._settled_alone(user_id, is_settled, settle))
            if settled is not None:
                return settled
        raise UpstreamUnavailable("Your Smartsheet token is being renewed; try again in a moment.")

    @asynccontextmanager
    async def if_possible(self, user_id: UserId) -> AsyncGenerator[None, None]:
        """Run the block under the lease where it can be had within five seconds, and without it otherwise."""
        holder = await self._awaited(user_id)
        try:
            yield
        finally:
            if holder is not None:
                await self._release(user_id, holder)

    async def _settled_alone(self, user_id: UserId, is_settled: IsSettled, settle: Settle) -> User | None:
        """The settled user, or None while another holds the lease."""
        holder = await self._acquired(user_id)
        if holder is None:
            return None
        try:
            user = await self._look(user_id)
            return user if is_settled(user) else await settle(user)
        finally:
            await self._release(user_id, holder)

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            log.info("work on a token goes on, though nobody waits for it any more")
            raise

    async def _awaited(self, user_id: UserId) -> str | None:
        try:
            for looks in range(_LOOKS + 1):
                if looks:
                    await self._sleep(_LOOK_EVERY_SECONDS)
                holder = await self._acquired(user_id)
                if holder is not None:
                    return holder
        except AppError as error:
            log.warning("the lease of user %s's tokens is not to be had (%s)", user_id, error.code)
        return None

    async def _acquired(self, user_id: UserId) -> str | None:
        """Who holds the lease now, if it was to be had."""
        holder = uuid.uuid4().hex
        held = await self._leases.acquire(_key(user_id), holder, seconds=_LEASE_SECONDS)
        return holder if held else None

    async def _release(self, user_id: UserId, holder: str) -> None:
        """What was done under the lease stays done when it cannot be given back: it runs out by itself."""
        try:
            await self._leases.release(_key(user_id), holder)
        except AppError as error:
            log.warning("the lease of user %s's tokens was not given back (%s)", user_id, error.code)


def _key(user_id: UserId) -> str:
    return f"token:{user_id}"
