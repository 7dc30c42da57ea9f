import asyncio
from dataclasses import replace

import pytest

from shared.errors import NotFound, Unauthorized, UpstreamUnavailable
from shared.sheets.cache import SheetCache
from shared.sheets.models import AccessLevel
from shared.sheets.service import SheetService
from tests.fakes.smartsheet import sheet_of
from tests.unit.sheets.world import ADA, GRACE, SHEET, LateAnswers, Rig, text


@pytest.fixture
def rig() -> Rig:
    return Rig()


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


@pytest.mark.timeout(20)  # whoever joins what has ended never waits, and lets nobody else run: not the test either
async def test_nobody_joins_a_check_that_has_just_ended() -> None:
    rig = Rig()
    late = LateAnswers(rig.sheet, clock=lambda: rig.now)
    rig.service = SheetService(late, SheetCache(), lambda: rig.now)
    await rig.open()
    rig.wait(31)
    late.arrive.clear()
    late.sent.clear()
    first = asyncio.create_task(rig.open())
    await late.sent.wait()
    rig.wait(1)
    late.edit("100", "1", "1002", "foreign")
    late.arrive.set()
    second = asyncio.create_task(rig.open(max_age=0))  # runs when the check is done, before anybody is told so
    assert [text(await first), text(await second)] == ["x", "foreign"]


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
