"""Rows added, moved and deleted, columns changed: each once, in its place, and nothing claimed that is not known."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from shared.changes.models import (
    Applied,
    ColumnAdd,
    ColumnCell,
    ColumnDelete,
    ColumnEdit,
    ColumnShape,
    Item,
    RowAdd,
    RowDelete,
    RowMove,
    Waiting,
)
from shared.errors import UpstreamTimeout
from shared.ids import ColumnId, RowId
from shared.sheets.input import CellContent, Placement
from shared.sheets.models import AccessLevel, Cell, Row, RowLocation
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.fakes.smartsheet import FakeSheetSource, sheet_of
from tests.unit.changes.world import CALLER, SHEET, World, cell, states

TASK, STATUS = ColumnId("1001"), ColumnId("1002")


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    """Phase (with Dig and Pour below it), then Paint."""
    rows = [["Phase", None], ["Dig", "Open"], ["Pour", "Open"], ["Paint", "Open"]]
    sheet = sheet_of(["Task", "Status"], rows)
    children = {RowId("2"), RowId("3")}
    nested = tuple(replace(row, parent_id=RowId("1")) if row.id in children else row for row in sheet.rows)
    clock = FakeClock()
    return World(documents, FakeSheetSource(replace(sheet, rows=nested), clock=clock), clock)


def add(task: str, **given: Any) -> RowAdd:
    return RowAdd(cells=(ColumnCell(column_id=TASK, content=CellContent(value=task)),), **given)


def move(row: int, **placement: Any) -> RowMove:
    return RowMove(row_id=RowId(str(row)), placement=Placement(**placement))


async def test_new_rows_know_which_rows_they_became(world: World):
    applied = await world.to_the_end(add("One"), add("Two"))
    ids = [cast(RowAdd, item).row_id for item in applied.items]
    assert world.outline() == ["Phase", ">Dig", ">Pour", "Paint", "One", "Two"]
    assert ids == [row.id for row in world.sheet.rows[-2:]]


async def test_rows_of_one_place_go_out_in_one_call_and_stay_in_order(world: World):
    top = Placement(to_top=True)
    await world.to_the_end(
        add("A", placement=top),
        add("B", placement=top),
        add("C", placement=Placement(parent_id=RowId("1"), to_bottom=True)),
    )
    assert world.outline() == ["A", "B", "Phase", ">Dig", ">Pour", ">C", "Paint"]
    assert world.source.count("add_rows") == 2


async def test_more_rows_than_a_call_takes_stay_in_order_at_the_top(world: World):
    await world.to_the_end(*[add(f"{n:04}", placement=Placement(to_top=True)) for n in range(1100)])
    assert world.source.count("add_rows") == 3
    assert world.outline()[:1100] == [f"{n:04}" for n in range(1100)]


async def test_a_lost_answer_of_added_rows_is_cleared_up_by_looking(world: World):
    world.source.fail("add_rows", UpstreamTimeout("lost"), after_effect=True)
    applied = await world.to_the_end(add("One"), add("One"), add("Two"))
    assert states(applied) == ["written"] * 3
    assert world.source.count("add_rows") == 1
    assert {cast(RowAdd, item).row_id for item in applied.items} == {row.id for row in world.sheet.rows[-3:]}


async def test_rows_of_a_lost_call_are_added_once_the_call_can_take_no_effect_any_more(world: World):
    world.source.fail("add_rows", UpstreamTimeout("lost"))
    assert isinstance(await world.submit(add("One")), Waiting)
    assert states(await world.to_the_end(add("One"))) == ["written"]
    assert world.outline().count("One") == 1


async def test_an_add_is_unknown_and_never_sent_again_when_the_sheet_changed_meanwhile(world: World):
    world.source.fail("add_rows", UpstreamTimeout("lost"))
    await world.submit(add("One"))
    world.source.edit(SHEET, "4", STATUS, "Late")
    applied = await world.to_the_end(add("One"))
    assert [(item.state, item.code) for item in applied.items] == [("unknown", "answer_lost")]
    assert world.source.count("add_rows") == 1


async def test_a_row_like_ours_that_somebody_else_added_makes_ours_unknown(world: World):
    world.source.fail("add_rows", UpstreamTimeout("lost"), after_effect=True)
    like_ours = Row(RowId("77"), 9, {TASK: Cell("One")}, created_at=world.clock(), modified_at=world.clock())
    world.source.before_next("add_rows", lambda: world.source.add_row(SHEET, like_ours))
    applied = await world.to_the_end(add("One"))
    assert states(applied) == ["unknown"]


async def test_deleted_rows_go_with_their_children(world: World):
    applied = await world.to_the_end(RowDelete(row_id=RowId("1")))
    assert world.outline() == ["Paint"]
    assert states(applied) == ["written"]


async def test_a_row_that_is_gone_already_needs_no_call(world: World):
    world.source.delete_row(SHEET, "4")
    applied = await world.to_the_end(RowDelete(row_id=RowId("4")))
    assert states(applied) == ["unchanged"]
    assert world.source.count("delete_rows") == 0


async def test_a_row_below_a_locked_one_is_not_deleted_by_who_may_not(documents: SqliteDocuments):
    sheet = sheet_of(["Task"], [["A"], ["B"]])
    locked = tuple(replace(row, locked=row.id == "1") for row in sheet.rows)
    source = FakeSheetSource(replace(sheet, rows=locked))
    source.share("ada-token", SHEET, AccessLevel.EDITOR)
    applied = await World(documents, source).to_the_end(RowDelete(row_id=RowId("1")))
    assert [(item.state, item.code) for item in applied.items] == [("refused", "row_locked")]


async def test_moved_rows_know_where_they_were_and_are(world: World):
    applied = await world.to_the_end(move(4, parent_id=RowId("1")))
    (moved,) = cast(list[RowMove], list(applied.items))
    assert world.outline() == ["Phase", ">Paint", ">Dig", ">Pour"]
    assert moved.before is not None and (moved.before.parent_id, moved.before.after_id) == (None, "1")
    assert moved.after is not None and (moved.after.parent_id, moved.after.before_id) == ("1", "2")


async def test_a_row_is_indented_once_also_when_the_answer_is_lost(world: World):
    world.source.fail("update_rows", UpstreamTimeout("lost"), after_effect=True)
    applied = await world.to_the_end(move(4, indent=True))
    assert states(applied) == ["written"]
    assert world.outline() == ["Phase", ">Dig", ">Pour", ">Paint"]


async def test_columns_are_added_changed_and_deleted(world: World):
    applied = await world.to_the_end(
        ColumnAdd(column=ColumnShape(title="Owner", type="TEXT_NUMBER", index=1)),
        ColumnEdit(column_id=STATUS, after=ColumnShape(title="State")),
    )
    assert [column.title for column in world.sheet.columns] == ["Task", "Owner", "State"]
    assert states(applied) == ["written", "written"]
    deleted = await world.to_the_end(ColumnDelete(column_id=STATUS), id="cs-2")
    assert [column.title for column in world.sheet.columns] == ["Task", "Owner"]
    before = cast(ColumnDelete, deleted.items[0]).before
    assert before is not None and (before.title, before.type, before.index) == ("State", "TEXT_NUMBER", 2)


@pytest.mark.parametrize(
    ("method", "item"),
    [
        ("add_columns", ColumnAdd(column=ColumnShape(title="Owner", type="TEXT_NUMBER"))),
        ("update_column", ColumnEdit(column_id=STATUS, after=ColumnShape(title="State"))),
        ("delete_column", ColumnDelete(column_id=STATUS)),
        ("delete_rows", RowDelete(row_id=RowId("4"))),
    ],
)
@pytest.mark.parametrize("after_effect", [True, False])
async def test_a_lost_answer_ends_with_one_effect(world: World, method: Any, item: Item, after_effect: bool):
    world.source.fail(method, UpstreamTimeout("lost"), after_effect=after_effect)
    applied = await world.to_the_end(item)
    assert states(applied) == ["written"]
    assert world.source.count(method) == (1 if after_effect else 2)
    assert world.sheet.version == 2


def _renamed(world: World) -> None:
    first = world.sheet.columns[0]
    world.source.replace_columns(SHEET, [replace(first, title="Job"), *world.sheet.columns[1:]])


@pytest.mark.parametrize(
    ("method", "item"),
    [
        ("update_rows", cell(4, STATUS, "Done")),
        ("update_rows", move(4, to_top=True)),
        ("add_rows", add("New")),
        ("delete_rows", RowDelete(row_id=RowId("4"))),
        ("add_columns", ColumnAdd(column=ColumnShape(title="Owner", type="TEXT_NUMBER"))),
        ("update_column", ColumnEdit(column_id=STATUS, after=ColumnShape(title="State"))),
        ("delete_column", ColumnDelete(column_id=STATUS)),
    ],
)
@pytest.mark.parametrize(
    "foreign",
    [
        lambda world: world.source.edit(SHEET, "2", TASK, "Excavate"),
        lambda world: world.source.edit(SHEET, "4", STATUS, "Late"),
        lambda world: world.source.move_row(SHEET, "3", RowLocation(to_top=True)),
        lambda world: world.source.add_row(
            SHEET, Row(RowId("78"), 9, {}, created_at=world.clock(), modified_at=world.clock())
        ),
        _renamed,
    ],
)
@pytest.mark.parametrize("answer_lost", [False, True])
async def test_a_foreign_change_between_look_and_call_is_always_reported(
    world: World, method: Any, item: Item, foreign: Callable[[World], None], answer_lost: bool
):
    world.source.before_next(method, lambda: foreign(world))
    if answer_lost:
        world.source.fail(method, UpstreamTimeout("lost"), after_effect=True)
    applied = await world.to_the_end(item)
    assert isinstance(applied, Applied)
    assert applied.possible_overlap


async def test_nothing_of_an_atomic_change_set_is_written_when_a_cell_is_in_conflict(world: World):
    applied = await world.to_the_end(
        cell(2, STATUS, "Done", expected="Open"),
        cell(3, STATUS, "Done", expected="Late"),
        move(4, to_top=True),
        atomic=True,
    )
    assert states(applied) == ["refused", "conflict", "refused"]
    assert world.sheet.version == 1


async def test_a_long_change_set_stops_between_steps_when_its_time_is_over_and_goes_on_later(world: World):
    adds = [add(f"{n:04}") for n in range(1100)]
    world.source.before_next("add_rows", lambda: world.clock.advance(30))
    until = world.clock() + timedelta(seconds=20)
    result = await world.service.submit(CALLER, world.change_set(), adds, until=until)
    assert isinstance(result, Waiting) and result.reason == "goes_on"
    assert len(world.sheet.rows) == 504
    assert states(await world.to_the_end(*adds)) == ["written"] * 1100
    assert world.source.count("add_rows") == 3
