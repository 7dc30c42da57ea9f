"""What undo brings back beside values: links, types with all that belongs to them, formulas, and rows of rows."""

from dataclasses import replace
from typing import Any

import pytest

from shared.changes.models import ColumnCell, ColumnEdit, ColumnShape, RowAdd, RowDelete
from shared.changes.requests import UndoChange
from shared.changes.views import Undone
from shared.errors import InvalidInput, UpstreamTimeout
from shared.ids import ChangeSetId, ColumnId, RowId
from shared.sheets.input import CellContent
from shared.sheets.models import Cell, Column, ColumnType, Row
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.fakes.smartsheet import FakeSheetSource, sheet_of
from tests.unit.changes.world import CALLER, SHEET, World, cell, states

TASK, STATUS = ColumnId("1001"), ColumnId("1002")
LINK = {"url": "https://a.example/"}


def world_of(documents: SqliteDocuments, columns: Any, rows: list[list[Any]], **parents: str) -> World:
    """A world with one sheet; `parents` says of rows (`r2="1"`) below which they lie."""
    sheet = sheet_of(columns, rows)
    below = {name.removeprefix("r"): RowId(parent) for name, parent in parents.items()}
    nested = tuple(replace(row, parent_id=below.get(row.id)) for row in sheet.rows)
    clock = FakeClock()
    return World(documents, FakeSheetSource(replace(sheet, rows=nested), clock=clock), clock)


def status_of(kind: ColumnType, **given: Any) -> list[Column]:
    """Task, and a status column of this type."""
    return [
        Column(TASK, 0, "Task", ColumnType.TEXT_NUMBER, primary=True),
        Column(STATUS, 1, "Status", kind, width=150, **given),
    ]


async def undo(world: World, change_set_id: str = "cs-1", **given: Any) -> Undone:
    return await world.timeline.undo(CALLER, ChangeSetId(change_set_id), UndoChange.model_validate(given))


# --- cells ----------------------------------------------------------------------------------------


async def test_a_link_that_was_put_on_a_text_goes_again(documents: SqliteDocuments):
    world = world_of(documents, ["Task", "Status"], [["A", "site"]])
    linked = cell(1, STATUS, "site").model_copy(update={"after": CellContent(value="site", hyperlink=LINK)})
    assert states(await world.to_the_end(linked)) == ["written"]
    assert world.sheet.rows[0].cells[STATUS].hyperlink == LINK
    assert (await undo(world)).not_undone == ()
    assert world.sheet.rows[0].cells[STATUS] == Cell("site", "site")


@pytest.mark.parametrize(("before", "after"), [("1.1", "1.10"), (1, "1"), ("Done", "Done ")])
async def test_another_spelling_is_a_change_and_comes_back(documents: SqliteDocuments, before: Any, after: Any):
    world = world_of(documents, ["Task", "Status"], [["A", before]])
    assert states(await world.to_the_end(cell(1, STATUS, after))) == ["written"]
    assert world.value(1, STATUS) == after
    await undo(world)
    assert world.value(1, STATUS) == before


# --- columns --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given", "content"),
    [
        (ColumnType.PICKLIST, {"options": ("red", "green"), "validation": True}, "red"),
        (ColumnType.PICKLIST, {"symbol": "RYG", "options": ("Red", "Yellow", "Green")}, "Red"),
        (ColumnType.CHECKBOX, {"symbol": "FLAG"}, True),
        (ColumnType.CONTACT_LIST, {"contact_options": ({"email": "a@x.example", "name": "A"},)}, "a@x.example"),
        (ColumnType.DATE, {"validation": True}, "2026-03-01"),
    ],
)
async def test_a_former_type_comes_back_with_all_that_belongs_to_it(
    documents: SqliteDocuments, kind: ColumnType, given: dict[str, Any], content: Any
):
    world = world_of(documents, status_of(kind, **given), [["A", content], ["B", None]])
    before = world.sheet.columns[1]
    await world.to_the_end(ColumnEdit(column_id=STATUS, after=ColumnShape(type="TEXT_NUMBER")))
    assert not world.sheet.columns[1].validation
    assert (await undo(world)).not_undone == ()
    assert world.sheet.columns[1] == before
    assert world.value(1, STATUS) == content


async def test_what_a_column_formula_covered_comes_back(documents: SqliteDocuments):
    world = world_of(documents, ["Task", "Status"], [["A", "one"], ["B", "two"], ["C", None]])
    await world.to_the_end(ColumnEdit(column_id=STATUS, after=ColumnShape(formula="=1+2")))
    undone = await undo(world)
    assert undone.not_undone == ()
    assert [world.value(n, STATUS) for n in (1, 2, 3)] == ["one", "two", None]
    assert world.sheet.columns[1].formula is None
    assert (await undo(world, undone.change_set.id)).not_undone == ()
    assert world.sheet.columns[1].formula == "=1+2"


async def test_a_row_that_was_deleted_beside_a_new_column_formula_comes_back_with_its_cell(documents: SqliteDocuments):
    world = world_of(documents, ["Task", "Status"], [["A", "one"], ["B", "two"]])
    formula = ColumnEdit(column_id=STATUS, after=ColumnShape(formula="=1+2"))
    await world.to_the_end(formula, RowDelete(row_id=RowId("1")))
    assert (await undo(world)).not_undone == ()
    assert [row.cells[STATUS].value for row in world.sheet.rows] == ["one", "two"]


