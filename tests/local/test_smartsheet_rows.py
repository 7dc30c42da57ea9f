"""Adding, changing, moving and deleting rows, with the vendor's own SDK where it has the words for it."""

from collections.abc import Iterator
from typing import Any

import pytest
import smartsheet
from smartsheet.exceptions import ApiError
from smartsheet.models import Cell, Row

from local.smartsheet.accounts import EDITOR, EDITOR_TOKEN, OWNER_TOKEN
from tests.local.smartsheet_risks import Risks, risks
from tests.local.smartsheet_sandbox import (
    BACKLOG,
    PLAN,
    PROPOSALS,
    RISKS,
    SmartsheetSandbox,
    sandbox,
    shared_sandbox,
    titled,
)
from tests.local.smartsheet_schemas import assert_official

__all__ = ["risks", "sandbox", "shared_sandbox"]

# The vendor's SDK still sets these options; nothing here uses TLS.
pytestmark = pytest.mark.filterwarnings(r"ignore:ssl.OP_NO_SSL\*/ssl.OP_NO_TLS\* options:DeprecationWarning")


@pytest.fixture
def sdk(sandbox: SmartsheetSandbox) -> Iterator[Any]:
    client = smartsheet.Smartsheet(access_token=OWNER_TOKEN, api_base=f"{sandbox.url}/2.0", max_retry_time=0)
    client.errors_as_exceptions(True)
    yield client
    client._session.close()


def test_the_sdk_adds_changes_and_deletes_rows(sdk: Any, sandbox: SmartsheetSandbox) -> None:
    sheet = sdk.Sheets.get_sheet(sandbox.sheet_id(RISKS))
    column = sheet.columns[0].id
    rows = [Row({"toBottom": True, "cells": [{"columnId": column, "value": name}]}) for name in ("Fire", "Flood")]
    added = sdk.Sheets.add_rows(sheet.id, rows)
    assert [row.row_number for row in added.result] == [1, 2]
    change = Row()
    change.id = added.result[1].id
    change.cells.append(Cell({"columnId": column, "value": "High water"}))
    changed = sdk.Sheets.update_rows(sheet.id, [change])
    assert changed.result[0].cells[0].display_value == "High water"
    assert changed.version == added.version + 1
    assert sdk.Sheets.get_row(sheet.id, change.id).cells[0].value == "High water"
    assert sdk.Sheets.delete_rows(sheet.id, [row.id for row in added.result]).message == "SUCCESS"
    assert list(sdk.Sheets.get_sheet(sheet.id).rows) == []


def test_the_sdk_sees_official_errors(sdk: Any, sandbox: SmartsheetSandbox) -> None:
    sheet_id = sandbox.sheet_id(RISKS)
    with pytest.raises(ApiError) as refused:
        sdk.Sheets.add_rows(sheet_id, [Row({"cells": [{"columnId": 17, "value": "x"}]})])
    error = refused.value.error.result
    assert (error.status_code, error.code, error.should_retry) == (400, 1036, False)


def test_answers_to_writes_have_the_official_form(risks: Risks) -> None:
    path = "/sheets/{sheetId}/rows"
    added = risks.sandbox.call("POST", f"/sheets/{risks.id}/rows", [risks.row("One")]).json()
    assert_official("POST", path, added)
    (first,) = added["result"]
    changed = risks.put({"id": first["id"], "cells": [risks.cell("Owner", "ada.lindqvist@halden.example")]})
    assert_official("PUT", path, changed)
    row = risks.sandbox.get(f"/sheets/{risks.id}/rows/{first['id']}")
    assert_official("GET", "/sheets/{sheetId}/rows/{rowId}", row)
    assert row["sheetId"] == risks.id
    gone = risks.sandbox.call("DELETE", f"/sheets/{risks.id}/rows?ids={row['id']}").json()
    assert_official("DELETE", path, gone)
    assert gone["result"] == [row["id"]]


def test_a_row_that_comes_alone_is_answered_alone(risks: Risks) -> None:
    added = risks.sandbox.call("POST", f"/sheets/{risks.id}/rows", risks.row("One")).json()
    assert added["result"]["rowNumber"] == 1


def test_one_bad_row_keeps_all_rows_out(risks: Risks) -> None:
    good, bad = risks.row("Good"), {"cells": [risks.cell("Likelihood", "Sometimes")]}
    response = risks.sandbox.call("POST", f"/sheets/{risks.id}/rows", [good, bad])
    assert (response.status_code, response.json()["errorCode"], response.json()["detail"]) == (400, 1042, {"index": 1})
    assert_official("POST", "/sheets/{sheetId}/rows", response.json(), status="default")
    assert risks.flat() == []
    assert risks.sandbox.writes() == []


