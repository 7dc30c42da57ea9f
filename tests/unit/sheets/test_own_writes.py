"""Whatever we write, the sheet in the cache is the one that Smartsheet has."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Forbidden, InvalidInput, NotFound, UpstreamFault, UpstreamTimeout
from shared.ids import ColumnId, RowId
from shared.sheets.cache import Snapshot
from shared.sheets.models import (
    AccessLevel,
    Cell,
    CellValue,
    CellWrite,
    Column,
    ColumnType,
    ColumnWrite,
    NewRow,
    Row,
    RowLocation,
    RowWrite,
    Sheet,
)
from tests.fakes.smartsheet import Method, sheet_of
from tests.unit.sheets.world import ADA, ONE, SHEET, THREE, TWO, A, B, Rig

C, D = ColumnId("1003"), ColumnId("1004")
TOP, BOTTOM = RowLocation(to_top=True), RowLocation(to_bottom=True)

Write = Callable[[Rig], Awaitable[Any]]


def write(*rows: RowWrite) -> Write:
    return lambda rig: rig.service.write_rows(ADA, SHEET, rows, change_agent="test")


def add(*rows: NewRow) -> Write:
    return lambda rig: rig.service.add_rows(ADA, SHEET, rows, change_agent="test")


def delete(*row_ids: RowId) -> Write:
    return lambda rig: rig.service.delete_rows(ADA, SHEET, row_ids, change_agent="test")


def add_columns(*columns: ColumnWrite) -> Write:
    return lambda rig: rig.service.add_columns(ADA, SHEET, columns, change_agent="test")


def change_column(column_id: ColumnId, column: ColumnWrite) -> Write:
    return lambda rig: rig.service.update_column(ADA, SHEET, column_id, column, change_agent="test")


def delete_column(column_id: ColumnId) -> Write:
    return lambda rig: rig.service.delete_column(ADA, SHEET, column_id, change_agent="test")


def new(value: CellValue = "new", location: RowLocation = BOTTOM) -> NewRow:
    return NewRow((CellWrite(A, value),), location)


EVERY_WRITE: dict[Method, Write] = {
    "update_rows": write(RowWrite(ONE, (CellWrite(A, "new"),), BOTTOM)),
    "add_rows": add(new(location=TOP)),
    "delete_rows": delete(ONE),
    "add_columns": add_columns(ColumnWrite(title="New", type="DATE", index=1)),
    "update_column": change_column(B, ColumnWrite(title="State")),
    "delete_column": delete_column(B),
}


def truth(rig: Rig) -> Sheet:
    return rig.source.sheet(SHEET)


def assert_true(held: Sheet, rig: Rig) -> None:
    """The sheet is the source's, as this person sees it; when it was modified may be unknown."""
    now = Snapshot.of(truth(rig)).seen_with(held.access_level)
    assert held.modified_at in (None, now.modified_at)
    assert replace(held, fetched_at=None, modified_at=None) == replace(now, modified_at=None)


@pytest.fixture
def rig() -> Rig:
    return Rig()


# Which writes the cached sheet takes over without another call.

PATCHED = [
    write(RowWrite(ONE, (CellWrite(A, "new"), CellWrite(B, None)))),
    write(RowWrite(ONE, (CellWrite(A, "site", hyperlink={"url": "https://example.com"}),))),
    add(new(), new()),
    add(new(location=TOP), new(location=TOP)),
    add(new(location=RowLocation(parent_id=ONE)), new("", RowLocation(parent_id=ONE))),
    add(new(location=RowLocation(parent_id=ONE, to_bottom=True))),
    add(new(location=RowLocation(sibling_id=TWO))),
    add(new(location=RowLocation(sibling_id=THREE, above=True))),
    add(new(True), new()),  # the first is refused
    delete(ONE, RowId("99")),
    delete(THREE),
]
RELOADED = [
    write(RowWrite(TWO, (), TOP)),
    write(RowWrite(ONE, (CellWrite(A, formula="=1"),))),
    add(NewRow((CellWrite(A, formula="=1"),))),
    *[EVERY_WRITE[name] for name in ("add_columns", "update_column", "delete_column")],
]


def nested() -> Rig:
    """Row 2 is below row 1, row 3 stands alone."""
    sheet = sheet_of(["Task", "Status"], [["a", "x"], ["b", "y"], ["c", None]])
    return Rig(sheet=replace(sheet, rows=(sheet.rows[0], replace(sheet.rows[1], parent_id=ONE), sheet.rows[2])))


@pytest.mark.parametrize("given", PATCHED)
async def test_a_write_whose_answer_tells_everything_needs_no_other_call(given: Write) -> None:
    rig = nested()
    await rig.open()
    rig.wait(1)
    await given(rig)
    rig.calls()
    sheet = await rig.open(max_age=3600)
    assert rig.calls() == []
    assert sheet.version == 2
    assert_true(sheet, rig)


