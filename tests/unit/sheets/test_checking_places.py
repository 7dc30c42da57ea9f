"""Where rows may go: the check says what Smartsheet would say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from local.smartsheet.errors import ApiError
from shared.errors import InvalidInput
from shared.ids import RowId
from shared.sheets.checking import check_placement
from shared.sheets.input import Placement
from shared.sheets.models import Row, RowLocation, Sheet
from tests.fakes.smartsheet import sheet_of
from tests.fakes.smartsheet.outline import moved, placed

R1, R2, R3, R4, R5 = (RowId(str(number)) for number in range(1, 6))


def plan() -> Sheet:
    """1, below it 2, below that 3; 4 is empty; 5 has an empty cell beside a full one."""
    sheet = sheet_of(["Task", "Status"], [["a"], ["b"], ["c"], [], [None, "e"]])
    parents = {R2: R1, R3: R2}
    return replace(sheet, rows=tuple(replace(row, parent_id=parents.get(row.id)) for row in sheet.rows))


def place(of: RowId | None, sheet: Sheet | None = None, **given: object) -> RowLocation:
    return check_placement(sheet or plan(), Placement.model_validate(given), "rows.2.location", of=of)


def fault(of: RowId | None, sheet: Sheet | None = None, **given: object) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as refused:
        place(of, sheet, **given)
    (error,) = refused.value.errors
    return refused.value.code, error.field.removeprefix("rows.2.location")


def test_a_place_that_there_is_becomes_a_location() -> None:
    assert place(None, toTop=True) == RowLocation(to_top=True)
    assert place(R5, toBottom=True) == RowLocation(to_bottom=True)
    assert place(R5, parentId="2", toBottom=True) == RowLocation(parent_id=R2, to_bottom=True)
    assert place(None, parentId="5") == RowLocation(parent_id=R5)
    assert place(R1, siblingId="5", above=True) == RowLocation(sibling_id=R5, above=True)
    assert place(R4, indent=True) == RowLocation(indent=True)
    assert place(R3, outdent=True) == RowLocation(outdent=True)


def test_a_place_that_there_is_not_is_refused_by_its_path() -> None:
    assert fault(R1, parentId="99") == ("unknown_row", ".parentId")
    assert fault(None, siblingId="99") == ("unknown_row", ".siblingId")
    assert fault(RowId("99"), toTop=True) == ("unknown_row", "")
    assert fault(R1, parentId="1") == ("invalid_location", ".parentId")
    assert fault(R1, parentId="3") == ("invalid_location", ".parentId")
    assert fault(R1, siblingId="2") == ("invalid_location", ".siblingId")
    assert fault(None, parentId="4") == ("invalid_location", ".parentId")
    assert fault(None, indent=True) == ("invalid_location", "")
    assert fault(R1, indent=True) == ("invalid_location", ".indent")
    assert fault(R2, indent=True) == ("invalid_location", ".indent")
    assert fault(R1, outdent=True) == ("invalid_location", ".outdent")


def test_a_locked_row_stays_where_it_is_for_those_whom_the_lock_binds() -> None:
    sheet = plan()
    rows = (replace(sheet.rows[0], locked=True, locked_for_user=True), *sheet.rows[1:])
    assert fault(R1, replace(sheet, rows=rows), toBottom=True) == ("row_locked", "")
    assert place(R5, replace(sheet, rows=rows), siblingId="1") == RowLocation(sibling_id=R1)


ANCHORS = st.sampled_from(["1", "2", "3", "4", "5", "99"])
PLACES = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.booleans() for name in ("toTop", "toBottom", "above", "indent", "outdent")},
        "parentId": ANCHORS,
        "siblingId": ANCHORS,
    },
)


@given(st.none() | st.sampled_from([R1, R2, R3, R4, R5]), PLACES)
def test_the_check_says_what_smartsheet_would_say(of: RowId | None, given: dict[str, object]) -> None:
    sheet = plan()
    try:
        placement = Placement.model_validate(given)
    except ValidationError:
        return
    location = RowLocation(**placement.model_dump())
    try:
        if of is None:
            placed(sheet, [Row(RowId("6"), 0, {})], location)
        else:
            moved(sheet, [of], location)
        taken = True
    except ApiError:
        taken = False
    try:
        assert check_placement(sheet, placement, "location", of=of) == location
        assert taken
    except InvalidInput:
        assert not taken
