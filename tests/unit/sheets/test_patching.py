"""Answers that leave something open are not taken for the truth."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.ids import ColumnId, RowId
from shared.sheets.models import Cell, CellWrite, Column, ColumnType, NewRow, Row, RowLocation, RowWrite, Sheet
from shared.sheets.patching import with_cells_written, with_rows_added, with_rows_deleted
from tests.fakes.smartsheet import sheet_of

A, B = ColumnId("1001"), ColumnId("1002")
ONE, TWO, THREE, NEW = (RowId(id_) for id_ in ("1", "2", "3", "4"))
AT = datetime(2025, 5, 1, 12, tzinfo=UTC)
SENT = NewRow((CellWrite(A, "new"),))
ANSWER = Row(NEW, 4, {A: Cell("new")}, modified_at=AT, created_at=AT)


def plan(second: Column | str = "Status") -> Sheet:
    """Row 2 is below row 1."""
    sheet = sheet_of(["Task", second], [["a"], ["b"], ["c"]])
    return replace(sheet, rows=(sheet.rows[0], replace(sheet.rows[1], parent_id=ONE), sheet.rows[2]))


def system(kind: str) -> Column:
    return Column(B, 1, "Told", ColumnType.TEXT_NUMBER, system_type=kind)


def test_an_added_row_is_taken_over_as_answered() -> None:
    after = with_rows_added(plan(), [SENT], [ANSWER])
    assert after is not None
    assert after.rows == (*plan().rows, ANSWER)
    assert (after.total_row_count, after.modified_at) == (4, AT)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (SENT, replace(ANSWER, number=3)),
        (SENT, replace(ANSWER, number=0)),
        (SENT, replace(ANSWER, parent_id=ONE)),
        (SENT, replace(ANSWER, id=TWO)),
        (SENT, replace(ANSWER, cells={})),
        (SENT, None),
        (NewRow((CellWrite(A, None),)), ANSWER),
        (NewRow((CellWrite(A, formula="=1"),)), ANSWER),
        (NewRow((CellWrite(A, formula="=1"),)), replace(ANSWER, cells={})),
        (NewRow((CellWrite(A, object_value={"objectType": "CONTACT"}),)), replace(ANSWER, cells={})),
        (NewRow((CellWrite(A, "new", hyperlink={"url": "https://example.com"}),)), ANSWER),
        (replace(SENT, location=RowLocation(parent_id=RowId("99"))), ANSWER),
        (replace(SENT, location=RowLocation(sibling_id=RowId("99"))), ANSWER),
        (replace(SENT, location=RowLocation()), ANSWER),
    ],
)
def test_an_added_row_that_is_not_told_in_full_is_not_taken_over(sent: NewRow, answer: Row | None) -> None:
    assert with_rows_added(plan(), [sent], [answer]) is None


@pytest.mark.parametrize("kind", ["AUTO_NUMBER", "CREATED_BY", "CREATED_DATE", "MODIFIED_BY", "MODIFIED_DATE"])
def test_an_added_row_is_taken_over_only_with_what_smartsheet_filled_itself(kind: str) -> None:
    sheet = plan(system(kind))
    assert with_rows_added(sheet, [SENT], [ANSWER]) is None
    told = replace(ANSWER, cells={A: Cell("new"), B: Cell("7")})
    after = with_rows_added(sheet, [SENT], [told])
    assert after is not None
    assert after.rows[-1] == told


def test_contacts_and_choices_of_an_added_row_are_not_told_in_full() -> None:
    sheet = plan(Column(B, 1, "Owner", ColumnType.CONTACT_LIST))
    sent = NewRow((CellWrite(B, "ada@example.com"),))
    assert with_rows_added(sheet, [sent], [replace(ANSWER, cells={B: Cell("ada@example.com", "Ada")})]) is None


def test_deleted_rows_go_with_their_children() -> None:
    after = with_rows_deleted(plan(), (ONE, TWO))
    assert after is not None
    assert [(row.id, row.number) for row in after.rows] == [(THREE, 1)]
    assert (after.total_row_count, after.modified_at) == (1, None)


@pytest.mark.parametrize("gone", [(), (ONE,), (THREE, RowId("99"))])
def test_a_deletion_of_other_rows_than_were_known_is_not_taken_over(gone: tuple[RowId, ...]) -> None:
    assert with_rows_deleted(plan(), gone) is None


@pytest.mark.parametrize(
    ("write", "answer"),
    [
        (RowWrite(ONE, (CellWrite(A, "new"),), RowLocation(to_top=True)), Row(ONE, 1, {A: Cell("new")})),
        (RowWrite(ONE, (CellWrite(A, formula="=1"),)), Row(ONE, 1, {})),
        (RowWrite(ONE, (CellWrite(A, None),)), Row(ONE, 1, {A: Cell("still there")})),
        (RowWrite(ONE, (CellWrite(A, "new"),)), Row(ONE, 1, {A: Cell("new"), B: Cell("somebody else's")})),
        (RowWrite(ONE, (CellWrite(A, "a"),)), Row(ONE, 1, {A: Cell("a")})),
        (RowWrite(ONE, ()), Row(ONE, 1, {A: Cell("a")})),
    ],
)
def test_written_cells_that_are_not_told_in_full_are_not_taken_over(write: RowWrite, answer: Row) -> None:
    assert with_cells_written(plan(), [write], [answer]) is None