@pytest.mark.parametrize("given", RELOADED)
async def test_a_write_whose_answer_leaves_something_open_makes_the_next_open_load_the_sheet(given: Write) -> None:
    rig = nested()
    await rig.open()
    rig.wait(1)
    await given(rig)
    rig.calls()
    assert_true(await rig.open(max_age=3600), rig)
    assert len(rig.calls()) == 1


@pytest.mark.parametrize("given", [*PATCHED, *RELOADED])
async def test_a_foreign_edit_just_before_our_write_is_loaded_with_it(given: Write) -> None:
    rig = nested()
    await rig.open()
    rig.wait(1)
    for method in EVERY_WRITE:
        rig.source.before_next(method, lambda: rig.source.edit(SHEET, "3", B, "foreign"))
    await given(rig)
    assert_true(await rig.open(max_age=3600), rig)


NOTHING_DONE = [
    write(RowWrite(ONE, (CellWrite(A, "a"),))),  # holds that already
    write(RowWrite(ONE, (CellWrite(A, True),))),  # refused
    add(new(True)),
    delete(RowId("99")),
]


@pytest.mark.parametrize("given", NOTHING_DONE)
async def test_a_foreign_edit_is_not_taken_for_a_write_of_ours_that_did_nothing(rig: Rig, given: Write) -> None:
    await rig.open()
    rig.source.edit(SHEET, "3", B, "foreign")
    await given(rig)
    assert truth(rig).version == 2
    assert_true(await rig.open(max_age=3600), rig)


@pytest.mark.parametrize("given", NOTHING_DONE)
async def test_a_write_that_did_nothing_leaves_the_cached_sheet_as_it_is(rig: Rig, given: Write) -> None:
    await rig.open()
    await given(rig)
    rig.calls()
    assert_true(await rig.open(), rig)
    assert rig.calls() == []


@pytest.mark.parametrize("method", EVERY_WRITE)
@pytest.mark.parametrize("error", [UpstreamTimeout("lost"), UpstreamFault("unusable")])
@pytest.mark.parametrize("took_effect", [True, False])
async def test_after_a_lost_answer_the_next_open_looks_again(
    rig: Rig, method: Method, error: UpstreamTimeout | UpstreamFault, took_effect: bool
) -> None:
    await rig.open()
    rig.source.fail(method, error, after_effect=took_effect)
    with pytest.raises(type(error)):
        await EVERY_WRITE[method](rig)
    assert truth(rig).version == (2 if took_effect else 1)
    rig.calls()
    assert_true(await rig.open(max_age=3600), rig)
    assert len(rig.calls()) == 1


@pytest.mark.parametrize("method", EVERY_WRITE)
async def test_every_write_works_without_a_cached_sheet(rig: Rig, method: Method) -> None:
    await EVERY_WRITE[method](rig)
    assert truth(rig).version == 2
    assert_true(await rig.open(), rig)


@pytest.mark.parametrize("method", EVERY_WRITE)
async def test_a_refused_write_changes_nothing_and_forgets_that_access_was_confirmed(rig: Rig, method: Method) -> None:
    await rig.open()
    rig.source.share("ada", SHEET, AccessLevel.VIEWER)
    with pytest.raises(Forbidden):
        await EVERY_WRITE[method](rig)
    rig.calls()
    sheet = await rig.open()
    assert (sheet.version, sheet.access_level) == (1, AccessLevel.VIEWER)
    assert len(rig.calls()) == 1


async def test_a_column_that_is_gone_is_not_found(rig: Rig) -> None:
    for change in (change_column(ColumnId("9"), ColumnWrite(title="New")), delete_column(ColumnId("9"))):
        with pytest.raises(NotFound) as missing:
            await change(rig)
        assert missing.value.code == "column_not_found"


# Any sequence of writes.

COLUMNS = [
    Column(A, 0, "Task", ColumnType.TEXT_NUMBER, primary=True),
    Column(B, 1, "Status", ColumnType.TEXT_NUMBER),
    Column(C, 2, "Kind", ColumnType.MULTI_PICKLIST, options=("p", "q")),
]
SYSTEM_COLUMNS = ["MODIFIED_BY", "MODIFIED_DATE", "CREATED_BY", "CREATED_DATE", "AUTO_NUMBER"]
PICKS = {"objectType": "MULTI_PICKLIST", "values": ["p"]}


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    columns = list(COLUMNS)
    system = draw(st.none() | st.sampled_from(SYSTEM_COLUMNS))
    if system is not None:
        columns.append(Column(D, 3, "Told", ColumnType.TEXT_NUMBER, system_type=system))
    rows: list[list[CellValue | Cell]] = [["a", "x"], ["b", "y"], ["c", None, Cell("p", "p", object_value=PICKS)]]
    if draw(st.integers(0, 4)) == 0:
        rows.append(["d", Cell(1, "1", formula="=1")])
    return sheet_of(columns, rows)


