import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.clients.smartsheet.wire import WireRow, WireSheet, WireVersion, read_sheet

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
cells = st.fixed_dictionaries(
    {"columnId": st.integers(1, 2**60)},
    optional={
        "value": st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        "displayValue": st.text(),
        "objectValue": anything,
    },
)
rows = st.fixed_dictionaries(
    {"id": st.integers(1, 2**60), "rowNumber": st.integers(1), "cells": st.lists(cells, max_size=4)}
)
names = st.text().filter(lambda name: name not in ("rows", "columns", "id", "name", "version", "accessLevel"))
spaces = st.sampled_from([None, 0, 1, "\t", "\r\n "])

HEAD: dict[str, Any] = {"id": 1, "name": "Plan", "version": 2, "accessLevel": "OWNER", "columns": []}


@given(st.lists(rows, max_size=5), st.dictionaries(names, anything, max_size=3), spaces, st.booleans(), st.booleans())
def test_rows_are_read_one_by_one_as_json_means_them(
    wire_rows: list[Any], unknown: dict[str, Any], indent: Any, ascii_only: bool, rows_first: bool
) -> None:
    known = {"rows": wire_rows, **HEAD} if rows_first else {**HEAD, "rows": wire_rows}
    body = json.dumps({**unknown, **known}, indent=indent, ensure_ascii=ascii_only)
    taken: list[WireRow] = []
    head = read_sheet(f" {body}\n".encode("utf-8", "replace"), taken.append)
    assert isinstance(head, WireSheet)
    assert (head.name, head.version) == ("Plan", 2)
    expected = json.loads(body.encode("utf-8", "replace"))["rows"]
    assert taken == expected


@given(st.binary() | st.text().map(str.encode) | anything.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_a_sheet_a_version_or_a_value_error(body: bytes) -> None:
    try:
        head = read_sheet(body, lambda _: None)
    except ValueError:
        return
    assert isinstance(head, WireSheet | WireVersion)


@given(st.data())
def test_an_answer_that_was_cut_off_is_never_taken_for_a_sheet(data: st.DataObject) -> None:
    body = json.dumps({**HEAD, "rows": [{"id": 1, "rowNumber": 1, "cells": [{"columnId": 2, "value": "x"}]}]}).encode()
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    try:
        read_sheet(cut, lambda _: None)
    except ValueError:
        return
    raise AssertionError("a part was taken for the whole")
