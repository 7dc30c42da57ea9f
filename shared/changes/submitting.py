"""Brings change-sets of people to their end: at once where that is quick, else in the background.

A guard message is sent before anything is stored, so that a change-set whose runner dies goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from pydantic import BaseModel

from shared.changes.models import Applied, Author, ChangeSet, ContinueChange, Item, Waiting
from shared.changes.ports import ChangeStore
from shared.changes.service import ChangeService
from shared.errors import Forbidden, NotFound, StorageFull, Unauthorized
from shared.events.ports import MessageQueue
from shared.idempotency import request_hash, require_same_request, resource_id
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.identity.refusals import noting_refusal
from shared.ids import ChangeSetId, SheetId
from shared.records import utc_now
from shared.telemetry import current_correlation_id, get_logger, new_correlation_id

log = get_logger(__name__)

GUARD_QUEUE = "change-guard"
GUARD_SECONDS = 60
INLINE_SECONDS = 25.0
"""How long a request waits for its change-set; a static web app's linked API ends calls after 45 s."""
RUN_SECONDS = 240.0
"""How long one message works on a change-set; the host ends a function after ten minutes."""
_LOOKS = 10
_LONGEST_DELAY_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants done. `request` is what they sent to `path`: it tells repetitions of a key from misuse."""

    sheet_id: SheetId
    items: Sequence[Item]
    request: BaseModel
    path: str = "changes"
    key: str | None = None
    atomic: bool = False
    inverse_of: ChangeSetId | None = None
    change_set_id: ChangeSetId | None = None


class ChangeSubmitter:
    """Makes change-sets of wishes, and sees to it that they end."""

    def __init__(
        self,
        changes: ChangeService,
        store: ChangeStore,
        identity: Identity,
        queue: MessageQueue,
        *,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._changes = changes
        self._store = store
        self._identity = identity
        self._queue = queue
        self._clock = clock
        self._sleep = sleep

    async def find_repeated(self, caller: Caller, path: str, request: BaseModel, key: str | None) -> ChangeSet | None:
        """What the same request with the same key made before. Raises `InvalidInput` (`idempotency_key_reused`)."""
        if key is None:
            return None
        change_set_id = new_change_set_id(caller, path, key)
        sheet_id = await self._store.find_sheet(change_set_id)
        stored = None if sheet_id is None else await self._store.find(sheet_id, change_set_id)
        if stored is not None:
            require_same_request(stored.request_hash, request)
        return stored

    async def submit(self, caller: Caller, wish: Wish) -> ChangeSet:
        """Apply a wish; the header as it stands after at most `INLINE_SECONDS`.

        Raises what `ChangeService.submit` raises.
        """
        change_set = self._new(caller, wish)
        message = ContinueChange(
            owner=caller.user_id,
            sheet_id=wish.sheet_id,
            change_set_id=change_set.change_set_id,
            correlation_id=change_set.correlation_id or new_correlation_id(),
        )
        await self._queue.send(GUARD_QUEUE, message, delay_seconds=GUARD_SECONDS)
        deadline = self._clock() + timedelta(seconds=INLINE_SECONDS)
        try:
            result = await self._changes.submit(caller, change_set, wish.items, until=deadline)
            while isinstance(result, Waiting) and max(result.until, self._clock()) < deadline:
                await self._sleep(max(0.05, (result.until - self._clock()).total_seconds()))
                result = await self._changes.submit(caller, change_set, wish.items, until=deadline)
            if isinstance(result, Waiting):
                await self._come_back(message, result)
        except (Forbidden, NotFound) as error:
            await self._close(change_set, error.code)
            raise
        stored = await self._store.find(wish.sheet_id, change_set.change_set_id)
        return stored or change_set

    async def carry_on(self, message: ContinueChange) -> None:
        """Bring a change-set to its end that whoever began it may have left, or say when to come back."""
        change_set = await self._store.find(message.sheet_id, message.change_set_id)
        if change_set is None:
            if message.looks < _LOOKS:
                again = message.model_copy(update={"looks": message.looks + 1})
                await self._queue.send(GUARD_QUEUE, again, delay_seconds=GUARD_SECONDS)
            return
        if change_set.status == "applied":
            await self._changes.announce(change_set)
            return
        result = await self._go_on(change_set)
        if isinstance(result, Waiting):
            await self._come_back(message, result)

    async def _come_back(self, message: ContinueChange, waiting: Waiting) -> None:
        seconds = ceil((waiting.until - self._clock()).total_seconds())
        delay = min(max(0, seconds), _LONGEST_DELAY_SECONDS)
        await self._queue.send(GUARD_QUEUE, message, delay_seconds=delay)

    async def _go_on(self, change_set: ChangeSet) -> Applied | Waiting | None:
        try:
            caller = await self._identity.caller_of_user(change_set.owner)
            until = self._clock() + timedelta(seconds=RUN_SECONDS)
            async with noting_refusal(self._identity, caller):
                return await self._changes.apply(caller, change_set.sheet_id, change_set.change_set_id, until=until)
        except StorageFull:
            return Waiting(until=self._clock() + timedelta(seconds=GUARD_SECONDS), reason="storage_full")
        except (Unauthorized, Forbidden, NotFound) as error:
            log.warning("change-set %s cannot go on: %s", change_set.id, error.code)
            await self._close(change_set, error.code)
            return None

    async def _close(self, change_set: ChangeSet, code: str) -> None:
        stored = await self._store.find(change_set.sheet_id, change_set.change_set_id)
        if stored is not None and stored.status != "applied":
            await self._changes.close(stored, code)

    def _new(self, caller: Caller, wish: Wish) -> ChangeSet:
        now = self._clock()
        return ChangeSet(
            id=wish.change_set_id or new_change_set_id(caller, wish.path, wish.key),
            owner=caller.user_id,
            sheet_id=wish.sheet_id,
            author=Author(kind="user", id=caller.user_id),
            item_count=len(wish.items),
            atomic=wish.atomic,
            inverse_of=wish.inverse_of,
            request_hash=request_hash(wish.request),
            correlation_id=current_correlation_id() or new_correlation_id(),
            created_at=now,
            updated_at=now,
        )


def new_change_set_id(caller: Caller, path: str, key: str | None) -> ChangeSetId:
    """The id of what a caller's request to this path with this key makes; a random one without a key."""
    return ChangeSetId(resource_id(caller.user_id, path, key))