def test_partial_success_keeps_the_good_rows_and_lists_the_bad_ones(risks: Risks, sdk: Any) -> None:
    rows = [Row(risks.row("Good")), Row({"cells": [risks.cell("Likelihood", "Sometimes")]}), Row(risks.row("Fine"))]
    added = sdk.Sheets.add_rows_with_partial_success(risks.id, rows)
    assert (added.message, added.result_code) == ("PARTIAL_SUCCESS", 3)
    assert [(item.index, item.error.code) for item in added.failed_items] == [(1, 1042)]
    assert risks.flat() == ["Good", "Fine"]
    ids = [row.id for row in added.result]
    changes = [{"id": ids[0], "cells": [risks.cell("Impact", "High")]}, {"id": 5, "cells": []}]
    changed = risks.put(*changes, query="?allowPartialSuccess=true")
    assert [(item["index"], item["rowId"], item["error"]["errorCode"]) for item in changed["failedItems"]] == [
        (1, 5, 1006)
    ]
    assert [row["id"] for row in changed["result"]] == ids[:1]


def test_rows_go_where_their_location_says(risks: Risks) -> None:
    first, last = risks.add(risks.row("first"), risks.row("last"))
    risks.add(risks.row("top 1", toTop=True), risks.row("top 2", toTop=True))
    risks.add(risks.row("below", siblingId=first))
    risks.add(risks.row("above", siblingId=last, above=True))
    assert risks.flat() == ["top 1", "top 2", "first", "below", "above", "last"]
    risks.add(risks.row("child", parentId=first))
    risks.add(risks.row("last child", parentId=first, toBottom=True))
    risks.add(risks.row("first child", parentId=first))
    assert risks.outline()[2:7] == [
        ("first", None),
        ("first child", "first"),
        ("child", "first"),
        ("last child", "first"),
        ("below", None),
    ]


def test_moving_a_row_takes_its_children_along(risks: Risks) -> None:
    a, b, c = risks.add(risks.row("a"), risks.row("b"), risks.row("c"))
    (child,) = risks.add(risks.row("a1", parentId=a))
    risks.put({"id": a, "toBottom": True})
    assert risks.outline() == [("b", None), ("c", None), ("a", None), ("a1", "a")]
    risks.put({"id": child, "parentId": b}, {"id": c, "parentId": b})
    assert risks.outline() == [("b", None), ("a1", "b"), ("c", "b"), ("a", None)]
    risks.put({"id": c, "toTop": True})
    assert risks.outline() == [("c", None), ("b", None), ("a1", "b"), ("a", None)]


def test_rows_are_indented_and_outdented(risks: Risks) -> None:
    ids = risks.add(*(risks.row(name) for name in "abcd"))
    risks.put({"id": ids[1], "indent": 1}, {"id": ids[2], "indent": 1})
    assert risks.outline() == [("a", None), ("b", "a"), ("c", "a"), ("d", None)]
    risks.put({"id": ids[1], "outdent": 1})
    assert risks.outline() == [("a", None), ("b", None), ("c", "b"), ("d", None)]
    assert risks.refusal("PUT", {"id": ids[0], "indent": 1}) == 1062


def test_impossible_locations_are_refused(risks: Risks) -> None:
    a, b = risks.add(risks.row("a"), risks.row("b"))
    (child,) = risks.add(risks.row("a1", parentId=a))
    (blank,) = risks.add({"cells": [], "toBottom": True})
    assert risks.refusal("POST", risks.row("x", toTop=True), risks.row("y", toBottom=True)) == 1123
    assert risks.refusal("POST", risks.row("x", parentId=a, siblingId=b)) == 1123
    assert risks.refusal("POST", risks.row("x", parentId=99)) == 1063
    assert risks.refusal("POST", risks.row("x", siblingId=99)) == 1064
    assert risks.refusal("POST", risks.row("x", above=True)) == 1062
    assert risks.refusal("POST", risks.row("x", parentId=blank)) == 1185
    assert risks.refusal("PUT", {"id": a, "parentId": child}) == 1063
    assert risks.refusal("PUT", {"id": a, "siblingId": a}) == 1064
    assert risks.flat() == ["a", "a1", "b", ""]


