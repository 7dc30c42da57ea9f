import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from shared.errors import NotFound, Unauthorized, UpstreamTimeout, UpstreamUnavailable
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.cache import SheetCache
from shared.sheets.models import AccessLevel, Cell, CellWrite, RowWrite, Sheet, Unchanged
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
        answer = await self.service.write_cells(person, SHEET, writes, change_agent="test")
        return answer.version


@pytest.fixture
def rig() -> Rig:
    return Rig()


def text(sheet: Sheet, row: RowId = ONE, column: ColumnId = B) -> object:
    cell = sheet.rows_by_id[row].cells.get(column)
    return None if cell is None else cell.value


# open


async def test_the_first_open_loads_the_sheet_in_one_call(rig: Rig) -> None:
    sheet = await rig.open()
    assert [row.id for row in sheet.rows] == ["1", "2", "3"]
    assert len(rig.calls()) == 1


async def test_a_young_sheet_is_opened_without_a_call(rig: Rig) -> None:
    await rig.open()
    rig.calls()
    rig.wait(30)
    assert text(await rig.open()) == "x"
    assert rig.calls() == []
    assert rig.service.metrics()["hits"] == 1


async def test_an_older_sheet_is_checked_with_one_cheap_call(rig: Rig) -> None:
    await rig.open()
    rig.calls()
    rig.wait(31)
    sheet = await rig.open()
    assert [call.if_version_after for call in rig.calls()] == [1]
    assert sheet.fetched_at == rig.now


async def test_the_check_of_an_older_sheet_brings_what_others_changed(rig: Rig) -> None:
    await rig.open()
    rig.calls()
    rig.source.edit("100", "1", "1002", "foreign")
    rig.wait(31)
    sheet = await rig.open()
    assert (text(sheet), sheet.version) == ("foreign", 2)
    assert len(rig.calls()) == 1
    assert rig.service.metrics()["reloads"] == 1


async def test_the_age_that_a_caller_accepts_is_kept_to(rig: Rig) -> None:
    await rig.open()
    rig.wait(3)
    rig.source.edit("100", "1", "1002", "foreign")
    assert text(await rig.open(max_age=5)) == "x"
    assert text(await rig.open(max_age=2)) == "foreign"


async def test_a_forgotten_sheet_is_loaded_again(rig: Rig) -> None:
    await rig.open()
    rig.service.forget(SHEET)
    rig.calls()
    await rig.open()
    assert [call.if_version_after for call in rig.calls()] == [None]


async def test_a_sheet_that_does_not_fit_into_the_cache_is_still_opened() -> None:
    rig = Rig(max_cells=1)
    assert len((await rig.open()).rows) == 3


# access


async def test_another_person_is_asked_for_before_the_cached_sheet_is_shown(rig: Rig) -> None:
    await rig.open(ADA)
    rig.calls()
    assert len((await rig.open(GRACE)).rows) == 3
    (call,) = rig.calls()
    assert call.token == "grace"
    assert call.rows_modified_since is not None, "the question must not bring the rows again"


async def test_a_person_without_access_does_not_get_the_cached_sheet(rig: Rig) -> None:
    await rig.open(ADA)
    rig.source.share("grace", "100", None)
    with pytest.raises(NotFound) as refused:
        await rig.open(GRACE)
    assert refused.value.code == "sheet_not_found"


async def test_access_that_is_lost_is_noticed_within_a_minute(rig: Rig) -> None:
    await rig.open(ADA)
    rig.source.share("ada", "100", None)
    rig.wait(60)
    await rig.open(ADA, max_age=3600)
    rig.wait(1)
    with pytest.raises(NotFound):
        await rig.open(ADA, max_age=3600)


async def test_a_refused_call_ends_the_confirmation(rig: Rig) -> None:
    await rig.open(ADA)
    rig.source.revoke("ada")
    with pytest.raises(Unauthorized):
        await rig.reread(ADA)
    with pytest.raises(Unauthorized):
        await rig.open(ADA)


