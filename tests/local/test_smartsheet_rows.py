"""Adding, changing, moving and deleting rows, with the vendor's own SDK where it has the words for it."""

from collections.abc import Iterator
from typing import Any

import pytest
import smartsheet
from smartsheet.exceptions import ApiError
from smartsheet.models import Cell, Row

from local.smartsheet.accounts import EDITOR, EDITOR_TOKEN, OWNER_TOKEN
from tests.local.smartsheet_sandbox import (
    BACKLOG,
    PLAN,
    PROPOSALS,
    RISKS,
    SmartsheetSandbox,
    sandbox,
    shared_sandbox,
    titled,
    values,
)
from tests.local.smartsheet_schemas import assert_official

__all__ = ["sandbox", "shared_sandbox"]

# The vendor's SDK still sets these options; nothing here uses TLS.
pytestmark = pytest.mark.filterwarnings(r"ignore:ssl.OP_NO_SSL\*/ssl.OP_NO_TLS\* options:DeprecationWarning")


@pytest.fixture
def sdk(sandbox: SmartsheetSandbox) -> Iterator[Any]:
    client = smartsheet.Smartsheet(access_token=OWNER_TOKEN, api_base=f"{sandbox.url}/2.0", max_retry_time=0)
    client.errors_as_exceptions(True)
    yield client
    client._session.close()


class Risks:
    """The empty sample sheet, and short words for what the tests do to it."""

    def __init__(self, sandbox: SmartsheetSandbox) -> None:
        self.sandbox = sandbox
        self.sheet = sandbox.sheet(RISKS)
        self.id: int = self.sheet["id"]
        self.columns = titled(self.sheet)

    def cell(self, title: str, value: Any = None, **more: Any) -> dict[str, Any]:
        given = {} if value is None else {"value": value}
        return {"columnId": self.columns[title], **given, **more}

    def row(self, risk: str, **location: Any) -> dict[str, Any]:
        return {"cells": [self.cell("Risk", risk)], **location}

    def add(self, *rows: dict[str, Any]) -> list[int]:
        response = self.sandbox.call("POST", f"/sheets/{self.id}/rows", list(rows))
        assert response.status_code == 200, response.text
        return [row["id"] for row in response.json()["result"]]

    def put(self, *rows: dict[str, Any], query: str = "") -> Any:
        response = self.sandbox.call("PUT", f"/sheets/{self.id}/rows{query}", list(rows))
        assert response.status_code == 200, response.text
        return response.json()

    def refusal(self, method: str, *rows: dict[str, Any]) -> int:
        return self.sandbox.refusal(method, f"/sheets/{self.id}/rows", list(rows))[1]

    def outline(self) -> list[tuple[str, str | None]]:
        """Each row's risk with that of its parent, in order."""
        sheet = self.sandbox.get(f"/sheets/{self.id}")
        names = {row["id"]: values(sheet, row).get("Risk", "") for row in sheet["rows"]}
        assert [row["rowNumber"] for row in sheet["rows"]] == list(range(1, len(names) + 1))
        return [(names[row["id"]], names.get(row.get("parentId"))) for row in sheet["rows"]]

    def flat(self) -> list[str]:
        return [name for name, _ in self.outline()]


@pytest.fixture
def risks(sandbox: SmartsheetSandbox) -> Risks:
    return Risks(sandbox)


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


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ({"columnId": 17, "value": "x"}, 1036),
        ({"value": "x"}, 1012),
        ({"title": "Risk"}, 1012),
        ({"title": "Risk", "value": ["x"]}, 1038),
        ({"title": "Risk", "value": "x", "objectValue": "y"}, 1130),
        ({"title": "Risk", "value": "x", "formula": "=1"}, 1178),
        ({"title": "Risk", "formula": "SUM(1)"}, 1162),
        ({"title": "Risk", "value": 2**60}, 1148),
        ({"title": "Risk", "value": True}, 1042),
        ({"title": "Risk", "colour": "red"}, 1008),
        ({"title": "Review on", "value": "next week"}, 1042),
        ({"title": "Review on", "value": "03/04/2026"}, 1042),
        ({"title": "Owner", "value": "Ada"}, 1042),
        ({"title": "Likelihood", "value": "Sometimes"}, 1042),
        ({"title": "Owner", "objectValue": {"objectType": "MULTI_PICKLIST", "values": []}}, 1131),
        ({"title": "Risk", "value": "x", "hyperlink": {}}, 1117),
        ({"title": "Risk", "value": "x", "hyperlink": {"url": "https://x.example", "sheetId": 1}}, 1112),
        ({"title": "Risk", "value": "x", "hyperlink": {"sheetId": 1}}, 1114),
        ({"title": "Risk", "linkInFromCell": {"sheetId": 1}}, 1146),
    ],
)
def test_a_cell_that_breaks_a_rule_is_refused(risks: Risks, cell: dict[str, Any], code: int) -> None:
    title = cell.get("title")
    given = {key: value for key, value in cell.items() if key != "title"}
    wire = given if title is None else {"columnId": risks.columns[title], **given}
    assert risks.refusal("POST", {"cells": [wire]}) == code
    assert risks.flat() == []


