"""Columns: the rules for their types, and what changing one does to the cells."""

from typing import Any

import pytest

from local.smartsheet.accounts import EDITOR_TOKEN
from tests.local.smartsheet_sandbox import (
    DECISIONS,
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

COLUMN = "/sheets/{sheetId}/columns/{columnId}"


@pytest.fixture
def path(sandbox: SmartsheetSandbox) -> str:
    return f"/sheets/{sandbox.sheet_id(RISKS)}/columns"


def add_risk(sandbox: SmartsheetSandbox, **cells: Any) -> None:
    sheet = sandbox.sheet(RISKS)
    columns = titled(sheet)
    row = {"cells": [{"columnId": columns[title.replace("_", " ")], "value": value} for title, value in cells.items()]}
    assert sandbox.call("POST", f"/sheets/{sheet['id']}/rows", row).status_code == 200


def test_columns_are_listed_and_read_in_the_official_form(sandbox: SmartsheetSandbox, path: str) -> None:
    listed = sandbox.get(path)
    assert_official("GET", "/sheets/{sheetId}/columns", listed)
    first = sandbox.get(f"{path}/{listed['data'][0]['id']}")
    assert_official("GET", COLUMN, first)
    assert (first["title"], first["primary"], first["index"]) == ("Risk", True, 0)
    assert sandbox.refusal("GET", f"{path}/17") == (404, 1006)


def test_several_columns_go_in_at_one_index(sandbox: SmartsheetSandbox, path: str) -> None:
    new = [{"title": title, "type": "TEXT_NUMBER", "index": 1} for title in ("Cause", "Effect")]
    added = sandbox.call("POST", path, new).json()
    assert_official("POST", "/sheets/{sheetId}/columns", added)
    assert [column["index"] for column in added["result"]] == [1, 2]
    assert [column["title"] for column in sandbox.sheet(RISKS)["columns"]][:4] == [
        "Risk",
        "Cause",
        "Effect",
        "Category",
    ]


@pytest.mark.parametrize(
    ("column", "code"),
    [
        ({"type": "TEXT_NUMBER"}, 1012),
        ({"title": "New"}, 1012),
        ({"title": "New", "type": "TEXT_NUMBER", "index": None}, 1012),
        ({"title": "New", "type": "COLOUR"}, 1031),
        ({"title": "x" * 51, "type": "TEXT_NUMBER"}, 1041),
        ({"title": "Owner", "type": "TEXT_NUMBER"}, 1056),
        ({"title": "New", "type": "TEXT_NUMBER", "primary": True}, 1055),
        ({"title": "New", "type": "CHECKBOX", "symbol": "RYG"}, 1058),
        ({"title": "New", "type": "PICKLIST", "symbol": "RYG", "options": ["A"]}, 1059),
        ({"title": "New", "type": "DATE", "options": ["A"]}, 1060),
        ({"title": "New", "type": "DATE", "systemColumnType": "CREATED_BY"}, 1079),
        ({"title": "New", "type": "DATETIME"}, 1089),
        ({"title": "New", "type": "DURATION"}, 1142),
        ({"title": "New", "type": "PREDECESSOR"}, 1142),
        ({"title": "New", "type": "MULTI_PICKLIST", "formula": "=1"}, 1303),
    ],
)
def test_a_column_that_breaks_a_rule_is_refused(
    sandbox: SmartsheetSandbox, path: str, column: dict[str, Any], code: int
) -> None:
    before = sandbox.sheet(RISKS)["columns"]
    assert sandbox.refusal("POST", path, {"index": 0, **column}) == (400, code)
    assert sandbox.sheet(RISKS)["columns"] == before


def test_columns_of_one_call_must_agree(sandbox: SmartsheetSandbox, path: str) -> None:
    text, number = ({"title": "New", "type": "TEXT_NUMBER", "index": 0}, {"systemColumnType": "AUTO_NUMBER"})
    assert sandbox.refusal("POST", path, [text, text]) == (400, 1133)
    assert sandbox.refusal("POST", path, [text, text | {"title": "Other", "index": 1}]) == (400, 1135)
    assert sandbox.refusal("POST", path, [text | number, text | number | {"title": "Other"}]) == (400, 1134)
    assert sandbox.call("POST", path, text | number).status_code == 200
    assert sandbox.refusal("POST", path, text | number | {"title": "Other"}) == (400, 1077)


def test_system_columns_fill_themselves_for_present_and_new_rows(sandbox: SmartsheetSandbox, path: str) -> None:
    add_risk(sandbox, Risk="Fire")
    numbers = {
        "title": "No.",
        "systemColumnType": "AUTO_NUMBER",
        "type": "TEXT_NUMBER",
        "index": 1,
        "autoNumberFormat": {"prefix": "R-", "fill": "000", "startingNumber": 7},
    }
    created = {"title": "Created", "systemColumnType": "CREATED_DATE", "type": "DATETIME", "index": 1}
    assert sandbox.call("POST", path, [numbers, created]).status_code == 200
    add_risk(sandbox, Risk="Flood")
    sheet = sandbox.sheet(RISKS)
    assert [values(sheet, row)["No."] for row in sheet["rows"]] == ["R-007", "R-008"]
    assert [values(sheet, row)["Created"] == row["createdAt"] for row in sheet["rows"]] == [True, True]


def test_a_picklist_gets_its_type_first_and_its_options_and_validation_then(
    sandbox: SmartsheetSandbox, path: str
) -> None:
    add_risk(sandbox, Risk="Fire", Mitigation="Sprinklers")
    column = f"{path}/{titled(sandbox.sheet(RISKS))['Mitigation']}"
    assert sandbox.refusal("PUT", column, {"options": ["Sprinklers"]}) == (400, 1090)
    changed = sandbox.call("PUT", column, {"type": "PICKLIST", "options": ["Sprinklers"]}).json()
    assert_official("PUT", COLUMN, changed)
    assert sandbox.call("PUT", column, {"validation": True}).json()["result"]["validation"] is True
    sheet = sandbox.sheet(RISKS)
    assert values(sheet, sheet["rows"][0])["Mitigation"] == "Sprinklers"
    lenient = {"columnId": titled(sheet)["Mitigation"], "value": "Buckets", "strict": False}
    rows = f"/sheets/{sheet['id']}/rows"
    assert sandbox.refusal("POST", rows, {"cells": [lenient]}) == (400, 1042)
    assert sandbox.call("POST", f"{rows}?overrideValidation=true", {"cells": [lenient]}).status_code == 200


def test_contents_are_converted_where_they_fit_the_new_type(sandbox: SmartsheetSandbox, path: str) -> None:
    add_risk(sandbox, Risk="Fire", Mitigation="2026-02-01")
    add_risk(sandbox, Risk="Flood", Mitigation="some day")
    column = f"{path}/{titled(sandbox.sheet(RISKS))['Mitigation']}"
    assert sandbox.call("PUT", column, {"type": "DATE"}).status_code == 200
    sheet = sandbox.sheet(RISKS)
    assert [values(sheet, row)["Mitigation"] for row in sheet["rows"]] == ["2026-02-01", "some day"]


def test_the_primary_column_keeps_its_type_and_stays(sandbox: SmartsheetSandbox, path: str) -> None:
    primary = f"{path}/{titled(sandbox.sheet(RISKS))['Risk']}"
    assert sandbox.refusal("PUT", primary, {"type": "DATE"}) == (400, 1057)
    assert sandbox.refusal("DELETE", primary) == (400, 1065)
    assert sandbox.call("PUT", primary, {"title": "Danger"}).json()["result"]["title"] == "Danger"


def test_columns_move_rename_and_go(sandbox: SmartsheetSandbox, path: str) -> None:
    add_risk(sandbox, Risk="Fire", Impact="High", Likelihood="Low")
    columns = titled(sandbox.sheet(RISKS))
    assert sandbox.call("PUT", f"{path}/{columns['Impact']}", {"index": 1, "title": "Damage"}).status_code == 200
    assert sandbox.refusal("PUT", f"{path}/{columns['Impact']}", {"title": "Owner"}) == (400, 1056)
    gone = sandbox.call("DELETE", f"{path}/{columns['Likelihood']}")
    assert_official("DELETE", COLUMN, gone.json())
    sheet = sandbox.sheet(RISKS)
    assert [column["title"] for column in sheet["columns"]][:3] == ["Risk", "Damage", "Category"]
    assert values(sheet, sheet["rows"][0]) == {"Risk": "Fire", "Damage": "High"}


def test_a_column_formula_computes_every_row_and_follows_new_titles(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PLAN)
    path, columns = f"/sheets/{sheet['id']}/columns", titled(sheet)
    assert sandbox.call("PUT", f"{path}/{columns['Spent']}", {"title": "Paid"}).status_code == 200
    remaining = sandbox.get(f"{path}/{columns['Remaining']}")
    assert remaining["formula"] == "=[Budget]@row - [Paid]@row"
    new = {
        "title": "Share",
        "type": "TEXT_NUMBER",
        "index": 3,
        "formula": "=IF([Budget]@row = 0, 0, [Paid]@row / [Budget]@row)",
    }
    assert sandbox.call("POST", path, new).status_code == 200
    after = sandbox.sheet(PLAN)
    assert [values(after, row)["Share"] for row in after["rows"][1:3]] == [0.9, round(19250 / 18000, 10)]
    broken = {"formula": "=VLOOKUP(1, {Range}, 2)"}
    assert sandbox.call("PUT", f"{path}/{columns['Remaining']}", broken).status_code == 200
    after = sandbox.sheet(PLAN)
    assert {values(after, row)["Remaining"] for row in after["rows"]} == {"#UNPARSEABLE"}
    assert sandbox.call("PUT", f"{path}/{columns['Remaining']}", {"formula": ""}).status_code == 200
    assert "formula" not in sandbox.get(f"{path}/{columns['Remaining']}")


def test_columns_that_dependencies_need_stay(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PLAN)
    path, columns = f"/sheets/{sheet['id']}/columns", titled(sheet)
    assert sandbox.refusal("DELETE", f"{path}/{columns['Duration']}") == (400, 1098)
    assert sandbox.refusal("PUT", f"{path}/{columns['Start']}", {"type": "DATE"}) == (400, 1085)


def test_columns_are_the_business_of_admins(sandbox: SmartsheetSandbox) -> None:
    sheet = sandbox.sheet(PLAN)
    path, status = f"/sheets/{sheet['id']}/columns", titled(sheet)["Status"]
    new = {"title": "New", "type": "TEXT_NUMBER", "index": 0}
    assert sandbox.refusal("POST", path, new, token=EDITOR_TOKEN) == (403, 1004)
    assert sandbox.refusal("PUT", f"{path}/{status}", {"title": "State"}, token=EDITOR_TOKEN) == (403, 1004)
    assert sandbox.refusal("PUT", f"{path}/{status}", {"formula": "=1"}, token=EDITOR_TOKEN) == (403, 1301)
    assert sandbox.refusal("DELETE", f"{path}/{status}", token=EDITOR_TOKEN) == (403, 1004)
    admin = f"/sheets/{sandbox.sheet_id(PROPOSALS)}/columns"
    assert sandbox.call("POST", admin, new, token=EDITOR_TOKEN).status_code == 200
    read_only = f"/sheets/{sandbox.sheet_id(DECISIONS)}/columns"
    assert sandbox.refusal("POST", read_only, new) == (403, 1045)