async def test_each_person_sees_their_own_access_level_and_locks() -> None:
    sheet = sheet_of(["Task", "Status"], [["a", "x"]])
    locked = replace(
        sheet,
        columns=(sheet.columns[0], replace(sheet.columns[1], locked=True)),
        rows=(replace(sheet.rows[0], locked=True),),
    )
    rig = Rig(sheet=locked)
    rig.source.share("grace", "100", AccessLevel.EDITOR)
    owner, editor = await rig.open(ADA), await rig.open(GRACE)
    assert (owner.access_level, editor.access_level) == (AccessLevel.OWNER, AccessLevel.EDITOR)
    assert (owner.rows[0].locked_for_user, editor.rows[0].locked_for_user) == (False, True)
    assert (owner.columns[1].locked_for_user, editor.columns[1].locked_for_user) == (False, True)
    assert (await rig.open(ADA)).access_level == AccessLevel.OWNER


async def test_a_changed_access_level_is_noticed_though_the_version_stays(rig: Rig) -> None:
    await rig.open(ADA)
    rig.source.share("ada", "100", AccessLevel.VIEWER)
    for _ in range(15):
        rig.wait(60)
        await rig.open(ADA)
    rig.wait(60)
    assert (await rig.open(ADA)).access_level == AccessLevel.VIEWER


async def test_a_long_running_reader_is_confirmed_each_minute_without_loading_rows(rig: Rig) -> None:
    await rig.open(ADA)
    rig.calls()
    for _ in range(10):
        rig.wait(31)
        await rig.open(ADA, max_age=3600)
    assert [call.if_version_after for call in rig.calls()] == [1] * 5


# one refresh at a time


async def test_simultaneous_opens_share_one_load(rig: Rig) -> None:
    rig.source.pause()
    opens = [asyncio.create_task(rig.open()) for _ in range(5)]
    await asyncio.sleep(0)
    rig.source.resume()
    sheets = await asyncio.gather(*opens)
    assert {sheet.version for sheet in sheets} == {1}
    assert len(rig.calls()) == 1


async def test_people_who_open_at_once_share_the_load_and_are_asked_for_each(rig: Rig) -> None:
    rig.source.pause()
    opens = [asyncio.create_task(rig.open(person)) for person in (ADA, GRACE)]
    await asyncio.sleep(0)
    rig.source.resume()
    await asyncio.gather(*opens)
    assert [(call.token, call.rows_modified_since is None) for call in rig.calls()] == [("ada", True), ("grace", False)]


async def test_the_failure_of_ones_load_is_not_the_failure_of_the_other(rig: Rig) -> None:
    rig.source.share("ada", "100", None)
    rig.source.pause()
    mine, other = (asyncio.create_task(rig.open(person)) for person in (ADA, GRACE))
    await asyncio.sleep(0)
    rig.source.resume()
    assert len((await other).rows) == 3
    with pytest.raises(NotFound):
        await mine


