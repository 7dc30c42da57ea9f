"""Reading and writing sheets through the cache, each person with their own access.

    open          the sheet, at most so many seconds old      no call, or one cheap one; a whole sheet when it changed
    reread        the current truth of some cells             exactly one call
    reread_whole  the current truth of the whole sheet        exactly one call, a cheap one when nothing changed
    write, add …  change rows or columns                      one call; its answer patches the cached sheet, or marks
                                                              it outdated

A cached sheet is given only to those whose own token worked on it within the last 60 s.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.cache import SheetCache
from shared.sheets.knowledge import SheetKnowledge
from shared.sheets.models import (
    AddAnswer,
    ColumnAnswer,
    ColumnWrite,
    DeleteAnswer,
    NewRow,
    RowWrite,
    Sheet,
    SheetSummary,
    WriteAnswer,
)
from shared.sheets.ports import SheetCaller, SheetMarks, SheetSource
from shared.sheets.reading import SheetReader
from shared.sheets.writing import SheetWriter


class SheetService:
    """The one way to sheets. `clock` is the time of day (aware). Use it from one event loop.

    `marks` is what webhooks tell; without it, a sheet is checked every 30 s.

    Every method raises what `SheetSource` raises. Of a write, `UpstreamTimeout` and `UpstreamFault` leave open
    whether it took effect; after every other error it did not.
    """

    def __init__(
        self, source: SheetSource, cache: SheetCache, clock: Callable[[], datetime], marks: SheetMarks | None = None
    ) -> None:
        self._source = source
        self._cache = cache
        self._clock = clock
        self._known = SheetKnowledge(cache, clock)
        self._reader = SheetReader(source, self._known, clock, marks)
        self._writer = SheetWriter(source, self._known, clock)

    async def list_sheets(self, caller: SheetCaller, *, name_part: str = "") -> list[SheetSummary]:
        """The sheets that the caller may open, by name; with `name_part` those whose name has it, in any case."""
        wanted = name_part.casefold()
        sheets = await self._source.list_sheets(caller.token)
        found = [sheet for sheet in sheets if wanted in sheet.name.casefold()]
        return sorted(found, key=lambda sheet: (sheet.name.casefold(), sheet.id))

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
        return await self._reader.open(caller, sheet_id, max_age_seconds=max_age_seconds, stale_if_down=stale_if_down)

    async def current_version(self, caller: SheetCaller, sheet_id: SheetId, *, load: bool) -> int:
        """The sheet's version as it is now; `load` brings a sheet that is held up to date by the way."""
        return await self._reader.current_version(caller, sheet_id, load=load)

    async def confirm_access(self, caller: SheetCaller, sheet_id: SheetId) -> None:
        """Raise unless the caller's token opens the sheet: no call within 60 s of one that worked, else a cheap one."""
        await self._reader.confirm_access(caller, sheet_id)

    async def reread(
        self, caller: SheetCaller, sheet_id: SheetId, *, column_ids: Sequence[ColumnId], row_ids: Sequence[RowId]
    ) -> Sheet:
        """The current truth of these cells, in one call.

        The answer holds at least the asked columns and rows, as far as they still exist; it may hold more.
        """
        return await self._reader.reread(caller, sheet_id, column_ids=column_ids, row_ids=row_ids)

    async def reread_whole(self, caller: SheetCaller, sheet_id: SheetId) -> Sheet:
        """The current truth of the whole sheet: never without asking Smartsheet, after this was called."""
        return await self._reader.reread_whole(caller, sheet_id)

    async def probe(
        self, caller: SheetCaller, sheet_id: SheetId, *, rows_modified_since: datetime | None = None
    ) -> Sheet:
        """The sheet's head as it is now, with the rows modified since then; see `SheetReader.probe`."""
        return await self._reader.probe(caller, sheet_id, rows_modified_since=rows_modified_since)

    async def write_rows(
        self, caller: SheetCaller, sheet_id: SheetId, rows: Sequence[RowWrite], *, change_agent: str
    ) -> WriteAnswer:
        """Set cells of at most 500 rows, or move them, with partial success; all go to the same location, or stay."""
        return await self._writer.write_rows(caller, sheet_id, rows, change_agent)

    async def add_rows(
        self, caller: SheetCaller, sheet_id: SheetId, rows: Sequence[NewRow], *, change_agent: str
    ) -> AddAnswer:
        """Add at most 500 rows at one location, with partial success."""
        return await self._writer.add_rows(caller, sheet_id, rows, change_agent)

    async def delete_rows(
        self, caller: SheetCaller, sheet_id: SheetId, row_ids: Sequence[RowId], *, change_agent: str
    ) -> DeleteAnswer:
        """Delete at most 300 rows with all their children, or none; rows that are gone already are ignored."""
        return await self._writer.delete_rows(caller, sheet_id, row_ids, change_agent)

    async def add_columns(
        self, caller: SheetCaller, sheet_id: SheetId, columns: Sequence[ColumnWrite], *, change_agent: str
    ) -> ColumnAnswer:
        """Add columns, all at the same index, or none."""
        return await self._writer.add_columns(caller, sheet_id, columns, change_agent)

    async def update_column(
        self, caller: SheetCaller, sheet_id: SheetId, column_id: ColumnId, column: ColumnWrite, *, change_agent: str
    ) -> ColumnAnswer:
        """Change properties of a column. Raises `NotFound` (`column_not_found`)."""
        return await self._writer.update_column(caller, sheet_id, column_id, column, change_agent)

    async def delete_column(
        self, caller: SheetCaller, sheet_id: SheetId, column_id: ColumnId, *, change_agent: str
    ) -> ColumnAnswer:
        """Delete a column with all its cells. Raises `NotFound` (`column_not_found`)."""
        return await self._writer.delete_column(caller, sheet_id, column_id, change_agent)

    def mark_outdated(self, sheet_id: SheetId) -> None:
        """There is, or may be, a newer version than the one held: the next `open` asks, whatever age it accepts."""
        self._known.mark_outdated(sheet_id)

    def forget(self, sheet_id: SheetId) -> None:
        """Hold nothing of this sheet any more: the next `open` loads it."""
        self._cache.drop(sheet_id)

    def metrics(self) -> dict[str, float]:
        """Counters since the start, and what is held now.

        `hits`: opened without a call. `misses`: loaded for the first time. `checks`: found unchanged.
        `reloads`: found changed. `patches`: own writes adopted. `stale`: given while Smartsheet was down.
        """
        counts = self._known.counts
        told = {name: counts[name] for name in ("hits", "misses", "checks", "reloads", "patches", "stale")}
        now = self._clock()
        ages = [
            (now - held.sheet.fetched_at).total_seconds() for held in self._cache.snapshots() if held.sheet.fetched_at
        ]
        return {**told, "sheets": len(ages), "cells": self._cache.cells, "oldestSeconds": max(ages, default=0.0)}
