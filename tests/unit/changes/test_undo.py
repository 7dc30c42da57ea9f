"""Undo puts back what a change-set changed, and touches nothing that somebody changed since."""

from dataclasses import replace
from typing import Any

import pytest

from shared.changes.models import (
    ColumnAdd,
    ColumnCell,
    ColumnDelete,
    ColumnEdit,
    ColumnShape,
    RowAdd,
    RowDelete,
    RowMove,
)
from shared.changes.requests import UndoChange
from shared.changes.views import Undone
from shared.errors import Conflict, InvalidInput, NotFound, UpstreamUnavailable
from shared.ids import ChangeSetId, ColumnId, RowId
from shared.sheets.input import CellContent, Placement
from shared.sheets.models import Cell, Column, ColumnType, RowLocation
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.fakes.smartsheet import FakeSheetSource, sheet_of
from tests.unit.changes.world import CALLER, SHEET, World, cell

TASK, STATUS, TAGS = ColumnId("1001"), ColumnId("1002"), ColumnId("1003")
RED = {"objectType": "MULTI_PICKLIST", "values": ["red", "blue"]}


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    """Phase (with Dig and Pour below it), then Paint."""
    columns = [
        Column(TASK, 0, "Task", ColumnType.TEXT_NUMBER, primary=True),
        Column(STATUS, 1, "Status", ColumnType.TEXT_NUMBER),
        Column(TAGS, 2, "Tags", ColumnType.MULTI_PICKLIST, options=("red", "blue", "green")),
    ]
    tags = Cell("red, blue", "red, blue", object_value=RED)
    rows = [
        ["Phase"],
        ["Dig", "Open", tags],
        ["Pour", Cell(3, formula="=1+2")],
        ["Paint", Cell("x", hyperlink={"url": "https://a.example/"})],
    ]
    sheet = sheet_of(columns, rows)
    children = {RowId("2"), RowId("3")}
    nested = tuple(replace(row, parent_id=RowId("1")) if row.id in children else row for row in sheet.rows)
    clock = FakeClock()
    return World(documents, FakeSheetSource(replace(sheet, rows=nested), clock=clock), clock)


def contents(world: World) -> list[Any]:
    """All that people see: rows in order with depth and cells, whatever their ids."""
    titles = {column.id: column.title for column in world.sheet.columns}
    cells = [
        {
            titles[id_]: held.formula or (held.value, held.object_value, held.hyperlink)
            for id_, held in row.cells.items()
        }
        for row in world.sheet.rows
    ]
    return [[column.title for column in world.sheet.columns], *zip(world.outline(), cells, strict=True)]


async def undo(world: World, change_set_id: str = "cs-1", **given: Any) -> Undone:
    request = UndoChange.model_validate(given)
    return await world.timeline.undo(CALLER, ChangeSetId(change_set_id), request)


async def test_cells_get_back_values_formulas_objects_and_links(world: World):
    before = contents(world)
    await world.to_the_end(
        cell(2, STATUS, "Done"),
        cell(2, TAGS, None),
        cell(3, STATUS, "Done"),
        cell(4, STATUS, "y"),
        cell(1, STATUS, "new"),
    )
    undone = await undo(world)
    assert undone.not_undone == ()
    assert contents(world) == before


async def test_a_cell_that_somebody_changed_since_is_left_alone_and_named(world: World):
    await world.to_the_end(cell(2, STATUS, "Done"), cell(4, STATUS, "Done"))
    world.source.edit(SHEET, "2", STATUS, "Late")
    undone = await undo(world)
    assert [(one.row_id, one.column_id, one.code) for one in undone.not_undone] == [("2", STATUS, "conflict")]
    assert (world.value(2, STATUS), world.value(4, STATUS)) == ("Late", "x")


async def test_only_the_named_rows_and_columns_are_undone(world: World):
    await world.to_the_end(cell(1, STATUS, "a"), cell(2, STATUS, "b"), cell(1, TASK, "c"))
    await undo(world, rowIds=["1"], columnIds=[STATUS])
    assert (world.value(1, STATUS), world.value(2, STATUS), world.value(1, TASK)) == (None, "b", "c")


async def test_undo_can_be_undone(world: World):
    await world.to_the_end(cell(2, STATUS, "Done"), RowDelete(row_id=RowId("4")))
    after = contents(world)
    undone = await undo(world)
    redone = await undo(world, undone.change_set.id)
    assert redone.not_undone == ()
    assert contents(world) == after


async def test_deleted_rows_come_back_with_children_values_and_place(world: World):
    before = contents(world)
    await world.to_the_end(RowDelete(row_id=RowId("1")), RowDelete(row_id=RowId("4")))
    assert world.sheet.rows == ()
    undone = await undo(world)
    assert undone.not_undone == ()
    assert contents(world) == before


async def test_rows_come_back_once_however_often_that_is_asked(world: World):
    before = contents(world)
    await world.to_the_end(RowDelete(row_id=RowId("4")))
    await undo(world)
    with pytest.raises(InvalidInput) as refused:
        await undo(world)
    assert refused.value.code == "nothing_to_undo"
    assert contents(world) == before


