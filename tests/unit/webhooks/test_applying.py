"""What is heard is applied once, read once, told to browsers, and seen by the next reader on every instance."""

import pytest
from pydantic import SecretStr

from shared.errors import RateLimited, UpstreamUnavailable
from shared.identity.models import Caller
from shared.ids import ColumnId, RowId
from shared.sheets.cache import SheetCache
from shared.sheets.models import CellWrite, RowWrite, Sheet
from shared.sheets.ports import CHANGE_AGENT_PREFIX
from shared.sheets.service import SheetService
from shared.webhooks.models import REFRESH_QUEUE, RefreshSheet
from shared.webhooks.refreshing import MAX_ATTEMPTS
from tests.fakes.webhooks import cell_event, row_event
from tests.unit.webhooks.world import ADA, BOB, COLUMN, OTHER_ROW, ROW, SHEET, World

CALLER = Caller(ADA, SecretStr("ada-token"))


def value(sheet: Sheet, row_id: str = ROW) -> object:
    return sheet.rows_by_id[RowId(row_id)].cells[ColumnId(COLUMN)].value


@pytest.fixture
async def watched(world: World) -> World:
    """Ada watches the sheet, which this instance holds; what a new webhook leads to has been done."""
    await world.sheets.open(CALLER, SHEET)
    await world.watched()
    world.reads()
    return world


async def test_an_edit_by_somebody_else_is_read_once_told_once_and_then_there(watched: World):
    told_before = len(await watched.updates())
    watched.source.edit(SHEET, ROW, COLUMN, "Dig deeper")
    await watched.hear(cell_event(ROW))
    assert (await watched.updates())[told_before:] == [(2, [ROW])]
    assert watched.reads() == 1
    assert value(await watched.sheets.open(CALLER, SHEET)) == "Dig deeper"
    assert watched.reads() == 0


async def test_what_browsers_are_told_holds_ids_and_no_cells(watched: World):
    watched.source.edit(SHEET, ROW, COLUMN, "a secret")
    await watched.hear(cell_event(ROW, value="a secret"))
    events = await watched.events.history(f"sheet:{SHEET}", 0)
    assert events[-1].data == {"sheetId": SHEET, "version": 2, "rowIds": [ROW]}


async def test_a_callback_that_comes_again_changes_nothing(watched: World):
    watched.source.edit(SHEET, ROW, COLUMN, "Dig deeper")
    (webhook,) = watched.remote.of_sheet(SHEET)
    callback = watched.remote.callback(webhook.id, nonce="the same", events=[cell_event(ROW)])
    await watched.receive(callback)
    await watched.drain()
    before = (await watched.state(), await watched.updates())
    watched.reads()
    for again in (callback, watched.remote.callback(webhook.id, nonce="the same", events=[cell_event(OTHER_ROW)])):
        await watched.receive(again)
        await watched.drain()
    assert (await watched.state(), await watched.updates()) == before
    assert watched.reads() == 0


async def test_two_messages_of_one_callback_are_applied_once(watched: World):
    watched.source.edit(SHEET, ROW, COLUMN, "Dig deeper")
    (webhook,) = watched.remote.of_sheet(SHEET)
    await watched.receive(watched.remote.callback(webhook.id, events=[cell_event(ROW)]))
    watched.queue.sent *= 2
    told_before = len(await watched.updates())
    await watched.drain()
    assert (await watched.updates())[told_before:] == [(2, [ROW])]
    assert watched.reads() == 1


async def test_another_instance_sees_the_edit_at_its_next_read_and_not_before_it_was_heard(watched: World):
    other = SheetService(watched.source, SheetCache(), watched.clock, watched.marks)
    assert value(await other.open(CALLER, SHEET)) == "Dig"
    watched.source.edit(SHEET, ROW, COLUMN, "Dig deeper")
    watched.reads()
    assert value(await other.open(CALLER, SHEET)) == "Dig"
    assert watched.reads() == 0
    await watched.hear(cell_event(ROW))
    watched.reads()
    assert value(await other.open(CALLER, SHEET)) == "Dig deeper"
    assert watched.reads() == 1
    await other.open(CALLER, SHEET)
    assert watched.reads() == 0


async def test_a_reader_who_comes_before_the_refresh_asks_and_spares_it_the_question(watched: World):
    watched.source.edit(SHEET, ROW, COLUMN, "Dig deeper")
    await watched.mark(ROW)
    told_before = len(await watched.updates())
    assert value(await watched.sheets.open(CALLER, SHEET)) == "Dig deeper"
    assert watched.reads() == 1
    assert not (await watched.state()).is_dirty
    await watched.deliver(RefreshSheet(sheet_id=SHEET, correlation_id="c"))
    assert (await watched.updates())[told_before:] == [(2, [ROW])]
    assert watched.reads() == 0


