from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.ids import ColumnId, RowId
from shared.sheets.cache import SheetCache, Snapshot
from shared.sheets.models import AccessLevel, Cell, CellWrite, Column, ColumnType, Row, RowWrite, Sheet
from tests.fakes.smartsheet import sheet_of

NOW = datetime(2025, 5, 1, 12, tzinfo=UTC)
A, B = ColumnId("1001"), ColumnId("1002")


def snapshot(sheet: Sheet) -> Snapshot:
    return Snapshot.of(replace(sheet, fetched_at=NOW))


def sized(sheet_id: str, cells: int) -> Snapshot:
    return snapshot(sheet_of(["A"], [["x"]] * cells, sheet_id=sheet_id))


def held(cache: SheetCache) -> list[str]:
    return [snapshot.sheet.id for snapshot in cache.snapshots()]


def test_the_least_recently_used_sheets_go_when_there_are_too_many_cells() -> None:
    cache = SheetCache(max_cells=10)
    for sheet_id in ("1", "2", "3"):
        cache.put(sized(sheet_id, 3))
    cache.get(sized("1", 0).sheet.id)
    cache.put(sized("4", 4))
    assert held(cache) == ["3", "1", "4"]
    assert cache.cells <= 10


def test_a_sheet_larger_than_the_cache_is_held_alone() -> None:
    cache = SheetCache(max_cells=10)
    cache.put(sized("1", 3))
    cache.put(sized("2", 11))
    assert held(cache) == ["2"]


def test_a_newer_snapshot_takes_the_place_of_the_older() -> None:
    cache = SheetCache(max_cells=10)
    cache.put(sized("1", 9))
    cache.put(sized("1", 4))
    assert cache.cells == 4
    cache.drop(sized("1", 0).sheet.id)
    assert (cache.cells, held(cache)) == (0, [])


def locked_sheet() -> Sheet:
    sheet = sheet_of(["A", "B"], [["a", "b"], ["c", "d"]])
    return replace(
        sheet,
        columns=(sheet.columns[0], replace(sheet.columns[1], locked=True)),
        rows=(replace(sheet.rows[0], locked=True), sheet.rows[1]),
    )


@pytest.mark.parametrize("level", list(AccessLevel))
def test_locks_bind_everybody_but_administrators_and_the_owner(level: AccessLevel) -> None:
    seen = snapshot(locked_sheet()).seen_with(level)
    bound = level not in (AccessLevel.ADMIN, AccessLevel.OWNER)
    assert seen.access_level == level
    assert [column.locked_for_user for column in seen.columns] == [False, bound]
    assert [row.locked_for_user for row in seen.rows] == [bound, False]


def patch(sheet: Sheet, row_id: str, cells: dict[ColumnId, Cell], *writes: CellWrite) -> Snapshot | None:
    answer = Row(RowId(row_id), 0, cells)
    return snapshot(sheet).patched([RowWrite(RowId(row_id), writes)], [answer], 2, NOW + timedelta(seconds=1))


def test_a_patch_takes_over_what_the_answer_gives_and_keeps_the_rest() -> None:
    sheet = sheet_of(["A", "B"], [["a", "b"], ["c", "d"]])
    patched = patch(sheet, "2", {B: Cell("new")}, CellWrite(B, "new"))
    assert patched is not None
    assert patched.sheet.version == 2
    row = patched.sheet.rows_by_id[RowId("2")]
    assert row.number == 2
    assert {id_: cell.value for id_, cell in row.cells.items()} == {A: "c", B: "new"}
    assert patched.sheet.rows[0] == sheet.rows[0]
    assert patched.cells == 4


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_cleared_cell_is_gone_after_the_patch(nothing: str | None) -> None:
    patched = patch(sheet_of(["A", "B"], [["a", "b"]]), "1", {A: Cell("a")}, CellWrite(B, nothing))
    assert patched is not None
    assert set(patched.sheet.rows[0].cells) == {A}
    assert patched.cells == 1


def test_an_answer_that_does_not_show_what_was_set_cannot_be_patched_in() -> None:
    assert patch(sheet_of(["A", "B"], [["a", "b"]]), "1", {A: Cell("a")}, CellWrite(B, "new")) is None


def test_cells_that_were_not_written_keep_what_the_answer_to_a_write_leaves_out() -> None:
    people = Cell("Ada", "Ada", object_value={"objectType": "MULTI_CONTACT", "values": [{"email": "ada@example.com"}]})
    sheet = sheet_of(["A", column(ColumnType.MULTI_CONTACT_LIST)], [["a", people]])
    patched = patch(sheet, "1", {A: Cell("new"), B: Cell("Ada", "Ada")}, CellWrite(A, "new"))
    assert patched is not None
    assert patched.sheet.rows[0].cells == {A: Cell("new"), B: people}


@pytest.mark.parametrize("kind", [ColumnType.CONTACT_LIST, ColumnType.MULTI_CONTACT_LIST, ColumnType.MULTI_PICKLIST])
def test_a_written_cell_of_which_the_answer_shows_only_the_text_cannot_be_patched_in(kind: ColumnType) -> None:
    sheet = sheet_of(["A", column(kind)], [["a", "old"]])
    assert patch(sheet, "1", {A: Cell("a"), B: Cell("new")}, CellWrite(B, "new")) is None
    cleared = patch(sheet, "1", {A: Cell("a")}, CellWrite(B, None))
    assert cleared is not None
    assert set(cleared.sheet.rows[0].cells) == {A}


def test_an_answer_with_an_unknown_row_cannot_be_patched_in() -> None:
    assert patch(sheet_of(["A"], [["a"]]), "9", {A: Cell("new")}, CellWrite(A, "new")) is None


def column(kind: str, **more: str) -> Column:
    return Column(B, 1, "B", kind, formula=more.get("formula"), system_type=more.get("system_type"))


@pytest.mark.parametrize(
    "sheet",
    [
        sheet_of(["A", column("TEXT_NUMBER", formula="=A@row")], [["a"]]),
        sheet_of(["A", column(ColumnType.PREDECESSOR)], [["a"]]),
        sheet_of(["A", column(ColumnType.DURATION)], [["a"]]),
        sheet_of(["A", "B"], [["a"], ["b", Cell(1, "1", formula="=1")]]),
        sheet_of(["A", "B"], [["a"], ["b", Cell(1, "1", linked=True)]]),
    ],
)
def test_a_sheet_that_computes_cells_is_never_patched(sheet: Sheet) -> None:
    assert patch(sheet, "1", {A: Cell("new")}, CellWrite(A, "new")) is None


def test_a_sheet_that_shows_who_wrote_is_patched_only_with_an_answer_that_tells() -> None:
    sheet = sheet_of(["A", column(ColumnType.TEXT_NUMBER, system_type="MODIFIED_BY")], [["a", "ada"]])
    assert patch(sheet, "1", {A: Cell("new")}, CellWrite(A, "new")) is None
    patched = patch(sheet, "1", {A: Cell("new"), B: Cell("grace")}, CellWrite(A, "new"))
    assert patched is not None
    assert patched.sheet.rows[0].cells[B].value == "grace"