async def test_a_row_whose_place_is_gone_comes_back_at_the_end_and_says_so(world: World):
    await world.to_the_end(RowDelete(row_id=RowId("3")))
    world.source.delete_row(SHEET, "1")
    undone = await undo(world)
    assert world.outline() == ["Paint", "Pour"]
    assert [(one.row_id, one.code) for one in undone.not_undone] == [("3", "place_lost")]


async def test_an_added_row_goes_unless_somebody_filled_it(world: World):
    def add(task: str) -> RowAdd:
        return RowAdd(cells=(ColumnCell(column_id=TASK, content=CellContent(value=task)),))

    await world.to_the_end(add("One"), add("Two"))
    world.source.edit(SHEET, world.sheet.rows[-1].id, STATUS, "Mine now")
    undone = await undo(world)
    assert world.outline()[-2:] == ["Paint", "Two"]
    assert [one.code for one in undone.not_undone] == ["changed_since"]


async def test_moved_rows_go_back_unless_somebody_moved_them_on(world: World):
    before = contents(world)
    await world.to_the_end(RowMove(row_id=RowId("4"), placement=Placement(to_top=True)))
    await undo(world)
    assert contents(world) == before
    await world.to_the_end(RowMove(row_id=RowId("4"), placement=Placement(to_top=True)), id="cs-2")
    world.source.move_row(SHEET, "4", RowLocation(parent_id=RowId("1")))
    undone = await undo(world, "cs-2")
    assert [one.code for one in undone.not_undone] == ["moved_since"]
    assert world.outline() == ["Phase", ">Paint", ">Dig", ">Pour"]


async def test_a_deleted_column_comes_back_with_its_cells(world: World):
    before = contents(world)
    await world.to_the_end(ColumnDelete(column_id=STATUS))
    undone = await undo(world)
    assert undone.not_undone == ()
    assert contents(world) == before
    gone_again = await undo(world, undone.change_set.id)
    assert gone_again.not_undone == ()
    assert contents(world)[0] == ["Task", "Tags"]


async def test_an_added_column_goes_unless_somebody_filled_it(world: World):
    await world.to_the_end(ColumnAdd(column=ColumnShape(title="Owner", type="TEXT_NUMBER", index=3)))
    world.source.edit(SHEET, "1", world.sheet.columns[-1].id, "Ada")
    undone = await undo(world)
    assert [one.code for one in undone.not_undone] == ["changed_since"]
    assert world.sheet.columns[-1].title == "Owner"


async def test_a_columns_former_title_and_place_come_back(world: World):
    before = contents(world)
    await world.to_the_end(ColumnEdit(column_id=STATUS, after=ColumnShape(title="State", index=2)))
    await undo(world)
    assert contents(world) == before


async def test_cells_that_a_new_type_converted_come_back_except_where_somebody_wrote_since(world: World):
    world.source.edit(SHEET, "4", STATUS, "true")
    world.source.edit(SHEET, "1", STATUS, "true")
    await world.to_the_end(ColumnEdit(column_id=STATUS, after=ColumnShape(type="CHECKBOX")))
    world.source.edit(SHEET, "1", STATUS, "mine")
    await undo(world)
    assert (world.value(4, STATUS), world.value(2, STATUS), world.value(1, STATUS)) == ("true", "Open", "mine")


async def test_what_was_not_written_is_not_undone(world: World):
    world.source.edit(SHEET, "2", STATUS, "Late")
    await world.to_the_end(cell(2, STATUS, "Done", expected="Open"), cell(4, STATUS, "x"))
    with pytest.raises(InvalidInput) as refused:
        await undo(world)
    assert refused.value.code == "nothing_to_undo"


async def test_an_undo_that_could_not_begin_does_not_stand_in_the_way_of_the_next(world: World):
    await world.to_the_end(RowDelete(row_id=RowId("4")))
    world.source.fail("get_sheet", UpstreamUnavailable("down"), times=5)
    with pytest.raises(UpstreamUnavailable):
        await undo(world)
    world.source.calls.clear()
    world.clock.advance(1)
    for _ in range(5):
        try:
            await undo(world)
            break
        except UpstreamUnavailable:
            continue
    assert world.outline()[-1] == "Paint"


async def test_a_change_set_that_goes_on_cannot_be_undone_yet(world: World):
    world.source.fail("update_rows", UpstreamUnavailable("down"))
    await world.submit(cell(2, STATUS, "Done"))
    with pytest.raises(Conflict) as refused:
        await undo(world)
    assert refused.value.code == "change_set_not_applied"


async def test_nobody_sees_the_change_sets_of_a_sheet_that_is_not_shared_with_them(world: World):
    await world.to_the_end(cell(2, STATUS, "Done"))
    world.source.share("ada-token", SHEET, None)
    world.clock.advance(120)
    with pytest.raises(NotFound) as refused:
        await undo(world)
    assert refused.value.code == "change_set_not_found"
