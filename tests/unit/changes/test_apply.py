"""Applying change-sets of cells: nothing lost silently, nothing written twice, whatever dies."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.changes.models import Applied, CellChange, RowDelete, RowMove, Waiting
from shared.errors import Forbidden, InvalidInput, RateLimited, UpstreamTimeout, UpstreamUnavailable
from shared.ids import ColumnId, RowId
from shared.sheets.input import CellContent, Placement
from shared.sheets.models import Column, ColumnType
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.killing import Countdown, Killed
from tests.fakes.smartsheet import FakeSheetSource, sheet_of
from tests.unit.changes.world import LONGEST_CALL, SHEET, WRITE_TIMEOUT, World, cell, states

STATUS = ColumnId("1002")


def task_sheet(rows: int = 3) -> FakeSheetSource:
    return FakeSheetSource(sheet_of(["Task", "Status"], [[f"Task {n}", "Open"] for n in range(1, rows + 1)]))


def cells(after: str = "Done") -> list[CellChange]:
    return [cell(n, STATUS, f"{after} {n}", expected="Open") for n in (1, 2, 3)]


async def apply(world: World) -> Applied | Waiting:
    return await world.submit(*cells())


async def apply_to_the_end(world: World) -> Applied:
    return await world.to_the_end(*cells())


def values(world: World) -> list[Any]:
    return [world.value(n, STATUS) for n in (1, 2, 3)]


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents, task_sheet())


async def test_all_cells_are_written_with_one_bulk_call(world: World):
    applied = await apply(world)
    assert states(applied) == ["written"] * 3
    assert values(world) == ["Done 1", "Done 2", "Done 3"]
    assert (world.source.count("get_sheet"), world.source.count("update_rows")) == (1, 1)


async def test_a_cell_that_somebody_changed_before_is_left_alone_and_reported(world: World):
    world.source.edit(SHEET, "2", STATUS, "Blocked")
    applied = await apply(world)
    assert states(applied) == ["written", "conflict", "written"]
    assert isinstance(applied, Applied)
    assert applied.cells[1].current == CellContent(value="Blocked")
    assert values(world) == ["Done 1", "Blocked", "Done 3"]


async def test_a_cell_that_holds_the_value_already_is_not_written(world: World):
    world.source.edit(SHEET, "1", STATUS, "Done 1")
    applied = await apply(world)
    assert states(applied) == ["unchanged", "written", "written"]
    assert [len(call.rows) for call in world.source.calls if call.method == "update_rows"] == [2]


async def test_a_deleted_row_is_refused_and_the_others_are_written(world: World):
    world.source.delete_row(SHEET, "3")
    applied = await apply(world)
    assert states(applied) == ["written", "written", "refused"]
    assert isinstance(applied, Applied)
    assert applied.cells[2].code == "row_not_found"


async def test_a_row_that_smartsheet_refuses_is_reported_with_its_code(documents: SqliteDocuments):
    columns = [
        Column(ColumnId("1001"), 0, "Task", ColumnType.TEXT_NUMBER, primary=True),
        Column(STATUS, 1, "Status", ColumnType.PICKLIST, options=("Open", "Done 1", "Done 3"), validation=True),
    ]
    world = World(documents, FakeSheetSource(sheet_of(columns, [["Task", "Open"] for _ in range(3)])))
    applied = await apply(world)
    assert states(applied) == ["written", "refused", "written"]
    assert isinstance(applied, Applied)
    assert applied.cells[1].code == "invalid_value"


async def test_applying_again_writes_nothing_more(world: World):
    await apply(world)
    again = await apply(world)
    assert states(again) == ["written"] * 3
    assert world.source.count("update_rows") == 1


async def test_an_edit_between_re_read_and_write_is_reported_as_a_possible_overlap(world: World):
    world.source.before_next("update_rows", lambda: world.source.edit(SHEET, "2", STATUS, "Blocked"))
    applied = await apply(world)
    assert isinstance(applied, Applied)
    assert applied.possible_overlap


async def test_an_edit_before_a_call_that_was_refused_is_reported_too(world: World):
    world.source.before_next("update_rows", lambda: world.source.edit(SHEET, "2", "1001", "Renamed"))
    world.source.fail("update_rows", InvalidInput("no", code="invalid_value"))
    applied = await apply(world)
    assert states(applied) == ["refused"] * 3
    assert isinstance(applied, Applied)
    assert applied.possible_overlap


async def test_a_call_that_was_refused_while_nobody_wrote_is_no_overlap(world: World):
    world.source.fail("update_rows", InvalidInput("no", code="invalid_value"))
    applied = await apply(world)
    assert isinstance(applied, Applied)
    assert states(applied) == ["refused"] * 3 and not applied.possible_overlap


async def test_an_edit_right_after_the_write_is_found_when_versions_overlap(world: World):
    world.source.before_next("update_rows", lambda: world.source.edit(SHEET, "1", "1001", "Renamed"))
    world.source.before_next("get_sheet", lambda: None)
    world.source.before_next("get_sheet", lambda: world.source.edit(SHEET, "3", STATUS, "Blocked"))
    applied = await apply(world)
    assert states(applied) == ["written", "written", "conflict"]
    assert isinstance(applied, Applied)
    assert (applied.cells[2].code, applied.cells[2].current) == ("overwritten", CellContent(value="Blocked"))


async def test_a_lost_answer_of_a_write_that_took_effect_is_not_sent_again(world: World):
    world.source.fail("update_rows", UpstreamTimeout("lost"), after_effect=True)
    applied = await apply(world)
    assert states(applied) == ["written"] * 3
    assert world.source.count("update_rows") == 1


async def test_a_lost_call_is_sent_again_only_after_the_write_timeout(world: World):
    world.source.fail("update_rows", UpstreamTimeout("lost"))
    waiting = await apply(world)
    assert isinstance(waiting, Waiting)
    assert waiting.until == world.clock() + WRITE_TIMEOUT
    world.clock.advance(59)
    assert isinstance(await apply(world), Waiting)
    assert world.source.count("update_rows") == 1
    world.clock.advance(1)
    assert states(await apply(world)) == ["written"] * 3
    assert world.source.count("update_rows") == 2


async def test_a_call_that_is_never_answered_ends_as_refused(world: World):
    world.source.fail("update_rows", UpstreamTimeout("lost"), times=100)
    applied = await apply_to_the_end(world)
    assert [(cell.state, cell.code) for cell in applied.cells] == [("refused", "write_unconfirmed")] * 3


@pytest.mark.parametrize(
    "error", [UpstreamUnavailable("down", retry_after_seconds=7), RateLimited("slow down", retry_after_seconds=7)]
)
async def test_a_refused_call_is_sent_again_when_the_service_says(world: World, error: Any):
    world.source.fail("update_rows", error)
    waiting = await apply(world)
    assert isinstance(waiting, Waiting)
    assert waiting.until == world.clock() + timedelta(seconds=7)
    assert states(await apply(world)) == ["written"] * 3


async def test_a_sheet_that_may_not_be_changed_is_said_so(world: World):
    world.source.fail("update_rows", Forbidden("no"))
    with pytest.raises(Forbidden):
        await apply(world)


async def test_the_end_of_a_lost_call_counts_not_its_beginning(world: World):
    world.source.fail("update_rows", UpstreamTimeout("lost"))
    world.source.before_next("update_rows", lambda: world.clock.advance(150))  # it was tried several times
    waiting = await apply(world)
    assert isinstance(waiting, Waiting)
    assert waiting.until == world.clock() + WRITE_TIMEOUT


async def test_a_call_whose_end_nobody_saw_is_waited_for_the_longest(world: World):
    sent_at = world.clock()
    death: Any = Killed("update_rows")
    world.source.fail("update_rows", death)
    with pytest.raises(Killed):
        await apply(world)
    world.restart()
    waiting = await apply(world)
    assert isinstance(waiting, Waiting)
    assert waiting.until == sent_at + LONGEST_CALL + WRITE_TIMEOUT


async def test_who_stood_still_while_another_runner_went_on_stores_nothing(world: World):
    """The lease was over, the answer came late: what the other runner knows stays."""
    other = World(world.documents, world.source, world.clock, instance="two")
    answered, arrive = asyncio.Event(), asyncio.Event()
    update_rows = world.source.update_rows

    async def late(*args: Any, **given: Any) -> Any:
        answer = await update_rows(*args, **given)
        if not answered.is_set():
            answered.set()
            await arrive.wait()
        return answer

    world.source.update_rows = late
    items = [cell(1, STATUS, "Done"), RowDelete(row_id=RowId("2"))]
    slow = asyncio.create_task(world.submit(*items))
    await answered.wait()
    world.clock.advance(1000)
    assert states(await other.submit(*items)) == ["written", "written"]
    arrive.set()
    assert isinstance(await slow, Waiting)
    assert states(await world.submit(*items)) == ["written", "written"]
    assert world.outline() == ["Task 1", "Task 3"]


# --- all or nothing -------------------------------------------------------------------------------


async def test_all_steps_are_looked_at_before_anything_of_an_atomic_change_is_written(documents: SqliteDocuments):
    world = World(documents, task_sheet(600))
    world.source.edit(SHEET, "550", STATUS, "Theirs")
    edits = [cell(n, STATUS, "Done", expected="Open") for n in range(1, 601)]
    applied = await world.to_the_end(*edits, atomic=True)
    assert (await world.header()).counts == {"refused": 599, "conflict": 1}
    assert {item.code for item in applied.items if item.state == "refused"} == {"not_applied"}
    assert world.source.count("update_rows") == 0


async def test_a_place_that_is_gone_stops_an_atomic_change(world: World):
    world.source.delete_row(SHEET, "3")
    move = RowMove(row_id=RowId("1"), placement=Placement(sibling_id=RowId("3")))
    applied = await world.to_the_end(cell(1, STATUS, "Done"), move, atomic=True)
    assert [(item.state, item.code) for item in applied.items] == [
        ("refused", "not_applied"),
        ("refused", "place_not_found"),
    ]
    assert world.value(1, STATUS) == "Open"


# --- death ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after_effect", [False, True])
async def test_death_at_any_step_ends_with_each_cell_written_once(tmp_path: Any, after_effect: bool):
    deadly = 1
    while True:
        documents = SqliteDocuments(tmp_path / f"{deadly}.db")
        world = World(documents, task_sheet())
        countdown = Countdown(deadly, after_effect=after_effect)
        world.restart(countdown)
        try:
            await apply(world)
            survived = True
        except Killed:
            survived = False
        world.restart()
        applied = await apply_to_the_end(world)
        assert states(applied) == ["written"] * 3, f"killed at step {deadly}"
        assert values(world) == ["Done 1", "Done 2", "Done 3"]
        assert world.source.sheet(SHEET).version == 2, f"written twice when killed at step {deadly}"
        await documents.close()
        if survived:
            break
        deadly += 1
    assert deadly > 10  # the walk met every step, not only the first ones
