"""The double itself."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from pydantic import SecretStr

from local.smartsheet.errors import ApiError
from shared.errors import AppError, Forbidden, NotFound, Unauthorized
from shared.ids import ColumnId, RowId, SheetId
from shared.records import utc_now
from shared.sheets.models import (
    MAX_DELETED_ROWS_PER_CALL,
    MAX_ROWS_PER_CALL,
    AccessLevel,
    AddAnswer,
    ColumnAnswer,
    ColumnWrite,
    DeleteAnswer,
    NewRow,
    RowWrite,
    Sheet,
    SheetSummary,
    SmartsheetUser,
    Unchanged,
    WriteAnswer,
)
from tests.fakes.smartsheet.calls import Fault, Method, SourceCall
from tests.fakes.smartsheet.cells import app_error
from tests.fakes.smartsheet.writes import SheetWrites, Writer

T = TypeVar("T")


class FakeSheetSource(SheetWrites):
    """Sheets in memory: versions, locks, partial success, foreign edits, faults, a list of calls.

    Every token may open every sheet as `access` says, unless `share` says otherwise; `revoke` makes a token
    invalid. `pause` holds calls until `resume`. Each write that changes something raises the version by one.
    """

    def __init__(
        self, *sheets: Sheet, access: AccessLevel = AccessLevel.OWNER, clock: Callable[[], datetime] = utc_now
    ) -> None:
        super().__init__(sheets, clock)
        self.calls: list[SourceCall] = []
        self._access = access
        self._shares: dict[tuple[str, SheetId], AccessLevel | None] = {}
        self._revoked: set[str] = set()
        self._faults: defaultdict[Method, list[Fault]] = defaultdict(list)
        self._before: defaultdict[Method, list[Callable[[], None]]] = defaultdict(list)
        self._open = asyncio.Event()
        self._open.set()

    # What a test arranges and looks at, beside what `StoredSheets` offers.

    def count(self, method: Method) -> int:
        """How often a method was called."""
        return Counter(call.method for call in self.calls)[method]

    def share(self, token: str, sheet_id: str, level: AccessLevel | None) -> None:
        """Give a token this access to a sheet; None: none."""
        self._shares[token, SheetId(sheet_id)] = level

    def revoke(self, token: str) -> None:
        """Make a token invalid."""
        self._revoked.add(token)

    def fail(self, method: Method, error: AppError, *, times: int = 1, after_effect: bool = False) -> None:
        """Let the next calls of a method fail; `after_effect`: the write takes effect, the answer is lost."""
        self._faults[method] += [Fault(error, after_effect)] * times

    def before_next(self, method: Method, action: Callable[[], None]) -> None:
        """Do something (a foreign edit) just before the next call of a method is served."""
        self._before[method].append(action)

    def pause(self) -> None:
        """Hold calls from now on."""
        self._open.clear()

    def resume(self) -> None:
        """Serve the calls that are held, and all later ones."""
        self._open.set()

    # SheetSource.

    async def get_user(self, token: SecretStr) -> SmartsheetUser:
        """A person whose e-mail address begins with the token."""
        fault = await self._begin(SourceCall("get_user", token.get_secret_value()))
        if fault is not None:
            raise fault.error
        name = token.get_secret_value()
        return SmartsheetUser(id=str(sum(name.encode())), email=f"{name}@example.com", name=name)

    async def list_sheets(self, token: SecretStr) -> list[SheetSummary]:
        """Every sheet, unless the token has no access to it."""
        fault = await self._begin(SourceCall("list_sheets", token.get_secret_value()))
        if fault is not None:
            raise fault.error
        levels = {id_: self._shares.get((token.get_secret_value(), id_), self._access) for id_ in self._sheets}
        return [SheetSummary(id_, self._sheets[id_].name, level) for id_, level in levels.items() if level is not None]

    async def get_sheet(
        self,
        token: SecretStr,
        sheet_id: SheetId,
        *,
        column_ids: Sequence[ColumnId] = (),
        row_ids: Sequence[RowId] = (),
        if_version_after: int | None = None,
        rows_modified_since: datetime | None = None,
    ) -> Sheet | Unchanged:
        """See `SheetSource`."""
        if len(row_ids) > 100:
            raise ValueError("at most 100 row ids fit into a URL")
        call = SourceCall(
            "get_sheet",
            token.get_secret_value(),
            sheet_id,
            tuple(column_ids),
            tuple(row_ids),
            if_version_after,
            rows_modified_since,
        )
        fault = await self._begin(call)
        if fault is not None:
            raise fault.error
        level = self._level(call.token, sheet_id)
        sheet = self._sheets[sheet_id]
        if if_version_after is not None and sheet.version <= if_version_after:
            return Unchanged(sheet.version)
        return _seen(_part(sheet, call), level, self._clock())

    async def update_rows(
        self, token: SecretStr, sheet_id: SheetId, rows: Sequence[RowWrite], *, change_agent: str
    ) -> WriteAnswer:
        """See `SheetSource`."""
        _check_count(len(rows), MAX_ROWS_PER_CALL)
        if any(row.location != rows[0].location for row in rows):
            raise ValueError("all rows of a call go to the same location")
        call = SourceCall(
            "update_rows", token.get_secret_value(), sheet_id, rows=tuple(rows), change_agent=change_agent
        )
        return await self._perform(call, lambda: self._update(self._writer(call), sheet_id, rows))

    async def add_rows(
        self, token: SecretStr, sheet_id: SheetId, rows: Sequence[NewRow], *, change_agent: str
    ) -> AddAnswer:
        """See `SheetSource`."""
        _check_count(len(rows), MAX_ROWS_PER_CALL)
        if any(row.location != rows[0].location for row in rows):
            raise ValueError("all rows of a call go to the same location")
        call = SourceCall(
            "add_rows", token.get_secret_value(), sheet_id, new_rows=tuple(rows), change_agent=change_agent
        )
        return await self._perform(call, lambda: self._add(self._writer(call), sheet_id, rows))

    async def delete_rows(
        self, token: SecretStr, sheet_id: SheetId, row_ids: Sequence[RowId], *, change_agent: str
    ) -> DeleteAnswer:
        """See `SheetSource`."""
        _check_count(len(row_ids), MAX_DELETED_ROWS_PER_CALL)
        call = SourceCall(
            "delete_rows", token.get_secret_value(), sheet_id, row_ids=tuple(row_ids), change_agent=change_agent
        )
        return await self._perform(call, lambda: self._delete(self._writer(call), sheet_id, row_ids))

    async def add_columns(
        self, token: SecretStr, sheet_id: SheetId, columns: Sequence[ColumnWrite], *, change_agent: str
    ) -> ColumnAnswer:
        """See `SheetSource`."""
        call = SourceCall(
            "add_columns", token.get_secret_value(), sheet_id, columns=tuple(columns), change_agent=change_agent
        )
        return await self._perform(call, lambda: self._add_columns(self._writer(call), sheet_id, columns))

    async def update_column(
        self, token: SecretStr, sheet_id: SheetId, column_id: ColumnId, column: ColumnWrite, *, change_agent: str
    ) -> ColumnAnswer:
        """See `SheetSource`."""
        call = SourceCall(
            "update_column",
            token.get_secret_value(),
            sheet_id,
            column_ids=(column_id,),
            columns=(column,),
            change_agent=change_agent,
        )
        return await self._perform(call, lambda: self._update_column(self._writer(call), sheet_id, column_id, column))

    async def delete_column(
        self, token: SecretStr, sheet_id: SheetId, column_id: ColumnId, *, change_agent: str
    ) -> ColumnAnswer:
        """See `SheetSource`."""
        call = SourceCall(
            "delete_column", token.get_secret_value(), sheet_id, column_ids=(column_id,), change_agent=change_agent
        )
        return await self._perform(call, lambda: self._delete_column(self._writer(call), sheet_id, column_id))

    async def _begin(self, call: SourceCall) -> Fault | None:
        self.calls.append(call)
        await self._open.wait()
        if self._before[call.method]:
            self._before[call.method].pop(0)()
        if call.token in self._revoked:
            raise Unauthorized("The token is no longer valid.", code="needs_sign_in")
        return self._faults[call.method].pop(0) if self._faults[call.method] else None

    def _level(self, token: str, sheet_id: SheetId) -> AccessLevel:
        level = self._shares.get((token, sheet_id), self._access)
        if sheet_id not in self._sheets or level is None:
            raise NotFound("There is no such sheet.", code="sheet_not_found")
        return level

    async def _perform(self, call: SourceCall, effect: Callable[[], T]) -> T:
        fault = await self._begin(call)
        if fault is not None and not fault.after_effect:
            raise fault.error
        try:
            answer = effect()
        except ApiError as error:
            raise app_error(error, "columns" if "column" in call.method else "rows") from None
        if fault is not None:
            raise fault.error
        return answer

    def _writer(self, call: SourceCall) -> Writer:
        assert call.sheet_id is not None
        level = self._level(call.token, call.sheet_id)
        if level in (AccessLevel.VIEWER, AccessLevel.COMMENTER):
            raise Forbidden("Your access does not allow this.", code="forbidden")
        return Writer(call.token, passes_locks=level.passes_locks)


def _check_count(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise ValueError(f"a call takes 1 to {most} rows, not {count}")


def _part(sheet: Sheet, call: SourceCall) -> Sheet:
    rows, columns = sheet.rows, sheet.columns
    if call.row_ids:
        rows = tuple(row for row in rows if row.id in call.row_ids)
    since = call.rows_modified_since
    if since is not None:
        rows = tuple(row for row in rows if row.modified_at is not None and row.modified_at >= since)
    if call.column_ids:
        columns = tuple(column for column in columns if column.id in call.column_ids)
        rows = tuple(
            replace(row, cells={id_: cell for id_, cell in row.cells.items() if id_ in call.column_ids}) for row in rows
        )
    return replace(sheet, rows=rows, columns=columns)


def _seen(sheet: Sheet, level: AccessLevel, now: datetime) -> Sheet:
    bound = not level.passes_locks
    columns = tuple(replace(column, locked_for_user=column.locked and bound) for column in sheet.columns)
    rows = tuple(replace(row, locked_for_user=row.locked and bound) for row in sheet.rows)
    return replace(sheet, access_level=level, columns=columns, rows=rows, fetched_at=now)
