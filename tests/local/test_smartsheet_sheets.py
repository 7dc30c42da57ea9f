"""Signing in, listing, reading, creating and deleting sheets."""

from datetime import UTC, datetime, timedelta

import pytest

from local.smartsheet.accounts import EDITOR_TOKEN, EXPIRED_TOKEN, OTHER_TOKEN, OWNER, OWNER_TOKEN, VIEWER_TOKEN
from tests.local.smartsheet_sandbox import (
    BACKLOG,
    DECISIONS,
    PLAN,
    PROPOSALS,
    RISKS,
    ROTA,
    SmartsheetSandbox,
    sandbox,
    shared_sandbox,
    titled,
    values,
)
from tests.local.smartsheet_schemas import assert_official

__all__ = ["sandbox", "shared_sandbox"]

NEW_SHEET = {
    "name": "Supplier contacts",
    "columns": [
        {"title": "Supplier", "type": "TEXT_NUMBER", "primary": True},
        {"title": "Contact", "type": "CONTACT_LIST"},
        {"title": "Rating", "type": "PICKLIST", "options": ["Good", "Poor"]},
    ],
}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (401, 1001)),
        ({"Authorization": "Bearer made-up"}, (401, 1002)),
        ({"Authorization": f"Bearer {EXPIRED_TOKEN}"}, (401, 1003)),
    ],
)
def test_a_call_without_a_valid_token_is_refused(
    sandbox: SmartsheetSandbox, headers: dict[str, str], expected: tuple[int, int]
) -> None:
    response = sandbox.http.get("/2.0/users/me", headers=headers)
    assert (response.status_code, response.json()["errorCode"]) == expected
    assert response.json().keys() == {"errorCode", "message", "refId"}


def test_a_token_tells_whose_it_is(sandbox: SmartsheetSandbox) -> None:
    me = sandbox.get("/users/me")
    assert (me["id"], me["email"]) == (OWNER.id, OWNER.email)
    assert_official("GET", "/users/me", me)


def test_everybody_sees_their_own_and_shared_sheets_with_their_access(sandbox: SmartsheetSandbox) -> None:
    def listed(token: str) -> dict[str, str]:
        return {s["name"]: s["accessLevel"] for s in sandbox.get("/sheets", token=token)["data"]}

    assert listed(OWNER_TOKEN) == dict.fromkeys([PLAN, PROPOSALS, BACKLOG, RISKS, DECISIONS], "OWNER")
    assert listed(EDITOR_TOKEN) == {PLAN: "EDITOR", PROPOSALS: "ADMIN", BACKLOG: "EDITOR", RISKS: "ADMIN"}
    assert listed(VIEWER_TOKEN) == {PROPOSALS: "VIEWER"}
    assert listed(OTHER_TOKEN) == {ROTA: "OWNER"}


def test_a_list_comes_in_pages_or_all_at_once(sandbox: SmartsheetSandbox) -> None:
    page = sandbox.get("/sheets?page=2&pageSize=2")
    assert (page["pageNumber"], page["totalPages"], page["totalCount"], len(page["data"])) == (2, 3, 5, 2)
    everything = sandbox.get("/sheets?includeAll=true&include=sheetVersion")
    assert [sheet["version"] for sheet in everything["data"]] == [1] * 5
    assert_official("GET", "/sheets", everything)


def test_a_sheet_that_is_not_shared_looks_as_if_it_did_not_exist(sandbox: SmartsheetSandbox) -> None:
    foreign = sandbox.sheet_id(ROTA, token=OTHER_TOKEN)
    assert sandbox.refusal("GET", f"/sheets/{foreign}") == (404, 1006)
    assert sandbox.refusal("GET", "/sheets/4711") == (404, 1006)


def test_an_unknown_path_and_an_unknown_method_get_the_official_bodies(sandbox: SmartsheetSandbox) -> None:
    assert sandbox.refusal("GET", "/reports") == (404, 1006)
    assert sandbox.refusal("PATCH", "/sheets") == (405, 1010)


@pytest.mark.parametrize("name", [PLAN, RISKS, DECISIONS])
@pytest.mark.parametrize("query", ["", "?include=objectValue,ownerInfo,writerInfo,columnType&level=2"])
def test_a_sheet_has_the_official_form(sandbox: SmartsheetSandbox, name: str, query: str) -> None:
    assert_official("GET", "/sheets/{sheetId}", sandbox.sheet(name, query))