async def test_what_somebody_typed_after_removing_a_column_formula_stays(documents: SqliteDocuments):
    world = world_of(documents, ["Task", "Status"], [["A", "one"], ["B", "two"]])
    await world.to_the_end(ColumnEdit(column_id=STATUS, after=ColumnShape(formula="=1+2")))
    world.source.replace_columns(SHEET, [replace(each, formula=None) for each in world.sheet.columns])
    for row in (1, 2):
        world.source.edit(SHEET, str(row), STATUS, f"theirs {row}")
    undone = await undo(world)
    assert [world.value(n, STATUS) for n in (1, 2)] == ["theirs 1", "theirs 2"]
    assert {one.code for one in undone.not_undone} == {"conflict"}


# --- rows -----------------------------------------------------------------------------------------


async def test_undo_of_an_undo_deletes_parents_with_their_children(documents: SqliteDocuments):
    world = world_of(documents, ["Task", "Status"], [["P", "x"], ["C", "y"], ["Z", None]], r2="1")
    await world.to_the_end(RowDelete(row_id=RowId("1")))
    undone = await undo(world)
    assert world.outline() == ["P", ">C", "Z"]
    assert (await undo(world, undone.change_set.id)).not_undone == ()
    assert world.outline() == ["Z"]


async def test_a_parent_stays_when_somebody_filled_its_child(documents: SqliteDocuments):
    world = world_of(documents, ["Task", "Status"], [["P", "x"], ["C", "y"], ["D", "y"], ["Z", None]], r2="1", r3="1")
    await world.to_the_end(RowDelete(row_id=RowId("1")))
    undone = await undo(world)
    world.source.edit(SHEET, world.sheet.rows[1].id, STATUS, "theirs")
    redone = await undo(world, undone.change_set.id)
    assert world.outline() == ["P", ">C", "Z"]
    assert {one.code for one in redone.not_undone} == {"changed_since"}


async def test_rows_that_were_never_deleted_are_not_added_again(documents: SqliteDocuments):
    world = world_of(documents, ["Task", "Status"], [["A", "x"], ["B", "y"]])
    world.source.fail("delete_rows", InvalidInput("no", code="refused"))
    await world.to_the_end(RowDelete(row_id=RowId("1")), cell(2, STATUS, "z"))
    await undo(world, rowIds=["1", "2"])
    assert world.outline() == ["A", "B"]


async def test_of_deleted_rows_only_the_named_ones_come_back(documents: SqliteDocuments):
    world = world_of(documents, ["Task", "Status"], [["P", "x"], ["C", "y"], ["Z", None], ["Y", None]], r2="1")
    await world.to_the_end(RowDelete(row_id=RowId("1")), RowDelete(row_id=RowId("4")))
    await undo(world, rowIds=["1"])
    assert world.outline() == ["P", ">C", "Z"]


async def test_a_row_whose_neighbours_are_both_gone_says_so(documents: SqliteDocuments):
    world = world_of(documents, ["Task", "Status"], [[name, name] for name in "ABCDE"])
    await world.to_the_end(RowDelete(row_id=RowId("3")))
    await world.to_the_end(RowDelete(row_id=RowId("2")), RowDelete(row_id=RowId("4")), id="cs-2")
    undone = await undo(world)
    assert world.outline() == ["A", "E", "C"]
    assert [(one.row_id, one.code) for one in undone.not_undone] == [("3", "place_lost")]


async def test_a_row_that_is_kept_in_pieces_comes_back_whole(documents: SqliteDocuments):
    columns = [
        Column(ColumnId(str(1001 + at)), at, f"C{at}", ColumnType.TEXT_NUMBER, primary=not at) for at in range(300)
    ]
    world = world_of(documents, columns, [["x" * 2000] * 300, ["y"]])
    await world.to_the_end(RowDelete(row_id=RowId("1")))
    assert (await undo(world)).not_undone == ()
    assert [each.value for each in world.sheet.rows[0].cells.values()] == ["x" * 2000] * 300


# --- rows whose answer was lost -------------------------------------------------------------------


def like(world: World, task: str, status: str | None = None) -> Row:
    """A row that somebody else adds now."""
    cells = {TASK: Cell(task, task)} | ({} if status is None else {STATUS: Cell(status, status)})
    return Row(RowId("77"), 9, cells, created_at=world.clock(), modified_at=world.clock())


def new(task: str) -> RowAdd:
    return RowAdd(cells=(ColumnCell(column_id=TASK, content=CellContent(value=task)),))


@pytest.mark.parametrize("status", [None, "their work"])
async def test_a_row_that_was_there_before_is_never_taken_for_ours(documents: SqliteDocuments, status: str | None):
    world = world_of(documents, ["Task", "Status"], [["A", "x"]])
    world.source.add_row(SHEET, like(world, "New", status))
    world.source.fail("add_rows", UpstreamTimeout("lost"))
    world.source.before_next("add_rows", lambda: world.source.edit(SHEET, "1", STATUS, "y"))
    assert states(await world.to_the_end(new("New"))) == ["unknown"]
    with pytest.raises(InvalidInput):
        await undo(world)
    assert world.outline() == ["A", "New"]


async def test_a_row_with_more_in_it_than_we_wrote_is_not_ours(documents: SqliteDocuments):
    world = world_of(documents, ["Task", "Status"], [["A", "x"]])
    world.clock.advance(60)
    world.source.fail("add_rows", UpstreamTimeout("lost"))
    world.source.before_next("add_rows", lambda: world.source.add_row(SHEET, like(world, "New", "their work")))
    assert states(await world.to_the_end(new("New"))) == ["unknown"]
