from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import ColumnId
from shared.sheets.models import Cell, CellValue, Column, ColumnType
from shared.sheets.values import canonical, cell_text, text_length

EVERY_TYPE = [pytest.param(kind, id=kind.value) for kind in ColumnType]
any_column = st.sampled_from(list(ColumnType)).map(lambda kind: column(kind))
any_value = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


def column(kind: str) -> Column:
    return Column(ColumnId("1001"), 0, "Any", kind)


def form(kind: str, held: Cell | CellValue) -> Hashable:
    return canonical(column(kind), held)


@given(any_column, any_value)
def test_every_value_has_a_form_that_equals_itself_and_can_be_a_key(col: Column, value: CellValue) -> None:
    assert canonical(col, value) == canonical(col, value)
    assert {canonical(col, value): 1}[canonical(col, value)] == 1


@given(any_column, any_value)
def test_a_cell_and_its_bare_value_are_the_same(col: Column, value: CellValue) -> None:
    assert canonical(col, Cell(value, "as displayed")) == canonical(col, value)


@given(any_column, any_value, any_value)
def test_whether_two_values_are_the_same_does_not_depend_on_their_order(
    col: Column, one: CellValue, other: CellValue
) -> None:
    assert (canonical(col, one) == canonical(col, other)) == (canonical(col, other) == canonical(col, one))


@pytest.mark.parametrize("kind", EVERY_TYPE)
@pytest.mark.parametrize("empty", [None, "", "  ", "\r\n", Cell(), Cell("")])
def test_everything_empty_is_the_same(kind: ColumnType, empty: Cell | CellValue) -> None:
    assert form(kind, empty) is None


@given(st.integers(1 - 10**14, 10**14 - 1))
def test_whole_numbers_are_the_same_however_they_are_written(number: int) -> None:
    forms = {form("TEXT_NUMBER", spelled) for spelled in (number, float(number), str(number), f"{number}.0")}
    assert len(forms) == 1


@given(st.integers(-(10**14), 10**14), st.integers(-(10**14), 10**14))
def test_different_numbers_stay_different(one: int, other: int) -> None:
    assert (form("TEXT_NUMBER", one) == form("TEXT_NUMBER", other)) == (one == other)


@given(st.decimals(-99999, 99999, places=3))
def test_a_decimal_number_is_the_same_as_its_text(number: object) -> None:
    assert form("TEXT_NUMBER", float(str(number))) == form("TEXT_NUMBER", str(number))


@pytest.mark.parametrize(
    ("text", "number"), [("007", 7), ("1e3", 1000), ("+1", 1), ("1,000", 1000), ("9" * 20, int("9" * 20)), ("½", 0.5)]
)
def test_texts_that_only_resemble_a_number_are_not_that_number(text: str, number: float) -> None:
    assert form("TEXT_NUMBER", text) != form("TEXT_NUMBER", number)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1))
def test_line_ends_and_outer_white_space_do_not_matter(text: str) -> None:
    assert form("TEXT_NUMBER", f" {text}\n") == form("TEXT_NUMBER", text)
    assert form("TEXT_NUMBER", f"a{text}".replace("\n", "\r\n")) == form("TEXT_NUMBER", f"a{text}")


@pytest.mark.parametrize(("one", "other"), [("Done", "done"), ("a b", "a  b"), ("a\nb", "a b"), ("", "0"), ("", 0)])
def test_texts_that_read_differently_stay_different(one: CellValue, other: CellValue) -> None:
    assert form("TEXT_NUMBER", one) != form("TEXT_NUMBER", other)


@pytest.mark.parametrize("unchecked", [False, None, "", 0, "false"])
def test_an_unchecked_box_is_an_empty_one(unchecked: CellValue) -> None:
    assert form("CHECKBOX", unchecked) == form("CHECKBOX", False)
    assert form("CHECKBOX", unchecked) != form("CHECKBOX", True)


@pytest.mark.parametrize("checked", [True, 1, 1.0, "true", "TRUE", "1"])
def test_a_checked_box_is_checked(checked: CellValue) -> None:
    assert form("CHECKBOX", checked) == form("CHECKBOX", True)


def test_true_and_one_differ_where_they_are_not_a_checkbox() -> None:
    assert form("TEXT_NUMBER", True) != form("TEXT_NUMBER", 1)


@given(st.dates())
def test_a_date_is_the_same_with_and_without_a_time(day: object) -> None:
    assert form("DATE", f"{day}T00:00:00Z") == form("DATE", str(day))