def test_the_same_column_or_row_twice_is_refused(risks: Risks) -> None:
    assert risks.refusal("POST", {"cells": [risks.cell("Risk", "a"), risks.cell("Risk", "b")]}) == 1037
    (row,) = risks.add(risks.row("a"))
    assert risks.refusal("PUT", {"id": row, "cells": []}, {"id": row, "cells": []}) == 1137
    assert risks.refusal("PUT", {"cells": []}) == 1012
    assert risks.refusal("POST", {"id": row, "cells": []}) == 1032


def test_lenient_values_are_read_as_a_person_would(risks: Risks) -> None:
    (row,) = risks.add(
        {
            "cells": [
                risks.cell("Risk", "12.5", strict=False),
                risks.cell("Review on", "03/04/2026", strict=False),
                risks.cell("Likelihood", "Sometimes", strict=False),
                risks.cell("Owner", "the board", strict=False),
                risks.cell("Impact", "Terrible", overrideValidation=True),
            ]
        }
    )
    sheet = risks.sandbox.get(f"/sheets/{risks.id}")
    assert values(sheet, sheet["rows"][0]) == {
        "Risk": 12.5,
        "Review on": "2026-03-04",
        "Likelihood": "Sometimes",
        "Owner": "the board",
        "Impact": "Terrible",
    }
    assert row == sheet["rows"][0]["id"]


def test_cells_are_cleared_by_null_and_by_an_empty_text(risks: Risks) -> None:
    (row,) = risks.add({"cells": [risks.cell("Risk", "a"), risks.cell("Impact", "High")]})
    risks.put({"id": row, "cells": [risks.cell("Risk", ""), {"columnId": risks.columns["Impact"], "value": None}]})
    sheet = risks.sandbox.get(f"/sheets/{risks.id}")
    assert values(sheet, sheet["rows"][0]) == {}


def test_text_over_4000_characters_is_cut_without_a_word(risks: Risks) -> None:
    risks.add(risks.row("ü" * 5000))
    assert risks.flat() == ["ü" * 4000]


def test_texts_come_back_as_they_were_written(risks: Risks) -> None:
    text = 'Quote " backslash \\ tab \t line\nend, emoji 🦉, marks \x1e\x1f, =not a formula'
    risks.add(risks.row(text))
    assert risks.flat() == [text]


def test_contacts_and_hyperlinks(risks: Risks) -> None:
    link = {"url": "https://halden.example/a"}
    contact = {"objectType": "CONTACT", "email": "new@halden.example", "name": "New Person"}
    risks.add(
        {"cells": [risks.cell("Risk", "See here", hyperlink=link), risks.cell("Owner", objectValue=contact)]},
        {"cells": [risks.cell("Risk", hyperlink={"sheetId": risks.id}), risks.cell("Owner", EDITOR.email)]},
    )
    first, second = risks.sandbox.get(f"/sheets/{risks.id}?exclude=nonexistentCells")["rows"]
    assert first["cells"][0]["hyperlink"] == link
    assert (first["cells"][1]["value"], first["cells"][1]["displayValue"]) == ("new@halden.example", "New Person")
    assert (second["cells"][0]["value"], second["cells"][0]["hyperlink"]["sheetId"]) == (RISKS, risks.id)
    assert second["cells"][1]["displayValue"] == EDITOR.name


