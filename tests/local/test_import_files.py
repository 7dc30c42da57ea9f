"""Files of the import command: which kinds, and what a new sheet can hold of them."""

from typing import Any

import pytest

from local.importing.files import read_file
from shared.tables.reading import ReadOptions
from shared.tables.table import TableError


def rows_of(text: str, name: str = "table.csv", *, shorten: bool = False) -> list[list[Any]]:
    table = read_file(text.encode(), name, ReadOptions(), shorten=shorten).table
    return [list(table.titles), *(record.fields for record in table.records)]


def problems_of(text: str, name: str = "table.csv") -> list[str]:
    with pytest.raises(TableError) as refused:
        rows_of(text, name)
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize("name", ["a.csv", "a.TSV", "a.tab", "a.txt", "a"])
def test_text_files_go_by_many_names(name: str) -> None:
    assert rows_of("A,B\n1,2\n", name) == [["A", "B"], ["1", "2"]]


def test_other_kinds_of_files_are_refused() -> None:
    assert problems_of("x", "table.ods") == [".ods files cannot be imported; CSV, TSV and XLSX files can"]


def test_a_title_that_no_column_can_have_is_named() -> None:
    text = f"the title has 51 characters; Smartsheet allows 50: '{'t' * 51}'"
    assert problems_of(f"A,{'t' * 51}\n") == [f"line 1, column 2: {text}"]
    assert rows_of(f"A,{'t' * 50}\n") == [["A", "t" * 50]]


def test_a_value_that_no_cell_can_hold_is_named_with_its_length() -> None:
    text = f'A,Story\n"x\ny",short\n1,"two\nlines"\n2,{"z" * 4001}\n'
    assert problems_of(text) == [
        "line 6, column 'Story': the value has 4,001 characters; a cell holds at most 4,000 "
        "(--shorten cuts and marks it)"
    ]
    shortened = rows_of(text, shorten=True)[-1][1]
    assert len(shortened) == 4000
    assert shortened.endswith("z […]")
    assert rows_of(text.replace("z" * 4001, "z" * 4000))[-1] == ["2", "z" * 4000]