def test_a_time_is_the_same_moment_in_every_zone() -> None:
    assert form("DATETIME", "2025-05-01T10:00:00Z") == form("DATETIME", "2025-05-01T12:00:00+02:00")
    assert form("DATETIME", "2025-05-01T10:00:00Z") != form("DATETIME", "2025-05-01T10:00:01Z")


def test_a_time_without_a_zone_is_not_the_one_in_utc() -> None:
    assert form("ABSTRACT_DATETIME", "2025-05-01T10:00:00") != form("ABSTRACT_DATETIME", "2025-05-01T10:00:00Z")


@pytest.mark.parametrize("kind", ["DATE", "DATETIME", "ABSTRACT_DATETIME", "CHECKBOX", "DURATION"])
def test_text_that_does_not_fit_the_type_is_compared_as_text(kind: str) -> None:
    assert form(kind, " soon ") == form(kind, "soon")
    assert form(kind, "soon") != form(kind, "later")


@given(st.lists(st.sampled_from(["red", "green", "blue", "dark blue"]), unique=True, min_size=1))
def test_choices_are_the_same_in_every_order_and_spelling(chosen: list[str]) -> None:
    as_object = Cell(object_value={"objectType": "MULTI_PICKLIST", "values": chosen})
    backwards = Cell(object_value={"objectType": "MULTI_PICKLIST", "values": chosen[::-1]})
    assert form("MULTI_PICKLIST", as_object) == form("MULTI_PICKLIST", backwards)
    assert form("MULTI_PICKLIST", as_object) == form("MULTI_PICKLIST", ", ".join(chosen))
    assert form("MULTI_PICKLIST", as_object) == form("MULTI_PICKLIST", "\n".join(chosen))


def test_a_choice_that_holds_a_comma_is_one_choice() -> None:
    one = Cell(object_value={"objectType": "MULTI_PICKLIST", "values": ["red, dark"]})
    two = Cell(object_value={"objectType": "MULTI_PICKLIST", "values": ["red", "dark"]})
    assert form("MULTI_PICKLIST", one) != form("MULTI_PICKLIST", two)


def test_no_choices_are_an_empty_cell() -> None:
    assert form("MULTI_PICKLIST", Cell(object_value={"objectType": "MULTI_PICKLIST", "values": []})) is None


def test_contacts_are_the_same_by_address() -> None:
    ada = {"objectType": "CONTACT", "name": "Ada", "email": "Ada@example.com"}
    assert form("CONTACT_LIST", Cell("Ada", object_value=ada)) == form("CONTACT_LIST", "ada@example.com")
    several = Cell(object_value={"objectType": "MULTI_CONTACT", "values": [ada, {"name": "Grace"}]})
    assert form("MULTI_CONTACT_LIST", several) == form("MULTI_CONTACT_LIST", "Grace, ada@example.com")


@pytest.mark.parametrize("spelled", ["5d", "5 D", 5, 5.0, "5"])
def test_a_duration_without_a_unit_is_in_days(spelled: CellValue) -> None:
    assert form("DURATION", spelled) == form("DURATION", "5d")
    assert form("DURATION", spelled) != form("DURATION", "5h")


def test_predecessors_are_the_same_whatever_their_spacing() -> None:
    assert form("PREDECESSOR", "3fs +2d, 4") == form("PREDECESSOR", "3FS+2D,4")


def test_a_formula_is_never_the_same_as_the_value_it_computes() -> None:
    computed = Cell(3, "3", formula="=1+2")
    assert form("TEXT_NUMBER", computed) != form("TEXT_NUMBER", 3)
    assert form("TEXT_NUMBER", computed) == form("TEXT_NUMBER", Cell(4, "4", formula="=1+2 "))
    assert form("TEXT_NUMBER", computed) != form("TEXT_NUMBER", Cell(3, "3", formula="=4-1"))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Cell(), ""),
        (Cell("abc"), "abc"),
        (Cell(1000, "$1,000"), "$1,000"),
        (Cell("ada@example.com", "Ada"), "Ada"),
        (Cell(True), "true"),
        (Cell(False), "false"),
        (Cell(3.0), "3"),
        (Cell(3.5), "3.5"),
        (Cell("value", ""), ""),
    ],
)
def test_a_reader_sees_what_a_person_sees(cell: Cell, text: str) -> None:
    assert cell_text(cell) == text


@given(any_value)
def test_every_cell_can_be_read(value: CellValue) -> None:
    assert isinstance(cell_text(Cell(value)), str)


@given(st.text(alphabet=st.characters()))
def test_a_text_is_never_taken_to_be_shorter_than_its_characters(text: str) -> None:
    assert text_length(text) >= len(text)


def test_characters_beyond_the_first_plane_count_twice() -> None:
    assert text_length("a€😀") == 4