def test_multi_value_cells_are_written_as_objects(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PLAN)
    columns, row = titled(sheet), sheet["rows"][10]

    def put(cell: dict[str, Any]) -> Any:
        return sandbox.call("PUT", f"/sheets/{sheet['id']}/rows", [{"id": row["id"], "cells": [cell]}])

    picks = {"objectType": "MULTI_PICKLIST", "values": ["IT", "Legal"]}
    assert put({"columnId": columns["Disciplines"], "objectValue": picks}).status_code == 200
    people = {"objectType": "MULTI_CONTACT", "values": [{"objectType": "CONTACT", "email": EDITOR.email}]}
    assert put({"columnId": columns["Reviewers"], "objectValue": people}).status_code == 200
    after = sandbox.get(f"/sheets/{sheet['id']}/rows/{row['id']}?include=objectValue&level=2")
    objects = {cell["columnId"]: cell["objectValue"] for cell in after["cells"] if "objectValue" in cell}
    assert objects[columns["Disciplines"]] == picks
    assert objects[columns["Reviewers"]]["values"][0]["name"] == EDITOR.name
    assert put({"columnId": columns["Disciplines"], "value": "IT"}).json()["errorCode"] == 1042
    unknown = {"objectType": "MULTI_PICKLIST", "values": ["Alchemy"]}
    assert put({"columnId": columns["Disciplines"], "objectValue": unknown}).json()["errorCode"] == 1042


def test_system_columns_column_formulas_and_end_dates_are_not_written(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PLAN)
    columns, row = titled(sheet), sheet["rows"][10]["id"]
    for title, code in (("Created by", 1046), ("No.", 1046), ("Remaining", 1302), ("Finish", 1080)):
        body = [{"id": row, "cells": [{"columnId": columns[title], "value": "2026-01-01T08:00:00"}]}]
        assert sandbox.refusal("PUT", f"/sheets/{sheet['id']}/rows", body)[1] == code, title


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


def test_formulas_follow_their_cells_up_the_hierarchy(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PLAN)
    columns = titled(sheet)
    before = [values(sheet, row) for row in sheet["rows"]]
    body = [{"id": sheet["rows"][8]["id"], "cells": [{"columnId": columns["Budget"], "value": 71_000}]}]
    assert sandbox.call("PUT", f"/sheets/{sheet['id']}/rows", body).status_code == 200
    after = [values(sheet, row) for row in sandbox.sheet(PLAN)["rows"]]
    for index in (5, 6, 8):  # the phase, its part, the task itself
        assert after[index]["Budget"] == before[index]["Budget"] + 10_000
        assert after[index]["Remaining"] == before[index]["Remaining"] + 10_000
    cells = {cell["columnId"]: cell for cell in sandbox.sheet(PLAN)["rows"][5]["cells"]}
    assert cells[columns["Budget"]]["formula"] == "=SUM(CHILDREN())"


def test_project_rows_end_when_their_duration_says(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PLAN)
    columns, row = titled(sheet), sheet["rows"][10]
    assert values(sheet, row)["Finish"] == "2025-11-28T16:59:59"
    body = [{"id": row["id"], "cells": [{"columnId": columns["Duration"], "value": "6d"}]}]
    sandbox.call("PUT", f"/sheets/{sheet['id']}/rows", body)
    assert values(sheet, sandbox.sheet(PLAN)["rows"][10])["Finish"] == "2025-12-01T16:59:59"


def test_predecessors_are_read_from_row_numbers(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PLAN)
    columns, rows = titled(sheet), sheet["rows"]
    body = [{"id": rows[20]["id"], "cells": [{"columnId": columns["Predecessors"], "value": "3, 5SS +2d"}]}]
    assert sandbox.call("PUT", f"/sheets/{sheet['id']}/rows", body).status_code == 200
    row = sandbox.get(f"/sheets/{sheet['id']}/rows/{rows[20]['id']}?include=objectValue")
    (links,) = [
        cell["objectValue"]["predecessors"] for cell in row["cells"] if cell["columnId"] == columns["Predecessors"]
    ]
    assert [(link["rowId"], link["type"]) for link in links] == [(rows[2]["id"], "FS"), (rows[4]["id"], "SS")]
    assert links[1]["lag"] == {"objectType": "DURATION", "days": 2}


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
