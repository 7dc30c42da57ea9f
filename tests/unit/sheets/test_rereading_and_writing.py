import asyncio

import pytest

from shared.errors import NotFound, UpstreamTimeout
from shared.ids import RowId
from shared.sheets.cache import SheetCache
from shared.sheets.models import AccessLevel, Cell
from shared.sheets.service import SheetService
from tests.fakes.smartsheet import sheet_of
from tests.unit.sheets.world import ADA, GRACE, ONE, SHEET, THREE, TWO, B, LateAnswers, Rig, text


@pytest.fixture
def rig() -> Rig:
    return Rig()


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


# reread_whole


async def test_rereading_an_unchanged_sheet_is_one_cheap_call_however_young_it_is(rig: Rig) -> None:
    await rig.open()
    rig.calls()
    truth = await rig.service.reread_whole(ADA, SHEET)
    assert [call.if_version_after for call in rig.calls()] == [1]
    assert (truth.version, len(truth.rows)) == (1, 3)


async def test_rereading_brings_what_others_changed_and_keeps_it(rig: Rig) -> None:
    await rig.open()
    rig.calls()
    rig.source.edit("100", "3", "1002", "foreign")
    truth = await rig.service.reread_whole(ADA, SHEET)
    assert (text(truth, THREE), truth.version) == ("foreign", 2)
    assert text(await rig.open(), THREE) == "foreign"
    assert len(rig.calls()) == 1


async def test_rereading_does_not_wait_for_a_refresh_that_was_sent_before() -> None:
    rig = Rig()
    rig.source = late = LateAnswers(rig.sheet, clock=lambda: rig.now)
    rig.service = SheetService(late, SheetCache(), lambda: rig.now)
    await rig.open()
    rig.wait(31)
    late.arrive.clear()
    late.sent.clear()
    load = asyncio.create_task(rig.open())
    await late.sent.wait()
    rig.wait(1)
    late.edit("100", "1", "1002", "foreign")
    reread = asyncio.create_task(rig.service.reread_whole(ADA, SHEET))
    await asyncio.sleep(0)
    late.arrive.set()
    assert text(await load) == "x"
    assert text(await reread) == "foreign"
    assert text(await rig.open(max_age=3600)) == "foreign"


async def test_rereading_tells_each_person_their_own_level(rig: Rig) -> None:
    rig.source.share("grace", "100", AccessLevel.EDITOR)
    await rig.open(ADA)
    rig.calls()
    assert (await rig.service.reread_whole(GRACE, SHEET)).access_level == AccessLevel.EDITOR
    assert (await rig.service.reread_whole(ADA, SHEET)).access_level == AccessLevel.OWNER
    assert [call.token for call in rig.calls()] == ["grace", "ada"]


async def test_rereading_by_a_person_without_access_is_refused(rig: Rig) -> None:
    rig.source.share("grace", "100", None)
    await rig.open(ADA)
    with pytest.raises(NotFound):
        await rig.service.reread_whole(GRACE, SHEET)


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
