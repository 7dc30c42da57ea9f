"""What is heard of a sheet decides how old a cached one may be; without it everything is as it was."""

from typing import Any

import pytest
from pydantic import SecretStr

from shared.errors import UpstreamUnavailable
from shared.identity.models import Caller
from shared.sheets.cache import SheetCache
from shared.sheets.models import Cell, Sheet
from shared.sheets.service import SheetService
from shared.stores.sqlite import SqliteDocuments
from shared.webhooks.models import SheetState
from shared.webhooks.states import StoredMarks, marks, read, told
from tests.fakes.smartsheet import FakeSheetSource
from tests.unit.webhooks.world import ADA, COLUMN, ROW, SHEET, World

CALLER, MINUTE = Caller(ADA, SecretStr("ada-token")), 60


@pytest.fixture
async def watched(world: World) -> World:
    """Ada has the sheet, and a webhook tells of it."""
    await world.watched()
    await world.sheets.open(CALLER, SHEET)
    world.reads()
    return world


async def questions(world: World, seconds: float) -> int:
    """How often Smartsheet is asked by a reader who comes every second."""
    for _ in range(int(seconds)):
        world.clock.advance(1)
        await world.sheets.open(CALLER, SHEET)
    return world.reads()


async def test_a_watched_sheet_is_asked_for_when_the_readers_access_is_and_not_more(watched: World):
    assert await questions(watched, 10 * MINUTE) == 9  # each minute, whether the reader may still see it


async def test_a_sheet_that_nobody_tells_of_is_checked_every_thirty_seconds(world: World):
    await world.sheets.open(CALLER, SHEET)
    world.reads()
    assert await questions(world, 10 * MINUTE) == 19


async def test_a_webhook_that_is_no_longer_enabled_is_not_believed(watched: World):
    state = await watched.state()
    assert state.webhook is not None
    disabled = state.webhook.model_copy(update={"status": "DISABLED_CALLBACK_FAILED"})
    await watched.states.change(SHEET, lambda _: {"webhook": disabled})
    assert await questions(watched, 10 * MINUTE) == 19


async def test_a_sheet_that_computes_cells_is_checked_as_if_nobody_told_of_it(world: World):
    world.source.edit(SHEET, ROW, COLUMN, Cell("3", formula="=1+2"))
    await world.watched()
    await world.sheets.open(CALLER, SHEET)
    world.reads()
    assert await questions(world, 10 * MINUTE) == 19


async def test_whoever_says_how_old_a_sheet_may_be_is_not_told_otherwise(watched: World):
    await watched.mark(ROW)
    await watched.sheets.open(CALLER, SHEET, max_age_seconds=300)
    assert watched.reads() == 0
    assert (await watched.state()).is_dirty
    await watched.sheets.open(CALLER, SHEET, max_age_seconds=0)
    assert watched.reads() == 1


async def test_while_the_database_cannot_be_asked_sheets_are_read_without_it(world: World):
    class Broken:
        async def find(self, *_: Any) -> None:
            raise UpstreamUnavailable("down")

    broken: Any = Broken()
    sheets = SheetService(world.source, SheetCache(), world.clock, StoredMarks(broken, None))
    assert len((await sheets.open(CALLER, SHEET)).rows) == 2


async def test_a_reader_needs_one_point_read(watched: World, documents: SqliteDocuments, monkeypatch: Any):
    asked: list[tuple[str, ...]] = []
    find = documents.find

    async def counted(*where: str) -> Any:
        asked.append(where)
        return await find(*where)

    monkeypatch.setattr(documents, "find", counted)
    await watched.sheets.open(CALLER, SHEET)
    assert asked == [("sheet-states", SHEET, "state")]


async def test_an_answer_that_was_on_its_way_when_the_change_was_heard_does_not_settle_it(watched: World):
    """Somebody asks, the sheet changes, it is heard, and only then the old answer comes."""

    class Slow(FakeSheetSource):
        async def get_sheet(self, *args: Any, **named: Any) -> Any:
            answer = await watched.source.get_sheet(*args, **named)
            if watched.source.count("get_sheet") == 1:
                watched.source.edit(SHEET, ROW, COLUMN, "changed meanwhile")
                await watched.mark(ROW)
            return answer

    sheets = SheetService(Slow(), SheetCache(), watched.clock, watched.marks)
    first = await sheets.open(CALLER, SHEET)
    assert title(first) == "Dig"
    assert (await watched.state()).is_dirty
    assert title(await sheets.open(CALLER, SHEET)) == "changed meanwhile"
    state = await watched.state()
    assert (state.is_dirty, state.version) == (False, 2)


def title(sheet: Sheet) -> object:
    return sheet.rows[0].cells[sheet.columns[0].id].value


def test_an_older_question_does_not_undo_a_newer_answer():
    state = SheetState(id="state", marks=5, read=4, version=9)
    assert read(state, 3, 8) == {}
    assert read(state, 4, 8) == {"version": 9}
    assert read(state, 4, 10) == {"version": 10}
    assert read(state, 5, 10) == {"read": 5, "version": 10, "is_foreign": False}


def test_what_was_heard_meanwhile_is_still_to_be_told():
    state = SheetState(id="state", marks=5, told=3, rows=None)
    assert told(state, 4) == {"told": 4, "rows": None}
    assert told(state, 5) == {"told": 5, "rows": ()}
    assert told(state, 2) == {}


def test_own_and_foreign_changes_together_are_foreign():
    own = SheetState(id="state")
    for is_foreign in (False, True, False):
        own = own.model_copy(update=marks(own, [], is_foreign=is_foreign))
    assert (own.marks, own.is_foreign) == (3, True)