def test_deleting_a_parent_deletes_its_children(risks: Risks) -> None:
    a, _ = risks.add(risks.row("a"), risks.row("b"))
    (child,) = risks.add(risks.row("a1", parentId=a))
    path = f"/sheets/{risks.id}/rows"
    assert risks.sandbox.refusal("DELETE", f"{path}?ids={a},99") == (404, 1006)
    assert risks.flat() == ["a", "a1", "b"]
    gone = risks.sandbox.call("DELETE", f"{path}?ids={a},99&ignoreRowsNotFound=true").json()
    assert gone["result"] == [a, child]
    assert risks.flat() == ["b"]
    assert risks.sandbox.refusal("DELETE", path) == (400, 1009)


def test_more_than_500_rows_in_a_call_are_refused(risks: Risks) -> None:
    rows = [risks.row(f"Risk {number}") for number in range(501)]
    assert risks.refusal("POST", *rows) == 1061
    assert len(risks.add(*rows[:500])) == 500


def test_a_full_sheet_takes_no_more_rows(sandbox: SmartsheetSandbox) -> None:
    path = f"/sheets/{sandbox.sheet_id(BACKLOG)}/rows"
    assert sandbox.refusal("POST", path, [{"cells": []}]) == (400, 1061)


def test_locks_hold_editors_and_not_the_owner(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PLAN)
    columns, path = titled(sheet), f"/sheets/{sheet['id']}/rows"
    locked, free = sheet["rows"][0]["id"], sheet["rows"][10]["id"]
    note = [{"id": locked, "cells": [{"columnId": columns["Notes"], "value": "Reopened"}]}]
    approved = [{"id": free, "cells": [{"columnId": columns["Approved budget"], "value": 1}]}]
    assert sandbox.refusal("PUT", path, note, token=EDITOR_TOKEN) == (403, 1050)
    assert sandbox.refusal("PUT", path, approved, token=EDITOR_TOKEN) == (403, 1039)
    assert sandbox.refusal("PUT", path, [{"id": free, "locked": True}], token=EDITOR_TOKEN) == (403, 1004)
    assert sandbox.refusal("DELETE", f"{path}?ids={locked}", token=EDITOR_TOKEN) == (403, 1092)
    assert sandbox.call("PUT", path, note).status_code == 200
    assert sandbox.call("PUT", path, approved).status_code == 200


def test_every_committed_change_is_logged_and_grouped_by_its_call(risks: Risks) -> None:
    (row,) = risks.add({"cells": [risks.cell("Risk", "a"), risks.cell("Impact", "Low")]})
    risks.put({"id": row, "cells": [risks.cell("Risk", "b"), risks.cell("Impact", "Low")]})
    risks.sandbox.call("DELETE", f"/sheets/{risks.id}/rows?ids={row}")
    writes = risks.sandbox.writes()
    assert [write["seq"] for write in writes] == [1, 2, 3, 4, 5]
    changes = [(write["before"], write["after"]) for write in writes]
    assert (set(changes[:2]), changes[2]) == ({(None, "a"), (None, "Low")}, ("a", "b"))
    assert set(changes[3:]) == {("b", None), ("Low", None)}
    assert [len({w["requestId"] for w in part}) for part in (writes[:2], writes[2:3], writes[3:])] == [1, 1, 1]
    assert len({write["requestId"] for write in writes}) == 3
    assert {write["rowId"] for write in writes} == {str(row)}
    assert risks.sandbox.writes(after=3) == writes[3:]
    logged = {call.get("requestId") for call in risks.sandbox.calls()}
    assert {write["requestId"] for write in writes} <= logged


def test_a_write_that_changes_nothing_leaves_the_version(risks: Risks) -> None:
    (row,) = risks.add(risks.row("a"))
    version = risks.sandbox.get(f"/sheets/{risks.id}/version")["version"]
    assert risks.put({"id": row, "cells": [risks.cell("Risk", "a")]})["version"] == version
    assert risks.sandbox.get(f"/sheets/{risks.id}/version")["version"] == version


def test_who_changed_a_row_is_told(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PROPOSALS, "?pageSize=1")
    row = sheet["rows"][0]["id"]
    body = [{"id": row, "cells": [{"columnId": titled(sheet)["Summary"], "value": "Read"}]}]
    assert sandbox.call("PUT", f"/sheets/{sheet['id']}/rows", body, token=EDITOR_TOKEN).status_code == 200
    after = sandbox.get(f"/sheets/{sheet['id']}/rows/{row}?include=writerInfo")
    assert after["modifiedBy"] == {"email": EDITOR.email, "name": EDITOR.name}
    assert after["modifiedAt"] > after["createdAt"]