async def test_a_waiter_who_goes_away_does_not_end_the_load_of_the_others(rig: Rig) -> None:
    rig.source.pause()
    first, second = (asyncio.create_task(rig.open()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    rig.source.resume()
    assert len((await second).rows) == 3
    assert len(rig.calls()) == 1


async def test_a_load_that_nobody_waits_for_any_more_fails_quietly(rig: Rig) -> None:
    rig.source.fail("get_sheet", UpstreamUnavailable("down"))
    rig.source.pause()
    only = asyncio.create_task(rig.open())
    await asyncio.sleep(0)
    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    rig.source.resume()
    assert len((await rig.open(GRACE)).rows) == 3


async def test_a_failed_load_is_tried_anew_by_the_next_open(rig: Rig) -> None:
    rig.source.fail("get_sheet", UpstreamUnavailable("down"))
    with pytest.raises(UpstreamUnavailable):
        await rig.open()
    assert len((await rig.open()).rows) == 3


# while Smartsheet is down


async def test_while_smartsheet_is_down_the_last_sheet_is_better_than_none(rig: Rig) -> None:
    loaded_at = rig.now
    await rig.open()
    rig.wait(15 * 60)
    rig.source.fail("get_sheet", UpstreamUnavailable("down"))
    sheet = await rig.service.open(ADA, SHEET, stale_if_down=True)
    assert (text(sheet), sheet.fetched_at) == ("x", loaded_at)


async def test_the_last_sheet_is_only_for_those_lately_confirmed(rig: Rig) -> None:
    await rig.open()
    rig.wait(15 * 60 + 1)
    rig.source.fail("get_sheet", UpstreamUnavailable("down"), times=2)
    for person in (ADA, GRACE):
        with pytest.raises(UpstreamUnavailable):
            await rig.service.open(person, SHEET, stale_if_down=True)


async def test_the_last_sheet_is_not_for_those_who_lost_access(rig: Rig) -> None:
    await rig.open()
    rig.source.share("ada", "100", None)
    rig.wait(120)
    with pytest.raises(NotFound):
        await rig.service.open(ADA, SHEET, stale_if_down=True)


# reread


async def test_a_reread_of_an_unchanged_sheet_is_one_cheap_call(rig: Rig) -> None:
    await rig.open()
    rig.calls()
    truth = await rig.reread()
    (call,) = rig.calls()
    assert (call.if_version_after, call.row_ids, call.column_ids) == (1, (ONE, TWO), (B,))
    assert text(truth) == "x"


async def test_a_reread_shows_what_others_just_changed(rig: Rig) -> None:
    await rig.open()
    rig.calls()
    rig.source.edit("100", "1", "1002", "foreign")
    truth = await rig.reread()
    assert len(rig.calls()) == 1
    assert (text(truth), truth.version, set(truth.rows_by_id)) == ("foreign", 2, {ONE, TWO})


async def test_after_a_reread_found_changes_the_next_open_loads_them(rig: Rig) -> None:
    await rig.open()
    rig.source.edit("100", "3", "1002", "foreign")
    await rig.reread()
    rig.calls()
    assert text(await rig.open(max_age=3600), THREE) == "foreign"
    assert len(rig.calls()) == 1


async def test_a_deleted_row_is_not_in_the_reread(rig: Rig) -> None:
    await rig.open()
    rig.source.delete_row("100", "2")
    assert set((await rig.reread()).rows_by_id) == {ONE}


async def test_without_a_cached_sheet_a_reread_asks_for_the_columns_only(rig: Rig) -> None:
    truth = await rig.reread()
    (call,) = rig.calls()
    assert (call.row_ids, call.column_ids, call.if_version_after) == ((), (B,), None)
    assert set(truth.rows_by_id) == {ONE, TWO}


async def test_many_rows_are_reread_without_naming_them_in_the_url() -> None:
    rig = Rig(sheet=sheet_of(["Task", "Status"], [["a", "x"]] * 150))
    await rig.open()
    rig.source.edit("100", "1", "1002", "foreign")
    rig.calls()
    wanted = tuple(RowId(str(number)) for number in range(1, 102))
    truth = await rig.reread(rows=wanted)
    (call,) = rig.calls()
    assert call.row_ids == ()
    assert set(truth.rows_by_id) == set(wanted)
    assert text(truth) == "foreign"


async def test_a_reread_by_another_person_is_one_call_with_their_own_level(rig: Rig) -> None:
    rig.source.share("grace", "100", AccessLevel.EDITOR)
    await rig.open(ADA)
    rig.calls()
    truth = await rig.reread(GRACE)
    assert truth.access_level == AccessLevel.EDITOR
    assert [call.token for call in rig.calls()] == ["grace"]


# write


async def test_after_a_write_the_cached_sheet_shows_it_without_a_call(rig: Rig) -> None:
    await rig.open()
    assert await rig.write((ONE, B, "done"), (TWO, B, None)) == 2
    rig.calls()
    sheet = await rig.open()
    assert (text(sheet), text(sheet, TWO), sheet.version) == ("done", None, 2)
    assert rig.calls() == []
    assert rig.service.metrics()["patches"] == 1


async def test_a_foreign_edit_before_our_write_makes_the_next_open_load_it(rig: Rig) -> None:
    await rig.open()
    rig.source.edit("100", "3", "1002", "foreign")
    assert await rig.write((ONE, B, "done")) == 3
    rig.calls()
    sheet = await rig.open(max_age=3600)
    assert (text(sheet), text(sheet, THREE), sheet.version) == ("done", "foreign", 3)
    assert len(rig.calls()) == 1


async def test_a_write_without_a_cached_sheet_works(rig: Rig) -> None:
    assert await rig.write((ONE, B, "done")) == 2
    assert rig.source.value("100", "1", "1002") == "done"


async def test_rows_that_were_refused_are_not_patched(rig: Rig) -> None:
    await rig.open()
    await rig.write((ONE, B, "done"), (RowId("99"), B, "lost"))
    sheet = await rig.open()
    assert (text(sheet), sheet.version, len(sheet.rows)) == ("done", 2, 3)


async def test_a_write_into_a_sheet_with_formulas_makes_the_next_open_load_it() -> None:
    rig = Rig(sheet=sheet_of(["Task", "Status"], [["a", "x"], ["b", Cell(1, "1", formula="=1")]]))
    await rig.open()
    await rig.write((ONE, B, "done"))
    rig.calls()
    assert text(await rig.open(max_age=3600)) == "done"
    assert len(rig.calls()) == 1


@pytest.mark.parametrize("took_effect", [True, False])
async def test_after_a_lost_answer_the_next_open_looks_again(rig: Rig, took_effect: bool) -> None:
    await rig.open()
    rig.source.fail("update_rows", UpstreamTimeout("lost"), after_effect=took_effect)
    with pytest.raises(UpstreamTimeout):
        await rig.write((ONE, B, "done"))
    assert text(await rig.open(max_age=3600)) == ("done" if took_effect else "x")


async def test_a_write_that_works_does_not_settle_the_fate_of_one_that_was_lost(rig: Rig) -> None:
    await rig.open()
    rig.source.fail("update_rows", UpstreamTimeout("lost"))
    with pytest.raises(UpstreamTimeout):
        await rig.write((ONE, B, "lost"))
    await rig.write((TWO, B, "done"))
    rig.source.edit("100", "1", "1002", "lost")  # it took effect after all, and late
    assert text(await rig.open(max_age=3600)) == "lost"


async def test_a_load_under_way_during_a_lost_write_is_not_the_last_word(rig: Rig) -> None:
    await rig.open()
    rig.wait(31)
    rig.source.pause()
    load = asyncio.create_task(rig.open())
    await asyncio.sleep(0)
    rig.source.fail("update_rows", UpstreamTimeout("lost"), after_effect=True)
    write = asyncio.create_task(rig.write((ONE, B, "done")))
    await asyncio.sleep(0)
    rig.wait(1)
    rig.source.resume()
    with pytest.raises(UpstreamTimeout):
        await write
    await load
    assert text(await rig.open(max_age=3600)) == "done"


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


@pytest.mark.parametrize("foreign_edit", [True, False])
async def test_a_write_is_not_undone_by_an_older_answer_that_arrives_later(foreign_edit: bool) -> None:
    rig = Rig()
    rig.source = late = LateAnswers(rig.sheet, clock=lambda: rig.now)
    rig.service = SheetService(late, SheetCache(), lambda: rig.now)
    await rig.open()
    if foreign_edit:
        late.edit("100", "3", "1002", "foreign")
    rig.wait(31)
    late.arrive.clear()
    late.sent.clear()
    load = asyncio.create_task(rig.open())
    await late.sent.wait()
    rig.wait(1)
    await rig.write((ONE, B, "done"))
    late.arrive.set()
    assert text(await load) == "done"
    assert text(await rig.open(max_age=3600)) == "done"


async def test_the_metrics_tell_what_is_held_and_what_was_done(rig: Rig) -> None:
    await rig.open()
    rig.wait(10)
    await rig.open()
    metrics = rig.service.metrics()
    assert metrics["misses"] == 1
    assert metrics["hits"] == 1
    assert metrics["sheets"] == 1
    assert metrics["cells"] == 5
    assert metrics["oldestSeconds"] == 10
