"""Values of a table as cells, by column type."""

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import ColumnId
from shared.sheets.converting import Unfit, converter
from shared.sheets.models import Column, ColumnType
from shared.tables.table import Value

MOMENT = datetime(2026, 3, 1, 14, 30)  # noqa: DTZ001 - worksheets know no time zones
OPTIONS = ("Open", "Closed", "Read, only", "DONE", "done")


def column(kind: str, **more: Any) -> Column:
    return Column(ColumnId("1001"), 0, "C", kind, **more)


def convert(of: Column, *values: Value) -> list[Any]:
    """The contents that the values give, the text of `Unfit` for those that fit not."""
    each = converter(of, values)
    contents: list[Any] = []
    for value in values:
        try:
            cell = each(value)
        except Unfit as unfit:
            contents.append(str(unfit))
        else:
            contents.append(None if cell is None else cell.object_value or cell.value)
    return contents


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["12", "-3", "0.5", " 7 "], [12, -3, 0.5, 7]),
        (["007", "1e5", "1234567890123456", "-0", "1,5", "٣"], ["007", "1e5", "1234567890123456", "-0", "1,5", "٣"]),
        (["12.50", "3.00"], [12.5, 3.0]),
        (["1.10", "1.9", "2"], ["1.10", "1.9", 2]),
        (["five", "5", None, "", "  "], ["five", 5, None, None, None]),
        (["=SUM(A1)", "'=SUM(A1)", "''=x", "'tis", "+49 30"], ["=SUM(A1)", "=SUM(A1)", "'=x", "'tis", "+49 30"]),
        ([True, 3, 2.5, date(2026, 3, 1), 2**60], ["true", 3, 2.5, "2026-03-01", str(2**60)]),
        ([float("nan"), float("inf")], ["nan", "inf"]),
        (["x" * 4000], ["x" * 4000]),
        (["x" * 4001], ["the text has 4,001 characters; a cell holds at most 4,000"]),
        (["😀" * 2001], ["the text has 4,002 characters; a cell holds at most 4,000"]),
        ([10**4200], ["the text has 4,201 characters; a cell holds at most 4,000"]),
        ([" padded "], [" padded "]),
    ],
)
def test_texts_and_numbers(values: list[Value], expected: list[Any]):
    assert convert(column(ColumnType.TEXT_NUMBER), *values) == expected


def test_boxes_are_checked_by_many_words():
    of = column(ColumnType.CHECKBOX)
    assert convert(of, "true", "YES", "x", "1", True, 1, 1.0) == [True] * 7
    assert convert(of, "false", "No", "0", False, 0) == [False] * 5
    assert convert(of, "perhaps", "") == [
        "“perhaps” is neither checked (true, yes, x, 1) nor unchecked (false, no, 0)",
        None,
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2026-03-01", "1.3.2026", " 01.03.2026 ", date(2026, 3, 1)], ["2026-03-01"] * 4),
        (["2026-03-01T00:00:00", "2026-03-01 00:00"], ["2026-03-01"] * 2),
        (["25/03/2026", "03/04/2026"], ["2026-03-25", "2026-04-03"]),
        (["03/25/2026", "03/04/2026"], ["2026-03-25", "2026-03-04"]),
        (["5/5/2026"], ["2026-05-05"]),
        (
            ["03/04/2026", "31.12.2026"],
            ["“03/04/2026” can be 2026-04-03 or 2026-03-04; write it in that way", "2026-12-31"],
        ),
        (
            ["03/04/2026", "25/12/2026", "12/25/2026"],
            ["“03/04/2026” can be 2026-04-03 or 2026-03-04; write it in that way", "2026-12-25", "2026-12-25"],
        ),
        (
            ["2026-02-30", "32.1.2026", "13/13/2026", "1.1.0000"],
            [f"there is no day “{text}”" for text in ("2026-02-30", "32.1.2026", "13/13/2026", "1.1.0000")],
        ),
        (
            ["soon", "20260301", "٢٠٢٦-٠٣-٠١"],
            [f"“{text}” is no date such as 2026-03-31" for text in ("soon", "20260301", "٢٠٢٦-٠٣-٠١")],
        ),
        (["2026-03-01 14:30"], ["“2026-03-01 14:30” has a time of day; the column takes dates"]),
        ([46082, True], ["“46082” is no date such as 2026-03-31", "“true” is no date such as 2026-03-31"]),
    ],
)
def test_dates(values: list[Value], expected: list[Any]):
    assert convert(column(ColumnType.DATE), *values) == expected


def test_times():
    of = column(ColumnType.ABSTRACT_DATETIME)
    assert convert(of, "2026-03-01T08:00:00", "2026-03-01 08:00", "1.3.2026", MOMENT) == [
        "2026-03-01T08:00:00",
        "2026-03-01T08:00:00",
        "2026-03-01",
        "2026-03-01T14:30:00",
    ]
    assert convert(of, "2026-03-01T08:00:00Z") == [
        "“2026-03-01T08:00:00Z” has a time zone; give the time without",
    ]


