"""What cells hold: values by type, objects, links, formulas, and what is refused."""

from typing import Any

import pytest

from local.smartsheet.accounts import EDITOR
from tests.local.smartsheet_risks import Risks, risks
from tests.local.smartsheet_sandbox import PLAN, RISKS, SmartsheetSandbox, sandbox, shared_sandbox, titled, values

__all__ = ["risks", "sandbox", "shared_sandbox"]


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


@pytest.mark.parametrize(
    ("link", "code"),
    [
        ({"sightId": 17}, 1114),
        ({"reportId": 17}, 1114),
        ({"sheetId": 17, "sightId": 17}, 1111),
        ({"sightId": 17, "url": "https://example.com"}, 1112),
        ({}, 1117),
    ],
)
def test_a_link_leads_to_one_target_that_exists(risks: Risks, link: dict[str, Any], code: int) -> None:
    assert risks.refusal("POST", {"cells": [risks.cell("Risk", "x", hyperlink=link)]}) == code


@pytest.mark.parametrize("text", ["2025-W01-1", "2025-01-01Tgarbage", "20250101", "2025-02-30", "2025-1-1"])
def test_a_strict_date_is_an_iso_date(risks: Risks, text: str) -> None:
    assert risks.refusal("POST", {"cells": [risks.cell("Review on", text)]}) == 1042


def test_a_contact_column_with_validation_takes_its_contacts_only(risks: Risks) -> None:
    offered = [{"email": "ada.lindqvist@halden.example"}]
    path = f"/sheets/{risks.id}/columns/{risks.columns['Owner']}"
    body = {"type": "CONTACT_LIST", "contactOptions": offered, "validation": True}
    assert risks.sandbox.call("PUT", path, body).status_code == 200
    assert risks.add({"cells": [risks.cell("Owner", "Ada.Lindqvist@halden.example")]})
    assert risks.refusal("POST", {"cells": [risks.cell("Owner", "elif.demir@halden.example")]}) == 1042


def test_text_columns_cannot_be_restricted(risks: Risks) -> None:
    path = f"/sheets/{risks.id}/columns/{risks.columns['Mitigation']}"
    assert risks.sandbox.refusal("PUT", path, {"validation": True}) == (400, 1210)
