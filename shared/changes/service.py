"""Stores and applies change-sets.

Smartsheet has no conditional write, so the claim is that no foreign edit is lost silently. Applying may be killed at
any line and called again: what is stored says how far it came.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from shared.changes.applying import StepRunner
from shared.changes.kinds import refused, settled
from shared.changes.models import Applied, ChangeSet, Item, Waiting
from shared.changes.ports import ChangeStore
from shared.changes.steps import in_order, plan_steps
from shared.changes.target import Target, replaced_columns, replaced_rows
from shared.changes.work import Work
from shared.errors import Conflict, NotFound, PreconditionFailed, RateLimited, UpstreamUnavailable
from shared.events.bus import EventBus
from shared.identity.models import Caller
from shared.ids import ChangeSetId, SheetId
from shared.records import utc_now
from shared.resilience.leases import LeaseStore, leased
from shared.sheets.ports import CHANGE_AGENT_PREFIX
from shared.sheets.service import SheetService

_PAUSE_SECONDS = 5.0
_LEASE_SECONDS = 120.0
_LATELY = timedelta(seconds=10)
"""Smartsheet tells when a row was created to the second, by its own clock."""


class ChangeService:
    """Use cases of whoever has a change-set.

    `instance` names the machine that holds leases, also after its process died and another took its place.
    `write_timeout` is how long a call that ended without an answer may still take effect; `longest_call` when one
    has ended of which nobody saw the end.
    """

    def __init__(
        self,
        sheets: SheetService,
        store: ChangeStore,
        events: EventBus,
        leases: LeaseStore,
        *,
        instance: str,
        write_timeout: timedelta,
        longest_call: timedelta,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sheets = sheets
        self._store = store
        self._events = events
        self._leases = leases
        self._instance = instance
        self._clock = clock
        self._runner = StepRunner(write_timeout, longest_call, clock)
        self._locks = WeakValueDictionary[str, asyncio.Lock]()

    async def submit(
        self, caller: Caller, change_set: ChangeSet, items: Sequence[Item], *, until: datetime | None = None
    ) -> Applied | Waiting:
        """Apply a new change-set; one that is stored already goes on where it stands. No step begins after `until`.

        It is stored with the intent of its first call: when this raises, nothing was sent. Raises what `apply`
        raises; for a person's edit also `UpstreamUnavailable` and `RateLimited`, when the sheet could not be looked at.
        """
        return await self._in_turn(caller, change_set, items, until)

    async def apply(
        self, caller: Caller, sheet_id: SheetId, change_set_id: ChangeSetId, *, until: datetime | None = None
    ) -> Applied | Waiting:
        """Bring a stored change-set to its end, or say when to go on. No step begins after `until`.

        Raises `NotFound` (`change_set_not_found`), `Unauthorized`, `Forbidden`, `NotFound` (the sheet, with this
        token) and `StorageFull`.
        """
        stored = await self._store.find(sheet_id, change_set_id)
        if stored is None:
            raise NotFound("There is no such change-set.", code="change_set_not_found")
        return await self._in_turn(caller, stored, (), until)

    async def look(self, caller: Caller, sheet_id: SheetId, items: Sequence[Item]) -> list[Item]:
        """What `submit` would find, and do with each item that is `pending` then; nothing is stored or written."""
        ordered = in_order(items)
        target = Target(self._sheets, caller, sheet_id, "", {}, {}, restores=False)
        return [item for step in plan_steps(ordered) for item in await self._runner.look(target, step, ordered)]

    async def close(self, change_set: ChangeSet, code: str) -> None:
        """End a change-set that cannot go on: what was not sent is refused with this code.

        Of a call whose answer was lost nobody will know any more; so its items are `unknown`.
        """
        work = await Work.load(self._store, change_set)
        step = work.header.step
        if step is None:
            return
        sent = range(step.start, step.start + step.count) if work.header.intent else range(0)
        work.items = [
            settled(item, "unknown", code=code) if at in sent and item.state == "pending" else refused(item, code)
            for at, item in enumerate(work.items)
        ]
        end = len(work.header.steps)
        await work.save(self._clock(), step, work.items_of(step), status="applied", position=end, intent=None)
        await self.announce(work.header)

    async def announce(self, change_set: ChangeSet) -> None:
        """Tell those who look at the sheet that a change-set is applied, unless they were told; twice is no harm.

        Raises `PreconditionFailed` when the header was saved meanwhile.
        """
        if change_set.announced:
            return
        data = {"changeSetId": change_set.id, "status": change_set.status, "version": change_set.version_after}
        await self._events.publish(f"sheet:{change_set.sheet_id}", "change_set", data)
        await self._store.save(change_set.model_copy(update={"announced": True}))

    async def abandon(self, sheet_id: SheetId, change_set_id: ChangeSetId, code: str) -> tuple[Item, ...]:
        """End a change-set where it stands, as `close` does; its items, and nothing for one that was never stored."""
        change_set = await self._store.find(sheet_id, change_set_id)
        if change_set is None:
            return ()
        if change_set.status != "applied":
            await self.close(change_set, code)
        return tuple((await Work.load(self._store, change_set)).items)

    async def _in_turn(
        self, caller: Caller, change_set: ChangeSet, items: Sequence[Item], until: datetime | None
    ) -> Applied | Waiting:
        """One runner of a change-set at a time.

        Writes of jobs to a sheet also come one after the other; people's edits do not wait behind them: who meet try
        again.
        """
        of_job = change_set.author.kind == "job"
        key = f"sheet-write:{change_set.sheet_id}" if of_job else f"change:{change_set.id}"
        async with (
            self._lock(key),
            leased(self._leases, key, self._instance, seconds=_LEASE_SECONDS) as held,
        ):
            if held:
                return await self._patiently(caller, change_set, items, until)
        return self._wait(1.0, "another runner is at work")

    async def _patiently(
        self, caller: Caller, change_set: ChangeSet, items: Sequence[Item], until: datetime | None
    ) -> Applied | Waiting:
        stored = await self._store.find(change_set.sheet_id, change_set.change_set_id)
        if stored is None:
            work = Work.new(self._store, change_set, items)
        else:
            work = await Work.load(self._store, stored)
        try:
            return await self._run(caller, work, until)
        except (PreconditionFailed, Conflict):
            return self._wait(1.0, "another runner applies this change-set")
        except (RateLimited, UpstreamUnavailable) as error:
            if not work.is_stored and work.header.author.kind != "job":
                raise
            return self._wait(error.retry_after_seconds or _PAUSE_SECONDS, error.code)

    async def _run(self, caller: Caller, work: Work, until: datetime | None) -> Applied | Waiting:
        while (step := work.header.step) is not None:
            if until is not None and self._clock() >= until:
                return self._wait(0.0, "goes_on")
            waiting = await self._runner.run(self._target(caller, work), work, step)
            if waiting is not None:
                return waiting
        if work.is_stored:
            await self.announce(work.header)
        return Applied(items=tuple(work.items), possible_overlap=work.header.possible_overlap)

    def _target(self, caller: Caller, work: Work) -> Target:
        return Target(
            self._sheets,
            caller,
            work.header.sheet_id,
            f"{CHANGE_AGENT_PREFIX}{work.header.id}",
            replaced_rows(work.items),
            replaced_columns(work.items),
            restores=work.header.inverse_of is not None,
            lately=None if work.header.position else self._clock() - _LATELY,
        )

    def _lock(self, key: str) -> asyncio.Lock:
        """The lock of a key within this process; it lives as long as somebody holds it or waits for it."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    def _wait(self, seconds: float, reason: str) -> Waiting:
        return Waiting(until=self._clock() + timedelta(seconds=seconds), reason=reason)