def test_the_largest_sheet_has_twenty_thousand_rows_in_order(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(BACKLOG)
    assert sheet["totalRowCount"] == 20_000
    assert [row["rowNumber"] for row in sheet["rows"]] == list(range(1, 20_001))
    assert len({row["id"] for row in sheet["rows"]}) == 20_000
    assert any(row["id"] > 2**53 for row in sheet["rows"])
    assert all(len(row["cells"]) == len(sheet["columns"]) == 20 for row in sheet["rows"])


def test_the_samples_are_the_same_on_every_machine(sandbox: SmartsheetSandbox) -> None:
    assert sandbox.sheet_id(PLAN) == 308083050473536379


def test_proposals_carry_long_texts_that_differ(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PROPOSALS)
    abstracts = [values(sheet, row)["Abstract"] for row in sheet["rows"]]
    assert len(set(abstracts)) == len(abstracts) == 300
    assert all(150 <= len(text.split()) <= 400 for text in abstracts)


def test_rows_and_columns_can_be_chosen(sandbox: SmartsheetSandbox) -> None:
    whole = sandbox.sheet(PLAN)
    columns, rows = titled(whole), whole["rows"]
    part = sandbox.sheet(
        PLAN, f"?rowIds={rows[4]['id']},99&rowNumbers=2&columnIds={columns['Status']},{columns['Lead']}"
    )
    assert [row["rowNumber"] for row in part["rows"]] == [2, 5]
    assert [[cell["columnId"] for cell in row["cells"]] for row in part["rows"]] == [
        [columns["Status"], columns["Lead"]]
    ] * 2
    page = sandbox.sheet(PLAN, "?page=3&pageSize=10")
    assert [row["rowNumber"] for row in page["rows"]] == list(range(21, 31))
    assert sandbox.refusal("GET", f"/sheets/{whole['id']}?rowIds=abc") == (400, 1018)


def test_empty_cells_can_be_left_out(sandbox: SmartsheetSandbox) -> None:
    cells = [cell for row in sandbox.sheet(PLAN)["rows"] for cell in row["cells"]]
    filled = [cell for row in sandbox.sheet(PLAN, "?exclude=nonexistentCells")["rows"] for cell in row["cells"]]
    assert [cell for cell in cells if cell.keys() != {"columnId"}] == filled
    assert len(filled) < len(cells)


def test_types_newer_than_the_level_look_like_text(sandbox: SmartsheetSandbox) -> None:
    def seen(query: str) -> tuple[dict[str, str], set[str]]:
        sheet = sandbox.sheet(PLAN, query)
        objects = {
            cell["objectValue"]["objectType"] for r in sheet["rows"] for cell in r["cells"] if "objectValue" in cell
        }
        return {column["title"]: column["type"] for column in sheet["columns"]}, objects

    old, none = seen("")
    assert (old["Reviewers"], old["Disciplines"], none) == ("TEXT_NUMBER", "TEXT_NUMBER", set())
    middle, contacts = seen("?include=objectValue&level=1")
    assert (middle["Reviewers"], middle["Disciplines"]) == ("MULTI_CONTACT_LIST", "TEXT_NUMBER")
    assert contacts == {"MULTI_CONTACT", "PREDECESSOR_LIST"}
    new, everything = seen("?include=objectValue&level=2")
    assert new["Disciplines"] == "MULTI_PICKLIST"
    assert everything == {"MULTI_CONTACT", "MULTI_PICKLIST", "PREDECESSOR_LIST"}


def test_an_unchanged_sheet_answers_with_its_version_only(sandbox: SmartsheetSandbox) -> None:
    sheet_id = sandbox.sheet_id(RISKS)
    version = sandbox.get(f"/sheets/{sheet_id}/version")
    assert_official("GET", "/sheets/{sheetId}/version", version)
    assert sandbox.get(f"/sheets/{sheet_id}?ifVersionAfter={version['version']}") == version
    risk = titled(sandbox.sheet(RISKS))["Risk"]
    added = sandbox.call("POST", f"/sheets/{sheet_id}/rows", {"cells": [{"columnId": risk, "value": "Late handover"}]})
    changed = sandbox.get(f"/sheets/{sheet_id}?ifVersionAfter={version['version']}")
    assert changed["version"] == added.json()["version"] == version["version"] + 1
    assert len(changed["rows"]) == 1


def test_rows_modified_since_a_moment_are_found(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PLAN)
    before = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    row, status = sheet["rows"][13], titled(sheet)["Status"]
    body = [{"id": row["id"], "cells": [{"columnId": status, "value": "In progress"}]}]
    assert sandbox.call("PUT", f"/sheets/{sheet['id']}/rows", body).status_code == 200
    since = sandbox.http.get(
        f"/2.0/sheets/{sheet['id']}",
        params={"rowsModifiedSince": before},
        headers={"Authorization": f"Bearer {OWNER_TOKEN}"},
    )
    assert [found["id"] for found in since.json()["rows"]] == [row["id"]]


def test_a_sheet_is_created_renamed_and_deleted(sandbox: SmartsheetSandbox) -> None:
    created = sandbox.call("POST", "/sheets", NEW_SHEET).json()
    assert_official("POST", "/sheets", created)
    sheet_id = created["result"]["id"]
    assert [column["title"] for column in sandbox.get(f"/sheets/{sheet_id}")["columns"]] == [
        "Supplier",
        "Contact",
        "Rating",
    ]
    renamed = sandbox.call("PUT", f"/sheets/{sheet_id}", {"name": "Suppliers"}).json()
    assert_official("PUT", "/sheets/{sheetId}", renamed)
    assert sandbox.get(f"/sheets/{sheet_id}")["name"] == "Suppliers"
    assert_official("DELETE", "/sheets/{sheetId}", sandbox.call("DELETE", f"/sheets/{sheet_id}").json())
    assert sandbox.refusal("GET", f"/sheets/{sheet_id}") == (404, 1006)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": None}, 1012),
        ({"name": "x" * 51}, 1041),
        ({"columns": []}, 1054),
        ({"columns": [{"title": "A", "type": "TEXT_NUMBER"}]}, 1055),
        ({"columns": [{"title": "A", "type": "DATE", "primary": True}]}, 1057),
        ({"columns": [{"title": "A", "type": "TEXT_NUMBER", "primary": True}, {"title": "A", "type": "DATE"}]}, 1133),
        ({"colour": "red"}, 1008),
    ],
)
def test_a_sheet_that_does_not_fit_together_is_not_created(
    sandbox: SmartsheetSandbox, change: dict[str, object], code: int
) -> None:
    assert sandbox.refusal("POST", "/sheets", NEW_SHEET | change) == (400, code)
    assert sandbox.get("/sheets")["totalCount"] == 5


