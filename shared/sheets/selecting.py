"""Which rows are meant, and in which order: search, filter and sort together."""

from collections.abc import Callable, Sequence

from pydantic import Field, Json

from shared.records import Frozen
from shared.sheets.filtering import Filter, RowTest, compile_filter
from shared.sheets.models import Row, Sheet
from shared.sheets.searching import compile_search
from shared.sheets.sorting import parse_sort, sort_rows


class RowSelection(Frozen):
    """Rows by words, by conditions, and their order; without these, all rows in the sheet's order."""

    search: str = Field(default="", max_length=200, description="Words that all occur in the row, in any cell.")
    filter: Json[Filter] | None = Field(default=None, description="Conditions, as JSON text.")
    sort: str = Field(default="", max_length=2000, description="Columns: `Status,-Due`, or a JSON array of these.")


def compile_selection(sheet: Sheet, selection: RowSelection) -> Callable[[], Sequence[Row]]:
    """Check the selection against the sheet's columns; the answer selects, which takes a while on big sheets.

    Raises `InvalidInput`, see `compile_filter` and `parse_sort`.
    """
    tests: list[RowTest] = []
    if selection.filter is not None:
        tests.append(compile_filter(sheet, selection.filter))
    if selection.search.strip():
        tests.append(compile_search(selection.search))
    keys = parse_sort(sheet, selection.sort)

    def select() -> Sequence[Row]:
        rows: Sequence[Row] = sheet.rows
        for test in tests:
            rows = [row for row in rows if test(row)]
        return sort_rows(rows, keys) if keys else rows

    return select
