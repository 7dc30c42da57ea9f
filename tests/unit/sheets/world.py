"""A sheet service over a fake Smartsheet, with a clock that only the test moves."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.cache import SheetCache
from shared.sheets.models import CellWrite, RowWrite, Sheet, Unchanged
from shared.sheets.service import SheetService
from tests.fakes.smartsheet import FakeSheetSource, SourceCall, sheet_of

SHEET = SheetId("100")
A, B = ColumnId("1001"), ColumnId("1002")
ONE, TWO, THREE = RowId("1"), RowId("2"), RowId("3")


@dataclass(frozen=True)
class Person:
    token: SecretStr
    token_fingerprint: str


ADA = Person(SecretStr("ada"), "f-ada")
GRACE = Person(SecretStr("grace"), "f-grace")


@dataclass
class Rig:
    """A service over a fake Smartsheet, with a clock that only the test moves."""

    now: datetime = datetime(2025, 5, 1, 12, tzinfo=UTC)
    max_cells: int = 1000
    sheet: Sheet = field(default_factory=lambda: sheet_of(["Task", "Status"], [["a", "x"], ["b", "y"], ["c", None]]))

    def __post_init__(self) -> None:
        self.source = FakeSheetSource(self.sheet, clock=lambda: self.now)
        self.service = SheetService(self.source, SheetCache(self.max_cells), lambda: self.now)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def calls(self) -> list[SourceCall]:
        """The calls since the last look."""
        made = list(self.source.calls)
        self.source.calls.clear()
        return made

    async def open(self, person: Person = ADA, max_age: float = 30) -> Sheet:
        return await self.service.open(person, SHEET, max_age_seconds=max_age)

    async def reread(self, person: Person = ADA, rows: tuple[RowId, ...] = (ONE, TWO)) -> Sheet:
        return await self.service.reread(person, SHEET, column_ids=[B], row_ids=rows)

    async def write(self, *rows: tuple[RowId, ColumnId, str | None], person: Person = ADA) -> int:
        writes = [RowWrite(row_id, (CellWrite(column_id, value),)) for row_id, column_id, value in rows]
        answer = await self.service.write_rows(person, SHEET, writes, change_agent="test")
        return answer.version


def text(sheet: Sheet, row: RowId = ONE, column: ColumnId = B) -> object:
    cell = sheet.rows_by_id[row].cells.get(column)
    return None if cell is None else cell.value


class LateAnswers(FakeSheetSource):
    """A Smartsheet whose answers to reads are on their way until `arrive` is set; `sent` says that one is."""

    def __init__(self, *sheets: Sheet, clock: Callable[[], datetime]) -> None:
        super().__init__(*sheets, clock=clock)
        self.sent = asyncio.Event()
        self.arrive = asyncio.Event()
        self.arrive.set()

    async def get_sheet(self, *args: Any, **named: Any) -> Sheet | Unchanged:
        answer = await super().get_sheet(*args, **named)
        self.sent.set()
        await self.arrive.wait()
        return answer