async def test_our_own_write_is_told_and_not_loaded_again(watched: World):
    held_elsewhere = SheetService(watched.source, SheetCache(), watched.clock, watched.marks)
    write = [RowWrite(RowId(ROW), (CellWrite(ColumnId(COLUMN), "Dig here"),))]
    agent = f"{CHANGE_AGENT_PREFIX}1"
    await held_elsewhere.open(CALLER, SHEET)
    answer = await held_elsewhere.write_rows(CALLER, SHEET, write, change_agent=agent)
    watched.reads()
    told_before = len(await watched.updates())
    await watched.hear(cell_event(ROW, changeAgent=agent))
    assert (await watched.updates())[told_before:] == [(answer.version, [ROW])]
    (question,) = [call for call in watched.source.calls if call.method == "get_sheet"]
    assert question.rows_modified_since is not None, "the question must not bring the rows"
    watched.reads()
    assert value(await held_elsewhere.open(CALLER, SHEET)) == "Dig here"
    assert watched.reads() == 0, "the writer knows the version"
    assert watched.queue.sent == []


async def test_a_foreign_event_among_our_own_is_not_overlooked(watched: World):
    watched.source.edit(SHEET, ROW, COLUMN, "Dig deeper")
    await watched.hear(cell_event(OTHER_ROW, changeAgent=f"{CHANGE_AGENT_PREFIX}1"), cell_event(ROW))
    watched.reads()
    assert value(await watched.sheets.open(CALLER, SHEET)) == "Dig deeper"
    assert watched.reads() == 0, "it was loaded when it was heard"


async def test_changes_that_come_together_are_read_once_and_told_together(watched: World):
    for row_id in (ROW, OTHER_ROW):
        watched.source.edit(SHEET, row_id, COLUMN, "edited")
        await watched.mark(row_id)
    told_before = len(await watched.updates())
    await watched.deliver(RefreshSheet(sheet_id=SHEET, correlation_id="c"))
    assert (await watched.updates())[told_before:] == [(3, [ROW, OTHER_ROW])]
    assert watched.reads() == 1


async def test_one_refresh_of_a_sheet_runs_at_a_time(watched: World):
    await watched.mark(ROW)
    leases = watched.refresher._leases
    assert await leases.acquire(f"sheet-refresh:{SHEET}", "another", seconds=60)
    told_before = len(await watched.updates())
    await watched.deliver(RefreshSheet(sheet_id=SHEET, correlation_id="c"))
    assert [(queue, delay) for queue, _, delay in watched.queue.sent] == [(REFRESH_QUEUE, 2)]
    assert watched.reads() == 0
    await leases.release(f"sheet-refresh:{SHEET}", "another")
    await watched.drain()
    assert (await watched.updates())[told_before:] == [(1, [ROW])]


async def test_whose_token_no_longer_works_is_passed_over(watched: World):
    await watched.watched(BOB, "two")
    watched.people.gone.add(ADA)
    watched.source.edit(SHEET, ROW, COLUMN, "Dig deeper")
    watched.reads()
    await watched.hear(cell_event(ROW))
    assert (await watched.updates())[-1] == (2, [ROW])
    assert not (await watched.state()).is_dirty


async def test_without_any_token_that_works_the_sheet_stays_dirty_until_somebody_reads_it(watched: World):
    watched.people.gone.add(ADA)
    watched.source.edit(SHEET, ROW, COLUMN, "Dig deeper")
    await watched.hear(cell_event(ROW))
    assert (await watched.updates())[-1] == (None, [ROW])
    assert (await watched.state()).is_dirty
    assert watched.reads() == 0
    bob = Caller(BOB, SecretStr("bob-token"))
    assert value(await watched.sheets.open(bob, SHEET)) == "Dig deeper"
    state = await watched.state()
    assert (state.is_dirty, state.version) == (False, 2)


async def test_a_token_that_smartsheet_refuses_is_noted_as_refused(watched: World):
    watched.source.revoke("ada-token")
    await watched.hear(cell_event(ROW))
    assert watched.people.refused == [ADA]
    assert (await watched.state()).is_dirty


async def test_while_smartsheet_is_down_the_refresh_waits_and_then_goes_on(watched: World):
    watched.source.edit(SHEET, ROW, COLUMN, "Dig deeper")
    watched.source.fail("get_sheet", UpstreamUnavailable("down"))
    watched.source.fail("get_sheet", RateLimited("slow down", retry_after_seconds=77))
    told_before = len(await watched.updates())
    before = watched.clock.now
    await watched.hear(cell_event(ROW))
    assert (watched.clock.now - before).total_seconds() == 1 + 5 + 77  # it arrived, and was asked about twice more
    assert (await watched.updates())[told_before:] == [(2, [ROW])]


async def test_in_the_end_browsers_are_told_without_a_version(watched: World):
    watched.source.fail("get_sheet", UpstreamUnavailable("down"), times=MAX_ATTEMPTS + 1)
    await watched.hear(cell_event(ROW))
    assert (await watched.updates())[-1] == (None, [ROW])
    assert (await watched.state()).is_dirty


async def test_more_rows_than_can_be_told_are_the_whole_sheet(watched: World):
    await watched.hear(*(row_event(str(n)) for n in range(1, 500)))
    assert (await watched.updates())[-1] == (1, None)


async def test_what_happened_to_columns_is_about_the_whole_sheet(watched: World):
    await watched.hear({"objectType": "column", "eventType": "updated", "id": 1001})
    assert (await watched.updates())[-1] == (1, None)
