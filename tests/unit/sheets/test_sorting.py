"""Sorting: by the kind of the column, empty cells last, ties in the sheet's order."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.sheets.models import Cell
from shared.sheets.sorting import parse_sort, sort_rows
from tests.fakes.smartsheet import sheet_of
from tests.unit.sheets.selected import TYPES, selected, table


@pytest.mark.parametrize(
    ("sort", "rows"),
    [
        ("", "123456"),
        ("Amount", "612345"),
        ("-Amount", "431265"),
        ("Task", "642315"),
        ("Status", "132456"),
        ("-Status", "423156"),
        ("Due", "123456"),
        ("-Due", "432156"),
        ("Changed", "123456"),
        ("-Changed", "321456"),
        ("Done", "234561"),
        ("-Done", "123456"),
        ("Owner", "123456"),
        ("-Owner", "213456"),
        ("Tags", "213456"),
        ("Length", "214356"),
        ("-Length", "412356"),
        ("Done,-Amount", "432651"),
        (" 1002 , -Task", "612345"),
        ('["Amount", "-Task"]', "612345"),
    ],
)
def test_rows_come_in_the_order_of_the_columns_kind(sort: str, rows: str):
    assert selected(sort=sort) == rows


@pytest.mark.parametrize(
    ("sort", "titles"),
    [
        ('-"Due, final",Task', [("Due, final", True), ("Task", False)]),
        ('"-x"', [("-x", False)]),
        ('-"-x"', [("-x", True)]),
        ('"say ""hi"""', [('say "hi"', False)]),
        ('["-Due, final", "--x"]', [("Due, final", True), ("-x", True)]),
        ("[]", []),
        ("  ", []),
    ],
)
def test_titles_with_special_characters_can_be_named(sort: str, titles: list[tuple[str, bool]]):
    sheet = sheet_of(["Task", "Due, final", "-x", 'say "hi"'])
    assert [(key.column.title, key.descending) for key in parse_sort(sheet, sort)] == titles


@pytest.mark.parametrize(
    ("sort", "field"),
    [
        ("Task,Nope", "sort.1"),
        ("Task,", "sort.1"),
        ('"Task', "sort"),
        ('Ta"sk', "sort"),
        ('["Task"', "sort"),
        ("[1]", "sort"),
        ("[" * 100_000, "sort"),
        (",".join(["Task"] * 11), "sort"),
    ],
)
def test_what_names_no_column_is_refused(sort: str, field: str):
    with pytest.raises(InvalidInput) as caught:
        parse_sort(table(), sort)
    assert [fault.field for fault in caught.value.errors] == [field]


CELLS = st.none() | st.integers(-3, 3) | st.booleans() | st.sampled_from(["", "a", "B", "é", "2", "2d", "2025-03-01"])


@given(st.lists(st.lists(CELLS, max_size=3), max_size=12), st.sampled_from(list(TYPES.values())), st.booleans())
def test_sorting_is_a_permutation_stable_and_puts_empty_cells_last(
    rows: list[list[str | int | bool | None]], kind: str, descending: bool
):
    template = next(column for column in table().columns if column.type == kind)
    sheet = sheet_of([template], rows)
    (key,) = parse_sort(sheet, json.dumps([f"{'-' * descending}{template.title}"]))
    once = sort_rows(sheet.rows, [key])
    assert sorted(row.number for row in once) == [row.number for row in sheet.rows]
    assert sort_rows(once, [key]) == once
    values: dict[str, list[int]] = {}
    for row in once:
        values.setdefault(repr(row.cells.get(template.id, Cell())), []).append(row.number)
    assert all(numbers == sorted(numbers) for numbers in values.values())
    if kind != "CHECKBOX":
        held = [template.id in row.cells for row in once]
        assert held == sorted(held, reverse=True)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_as_input(text: str):
    try:
        parse_sort(table(), text)
    except InvalidInput as error:
        assert error.errors
