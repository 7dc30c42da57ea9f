"""Writing to sheets: one call each, and what its answer says of the sheet in the cache."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime

from shared.errors import UpstreamUnavailable
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.knowledge import SheetKnowledge
from shared.sheets.models import (
    AddAnswer,
    ColumnAnswer,
    ColumnWrite,
    DeleteAnswer,
    NewRow,
    RowWrite,
    WriteAnswer,
)
from shared.sheets.ports import SheetCaller, SheetSource


class SheetWriter:
    """The writing half of `SheetService`, which says what its methods do."""

    def __init__(self, source: SheetSource, knowledge: SheetKnowledge, clock: Callable[[], datetime]) -> None:
        self._source = source
        self._known = knowledge
        self._clock = clock

    async def write_rows(
        self, caller: SheetCaller, sheet_id: SheetId, rows: Sequence[RowWrite], change_agent: str
    ) -> WriteAnswer:
        """Set cells of rows, or move them."""
        with self._writing(caller, sheet_id) as sent_at:
            answer = await self._source.update_rows(caller.token, sheet_id, rows, change_agent=change_agent)
        self._known.adopt_write(
            sheet_id, answer.version, lambda held: held.patched(rows, answer.rows, answer.version, sent_at)
        )
        return answer

    async def add_rows(
        self, caller: SheetCaller, sheet_id: SheetId, rows: Sequence[NewRow], change_agent: str
    ) -> AddAnswer:
        """Add rows."""
        with self._writing(caller, sheet_id) as sent_at:
            answer = await self._source.add_rows(caller.token, sheet_id, rows, change_agent=change_agent)
        self._known.adopt_write(sheet_id, answer.version, lambda held: held.with_rows_added(rows, answer, sent_at))
        return answer

    async def delete_rows(
        self, caller: SheetCaller, sheet_id: SheetId, row_ids: Sequence[RowId], change_agent: str
    ) -> DeleteAnswer:
        """Delete rows."""
        with self._writing(caller, sheet_id) as sent_at:
            answer = await self._source.delete_rows(caller.token, sheet_id, row_ids, change_agent=change_agent)
        self._known.adopt_write(sheet_id, answer.version, lambda held: held.with_rows_deleted(answer, sent_at))
        return answer

    async def add_columns(
        self, caller: SheetCaller, sheet_id: SheetId, columns: Sequence[ColumnWrite], change_agent: str
    ) -> ColumnAnswer:
        """Add columns."""
        with self._writing(caller, sheet_id):
            answer = await self._source.add_columns(caller.token, sheet_id, columns, change_agent=change_agent)
        return self._columns_changed(sheet_id, answer)

    async def update_column(
        self, caller: SheetCaller, sheet_id: SheetId, column_id: ColumnId, column: ColumnWrite, change_agent: str
    ) -> ColumnAnswer:
        """Change a column."""
        with self._writing(caller, sheet_id):
            answer = await self._source.update_column(
                caller.token, sheet_id, column_id, column, change_agent=change_agent
            )
        return self._columns_changed(sheet_id, answer)

    async def delete_column(
        self, caller: SheetCaller, sheet_id: SheetId, column_id: ColumnId, change_agent: str
    ) -> ColumnAnswer:
        """Delete a column."""
        with self._writing(caller, sheet_id):
            answer = await self._source.delete_column(caller.token, sheet_id, column_id, change_agent=change_agent)
        return self._columns_changed(sheet_id, answer)

    def _columns_changed(self, sheet_id: SheetId, answer: ColumnAnswer) -> ColumnAnswer:
        # Types and formulas change cells of which the answer says nothing: the next reader loads the sheet.
        if answer.version is None:
            self._known.mark_outdated(sheet_id)
        else:
            self._known.heard(sheet_id, answer.version)
        return answer

    @contextmanager
    def _writing(self, caller: SheetCaller, sheet_id: SheetId) -> Generator[datetime, None, None]:
        """Around the call of a write: an answer that is lost leaves open what the sheet holds now."""
        sent_at = self._clock()
        try:
            with self._known.refusals(caller, sheet_id):
                yield sent_at
        except (UpstreamUnavailable, asyncio.CancelledError):
            self._known.mark_outdated(sheet_id)  # it may have taken effect
            raise
        self._known.confirm(caller, sheet_id, sent_at)
