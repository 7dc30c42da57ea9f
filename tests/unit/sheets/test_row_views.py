"""Rows as JSON: what is written has the form of the models, to the byte."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.ids import RowId
from shared.sheets.models import AccessLevel, Sheet
from shared.sheets.row_views import RowPage, SingleRow, page_json, row_json
from shared.sheets.views import SheetView
from tests.unit.sheets.selected import table

SHEET = replace(table(), fetched_at=datetime(2025, 5, 1, 12, 30, 1, 500, tzinfo=UTC))


@pytest.mark.parametrize("sheet", [SHEET, table()])
def test_a_page_is_written_as_its_model_would_be(sheet: Sheet):
    written = page_json(sheet, sheet.rows, 1, 500)
    assert RowPage.model_validate_json(written).model_dump_json(by_alias=True).encode() == written


def test_a_row_is_written_as_its_model_would_be():
    for row in (SHEET.rows[0], replace(SHEET.rows[1], parent_id=RowId("1"), locked=True)):
        written = row_json(SHEET, row)
        assert SingleRow.model_validate_json(written).model_dump_json(by_alias=True).encode() == written


def test_pages_cut_the_selected_rows_and_count_all_of_them():
    page = RowPage.model_validate_json(page_json(SHEET, SHEET.rows[::-1], 2, 4))
    assert ([row.id for row in page.items], page.total_count) == (["2", "1"], 6)


@pytest.mark.parametrize(
    ("level", "read_only", "reason"),
    [
        (AccessLevel.VIEWER, False, "viewer"),
        (AccessLevel.COMMENTER, True, "viewer"),
        (AccessLevel.EDITOR, False, None),
        (AccessLevel.OWNER, True, "read_only_sheet"),
    ],
)
def test_whether_a_sheet_can_be_written_is_told_with_the_reason(
    level: AccessLevel, read_only: bool, reason: str | None
):
    view = SheetView.of(replace(SHEET, access_level=level, read_only=read_only))
    assert (view.writable, view.writable_reason) == (reason is None, reason)
