"""Death at any step of applying and undoing, with and without the answer of a write: finished or reported, once."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from shared.changes.models import (
    ColumnCell,
    ColumnDelete,
    ColumnEdit,
    ColumnShape,
    ContinueChange,
    Item,
    RowAdd,
    RowDelete,
    RowMove,
)
from shared.changes.requests import UndoChange
from shared.changes.submitting import Wish
from shared.errors import UpstreamTimeout
from shared.ids import ChangeSetId, ColumnId, RowId
from shared.sheets.input import CellContent, Placement
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.fakes.killing import Countdown, Killed
from tests.fakes.smartsheet import FakeSheetSource, sheet_of
from tests.unit.changes.world import CALLER, SHEET, World, cell

TASK, STATUS, NOTE = ColumnId("1001"), ColumnId("1002"), ColumnId("1003")
LOST = (None, "update_rows", "add_rows", "delete_rows", "delete_column", "update_column")
Method = Literal["update_rows", "add_rows", "delete_rows", "delete_column", "update_column"]


def wish() -> list[Item]:
    """One of each kind."""
    new = RowAdd(cells=(ColumnCell(column_id=TASK, content=CellContent(value="New")),))
    return [
        cell(1, STATUS, "Done", expected="Open"),
        new,
        RowMove(row_id=RowId("3"), placement=Placement(to_top=True)),
        RowDelete(row_id=RowId("2")),
        ColumnEdit(column_id=STATUS, after=ColumnShape(title="State")),
        ColumnDelete(column_id=NOTE),
    ]


def contents(world: World) -> list[Any]:
    titles = [column.title for column in world.sheet.columns]
    rows = [
        [row.cells[c.id].value if c.id in row.cells else None for c in world.sheet.columns] for row in world.sheet.rows
    ]
    return [titles, *rows]


BEFORE = [["Task", "Status", "Note"], ["A", "Open", "n1"], ["B", "Open", None], ["C", "Open", "n3"]]
AFTER = [["Task", "State"], ["C", "Open"], ["A", "Done"], ["New", None]]


def new_world(path: Path, documents: SqliteDocuments) -> World:
    clock = FakeClock()
    return World(documents, FakeSheetSource(sheet_of(*[BEFORE[0], BEFORE[1:]]), clock=clock), clock)


async def die_at_every_step(
    tmp_path: Path,
    lost: Any,
    *,
    prepare: Callable[[World], Awaitable[None]],
    act: Callable[[World], Awaitable[Any]],
    expected: list[Any],
) -> None:
    """Let `act` die at its first step, its second, …; each time what was begun is carried on by its guard message."""
    deadly, reached = 1, 0
    while True:
        documents = SqliteDocuments(tmp_path / f"{deadly}.db")
        world = new_world(tmp_path, documents)
        await prepare(world)
        world.queue.sent.clear()
        untouched = contents(world)
        if lost is not None:
            world.source.fail(lost, UpstreamTimeout("lost"), after_effect=True)
        world.restart(Countdown(deadly, after_effect=lost is None))
        try:
            await act(world)
            survived = True
        except Killed:
            survived = False
        world.restart()
        await carry_on(world)
        found = contents(world)
        assert found in (untouched, expected), f"half done when killed at step {deadly}: {found}"
        reached += found == expected
        await documents.close()
        if survived:
            break
        deadly += 1
    assert reached > 10  # most deaths come after something was stored


async def carry_on(world: World) -> None:
    """Deliver the guard's messages, whenever they are due, until none is left; then every change-set is applied."""
    seen: set[str] = set()
    for _ in range(200):
        if not world.queue.sent:
            break
        _, message, delay = world.queue.sent.pop(0)
        assert isinstance(message, ContinueChange)
        seen.add(message.change_set_id)
        world.clock.advance(delay)
        await world.submitter.carry_on(message)
    for change_set_id in seen:
        try:
            header = await world.header(change_set_id)
        except AssertionError:
            continue  # nothing of it was stored, so nothing of it was sent
        assert header.status == "applied"
        assert not header.counts.get("pending")


@pytest.mark.parametrize("lost", LOST)
async def test_death_while_applying(tmp_path: Path, lost: Any):
    async def nothing(world: World) -> None: ...

    async def act(world: World) -> None:
        await world.submitter.submit(CALLER, Wish(SHEET, wish(), UndoChange()))

    await die_at_every_step(tmp_path, lost, prepare=nothing, act=act, expected=AFTER)


@pytest.mark.parametrize("lost", (*LOST, "add_columns"))
async def test_death_while_undoing(tmp_path: Path, lost: Any):
    async def prepare(world: World) -> None:
        await world.to_the_end(*wish())

    async def act(world: World) -> None:
        await world.timeline.undo(CALLER, ChangeSetId("cs-1"), UndoChange())

    await die_at_every_step(tmp_path, lost, prepare=prepare, act=act, expected=BEFORE)