def test_choices_are_found_in_any_case_where_one_can_be_meant():
    of = column(ColumnType.PICKLIST, options=OPTIONS)
    assert convert(of, "Open", "CLOSED ", "done", "read,  only") == ["Open", "Closed", "done", "Read, only"]
    assert convert(of, "Done", "New") == [
        "“Done” can be “DONE” or “done”; write it exactly",
        "“New” is not one of the options: “Open”, “Closed”, “Read, only”, “DONE”, “done”",
    ]


def test_a_column_without_options_takes_any_choice_unless_it_is_restricted():
    assert convert(column(ColumnType.PICKLIST), "New", 5) == ["New", "5"]
    assert convert(column(ColumnType.PICKLIST, validation=True), "New") == ["“New” is not one of the options: none"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Open", ["Open"]),
        ("open, CLOSED", ["Open", "Closed"]),
        ("Open;Closed; ", ["Open", "Closed"]),
        ("Open\nRead, only", ["Open", "Read, only"]),
        ("Read, only", ["Read, only"]),
        ("Open; Read, only", ["Open", "Read, only"]),
        ("Open, open", ["Open"]),
    ],
)
def test_several_choices_are_divided_by_lines_semicolons_or_commas(text: str, values: list[str]):
    of = column(ColumnType.MULTI_PICKLIST, options=OPTIONS)
    assert convert(of, text) == [{"objectType": "MULTI_PICKLIST", "values": values}]


def test_an_unknown_one_among_several_choices_is_named():
    (text,) = convert(column(ColumnType.MULTI_PICKLIST, options=OPTIONS), "Open, New")
    assert text.startswith("“New” is not one of the options")
    assert convert(column(ColumnType.MULTI_PICKLIST), " ; ;") == ["“ ; ;” names no choice"]


def test_contacts_go_by_address():
    of = column(ColumnType.CONTACT_LIST)
    assert convert(of, "ada@example.com", "Ada Lovelace <ada@example.com>") == [
        "ada@example.com",
        {"objectType": "CONTACT", "email": "ada@example.com", "name": "Ada Lovelace"},
    ]
    assert convert(of, "Ada", "ada@", "a@b.example, c@d.example") == [
        f"“{text}” is no contact: give the e-mail address" for text in ("Ada", "ada@", "a@b.example, c@d.example")
    ]


def test_contacts_that_a_column_offers_go_by_name_too():
    offered = ({"email": "ada@example.com", "name": "Ada Lovelace"}, {"email": "bob@example.com"})
    ada = {"objectType": "CONTACT", "email": "ada@example.com", "name": "Ada Lovelace"}
    of = column(ColumnType.CONTACT_LIST, contact_options=offered)
    assert convert(of, "ada lovelace", "bob@example.com", "c@d.example") == [ada, "bob@example.com", "c@d.example"]
    restricted = column(ColumnType.CONTACT_LIST, contact_options=offered, validation=True)
    assert convert(restricted, "Ada Lovelace", "c@d.example") == [
        ada,
        "“c@d.example” is not one of the contacts that the column offers",
    ]


@pytest.mark.parametrize("text", ["a@b.example, c@d.example", "a@b.example;c@d.example;", "a@b.example\nc@d.example"])
def test_several_contacts(text: str):
    people = [{"objectType": "CONTACT", "email": email} for email in ("a@b.example", "c@d.example")]
    assert convert(column(ColumnType.MULTI_CONTACT_LIST), text) == [{"objectType": "MULTI_CONTACT", "values": people}]


def test_durations():
    of = column(ColumnType.DURATION)
    assert convert(of, "5d", "1W 2d", "e3h", "4", 2.5) == ["5d", "1w 2d", "e3h", "4", "2.5"]
    assert convert(of, "-1d", "long") == [
        f"“{text}” is no duration such as 5d, 1w 2d or 4h" for text in ("-1d", "long")
    ]


VALUES = (
    st.none()
    | st.text(max_size=30)
    | st.text("0123456789./-: TZ+", max_size=20)
    | st.text("ab@.<>\",;\n'= ", max_size=20)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.dates()
)


@given(st.sampled_from(list(ColumnType)), st.lists(VALUES, max_size=8), st.booleans(), st.booleans())
def test_any_value_is_converted_or_unfit_and_nothing_else(
    kind: ColumnType, values: list[Value], restricted: bool, offered: bool
):
    of = column(
        kind,
        options=("a", "B", "b") if offered else (),
        contact_options=({"email": "a@b.ab", "name": "ab"}, {"name": "b"}) if offered else (),
        validation=restricted,
    )
    each = converter(of, values)
    for value in values:
        try:
            cell = each(value)
        except Unfit as unfit:
            assert str(unfit)
        else:
            assert cell is None or (cell.formula is None and cell.column_id == of.id)
