"""Random change-sets on the sandbox while others edit: undo restores what is ours, and nothing else."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from local.smartsheet.accounts import OWNER_TOKEN
from shared.changes.content import content_of, holds, looks_like, write_of
from shared.changes.models import (
    Applied,
    Author,
    CellChange,
    ChangeSet,
    ColumnAdd,
    ColumnCell,
    ColumnDelete,
    ColumnEdit,
    ColumnShape,
    Item,
    RowAdd,
    RowDelete,
    RowMove,
)
from shared.changes.requests import UndoChange
from shared.changes.service import ChangeService
from shared.changes.submitting import ChangeSubmitter
from shared.changes.timeline import Timeline
from shared.changes.work import Work
from shared.clients.smartsheet.client import SmartsheetClient
from shared.errors import InvalidInput
from shared.events.bus import EventBus
from shared.identity.models import Caller
from shared.identity.service import SINGLE_USER, SingleUserIdentity
from shared.ids import ChangeSetId, ColumnId, RowId, SheetId
from shared.sheets.cache import SheetCache
from shared.sheets.input import CellContent, Placement
from shared.sheets.models import Cell, Column, NewRow, Row, RowLocation, RowWrite, Sheet
from shared.sheets.service import SheetService
from shared.stores.changes import DocumentChangeStore
from shared.stores.events import DocumentEventStore
from shared.stores.leases import DocumentLeaseStore
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.fakes.queues import FakeQueues
from tests.local.smartsheet_sandbox import SmartsheetSandbox, running_sandbox

TOKEN = SecretStr(OWNER_TOKEN)
CALLER = Caller(SINGLE_USER, TOKEN)
EXAMPLES = 500

OPTIONS = ("red", "green", "blue")
LOST = ("PUT /sheets/*/rows", "POST /sheets/*/rows", "DELETE /sheets/*/rows", "PUT /sheets/*/columns/*")
"""Calls whose answer gets lost after they took effect."""
TYPES = ["TEXT_NUMBER", "PICKLIST", "MULTI_PICKLIST", "CONTACT_LIST", "DATE", "CHECKBOX"]


def _value(value: Any) -> CellContent:
    return CellContent(value=value)


def _choices(names: Sequence[str]) -> CellContent:
    return CellContent(object_value={"objectType": "MULTI_PICKLIST", "values": list(names)})


CONTENTS: dict[str, st.SearchStrategy[CellContent]] = {
    "TEXT_NUMBER": st.one_of(
        st.sampled_from(["Open", "späť", " x ", "007", "1e5", "a\nb", "=no formula", "true"]).map(_value),
        st.sampled_from([0, 1.5, -3, 10**12]).map(_value),
        st.just(CellContent(formula="=1+2")),
        st.just(CellContent(value="site", hyperlink={"url": "https://a.example/x"})),
        st.just(CellContent()),
    ),
    "PICKLIST": st.sampled_from([*OPTIONS, None]).map(_value),
    "MULTI_PICKLIST": st.one_of(
        st.lists(st.sampled_from(OPTIONS), min_size=1, unique=True).map(_choices), st.just(CellContent())
    ),
    "CONTACT_LIST": st.sampled_from(["ada@x.example", "bo@y.example", None]).map(_value),
    "DATE": st.sampled_from(["2026-01-31", "2025-12-01", None]).map(_value),
    "CHECKBOX": st.sampled_from([True, False, None]).map(_value),
}


@dataclass
class Plan:
    """A random sheet and what happens to it; rows and columns are named by their places."""

    types: list[str]
    rows: list[tuple[int | None, list[CellContent]]]
    ops: list[Any]
    before: list[tuple[int, int, CellContent]]
    after: list[tuple[int, int, CellContent]]
    between: tuple[int, int, CellContent] | None
    lose: str | None
    foreign_row: bool


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    types = ["TEXT_NUMBER", *draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=3))]
    count = draw(st.integers(1, 5))
    at_row, at_column = st.integers(0, count - 1), st.integers(1, len(types) - 1)

    def cell(column: int) -> CellContent:
        return draw(CONTENTS[types[column]])

    def edit() -> tuple[int, int, CellContent]:
        column = draw(at_column)
        return draw(at_row), column, cell(column)

    rows = [
        (draw(st.none() | st.integers(0, at - 1)) if at else None, [cell(column) for column in range(1, len(types))])
        for at in range(count)
    ]
    kinds = draw(
        st.lists(
            st.sampled_from(["cell", "cell", "add", "delete", "move", "addcol", "editcol", "delcol"]),
            min_size=1,
            max_size=5,
        )
    )
    ops: list[Any] = []
    for kind in kinds:
        match kind:
            case "cell":
                ops.append((kind, *edit()))
            case "add":
                ops.append(
                    (kind, draw(st.sampled_from(["top", "bottom", "child", "below", "above"])), draw(at_row), cell(1))
                )
            case "delete":
                ops.append((kind, draw(at_row)))
            case "move":
                ops.append(
                    (
                        kind,
                        draw(st.sampled_from(["top", "bottom", "child", "below", "indent", "outdent"])),
                        draw(at_row),
                        draw(at_row),
                    )
                )
            case "addcol":
                ops.append((kind, draw(st.sampled_from(TYPES)), draw(st.integers(1, len(types)))))
            case "editcol":
                ops.append(
                    (
                        kind,
                        draw(at_column),
                        draw(st.sampled_from(["title", "index", "formula", "TEXT_NUMBER", "CHECKBOX", "DATE"])),
                    )
                )
            case _:
                ops.append((kind, draw(at_column)))
    return Plan(
        types,
        rows,
        ops,
        [edit() for _ in range(draw(st.integers(0, 2)))],
        [edit() for _ in range(draw(st.integers(0, 2)))],
        edit() if draw(st.booleans()) else None,
        draw(st.sampled_from([None, None, None, *LOST])),
        draw(st.booleans()),
    )


class Interloper(SmartsheetClient):
    """The client, but somebody else writes just before its next write goes out."""

    interlude: Any = None

    async def _between(self) -> None:
        interlude, self.interlude = self.interlude, None
        if interlude is not None:
            await interlude()

    async def update_rows(self, *args: Any, **given: Any) -> Any:
        await self._between()
        return await super().update_rows(*args, **given)

    async def add_rows(self, *args: Any, **given: Any) -> Any:
        await self._between()
        return await super().add_rows(*args, **given)

    async def delete_rows(self, *args: Any, **given: Any) -> Any:
        await self._between()
        return await super().delete_rows(*args, **given)

    async def add_columns(self, *args: Any, **given: Any) -> Any:
        await self._between()
        return await super().add_columns(*args, **given)

    async def update_column(self, *args: Any, **given: Any) -> Any:
        await self._between()
        return await super().update_column(*args, **given)

    async def delete_column(self, *args: Any, **given: Any) -> Any:
        await self._between()
        return await super().delete_column(*args, **given)


@dataclass
class Bench:
    """Everything that one example needs; the process of the sandbox and the database serve all of them."""

    sandbox: SmartsheetSandbox
    documents: SqliteDocuments
    source: Interloper
    others: SmartsheetClient
    clock: FakeClock = field(default_factory=FakeClock)
    examples: int = 0

    def __post_init__(self) -> None:
        store = DocumentChangeStore(self.documents)
        self.store = store
        sheets = SheetService(self.source, SheetCache(), self.clock)
        self.changes = ChangeService(
            sheets,
            store,
            EventBus(DocumentEventStore(self.documents, retention_days=1), clock=self.clock),
            DocumentLeaseStore(self.documents, clock=self.clock),
            instance="one",
            write_timeout=timedelta(seconds=60),
            longest_call=timedelta(seconds=60),
            clock=self.clock,
        )
        submitter = ChangeSubmitter(
            self.changes, store, SingleUserIdentity(TOKEN), FakeQueues(), clock=self.clock, sleep=self.clock.sleep
        )
        self.timeline = Timeline(sheets, store, submitter, clock=self.clock)

    async def read(self, sheet_id: SheetId) -> Sheet:
        sheet = await self.others.get_sheet(TOKEN, sheet_id)
        assert isinstance(sheet, Sheet)
        return sheet

    async def make(self, plan: Plan) -> Sheet:
        columns: list[dict[str, Any]] = []
        for at, kind in enumerate(plan.types):
            column: dict[str, Any] = {"title": f"C{at}", "type": kind, "primary": at == 0}
            if kind in ("PICKLIST", "MULTI_PICKLIST"):
                column |= {"options": list(OPTIONS), "validation": at % 2 == 1}
            columns.append({name: value for name, value in column.items() if value is not False})
        made = self.sandbox.call("POST", "/sheets", {"name": f"Random {self.examples}", "columns": columns}).json()
        sheet_id = SheetId(str(made["result"]["id"]))
        sheet = await self.read(sheet_id)
        ids: list[RowId] = []
        for at, (parent, contents) in enumerate(plan.rows):
            location = (
                RowLocation(to_bottom=True) if parent is None else RowLocation(parent_id=ids[parent], to_bottom=True)
            )
            writes = [write_of(sheet.columns[0], CellContent(value=f"Row {at}"), None)]
            writes += [write_of(sheet.columns[n], content, None) for n, content in enumerate(contents, 1)]
            answer = await self.others.add_rows(TOKEN, sheet_id, [NewRow(tuple(writes), location)], change_agent="x")
            assert answer.rows[0] is not None, answer.failures
            ids.append(answer.rows[0].id)
        self.ids = ids
        return await self.read(sheet_id)

    async def foreign(self, sheet: Sheet, edits: list[tuple[int, int, CellContent]]) -> set[tuple[RowId, ColumnId]]:
        """Somebody else edits cells, as far as they are there; which."""
        now = await self.read(sheet.id)
        done: set[tuple[RowId, ColumnId]] = set()
        for at_row, at_column, content in edits:
            row_id, column_id = self.ids[at_row], sheet.columns[at_column].id
            column = next((column for column in now.columns if column.id == column_id), None)
            if row_id in now.rows_by_id and column is not None and column.type == sheet.columns[at_column].type:
                write = RowWrite(row_id, (write_of(column, content, None),))
                before = (await self.read(sheet.id)).version
                await self.others.update_rows(TOKEN, sheet.id, [write], change_agent="x")
                if (await self.read(sheet.id)).version > before:
                    done.add((row_id, column_id))
        return done


def items_of(bench: Bench, sheet: Sheet, plan: Plan) -> list[Item]:
    """The items of the plan; at most one of a kind for each row, cell and column, and no move into its own children."""
    items: dict[Any, Item] = {}
    ids, columns = bench.ids, sheet.columns
    deleted = {ids[op[1]] for op in plan.ops if op[0] == "delete"}
    converted = {op[1] for op in plan.ops if op[0] == "editcol"}  # columns and their cells never change in one edit

    def cell(number: int, row: int, column: int, content: CellContent) -> None:
        if ids[row] not in deleted and column not in converted:
            items.setdefault((row, column), CellChange(row_id=ids[row], column_id=columns[column].id, after=content))

    def add(number: int, where: str, row: int, content: CellContent) -> None:
        named = ColumnCell(column_id=columns[0].id, content=CellContent(value=f"New {number}"))
        cells = (named, ColumnCell(column_id=columns[1].id, content=content))
        items[number] = RowAdd(cells=cells, placement=_placement(where, ids[row]))

    def delete(number: int, row: int) -> None:
        items["row", row] = RowDelete(row_id=ids[row])

    def move(number: int, where: str, row: int, other: int) -> None:
        if ids[row] not in deleted and not _is_below(sheet, sheet.rows_by_id[ids[other]], ids[row]):
            items.setdefault(("move", row), RowMove(row_id=ids[row], placement=_placement(where, ids[other])))

    def add_column(number: int, kind: str, index: int) -> None:
        options = OPTIONS if kind in ("PICKLIST", "MULTI_PICKLIST") else None
        items[number] = ColumnAdd(column=ColumnShape(title=f"Added {number}", type=kind, index=index, options=options))

    def edit_column(number: int, column: int, what: str) -> None:
        shapes = {
            "title": ColumnShape(title=f"T{number}"),
            "index": ColumnShape(index=len(plan.types) - 1),
            "formula": ColumnShape(formula="=1+2"),
        }
        shape = shapes.get(what) or ColumnShape(type=what)
        items.setdefault(("column", column), ColumnEdit(column_id=columns[column].id, after=shape))

    def delete_column(number: int, column: int) -> None:
        items.setdefault(("column", column), ColumnDelete(column_id=columns[column].id))

    makers: dict[str, Callable[..., None]] = {
        "cell": cell,
        "add": add,
        "delete": delete,
        "move": move,
        "addcol": add_column,
        "editcol": edit_column,
        "delcol": delete_column,
    }
    for number, (kind, *arguments) in enumerate(plan.ops):
        makers[kind](number, *arguments)
    return list(items.values())


def _placement(where: str, anchor: RowId) -> Placement:
    return {
        "top": Placement(to_top=True),
        "bottom": Placement(to_bottom=True),
        "child": Placement(parent_id=anchor),
        "below": Placement(sibling_id=anchor),
        "above": Placement(sibling_id=anchor, above=True),
        "indent": Placement(indent=True),
        "outdent": Placement(outdent=True),
    }[where]


def _is_below(sheet: Sheet, row: Row, ancestor: RowId) -> bool:
    while True:
        if row.id == ancestor:
            return True
        if row.parent_id is None:
            return False
        row = sheet.rows_by_id[row.parent_id]


async def example(bench: Bench, plan: Plan) -> None:
    bench.examples += 1
    made = await bench.make(plan)
    items = items_of(bench, made, plan)
    if not items:
        return
    await bench.foreign(made, plan.before)
    first = await bench.read(made.id)
    interloped: set[tuple[RowId, ColumnId]] = set()
    if plan.between is not None:

        async def interlude() -> None:
            assert plan.between is not None
            interloped.update(await bench.foreign(made, [plan.between]))

        bench.source.interlude = interlude
    if plan.lose is not None:
        bench.sandbox.fault({"match": plan.lose, "drop": True, "phase": "after", "count": 1})
    applied = await apply(bench, made.id, items)
    bench.source.interlude = None
    bench.sandbox.http.request("DELETE", "/_control/faults").raise_for_status()
    if interloped and not _same_edit(plan, applied, made, interloped):
        assert applied.possible_overlap, "an edit between look and write was not reported"
    second = await bench.read(made.id)
    edited = await bench.foreign(made, plan.after)
    if plan.foreign_row:
        row = NewRow((write_of(made.columns[0], CellContent(value="Foreign"), None),))
        await bench.others.add_rows(TOKEN, made.id, [row], change_agent="x")
    third = await bench.read(made.id)
    since = {(row_id, column_id) for row_id, column_id in edited if _differs(second, third, row_id, column_id)}
    inverse = await undo(bench)
    await compare(bench, first, third, await bench.read(made.id), inverse, since, interloped)
    bench.sandbox.call("DELETE", f"/sheets/{made.id}")


def _same_edit(plan: Plan, applied: Applied, sheet: Sheet, interloped: set[tuple[RowId, ColumnId]]) -> bool:
    """Whether all that the first call wrote was one cell, with just what somebody else wrote into it before.

    The version then rises by one, as with our own write alone; and nothing of theirs can be lost.
    """
    assert plan.between is not None
    (place,) = interloped
    column = next(column for column in sheet.columns if column.id == place[1])
    content = plan.between[2]
    theirs = Cell(content.value, formula=content.formula, object_value=content.object_value)
    written = [item for item in applied.items if item.state == "written"]
    first = [item for item in written if not isinstance(item, RowMove | RowDelete | ColumnDelete)]  # calls of their own
    if len(first) != 1 or not isinstance(first[0], CellChange):
        return False
    return (first[0].row_id, first[0].column_id) == place and looks_like(column, theirs, first[0].after)


def _differs(one: Sheet, other: Sheet, row_id: RowId, column_id: ColumnId) -> bool:
    """Whether a cell holds something else; a change to and fro is none."""
    column = next(column for column in one.columns if column.id == column_id)
    before, now = (sheet.rows_by_id[row_id].cells.get(column_id) for sheet in (one, other))
    return not holds(column, now, content_of(before))


async def apply(bench: Bench, sheet_id: SheetId, items: list[Item]) -> Applied:
    change_set = ChangeSet(
        id=f"cs-{bench.examples}",
        owner=CALLER.user_id,
        sheet_id=sheet_id,
        author=Author(kind="user", id="single"),
        item_count=0,
        created_at=bench.clock(),
        updated_at=bench.clock(),
    )
    for _ in range(30):
        result = await bench.changes.submit(CALLER, change_set, items)
        if isinstance(result, Applied):
            assert not any(item.state == "pending" for item in result.items)
            return result
        bench.clock.advance(max(1.0, (result.until - bench.clock()).total_seconds()))
    raise AssertionError("never applied")


async def undo(bench: Bench) -> list[Item]:
    try:
        undone = await bench.timeline.undo(CALLER, ChangeSetId(f"cs-{bench.examples}"), UndoChange())
    except InvalidInput as error:
        assert error.code == "nothing_to_undo"
        return []
    assert undone.change_set.status == "applied"
    header = await bench.store.find(undone.change_set.sheet_id, undone.change_set.id)
    assert header is not None
    return (await Work.load(bench.store, header)).items


async def compare(
    bench: Bench,
    first: Sheet,
    third: Sheet,
    last: Sheet,
    inverse: list[Item],
    since: set[tuple[RowId, ColumnId]],
    interloped: set[tuple[RowId, ColumnId]],
) -> None:
    rows = {item.replaces: item.row_id for item in inverse if isinstance(item, RowAdd) and item.replaces}
    columns = {item.replaces: item.column_id for item in inverse if isinstance(item, ColumnAdd) and item.replaces}
    now_columns = {column.id: column for column in last.columns}
    overlap = bool(interloped)
    for row in first.rows:
        now = last.rows_by_id.get(rows.get(row.id) or row.id)
        assert now is not None, f"row {row.number} did not come back"
        for column in first.columns:
            if (row.id, column.id) in since or (row.id, column.id) in interloped:
                continue
            there = now_columns.get(columns.get(column.id) or column.id)
            assert there is not None, f"column {column.title} did not come back"
            wanted = content_of(row.cells.get(column.id))
            assert holds(column, now.cells.get(there.id), wanted), (
                f"{column.type} {wanted!r} came back as {content_of(now.cells.get(there.id))!r}"
            )
    for column in first.columns:
        there = now_columns[columns.get(column.id) or column.id]
        assert _shape(there) == _shape(column), "a column came back with other properties"
    for row_id, column_id in since:
        now = last.rows_by_id.get(row_id)
        column = now_columns.get(column_id)
        assert now is not None and column is not None, "what somebody wrote since is gone"
        theirs = content_of(third.rows_by_id[row_id].cells.get(column_id))
        assert holds(column, now.cells.get(column_id), theirs), "what somebody wrote since was written over"
    if not overlap and not since:
        order = [rows.get(row.id) or row.id for row in first.rows]
        assert [row.id for row in last.rows if row.id in set(order)] == order
        parents = {rows.get(row.id) or row.id: row.parent_id for row in first.rows}
        for row in last.rows:
            if row.id in parents:
                was = parents[row.id]
                assert row.parent_id == (None if was is None else rows.get(was) or was)


def _shape(column: Column) -> tuple[object, ...]:
    return column.title, column.type, column.options, column.validation, column.formula, column.symbol


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmartsheetSandbox]:
    with running_sandbox(tmp_path_factory.getbasetemp() / "smartsheet-sandbox") as running:
        running.reset()
        yield running


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def bench(
    sandbox: SmartsheetSandbox, runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    path: Path = tmp_path_factory.mktemp("app") / "app.db"
    made = Bench(
        sandbox, SqliteDocuments(path), Interloper(f"{sandbox.url}/2.0"), SmartsheetClient(f"{sandbox.url}/2.0")
    )
    yield made
    runner.run(made.source.aclose())
    runner.run(made.others.aclose())
    runner.run(made.documents.close())


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,  # the same examples everywhere; delete this line to look further
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(plan=plans())
def test_undo_restores_what_nobody_else_changed_and_nothing_else(
    bench: Bench, runner: asyncio.Runner, plan: Plan
) -> None:
    note(str(plan))
    runner.run(example(bench, plan))


def test_there_were_enough_examples(bench: Bench) -> None:
    """After the test above, in this module's order."""
    assert bench.examples >= EXAMPLES
