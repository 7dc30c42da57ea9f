"""Reading and writing sheets through the cache, each person with their own access.

    open    the sheet, at most so many seconds old      no call, or one cheap one; a whole sheet when it changed
    reread  the current truth of some cells             exactly one call
    write   set cells                                   one call; its answer patches the cached sheet

A cached sheet is given only to those whose own token worked on it within the last 60 s. One refresh per
sheet runs at a time, whoever waits for it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shared.errors import AppError, Forbidden, NotFound, Unauthorized, UpstreamUnavailable
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.access import AccessBook
from shared.sheets.cache import SheetCache, Snapshot
from shared.sheets.models import AccessLevel, RowWrite, Sheet, SheetSummary, Unchanged, WriteAnswer
from shared.sheets.ports import SheetCaller, SheetSource
from shared.telemetry import get_logger

log = get_logger(__name__)

_CONFIRMED_FOR = timedelta(seconds=60)
_LEVEL_KNOWN_FOR = timedelta(minutes=15)
_STALE_FOR = timedelta(minutes=15)
_MAX_ROW_IDS_IN_URL = 100


@dataclass(frozen=True, slots=True)
class _Flight:
    """A refresh under way, and whose token it uses."""

    fingerprint: str
    task: asyncio.Task[Snapshot]


class SheetService:
    """The one way to sheets. `clock` is the time of day (aware). Use it from one event loop.

    Every method raises what `SheetSource` raises.
    """

    def __init__(self, source: SheetSource, cache: SheetCache, clock: Callable[[], datetime]) -> None:
        self._source = source
        self._cache = cache
        self._clock = clock
        self._access = AccessBook()
        self._flights: dict[SheetId, _Flight] = {}
        self._counts = Counter[str]()

    async def open(
        self,
        caller: SheetCaller,
        sheet_id: SheetId,
        *,
        max_age_seconds: float = 30,
        stale_if_down: bool = False,
    ) -> Sheet:
        """The whole sheet as it was at most `max_age_seconds` ago; `fetched_at` says when exactly.

        With `stale_if_down`, an older one is better than none while Smartsheet is down, for callers whose
        token worked on this sheet within the last 15 minutes.
        """
        asked_at = self._clock()
        try:
            return await self._open(caller, sheet_id, asked_at, asked_at - timedelta(seconds=max_age_seconds))
        except UpstreamUnavailable:
            stale = self._stale(caller, sheet_id, asked_at) if stale_if_down else None
            if stale is None:
                raise
            self._counts["stale"] += 1
            return stale

    async def list_sheets(self, caller: SheetCaller, *, name_part: str = "") -> list[SheetSummary]:
        """The sheets that the caller may open, by name; with `name_part` those whose name has it, in any case."""
        wanted = name_part.casefold()
        sheets = await self._source.list_sheets(caller.token)
        found = [sheet for sheet in sheets if wanted in sheet.name.casefold()]
        return sorted(found, key=lambda sheet: (sheet.name.casefold(), sheet.id))

    async def confirm_access(self, caller: SheetCaller, sheet_id: SheetId) -> None:
        """Raise unless the caller's token opens the sheet: no call within 60 s of one that worked, else a cheap one."""
        sent_at = self._clock()
        if self._is_confirmed(caller, sheet_id, sent_at - _CONFIRMED_FOR):
            return
        with self._refusals(caller, sheet_id):
            # No row was modified after now: the answer is the sheet's head.
            answer = await self._source.get_sheet(caller.token, sheet_id, rows_modified_since=sent_at)
        self._confirm(caller, sheet_id, answer, sent_at)
        self._heard(sheet_id, answer.version)

    async def reread(
        self, caller: SheetCaller, sheet_id: SheetId, *, column_ids: Sequence[ColumnId], row_ids: Sequence[RowId]
    ) -> Sheet:
        """The current truth of these cells, in one call.

        The answer holds at least the asked columns and rows, as far as they still exist; it may hold more.
        """
        snapshot = self._cache.get(sheet_id)
        sent_at = self._clock()
        level = self._level(caller, sheet_id, sent_at)
        # Without a known level the answer has to be a sheet: it alone tells the level.
        known = snapshot if level is not None else None
        narrow = snapshot is not None and len(row_ids) <= _MAX_ROW_IDS_IN_URL
        with self._refusals(caller, sheet_id):
            answer = await self._source.get_sheet(
                caller.token,
                sheet_id,
                column_ids=column_ids,
                row_ids=row_ids if narrow else (),
                if_version_after=None if known is None else known.sheet.version,
            )
        self._confirm(caller, sheet_id, answer, sent_at)
        if isinstance(answer, Unchanged):
            if known is None or level is None:
                raise AssertionError("unchanged is no answer where no version was named")
            return self._adopt(known.checked_at(sent_at)).seen_with(level)
        self._heard(sheet_id, answer.version)
        wanted = set(row_ids)
        return replace(answer, rows=tuple(row for row in answer.rows if row.id in wanted))

    async def write_cells(
        self, caller: SheetCaller, sheet_id: SheetId, rows: Sequence[RowWrite], *, change_agent: str
    ) -> WriteAnswer:
        """Set cells of at most 500 rows, with partial success; see `SheetSource.update_rows` for lost answers."""
        sent_at = self._clock()
        try:
            with self._refusals(caller, sheet_id):
                answer = await self._source.update_rows(caller.token, sheet_id, rows, change_agent=change_agent)
        except (UpstreamUnavailable, asyncio.CancelledError):
            self._mark_outdated(sheet_id)  # it may have taken effect
            raise
        self._access.confirm(caller.token_fingerprint, sheet_id, sent_at)
        self._adopt_write(sheet_id, rows, answer, sent_at)
        return answer

    def forget(self, sheet_id: SheetId) -> None:
        """Hold nothing of this sheet any more: the next `open` loads it."""
        self._cache.drop(sheet_id)

    def metrics(self) -> dict[str, float]:
        """Counters since the start, and what is held now.

        `hits`: opened without a call. `misses`: loaded for the first time. `checks`: found unchanged.
        `reloads`: found changed. `patches`: own writes adopted. `stale`: given while Smartsheet was down.
        """
        counts = {name: self._counts[name] for name in ("hits", "misses", "checks", "reloads", "patches", "stale")}
        now = self._clock()
        ages = [
            (now - held.sheet.fetched_at).total_seconds() for held in self._cache.snapshots() if held.sheet.fetched_at
        ]
        return {**counts, "sheets": len(ages), "cells": self._cache.cells, "oldestSeconds": max(ages, default=0.0)}

    async def _open(self, caller: SheetCaller, sheet_id: SheetId, asked_at: datetime, fresh_since: datetime) -> Sheet:
        # Each round makes at most one call, and what a call learns stays true for this question.
        snapshot = self._cache.get(sheet_id)
        calls = 0
        while True:
            level = self._level(caller, sheet_id, asked_at)
            if snapshot is None:
                snapshot = await self._refreshed(caller, sheet_id)
            elif level is None:
                snapshot = await self._asked(caller, snapshot, if_version_after=None)
            elif not snapshot.is_fresh(fresh_since):
                snapshot = await self._refreshed(caller, sheet_id)
            elif not self._is_confirmed(caller, sheet_id, asked_at - _CONFIRMED_FOR):
                snapshot = await self._asked(caller, snapshot, if_version_after=snapshot.sheet.version)
            else:
                self._counts["hits"] += calls == 0
                return snapshot.seen_with(level)
            calls += 1

    async def _refreshed(self, caller: SheetCaller, sheet_id: SheetId) -> Snapshot | None:
        """The current version, by the refresh under way or a new one.

        A refresh with another person's token is waited for, but how it ends is theirs: the answer is then
        whatever the cache holds.
        """
        flight = self._flights.get(sheet_id)
        if flight is not None and flight.fingerprint != caller.token_fingerprint:
            await asyncio.wait({flight.task})
            return self._cache.get(sheet_id)
        if flight is None:
            flight = _Flight(caller.token_fingerprint, self._background(self._refresh(caller, sheet_id)))
            self._flights[sheet_id] = flight
            flight.task.add_done_callback(lambda _: self._flights.pop(sheet_id, None))
        # Whoever waits may be cancelled; the refresh goes on for the others.
        return await asyncio.shield(flight.task)

    async def _refresh(self, caller: SheetCaller, sheet_id: SheetId) -> Snapshot:
        known = self._cache.get(sheet_id)
        sent_at = self._clock()
        with self._refusals(caller, sheet_id):
            answer = await self._source.get_sheet(
                caller.token, sheet_id, if_version_after=None if known is None else known.sheet.version
            )
        self._confirm(caller, sheet_id, answer, sent_at)
        if isinstance(answer, Unchanged):
            if known is None:
                raise AssertionError("unchanged is no answer where no version was named")
            self._counts["checks"] += 1
            return self._adopt(known.checked_at(sent_at))
        self._counts["misses" if known is None else "reloads"] += 1
        return self._adopt(await asyncio.to_thread(Snapshot.of, replace(answer, fetched_at=sent_at)))

    async def _asked(self, caller: SheetCaller, snapshot: Snapshot, *, if_version_after: int | None) -> Snapshot:
        """The snapshot after a question with this caller's token that brings no rows.

        It confirms the access, and tells whether the version still is the current one; without
        `if_version_after` also the caller's access level.
        """
        sheet_id = snapshot.sheet.id
        sent_at = self._clock()
        with self._refusals(caller, sheet_id):
            answer = await self._source.get_sheet(
                caller.token, sheet_id, if_version_after=if_version_after, rows_modified_since=sent_at
            )
        self._confirm(caller, sheet_id, answer, sent_at)
        if answer.version > snapshot.sheet.version:
            self._heard(sheet_id, answer.version)
            return snapshot.outdated(sent_at)
        self._counts["checks"] += 1
        return self._adopt(snapshot.checked_at(sent_at))

    def _adopt(self, snapshot: Snapshot) -> Snapshot:
        """Put the snapshot into the cache unless a newer version is there already.

        What was heard after the snapshot's question was sent (a write of which the effect is unknown, a newer
        version) still holds for it.
        """
        held = self._cache.get(snapshot.sheet.id)
        if held is not None:
            if held.sheet.version > snapshot.sheet.version:
                return held
            if held.outdated_at is not None and not snapshot.is_fresh(held.outdated_at):
                snapshot = snapshot.outdated(held.outdated_at)
        self._cache.put(snapshot)
        return snapshot

    def _adopt_write(self, sheet_id: SheetId, rows: Sequence[RowWrite], answer: WriteAnswer, sent_at: datetime) -> None:
        held = self._cache.get(sheet_id)
        if held is None or answer.version <= held.sheet.version:
            return
        patched = None
        if answer.version == held.sheet.version + 1:
            patched = held.patched(rows, answer.rows, answer.version, sent_at)
        if patched is None:
            self._mark_outdated(sheet_id)
        else:
            self._cache.put(patched)
            self._counts["patches"] += 1

    def _heard(self, sheet_id: SheetId, version: int) -> None:
        """An answer told the sheet's version."""
        held = self._cache.get(sheet_id)
        if held is not None and version > held.sheet.version:
            self._mark_outdated(sheet_id)

    def _mark_outdated(self, sheet_id: SheetId) -> None:
        held = self._cache.get(sheet_id)
        if held is not None:
            self._cache.put(held.outdated(self._clock()))

    def _confirm(self, caller: SheetCaller, sheet_id: SheetId, answer: Sheet | Unchanged, at: datetime) -> None:
        level = answer.access_level if isinstance(answer, Sheet) else None
        self._access.confirm(caller.token_fingerprint, sheet_id, at, level)

    def _is_confirmed(self, caller: SheetCaller, sheet_id: SheetId, since: datetime) -> bool:
        access = self._access.find(caller.token_fingerprint, sheet_id)
        return access is not None and access.confirmed_at >= since

    def _level(self, caller: SheetCaller, sheet_id: SheetId, at: datetime) -> AccessLevel | None:
        access = self._access.find(caller.token_fingerprint, sheet_id)
        return None if access is None else access.level_since(at - _LEVEL_KNOWN_FOR)

    def _stale(self, caller: SheetCaller, sheet_id: SheetId, at: datetime) -> Sheet | None:
        held = self._cache.get(sheet_id)
        access = self._access.find(caller.token_fingerprint, sheet_id)
        if held is None or access is None or access.level is None or access.confirmed_at < at - _STALE_FOR:
            return None
        return held.seen_with(access.level)

    @contextmanager
    def _refusals(self, caller: SheetCaller, sheet_id: SheetId) -> Generator[None, None, None]:
        """Forget a confirmed access as soon as Smartsheet refuses the caller."""
        try:
            yield
        except (Unauthorized, Forbidden, NotFound):
            self._access.refuse(caller.token_fingerprint, sheet_id)
            raise

    def _background(self, work: Coroutine[Any, Any, Snapshot]) -> asyncio.Task[Snapshot]:
        task = asyncio.create_task(work)
        task.add_done_callback(_note_failure)
        return task


def _note_failure(task: asyncio.Task[Snapshot]) -> None:
    """Take a failure that nobody may be left to take: all who waited may have been cancelled."""
    failure = None if task.cancelled() else task.exception()
    if failure is not None and not isinstance(failure, AppError):
        log.error("refreshing a sheet broke", exc_info=failure)
