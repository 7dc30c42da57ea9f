"""The calls to Smartsheet that the sheets domain makes."""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TypeVar

import httpx2
from pydantic import SecretStr

from shared.clients.smartsheet.failures import unusable_answer
from shared.clients.smartsheet.mapping import (
    parse_add_answer,
    parse_column_answer,
    parse_delete_answer,
    parse_sheet,
    parse_sheet_list,
    parse_user,
    parse_version,
    parse_write_answer,
)
from shared.clients.smartsheet.requests import (
    add_columns_call,
    add_rows_call,
    delete_column_call,
    delete_rows_call,
    number,
    sheet_ids,
    update_column_call,
    update_rows_call,
)
from shared.clients.smartsheet.transport import Call, Timing, Transport
from shared.clients.smartsheet.webhooks import SmartsheetWebhooks
from shared.errors import AppError, UpstreamFault
from shared.ids import ColumnId, RowId, SheetId
from shared.records import utc_now
from shared.resilience.circuit import CircuitBreaker, CircuitState
from shared.sheets.models import (
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
from shared.telemetry import get_logger

T = TypeVar("T")
log = get_logger(__name__)

_MAX_ROW_IDS_IN_URL = 100
_VERSIONED = re.compile(r"/\d+\.\d+$")

# Cells hold what people see (level 2: multi-value cells too), also where access is COMMENTER. Cells that never
# held anything are left out. Without `page` and `pageSize` all rows of a sheet come in one answer (API
# reference of GET /sheets/{sheetId}: "If neither pageSize nor page is specified, returns all rows").
_WHOLE_SHEET = {"level": "2", "include": "objectValue", "exclude": "nonexistentCells", "accessApiLevel": "1"}


class SmartsheetClient:
    """A `SheetSource` over HTTP.

    `base_url` may end in the version (`…/2.0`) or not. Seconds bound each attempt; retries stay within
    `Transport`'s bounds. `headers` go out with every call. Clock, sleep, randomness and the httpx transport
    can be given. One client serves all tokens; use it from one event loop and `aclose()` it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_seconds: float = 60,
        write_timeout_seconds: float = 60,
        max_connections: int = 20,
        breaker: CircuitBreaker | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        base = base_url.rstrip("/")
        self._now = now
        self._transport = Transport(
            base if _VERSIONED.search(base) else f"{base}/2.0",
            read_seconds=timeout_seconds,
            write_seconds=write_timeout_seconds,
            max_connections=max_connections,
            headers=headers or {},
            timing=Timing(clock, sleep, random, now),
            transport=transport,
            circuit=breaker or CircuitBreaker("Smartsheet", clock=clock),
        )

    @cached_property
    def webhooks(self) -> SmartsheetWebhooks:
        """The calls about webhooks, over the same connections."""
        return SmartsheetWebhooks(self._transport)

    @property
    def circuit_state(self) -> CircuitState:
        """Whether Smartsheet is being asked at the moment (for the health report)."""
        return self._transport.circuit.state

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def get_user(self, token: SecretStr) -> SmartsheetUser:
        """The person the token belongs to. Raises as `SheetSource` says."""
        body = await self._transport.send(Call("GET", "/users/me"), token)
        return await _read(parse_user, body)

    async def list_sheets(self, token: SecretStr) -> list[SheetSummary]:
        """All sheets that the token opens. Raises as `SheetSource` says."""
        body = await self._transport.send(Call("GET", "/sheets", query={"includeAll": "true"}), token)
        return await _read(parse_sheet_list, body)

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
        """The sheet or the asked part of it, in one call. Raises as `SheetSource` says.

        Also raises `InvalidInput` for an id that is no number, and `ValueError` for more than 100 row ids.
        """
        if len(row_ids) > _MAX_ROW_IDS_IN_URL:
            raise ValueError(f"at most {_MAX_ROW_IDS_IN_URL} row ids fit into a URL; leave them out to get all rows")
        query = dict(_WHOLE_SHEET)
        if column_ids:
            query["columnIds"] = ",".join(number(id_, f"columnIds.{n}") for n, id_ in enumerate(column_ids))
        if row_ids:
            query["rowIds"] = ",".join(number(id_, f"rowIds.{n}") for n, id_ in enumerate(row_ids))
        if if_version_after is not None:
            query["ifVersionAfter"] = str(if_version_after)
        if rows_modified_since is not None:
            query["rowsModifiedSince"] = rows_modified_since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        fetched_at = self._now()
        body = await self._transport.send(Call("GET", "/sheets/{sheetId}", sheet_ids(sheet_id), query), token)
        answer = await _read(lambda text: parse_sheet(text, fetched_at), body)
        whole = not row_ids and rows_modified_since is None
        if whole and isinstance(answer, Sheet) and len(answer.rows) < answer.total_row_count:
            log.warning("sheet %s: %d of %d rows came", sheet_id, len(answer.rows), answer.total_row_count)
            raise UpstreamFault("Smartsheet left out rows of the sheet.", code="incomplete_sheet")
        return answer

    async def update_rows(
        self, token: SecretStr, sheet_id: SheetId, rows: Sequence[RowWrite], *, change_agent: str
    ) -> WriteAnswer:
        """Set cells of 1 to 500 rows, or move them, in one call, with partial success. Raises as `SheetSource` says.

        `UpstreamTimeout` and `UpstreamFault` leave open whether a write took effect; with every other error
        it did not. A text above 4,000 characters is refused (`InvalidInput`, `value_too_long`) before anything
        is sent: Smartsheet would cut it silently. `change_agent` (ASCII, ≤ 512 characters) comes back in webhooks.
        Raises `ValueError` when the rows do not all go to the same location (or all stay).
        """
        body = await self._transport.send(update_rows_call(sheet_id, rows, change_agent), token)
        return await _read(lambda text: parse_write_answer(text, rows), body)

    async def add_rows(
        self, token: SecretStr, sheet_id: SheetId, rows: Sequence[NewRow], *, change_agent: str
    ) -> AddAnswer:
        """Add 1 to 500 rows in one call, with partial success; otherwise as `update_rows`."""
        body = await self._transport.send(add_rows_call(sheet_id, rows, change_agent), token)
        return await _read(lambda text: parse_add_answer(text, len(rows)), body)

    async def delete_rows(
        self, token: SecretStr, sheet_id: SheetId, row_ids: Sequence[RowId], *, change_agent: str
    ) -> DeleteAnswer:
        """Delete 1 to 300 rows with their children; rows that are gone already are ignored.

        All stay (`Forbidden`, `row_locked`) when one of them is locked for this token.
        """
        body = await self._transport.send(delete_rows_call(sheet_id, row_ids, change_agent), token)
        gone, version = await _read(parse_delete_answer, body)
        return DeleteAnswer(await self._version(token, sheet_id) if version is None else version, gone)

    async def add_columns(
        self, token: SecretStr, sheet_id: SheetId, columns: Sequence[ColumnWrite], *, change_agent: str
    ) -> ColumnAnswer:
        """Add columns, all of the same `index` (`ValueError` otherwise), all or none. Raises as `SheetSource` says."""
        body = await self._transport.send(add_columns_call(sheet_id, columns, change_agent), token)
        return await _read(parse_column_answer, body)

    async def update_column(
        self, token: SecretStr, sheet_id: SheetId, column_id: ColumnId, column: ColumnWrite, *, change_agent: str
    ) -> ColumnAnswer:
        """Change properties of a column. Raises as `SheetSource` says.

        A sheet that this token does not open is `column_not_found` too: Smartsheet does not tell the two apart.
        """
        body = await self._transport.send(update_column_call(sheet_id, column_id, column, change_agent), token)
        return await _read(parse_column_answer, body)

    async def delete_column(
        self, token: SecretStr, sheet_id: SheetId, column_id: ColumnId, *, change_agent: str
    ) -> ColumnAnswer:
        """Delete a column with its cells. Raises as `update_column`."""
        body = await self._transport.send(delete_column_call(sheet_id, column_id, change_agent), token)
        return await _read(parse_column_answer, body)

    async def _version(self, token: SecretStr, sheet_id: SheetId) -> int:
        """The sheet's version after a write whose answer left it out: the API reference promises none for deletions."""
        try:
            body = await self._transport.send(Call("GET", "/sheets/{sheetId}/version", sheet_ids(sheet_id)), token)
        except AppError:
            raise unusable_answer() from None  # the write took effect: no error that says it did not
        return await _read(parse_version, body)


async def _read(parse: Callable[[bytes], T], body: bytes) -> T:
    """Parse an answer in a thread: a large sheet takes seconds."""
    try:
        return await asyncio.to_thread(parse, body)
    except ValueError:
        log.warning("smartsheet gave an answer of %d bytes that cannot be read", len(body))
        raise unusable_answer() from None