@st.composite
def cells(draw: st.DrawFn) -> tuple[CellWrite, ...]:
    plain = st.sampled_from([None, "", "x", "y", 1, True])
    writes = [CellWrite(column_id, draw(plain)) for column_id in draw(st.sets(st.sampled_from([A, B]), max_size=2))]
    special = [CellWrite(C, object_value=PICKS), CellWrite(C, None), CellWrite(ColumnId("99"), "x")]
    if draw(st.integers(0, 4)) == 0:
        writes.append(draw(st.sampled_from(special)))
    return tuple(writes)


def locations(row_ids: list[RowId]) -> st.SearchStrategy[RowLocation]:
    ends = st.sampled_from([TOP, BOTTOM, RowLocation(indent=True), RowLocation(outdent=True)])
    if not row_ids:
        return ends
    anchor = st.sampled_from(row_ids)
    return (
        ends
        | st.builds(lambda id_, last: RowLocation(parent_id=id_, to_bottom=last), anchor, st.booleans())
        | st.builds(lambda id_, above: RowLocation(sibling_id=id_, above=above), anchor, st.booleans())
    )


@st.composite
def writes(draw: st.DrawFn, now: Sheet) -> tuple[Method, Write]:
    row_ids = [row.id for row in now.rows]
    some = st.lists(st.sampled_from([*row_ids, RowId("9999")]), min_size=1, max_size=3, unique=True)
    match draw(st.sampled_from(["write", "write", "add", "add", "add", "delete", "delete", "move", "column"])):
        case "write":
            return "update_rows", write(*[RowWrite(row_id, draw(cells())) for row_id in draw(some)])
        case "add":
            location = draw(locations(row_ids))
            return "add_rows", add(*[NewRow(draw(cells()), location) for _ in range(draw(st.integers(1, 3)))])
        case "delete":
            return "delete_rows", delete(*draw(some))
        case "move":
            location = draw(locations(row_ids))
            return "update_rows", write(*[RowWrite(row_id, (), location) for row_id in draw(some)])
        case _:
            return draw(column_writes(now))


@st.composite
def column_writes(draw: st.DrawFn, now: Sheet) -> tuple[Method, Write]:
    column_id = draw(st.sampled_from([column.id for column in now.columns]))
    title = draw(st.text("abc", min_size=3, max_size=3))
    changes = [ColumnWrite(title=title), ColumnWrite(type="DATE"), ColumnWrite(formula="=1")]
    new_column = ColumnWrite(title=title, type="TEXT_NUMBER", index=draw(st.integers(0, 4)))
    ways: list[tuple[Method, Write]] = [
        ("add_columns", add_columns(new_column)),
        ("update_column", change_column(column_id, draw(st.sampled_from(changes)))),
        ("delete_column", delete_column(column_id)),
    ]
    return draw(st.sampled_from(ways))


def foreign_edits(rig: Rig) -> list[Callable[[], None]]:
    """What somebody else may do in the moment before our call."""
    source, rows = rig.source, truth(rig).rows
    stranger = Row(RowId(str(max([900, *(int(row.id) for row in rows)]) + 1)), 0, {A: Cell("stranger")})
    edits: list[Callable[[], None]] = [lambda: source.add_row(SHEET, stranger, TOP)]
    if rows:
        edits += [
            lambda: source.edit(SHEET, rows[0].id, B, "foreign"),
            lambda: source.delete_row(SHEET, rows[-1].id),
            lambda: source.move_row(SHEET, rows[-1].id, TOP),
            lambda: source.change_row(SHEET, replace(rows[0], locked=not rows[0].locked)),
        ]
    return edits


@given(st.data())
@settings(max_examples=300)
async def test_after_any_writes_the_cached_sheet_is_the_truth(data: st.DataObject) -> None:
    rig = Rig(sheet=data.draw(sheets()))
    rig.source.share("ada", SHEET, data.draw(st.sampled_from([AccessLevel.OWNER, AccessLevel.EDITOR])))
    await rig.open()
    for _ in range(data.draw(st.integers(1, 6))):
        rig.wait(1)
        method, ours = data.draw(writes(truth(rig)))
        if data.draw(st.integers(0, 3)) == 0:
            rig.source.before_next(method, data.draw(st.sampled_from(foreign_edits(rig))))
        try:
            await ours(rig)
        except (InvalidInput, Forbidden, NotFound):
            rig.service.mark_outdated(SHEET)  # nothing was written; a foreign edit may have been made
        assert_true(await rig.open(max_age=3600), rig)
