"""Reading sheets through the cache: when to ask Smartsheet, and what for.

A cached sheet is given only to those whose own token worked on it within the last 60 s. One refresh per
sheet runs at a time, whoever waits for it. Where a webhook tells of changes, what it told decides how old a
sheet may be.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from shared.errors import AppError, UpstreamUnavailable
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.cache import Snapshot
from shared.sheets.knowledge import SheetKnowledge
from shared.sheets.models import AccessLevel, Sheet, Unchanged
from shared.sheets.ports import SheetCaller, SheetMark, SheetMarks, SheetSource
from shared.telemetry import get_logger

log = get_logger(__name__)

_MAX_ROW_IDS_IN_URL = 100
_FRESH_FOR = timedelta(seconds=30)
_FRESH_WHILE_WATCHED_FOR = timedelta(minutes=5)
"""The longest time for which a webhook that has died in silence is believed."""


@dataclass(frozen=True, slots=True)
class _Flight:
    """A refresh under way, and whose token it uses."""

    fingerprint: str
    task: asyncio.Task[Snapshot]


class SheetReader:
    """The reading half of `SheetService`, which says what its methods do."""

    def __init__(
        self,
        source: SheetSource,
        knowledge: SheetKnowledge,
        clock: Callable[[], datetime],
        marks: SheetMarks | None = None,
    ) -> None:
        self._source = source
        self._known = knowledge
        self._clock = clock
        self._marks = marks
        self._flights: dict[SheetId, _Flight] = {}

    async def open(
        self,
        caller: SheetCaller,
        sheet_id: SheetId,
        *,
        max_age_seconds: float | None = None,
        stale_if_down: bool = False,
    ) -> Sheet:
        """The whole sheet as it was at most `max_age_seconds` ago; `fetched_at` says when exactly.

        Without `max_age_seconds` it is the newest version that was heard of, and 30 s old at most where no webhook
        tells of changes. With `stale_if_down`, an older one is better than none while Smartsheet is down, for callers
        whose token worked on this sheet within the last 15 minutes.
        """
        asked_at = self._clock()
        try:
            if max_age_seconds is None:
                return await self._open_newest(caller, sheet_id)
            return await self._open(caller, sheet_id, asked_at, asked_at - timedelta(seconds=max_age_seconds))
        except UpstreamUnavailable:
            stale = self._known.stale(caller, sheet_id, asked_at) if stale_if_down else None
            if stale is None:
                raise
            self._known.counts["stale"] += 1
            return stale

    async def current_version(self, caller: SheetCaller, sheet_id: SheetId, *, load: bool) -> int:
        """The sheet's version as it is now; `load` brings a sheet that is held up to date by the way."""
        if load and self._known.held(sheet_id) is not None:
            return (await self.open(caller, sheet_id, max_age_seconds=0)).version
        return (await self.probe(caller, sheet_id)).version

    async def probe(
        self, caller: SheetCaller, sheet_id: SheetId, *, rows_modified_since: datetime | None = None
    ) -> Sheet:
        """The sheet's head (version, columns) as it is now, with the rows that were modified since then, if asked."""
        sent_at = self._clock()
        since = sent_at if rows_modified_since is None else rows_modified_since  # no row was modified after now
        with self._known.refusals(caller, sheet_id):
            answer = await self._source.get_sheet(caller.token, sheet_id, rows_modified_since=since)
        self._known.confirm(caller, sheet_id, sent_at, answer)
        self._known.heard(sheet_id, answer.version)
        if not isinstance(answer, Sheet):
            raise AssertionError("unchanged is no answer where no version was named")
        return answer

    async def confirm_access(self, caller: SheetCaller, sheet_id: SheetId) -> None:
        """Raise unless the caller's token opens the sheet: no call within 60 s of one that worked, else a cheap one."""
        if not self._known.is_confirmed(caller, sheet_id, self._clock()):
            await self.probe(caller, sheet_id)

    async def reread(
        self, caller: SheetCaller, sheet_id: SheetId, *, column_ids: Sequence[ColumnId], row_ids: Sequence[RowId]
    ) -> Sheet:
        """The current truth of these cells, in one call.

        The answer holds at least the asked columns and rows, as far as they still exist; it may hold more.
        """
        snapshot = self._known.held(sheet_id)
        sent_at = self._clock()
        level = self._known.level(caller, sheet_id, sent_at)
        # Without a known level the answer has to be a sheet: it alone tells the level.
        known = snapshot if level is not None else None
        narrow = snapshot is not None and len(row_ids) <= _MAX_ROW_IDS_IN_URL
        with self._known.refusals(caller, sheet_id):
            answer = await self._source.get_sheet(
                caller.token,
                sheet_id,
                column_ids=column_ids,
                row_ids=row_ids if narrow else (),
                if_version_after=None if known is None else known.sheet.version,
            )
        self._known.confirm(caller, sheet_id, sent_at, answer)
        if isinstance(answer, Unchanged):
            if known is None or level is None:
                raise AssertionError("unchanged is no answer where no version was named")
            return self._known.adopt(known.checked_at(sent_at)).seen_with(level)
        self._known.heard(sheet_id, answer.version)
        wanted = set(row_ids)
        return replace(answer, rows=tuple(row for row in answer.rows if row.id in wanted))

    async def reread_whole(self, caller: SheetCaller, sheet_id: SheetId) -> Sheet:
        """The current truth of the whole sheet, in one call of its own: a refresh under way was sent earlier."""
        level = self._known.level(caller, sheet_id, self._clock())
        known = self._known.held(sheet_id) if level is not None else None
        snapshot, told = await self._load(caller, sheet_id, known)
        level = told or level
        if level is None:
            raise AssertionError("unchanged is no answer where no version was named")
        return snapshot.seen_with(level)

    async def _open_newest(self, caller: SheetCaller, sheet_id: SheetId) -> Sheet:
        mark = None if self._marks is None else await self._marks.look(sheet_id)
        looked_at = self._clock()  # only a question sent after the look says what became of the mark
        fresh_since = looked_at - _believed_for(mark, self._known.held(sheet_id))
        sheet = await self._open(caller, sheet_id, looked_at, fresh_since)
        if self._marks is not None and mark is not None and not mark.is_read:
            await self._marks.settle(sheet_id, mark, sheet.version)
        return sheet

    async def _open(self, caller: SheetCaller, sheet_id: SheetId, asked_at: datetime, fresh_since: datetime) -> Sheet:
        # Each round makes at most one call, and what a call learns stays true for this question.
        snapshot = self._known.held(sheet_id)
        calls = 0
        while True:
            level = self._known.level(caller, sheet_id, asked_at)
            if snapshot is None:
                snapshot = await self._refreshed(caller, sheet_id)
            elif level is None:
                snapshot = await self._asked(caller, snapshot, if_version_after=None)
            elif not snapshot.is_fresh(fresh_since):
                snapshot = await self._refreshed(caller, sheet_id)
            elif not self._known.is_confirmed(caller, sheet_id, asked_at):
                snapshot = await self._asked(caller, snapshot, if_version_after=snapshot.sheet.version)
            else:
                self._known.counts["hits"] += calls == 0
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
            return self._known.held(sheet_id)
        if flight is None:
            flight = _Flight(caller.token_fingerprint, self._background(self._refresh(caller, sheet_id)))
            self._flights[sheet_id] = flight
        # Whoever waits may be cancelled; the refresh goes on for the others.
        return await asyncio.shield(flight.task)

    async def _refresh(self, caller: SheetCaller, sheet_id: SheetId) -> Snapshot:
        # Done callbacks run a round of the event loop after the end. Whoever joined a refresh that has ended would get
        # its old answer without ever waiting, and `_open` would ask again and again, and let nobody else run.
        try:
            snapshot, _ = await self._load(caller, sheet_id, self._known.held(sheet_id))
        finally:
            del self._flights[sheet_id]
        return snapshot

    async def _load(
        self, caller: SheetCaller, sheet_id: SheetId, known: Snapshot | None
    ) -> tuple[Snapshot, AccessLevel | None]:
        """The snapshot after asking for the whole sheet unless the known version holds, and the level if told."""
        sent_at = self._clock()
        with self._known.refusals(caller, sheet_id):
            answer = await self._source.get_sheet(
                caller.token, sheet_id, if_version_after=None if known is None else known.sheet.version
            )
        self._known.confirm(caller, sheet_id, sent_at, answer)
        if isinstance(answer, Unchanged):
            if known is None:
                raise AssertionError("unchanged is no answer where no version was named")
            self._known.counts["checks"] += 1
            return self._known.adopt(known.checked_at(sent_at)), None
        self._known.counts["misses" if self._known.held(sheet_id) is None else "reloads"] += 1
        snapshot = await asyncio.to_thread(Snapshot.of, replace(answer, fetched_at=sent_at))
        return self._known.adopt(snapshot), answer.access_level

    async def _asked(self, caller: SheetCaller, snapshot: Snapshot, *, if_version_after: int | None) -> Snapshot:
        """The snapshot after a question with this caller's token that brings no rows.

        It confirms the access, and tells whether the version still is the current one; without
        `if_version_after` also the caller's access level.
        """
        sheet_id = snapshot.sheet.id
        sent_at = self._clock()
        with self._known.refusals(caller, sheet_id):
            answer = await self._source.get_sheet(
                caller.token, sheet_id, if_version_after=if_version_after, rows_modified_since=sent_at
            )
        self._known.confirm(caller, sheet_id, sent_at, answer)
        if answer.version > snapshot.sheet.version:
            self._known.heard(sheet_id, answer.version)
            return snapshot.outdated(sent_at)
        self._known.counts["checks"] += 1
        return self._known.adopt(snapshot.checked_at(sent_at))

    def _background(self, work: Coroutine[Any, Any, Snapshot]) -> asyncio.Task[Snapshot]:
        task = asyncio.create_task(work)
        task.add_done_callback(_note_failure)
        return task


def _believed_for(mark: SheetMark | None, held: Snapshot | None) -> timedelta:
    """For how long after the last check the snapshot is taken for the current version.

    Webhooks do not tell of cells that Smartsheet computes.
    """
    if mark is None:
        return _FRESH_FOR
    if not mark.is_read:
        return timedelta(0)
    if held is None:
        return _FRESH_FOR
    if mark.version is not None and mark.version > held.sheet.version:
        return timedelta(0)
    return _FRESH_WHILE_WATCHED_FOR if mark.is_watched and not held.recalculates else _FRESH_FOR


def _note_failure(task: asyncio.Task[Snapshot]) -> None:
    """Take a failure that nobody may be left to take: all who waited may have been cancelled."""
    failure = None if task.cancelled() else task.exception()
    if failure is not None and not isinstance(failure, AppError):
        log.error("refreshing a sheet broke", exc_info=failure)