def test_only_the_owner_deletes_a_sheet(sandbox: SmartsheetSandbox) -> None:
    assert sandbox.refusal("DELETE", f"/sheets/{sandbox.sheet_id(RISKS)}", token=EDITOR_TOKEN) == (403, 1004)
    assert sandbox.refusal("PUT", f"/sheets/{sandbox.sheet_id(PLAN)}", {"name": "X"}, token=EDITOR_TOKEN) == (403, 1004)


def test_a_viewer_reads_and_does_not_write(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PROPOSALS, "?pageSize=1", token=VIEWER_TOKEN)
    assert sheet["accessLevel"] == "VIEWER"
    body = [{"id": sheet["rows"][0]["id"], "cells": [{"columnId": titled(sheet)["Summary"], "value": "Mine"}]}]
    assert sandbox.refusal("PUT", f"/sheets/{sheet['id']}/rows", body, token=VIEWER_TOKEN) == (403, 1004)


def test_a_read_only_sheet_refuses_even_its_owner(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(DECISIONS)
    assert sheet["readOnly"] is True
    assert sandbox.refusal("POST", f"/sheets/{sheet['id']}/rows", [{"cells": []}]) == (403, 1045)


def test_search_finds_texts_and_sheet_names_that_the_caller_may_see(sandbox: SmartsheetSandbox) -> None:
    found = sandbox.get("/search?query=helium recovery")
    assert_official("GET", "/search", found)
    assert [(item["objectType"], item["parentObjectName"], item["contextData"]) for item in found["results"]] == [
        ("row", PLAN, ["Gas and water lines"])
    ]
    assert sandbox.get("/search?query=helium recovery", token=VIEWER_TOKEN)["totalCount"] == 0
    names = sandbox.get("/search?query=RISK REG&scopes=sheetNames")
    assert [item["text"] for item in names["results"]] == [RISKS]
    in_sheet = sandbox.get(f"/search/sheets/{sandbox.sheet_id(PLAN)}?query=freezers")
    assert_official("GET", "/search/sheets/{sheetId}", in_sheet)
    assert in_sheet["totalCount"] == 2
    assert sandbox.refusal("GET", "/search") == (400, 1009)


def test_the_server_tells_its_constants(sandbox: SmartsheetSandbox) -> None:
    assert_official("GET", "/serverinfo", sandbox.get("/serverinfo"))


def test_an_editor_is_told_which_rows_and_columns_are_locked(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PLAN, token=EDITOR_TOKEN)
    assert [row["lockedForUser"] for row in sheet["rows"] if row.get("locked")] == [True]
    assert [column["title"] for column in sheet["columns"] if column.get("lockedForUser")] == ["Approved budget"]
