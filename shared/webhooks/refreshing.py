"""What became of a sheet that is said to have changed: asked once, for everybody, and told to browsers."""

import uuid
from typing import Any

from shared.errors import Forbidden, NotFound, RateLimited, Unauthorized, UpstreamUnavailable
from shared.events.bus import EventBus
from shared.events.ports import MessageQueue
from shared.identity.ports import Identity
from shared.identity.refusals import noting_refusal
from shared.ids import SheetId, UserId
from shared.resilience.leases import LeaseStore, leased
from shared.sheets.service import SheetService
from shared.telemetry import get_logger
from shared.webhooks.models import REFRESH_QUEUE, RefreshSheet, SheetState
from shared.webhooks.ports import WatcherStore
from shared.webhooks.states import SheetStates, read, told
from shared.webhooks.watching import users_of

log = get_logger(__name__)

MAX_ATTEMPTS = 8
_LEASE_SECONDS = 60.0
_BUSY_SECONDS = 2
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 5, 600
_MAX_ROUNDS = 5


class SheetRefresher:
    """Refreshes sheets with the token of whoever watches them.

    Whatever is done here goes by the stored state: doing it twice, or again after a death, asks and tells once more
    at worst.
    """

    def __init__(
        self,
        states: SheetStates,
        watchers: WatcherStore,
        sheets: SheetService,
        identity: Identity,
        events: EventBus,
        queue: MessageQueue,
        leases: LeaseStore,
    ) -> None:
        self._states = states
        self._watchers = watchers
        self._sheets = sheets
        self._identity = identity
        self._events = events
        self._queue = queue
        self._leases = leases

    async def refresh(self, message: RefreshSheet) -> None:
        """Ask what became of the sheet and tell browsers, unless that was done since it was last heard of.

        One at a time for each sheet; who comes meanwhile looks again a little later. One that is slower than its lease
        does no harm, it is only not alone.
        """
        sheet_id = message.sheet_id
        async with leased(self._leases, f"sheet-refresh:{sheet_id}", uuid.uuid4().hex, seconds=_LEASE_SECONDS) as held:
            if not held:
                await self._queue.send(REFRESH_QUEUE, message, delay_seconds=_BUSY_SECONDS)
                return
            await self._refresh(message)

    async def _refresh(self, message: RefreshSheet) -> None:
        for _ in range(_MAX_ROUNDS):
            state = await self._states.find(message.sheet_id)
            if not state.is_untold:
                return
            if state.is_dirty:
                try:
                    await self._read(message.sheet_id, state)
                except (RateLimited, UpstreamUnavailable) as error:
                    if message.attempt < MAX_ATTEMPTS:
                        await self._try_later(message, error)
                        return
                    log.warning("sheet %s stays as it is known (%s)", message.sheet_id, error.code)
            await self._tell(message.sheet_id, state)
        await self._queue.send(REFRESH_QUEUE, message, delay_seconds=_BUSY_SECONDS)

    async def _read(self, sheet_id: SheetId, state: SheetState) -> None:
        """Ask with the first token that works; without one, the sheet stays dirty until somebody reads it."""
        watchers = await self._watchers.list(sheet_id)
        for user_id in users_of(watchers):
            version = await self._version(user_id, sheet_id, load=state.is_foreign)
            if version is not None:
                await self._states.change(sheet_id, lambda known, now=version: read(known, state.marks, now))
                return
        log.info("sheet %s changed, and no watcher's token opens it", sheet_id)

    async def _version(self, user_id: UserId, sheet_id: SheetId, *, load: bool) -> int | None:
        """The version that this user's token sees; None when it sees nothing."""
        try:
            caller = await self._identity.caller_of_user(user_id)
            async with noting_refusal(self._identity, caller):
                return await self._sheets.current_version(caller, sheet_id, load=load)
        except (Unauthorized, Forbidden, NotFound) as error:
            log.info("sheet %s is not open to its watcher %s (%s)", sheet_id, user_id, error.code)
            return None

    async def _tell(self, sheet_id: SheetId, before: SheetState) -> None:
        """Tell browsers of what was heard up to `before`, with the version if it is known."""
        state = await self._states.find(sheet_id)
        is_read = state.read >= before.marks
        data: dict[str, Any] = {"sheetId": sheet_id, "version": state.version if is_read else None}
        data["rowIds"] = None if before.rows is None else list(before.rows)
        await self._events.publish(f"sheet:{sheet_id}", "sheet_update", data)
        await self._states.change(sheet_id, lambda known: told(known, before.marks))

    async def _try_later(self, message: RefreshSheet, error: RateLimited | UpstreamUnavailable) -> None:
        pause = min(_FIRST_PAUSE_SECONDS * 2**message.attempt, _LONGEST_PAUSE_SECONDS)
        seconds = max(pause, round(error.retry_after_seconds or 0))
        log.info("sheet %s: %s, asked again in %d s", message.sheet_id, error.code, seconds)
        again = message.model_copy(update={"attempt": message.attempt + 1})
        await self._queue.send(REFRESH_QUEUE, again, delay_seconds=seconds)
