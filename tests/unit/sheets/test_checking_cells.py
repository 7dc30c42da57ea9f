"""Which cells a sheet takes: what passes the check is taken by Smartsheet, what does not is named."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from local.smartsheet.rows.requests import read_rows_in
from shared.clients.smartsheet.requests import add_rows_call
from shared.errors import Forbidden, InvalidInput
from shared.ids import ColumnId
from shared.sheets.checking import check_cell, find_not_writable, require_columns_writable, require_sheet_writable
from shared.sheets.input import CellInput
from shared.sheets.models import AccessLevel, CellWrite, Column, ColumnType, NewRow
from tests.fakes.smartsheet import sheet_of
from tests.fakes.smartsheet.cells import written_cells

ID = ColumnId("1002")
T = ColumnType


def column(kind: str, **more: Any) -> Column:
    return Column(ID, 1, "Given", kind, **more)


TEXT = column(T.TEXT_NUMBER)
CHOICE = column(T.PICKLIST, options=("Low", "High", "3"))
CHOICES = column(T.MULTI_PICKLIST, options=("Low", "High"))
CONTACT = column(T.CONTACT_LIST)
OFFERED = column(T.CONTACT_LIST, validation=True, contact_options=({"email": "ada@example.com", "name": "Ada"},))
CONTACTS = column(T.MULTI_CONTACT_LIST)
DATE, BOX, TIME, DURATION = (column(kind) for kind in (T.DATE, T.CHECKBOX, T.ABSTRACT_DATETIME, T.DURATION))
COLUMNS = [TEXT, CHOICE, CHOICES, CONTACT, OFFERED, CONTACTS, DATE, BOX, TIME, DURATION]


def check(into: Column, **given: Any) -> CellWrite:
    sheet = sheet_of(["Task", into], [["a"]])
    return check_cell(sheet, sheet.rows[0], CellInput.model_validate({"columnId": ID, **given}), "cells.3")


def fault(into: Column, **given: Any) -> tuple[str, str]:
    """Code and field of the refusal."""
    with pytest.raises(InvalidInput) as refused:
        check(into, **given)
    (error,) = refused.value.errors
    return refused.value.code, error.field


def picks(*values: Any) -> dict[str, Any]:
    return {"objectType": "MULTI_PICKLIST", "values": list(values)}


def people(*values: Any) -> dict[str, Any]:
    return {"objectType": "MULTI_CONTACT", "values": list(values)}


def contact(**named: Any) -> dict[str, Any]:
    return {"objectType": "CONTACT", **named}


@pytest.mark.parametrize(
    ("into", "value"),
    [
        (TEXT, "x" * 4000),
        (TEXT, "=not a formula"),
        (TEXT, 1.5),
        (TEXT, -(2**53)),
        (CHOICE, "High"),
        (CHOICE, 3),
        (column(T.PICKLIST), "anything"),
        (CONTACT, "ada@example.com"),
        (OFFERED, "ADA@example.com"),
        (DATE, "2024-02-29"),
        (BOX, False),
        (column(T.CHECKBOX, symbol="STAR"), True),
        (TIME, "2026-03-31T08:00:00"),
        (TIME, "2026-03-31"),
        (DURATION, "1w 2d"),
        (DURATION, 5),
    ],
)
def test_a_value_that_fits_is_written_as_it_is(into: Column, value: Any) -> None:
    assert check(into, value=value) == CellWrite(ID, value)


@pytest.mark.parametrize("into", COLUMNS)
@pytest.mark.parametrize("given", [{"value": None}, {"value": ""}, {"objectValue": None}, {"formula": None}])
def test_nothing_clears_a_cell_of_every_type(into: Column, given: dict[str, Any]) -> None:
    assert check(into, **given) == CellWrite(ID, None)


@pytest.mark.parametrize(
    ("into", "value", "code"),
    [
        (TEXT, "x" * 4001, "value_too_long"),
        (TEXT, "😀" * 2001, "value_too_long"),
        (TEXT, True, "not_text_or_number"),
        (TEXT, float("nan"), "not_a_number"),
        (TEXT, float("-inf"), "not_a_number"),
        (TEXT, 2**53 + 1, "number_out_of_range"),
        (TEXT, 10**400, "number_out_of_range"),
        (CHOICE, "high", "not_an_option"),
        (CHOICE, 4, "not_an_option"),
        (CHOICE, True, "not_an_option"),
        (column(T.PICKLIST, validation=True), "anything", "not_an_option"),
        (CHOICES, "Low", "object_value_needed"),
        (CONTACTS, "ada@example.com", "object_value_needed"),
        (CONTACT, "Ada", "not_a_contact"),
        (CONTACT, 1, "not_a_contact"),
        (OFFERED, "grace@example.com", "not_an_option"),
        (DATE, "31.03.2026", "not_a_date"),
        (DATE, "2025-02-29", "not_a_date"),
        (DATE, "2025-W01-1", "not_a_date"),
        (DATE, "2025-01-01T00:00:00", "not_a_date"),
        (DATE, "２０２５-01-01", "not_a_date"),
        (DATE, 20250101, "not_a_date"),
        (BOX, "true", "not_a_boolean"),
        (BOX, 1, "not_a_boolean"),
        (TIME, "2026-03-31T08:00:00Z", "not_a_time"),
        (TIME, "2026-03-31T25:00", "not_a_time"),
        (DURATION, "soon", "not_a_duration"),
        (DURATION, True, "not_a_duration"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_its_path(into: Column, value: Any, code: str) -> None:
    assert fault(into, value=value) == (code, "cells.3.value")


def test_a_refused_choice_is_told_what_there_is() -> None:
    with pytest.raises(InvalidInput) as refused:
        check(CHOICE, value="Medium")
    assert "“Low”, “High”, “3”" in refused.value.errors[0].message


@pytest.mark.parametrize(
    ("into", "thing"),
    [
        (CHOICES, picks("High", "Low")),
        (CHOICES, picks()),
        (column(T.MULTI_PICKLIST), picks("anything")),
        (CONTACT, contact(email="ada@example.com", name="Ada")),
        (CONTACT, contact(name="Somebody without an address")),
        (OFFERED, contact(email="ada@example.com")),
        (CONTACTS, people(contact(email="ada@example.com", name="Ada"), contact(email="grace@example.com"))),
    ],
)
def test_an_object_that_fits_is_written_as_it_is(into: Column, thing: dict[str, Any]) -> None:
    assert check(into, objectValue=thing) == CellWrite(ID, object_value=thing)


def test_contacts_of_a_list_need_no_object_type_of_their_own() -> None:
    written = check(CONTACTS, objectValue=people({"email": "ada@example.com"})).object_value
    assert written == people(contact(email="ada@example.com"))


@pytest.mark.parametrize(
    ("into", "thing", "code", "where"),
    [
        (TEXT, picks("Low"), "value_needed", ""),
        (DATE, {"objectType": "DATE", "value": "2025-01-01"}, "value_needed", ""),
        (CHOICES, people(), "object_value_needed", ".objectType"),
        (CHOICES, {}, "object_value_needed", ".objectType"),
        (CHOICES, {"objectType": "MULTI_PICKLIST", "values": "Low"}, "object_value_needed", ""),
        (CHOICES, {**picks("Low"), "more": 1}, "object_value_needed", ""),
        (CHOICES, picks("Low", "Medium"), "not_an_option", ".values.1"),
        (CHOICES, picks(3), "not_an_option", ".values.0"),
        (column(T.MULTI_PICKLIST), picks(" "), "not_an_option", ".values.0"),
        (column(T.MULTI_PICKLIST), picks("x" * 2000, "y" * 2000), "value_too_long", ".values"),
        (CONTACT, contact(), "not_a_contact", ""),
        (CONTACT, contact(email="Ada"), "not_a_contact", ".email"),
        (CONTACT, contact(email="ada@example.com", name=3), "not_a_contact", ""),
        (CONTACT, people(), "object_value_needed", ".objectType"),
        (OFFERED, contact(name="Ada"), "not_an_option", ""),
        (CONTACTS, people("ada@example.com"), "not_a_contact", ".values.0"),
        (CONTACTS, people({"name": "Ada"}), "not_a_contact", ".values.0"),
    ],
)
def test_an_object_that_does_not_fit_is_refused_by_its_path(
    into: Column, thing: dict[str, Any], code: str, where: str
) -> None:
    assert fault(into, objectValue=thing) == (code, f"cells.3.objectValue{where}")


@pytest.mark.parametrize("into", [column for column in COLUMNS if column is not DURATION])
def test_a_formula_goes_into_a_column_of_every_type(into: Column) -> None:
    assert check(into, formula="=1+1") == CellWrite(ID, formula="=1+1")


def test_a_formula_begins_with_an_equals_sign() -> None:
    assert fault(TEXT, formula="SUM(1)") == ("not_a_formula", "cells.3.formula")


@pytest.mark.parametrize(
    ("link", "written"),
    [
        ({"url": "https://example.com/a?b#c"}, {"url": "https://example.com/a?b#c"}),
        ({"url": "mailto:ada@example.com"}, {"url": "mailto:ada@example.com"}),
        ({"sheetId": "123"}, {"sheetId": 123}),
        ({"sightId": 7}, {"sightId": 7}),
        ({"reportId": 7, "url": None}, {"reportId": 7}),
        ({"sheetId": 123, "url": "https://app.smartsheet.com/sheets/x"}, {"sheetId": 123}),
    ],
)
def test_a_link_goes_along_with_a_text(link: dict[str, Any], written: dict[str, Any]) -> None:
    assert check(TEXT, value="site", hyperlink=link) == CellWrite(ID, "site", hyperlink=written)


@pytest.mark.parametrize(
    "link",
    [
        {},
        {"url": "javascript:alert(1)"},
        {"url": "https://"},
        {"url": "https://example.com/a b"},
        {"url": "https://example.com/\u0000"},
        {"url": "http://[broken"},
        {"url": "mailto:"},
        {"url": 7},
        {"url": "https://example.com/" + "x" * 4000},
        {"sheetId": 1, "reportId": 2},
        {"sheetId": "x"},
        {"sheetId": True},
        {"href": "https://example.com"},
    ],
)
def test_a_link_that_leads_nowhere_is_refused(link: dict[str, Any]) -> None:
    code, field = fault(TEXT, value="site", hyperlink=link)
    assert code in ("invalid_hyperlink", "value_too_long")
    assert field.startswith("cells.3.hyperlink")


@pytest.mark.parametrize(
    ("into", "given"),
    [
        (TEXT, {"value": 3}),
        (TEXT, {"value": None}),
        (DATE, {"value": "2025-01-01"}),
        (TEXT, {"formula": "=1"}),
        (CHOICES, {"objectValue": picks("Low")}),
    ],
)
def test_a_link_without_a_text_is_refused(into: Column, given: dict[str, Any]) -> None:
    link = {"url": "https://example.com"}
    assert fault(into, **given, hyperlink=link) == ("invalid_hyperlink", "cells.3.hyperlink")


@pytest.mark.parametrize(
    ("into", "code"),
    [
        (replace(TEXT, system_type="AUTO_NUMBER"), "system_column"),
        (replace(TEXT, formula="=1"), "column_formula"),
        (replace(TEXT, locked=True, locked_for_user=True), "column_locked"),
        (column(T.PREDECESSOR), "wrong_column_type"),
        (column("SOMETHING_NEW"), "wrong_column_type"),
    ],
)
def test_a_column_that_nobody_writes_is_refused_whatever_is_given(into: Column, code: str) -> None:
    for content in ({"value": None}, {"value": "x"}, {"formula": "=1"}):
        assert fault(into, **content) == (code, "cells.3.columnId")


def test_an_unknown_column_is_refused() -> None:
    sheet = sheet_of(["Task"], [["a"]])
    with pytest.raises(InvalidInput) as refused:
        check_cell(sheet, None, CellInput(column_id=ColumnId("9"), value="x"), "cells.0")
    assert (refused.value.code, refused.value.errors[0].field) == ("unknown_column", "cells.0.columnId")


def test_a_row_is_locked_for_those_whom_the_lock_binds() -> None:
    sheet = sheet_of(["Task"], [["a"]])
    cell = CellInput(column_id=sheet.columns[0].id, value="x")
    locked = replace(sheet.rows[0], locked=True)
    check_cell(sheet, locked, cell, "cells.0")
    with pytest.raises(InvalidInput) as refused:
        check_cell(sheet, replace(locked, locked_for_user=True), cell, "cells.0")
    assert refused.value.code == "row_locked"


# Whatever is sent.

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["Low", "3", "ada@x.example"])
)
DATES = st.dates().map(str) | st.datetimes().map(lambda moment: moment.isoformat()) | st.from_regex(r"[0-9W:T-]{8,19}")
DURATIONS = st.from_regex(r"\A[e~]?[0-9.]{0,4} ?[wdhms]?( [0-9]{1,2}[wdhms])?\Z")
EMAILS = st.emails() | st.from_regex(r"\A[^@ ]{1,3}@[a-z.]{1,5}\Z")
PARTS = st.dictionaries(
    st.sampled_from(["objectType", "email", "name", "values", "x"]),
    st.sampled_from(["CONTACT", "ada@example.com", "", None, 3, ["x"]]) | EMAILS,
)
THINGS = (
    st.lists(SCALARS).map(lambda values: picks(*values))
    | st.lists(st.sampled_from(["Low", "High"])).map(lambda values: picks(*values))
    | st.lists(PARTS | st.builds(lambda email: {"email": email}, EMAILS), max_size=2).map(lambda each: people(*each))
    | PARTS
    | st.builds(lambda email: contact(email=email), EMAILS)
)
LINKS = st.none() | st.just({"url": "https://example.com"})


@given(st.sampled_from(COLUMNS), SCALARS | DATES | DURATIONS | EMAILS, LINKS)
def test_a_value_that_passes_is_taken_by_smartsheet(into: Column, value: Any, link: Any) -> None:
    assert_taken_or_named(into, value=value, hyperlink=link)


@given(st.sampled_from(COLUMNS), THINGS)
def test_an_object_that_passes_is_taken_by_smartsheet(into: Column, thing: dict[str, Any]) -> None:
    assert_taken_or_named(into, objectValue=thing)


@given(st.sampled_from(COLUMNS), st.text(min_size=2) | st.text().map(lambda text: "=" + text))
def test_a_formula_that_passes_is_taken_by_smartsheet(into: Column, formula: str) -> None:
    assert_taken_or_named(into, formula=formula)


def assert_taken_or_named(into: Column, **given: Any) -> None:
    """By the sandbox's own rules, from the bytes that the client sends."""
    try:
        write = check(into, **given)
    except ValidationError:
        return
    except InvalidInput as refused:
        assert refused.errors
        assert all(error.field.startswith("cells.3.") and error.message for error in refused.errors)
        return
    call = add_rows_call(sheet_of([]).id, [NewRow((write,))], "test")
    read_rows_in(call.body or b"")
    written_cells({ID: into}, [write], passes_locks=False)


# Who may write at all.


@pytest.mark.parametrize("level", list(AccessLevel))
def test_who_may_change_a_sheet_and_its_columns(level: AccessLevel) -> None:
    sheet = replace(sheet_of(["Task"]), access_level=level)
    allowed: list[str] = []
    for name, require in (("rows", require_sheet_writable), ("columns", require_columns_writable)):
        try:
            require(sheet)
            allowed.append(name)
        except Forbidden as refused:
            assert refused.code in ("sheet_read_only", "columns_read_only")
    expected = {"VIEWER": [], "COMMENTER": [], "EDITOR": ["rows"], "EDITOR_SHARE": ["rows"]}
    assert allowed == expected.get(level, ["rows", "columns"])
    assert (find_not_writable(sheet) is None) == ("rows" in allowed)


def test_nobody_changes_a_read_only_sheet() -> None:
    sheet = replace(sheet_of(["Task"]), read_only=True)
    assert find_not_writable(sheet) == "read_only_sheet"
    for require in (require_sheet_writable, require_columns_writable):
        with pytest.raises(Forbidden) as refused:
            require(sheet)
        assert refused.value.code == "sheet_read_only"
