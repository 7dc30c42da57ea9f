"""A working in-memory double of `SheetSource`, and a short way to make sheets."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from pydantic import SecretStr

from shared.errors import AppError, Forbidden, NotFound, Unauthorized
from shared.ids import ColumnId, RowId, SheetId
from shared.records import utc_now
from shared.sheets.models import (
    MAX_CELL_CHARACTERS,
    MAX_ROWS_PER_CALL,
    AccessLevel,
    Cell,
    CellValue,
    CellWrite,
    Column,
    ColumnType,
    Row,
    RowFailure,
    RowWrite,
    Sheet,
    SheetSummary,
    SmartsheetUser,
    Unchanged,
    WriteAnswer,
)

Method = Literal["get_user", "list_sheets", "get_sheet", "update_rows"]


def sheet_of(
    columns: Sequence[str | Column],
    rows: Sequence[Sequence[CellValue | Cell]] = (),
    *,
    sheet_id: str = "100",
    name: str = "Plan",
    version: int = 1,
) -> Sheet:
    """A sheet. Columns are titles (text) or whole columns; ids are `1001…` for columns and `1…` for rows."""
    made = tuple(
        column
        if isinstance(column, Column)
        else Column(ColumnId(str(1001 + at)), at, column, ColumnType.TEXT_NUMBER, primary=at == 0)
        for at, column in enumerate(columns)
    )
    return Sheet(
        id=SheetId(sheet_id),
        name=name,
        version=version,
        access_level=AccessLevel.OWNER,
        columns=made,
        rows=tuple(_row(number, made, values) for number, values in enumerate(rows, 1)),
        total_row_count=len(rows),
    )


@dataclass(frozen=True, slots=True)
class SourceCall:
    """A call that was made, with what matters of its arguments."""

    method: Method
    token: str
    sheet_id: SheetId | None = None
    column_ids: tuple[ColumnId, ...] = ()
    row_ids: tuple[RowId, ...] = ()
    if_version_after: int | None = None
    rows_modified_since: datetime | None = None
    rows: tuple[RowWrite, ...] = ()
    change_agent: str | None = None


@dataclass(frozen=True, slots=True)
class _Fault:
    error: Exception
    after_effect: bool


class FakeSheetSource:
    """Sheets in memory: versions, locks, partial success, foreign edits, faults, a list of calls.

    Every token may open every sheet as `access` says, unless `share` says otherwise; `revoke` makes a token
    invalid. `pause` holds calls until `resume`. Each write raises the version by one.
    """

    def __init__(
        self, *sheets: Sheet, access: AccessLevel = AccessLevel.OWNER, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.calls: list[SourceCall] = []
        self._sheets = {sheet.id: sheet for sheet in sheets}
        self._access = access
        self._shares: dict[tuple[str, SheetId], AccessLevel | None] = {}
        self._revoked: set[str] = set()
        self._clock = clock
        self._faults: defaultdict[Method, list[_Fault]] = defaultdict(list)
        self._before: defaultdict[Method, list[Callable[[], None]]] = defaultdict(list)
        self._open = asyncio.Event()
        self._open.set()

    # What a test arranges and looks at.

    def sheet(self, sheet_id: str) -> Sheet:
        """The sheet as it is now."""
        return self._sheets[SheetId(sheet_id)]

    def value(self, sheet_id: str, row_id: str, column_id: str) -> CellValue:
        """What a cell holds now."""
        cell = self.sheet(sheet_id).rows_by_id[RowId(row_id)].cells.get(ColumnId(column_id))
        return None if cell is None else cell.value

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
        self._faults[method] += [_Fault(error, after_effect)] * times

    def before_next(self, method: Method, action: Callable[[], None]) -> None:
        """Do something (a foreign edit) just before the next call of a method is served."""
        self._before[method].append(action)

    def pause(self) -> None:
        """Hold calls from now on."""
        self._open.clear()

    def resume(self) -> None:
        """Serve the calls that are held, and all later ones."""
        self._open.set()

    def edit(self, sheet_id: str, row_id: str, column_id: str, value: CellValue | Cell) -> None:
        """Somebody else sets a cell."""
        cell = value if isinstance(value, Cell) else Cell(value)
        self._put_rows(sheet_id, [self._with_cells(self._row(sheet_id, row_id), {ColumnId(column_id): cell})])

    def change_row(self, sheet_id: str, row: Row) -> None:
        """Somebody else changes a row as a whole (locks it, indents it)."""
        self._put_rows(sheet_id, [row])

    def add_row(self, sheet_id: str, row: Row) -> None:
        """Somebody else adds a row at the end."""
        sheet = self.sheet(sheet_id)
        self._put(replace(sheet, rows=(*sheet.rows, row), total_row_count=len(sheet.rows) + 1))

    def delete_row(self, sheet_id: str, row_id: str) -> None:
        """Somebody else deletes a row."""
        sheet = self.sheet(sheet_id)
        rows = tuple(row for row in sheet.rows if row.id != row_id)
        self._put(replace(sheet, rows=rows, total_row_count=len(rows)))

    def replace_columns(self, sheet_id: str, columns: Sequence[Column]) -> None:
        """Somebody else changes the columns."""
        self._put(replace(self.sheet(sheet_id), columns=tuple(columns)))

    def delete_sheet(self, sheet_id: str) -> None:
        """Somebody else deletes the sheet."""
        del self._sheets[SheetId(sheet_id)]

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
        if not 1 <= len(rows) <= MAX_ROWS_PER_CALL:
            raise ValueError(f"a call takes 1 to {MAX_ROWS_PER_CALL} rows, not {len(rows)}")
        call = SourceCall(
            "update_rows", token.get_secret_value(), sheet_id, rows=tuple(rows), change_agent=change_agent
        )
        fault = await self._begin(call)
        if fault is not None and not fault.after_effect:
            raise fault.error
        answer = self._write(call, sheet_id, rows)
        if fault is not None:
            raise fault.error
        return answer

    async def _begin(self, call: SourceCall) -> _Fault | None:
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

    def _write(self, call: SourceCall, sheet_id: SheetId, writes: Sequence[RowWrite]) -> WriteAnswer:
        level = self._level(call.token, sheet_id)
        if level in (AccessLevel.VIEWER, AccessLevel.COMMENTER):
            raise Forbidden("Your access does not allow this.", code="forbidden")
        sheet = self._sheets[sheet_id]
        columns = {column.id: column for column in sheet.columns}
        written: list[Row] = []
        failures: list[RowFailure] = []
        for write in writes:
            row = sheet.rows_by_id.get(write.row_id)
            code = _refusal(row, columns, write.cells, level)
            if row is None or code is not None:
                failures.append(RowFailure(write.row_id, code or "row_not_found", "Refused."))
            else:
                written.append(self._with_cells(row, {cell.column_id: Cell(cell.value) for cell in write.cells}))
        if written:
            self._put_rows(sheet_id, written)
        return WriteAnswer(self._sheets[sheet_id].version, tuple(written), tuple(failures))

    def _row(self, sheet_id: str, row_id: str) -> Row:
        return self.sheet(sheet_id).rows_by_id[RowId(row_id)]

    def _with_cells(self, row: Row, cells: Mapping[ColumnId, Cell]) -> Row:
        held = {id_: cell for id_, cell in {**row.cells, **cells}.items() if _holds(cell)}
        return replace(row, cells=held, modified_at=self._clock())

    def _put_rows(self, sheet_id: str, rows: Sequence[Row]) -> None:
        changed = {row.id: row for row in rows}
        sheet = self.sheet(sheet_id)
        self._put(replace(sheet, rows=tuple(changed.get(row.id, row) for row in sheet.rows)))

    def _put(self, sheet: Sheet) -> None:
        self._sheets[sheet.id] = replace(sheet, version=sheet.version + 1)


def _row(number: int, columns: Sequence[Column], values: Sequence[CellValue | Cell]) -> Row:
    cells = {
        column.id: value if isinstance(value, Cell) else Cell(value)
        for column, value in zip(columns, values, strict=False)
    }
    return Row(RowId(str(number)), number, {id_: cell for id_, cell in cells.items() if _holds(cell)})


def _holds(cell: Cell) -> bool:
    return cell.value not in (None, "") or cell.formula is not None or bool(cell.object_value)


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


def _refusal(
    row: Row | None, columns: Mapping[ColumnId, Column], cells: Sequence[CellWrite], level: AccessLevel
) -> str | None:
    if row is None:
        return "row_not_found"
    if row.locked and not level.passes_locks:
        return "row_locked"
    codes = (_cell_refusal(columns.get(cell.column_id), cell.value, level) for cell in cells)
    return next((code for code in codes if code is not None), None)


def _cell_refusal(column: Column | None, value: CellValue, level: AccessLevel) -> str | None:
    if column is None:
        return "column_not_found"
    if column.system_type is not None:
        return "system_column"
    if column.formula is not None:
        return "column_formula"
    if column.locked and not level.passes_locks:
        return "column_locked"
    if isinstance(value, str) and len(value) > MAX_CELL_CHARACTERS:
        return "value_too_long"
    return None if _fits(column, value) else "invalid_value"


def _fits(column: Column, value: CellValue) -> bool:
    if value is None or value == "":
        return True
    match column.type:
        case ColumnType.CHECKBOX:
            return isinstance(value, bool)
        case ColumnType.DATE:
            return isinstance(value, str) and _is_date(value)
        case ColumnType.MULTI_PICKLIST | ColumnType.MULTI_CONTACT_LIST | ColumnType.PREDECESSOR:
            return False  # written by objectValue only
        case _:
            return not column.validation or not column.options or value in column.options


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
