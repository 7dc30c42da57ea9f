"""Sheets, columns and rows over HTTP."""

import json

import pytest

from shared.errors import Unauthorized, UpstreamUnavailable
from shared.sheets.models import AccessLevel
from tests.functions.client import Functions
from tests.functions.environment import TOKEN
from tests.functions.world import SHEET, UNKNOWN_SHEET, World


async def test_columns_come_in_the_sheets_order_with_ids_as_texts(functions: Functions):
    answer = await functions.request("list_columns", path={"sheetId": SHEET})
    assert answer.status == 200
    assert [(each["id"], each["title"]) for each in answer.json["items"]] == [
        ("1001", "Title"),
        ("1002", "Text"),
        ("1003", "Summary"),
    ]
    assert (answer.json["nextCursor"], answer.json["sheetVersion"]) == (None, 1)


async def test_rows_come_in_pages(functions: Functions):
    query = {"page": "2", "pageSize": "2"}
    page = (await functions.request("list_rows", path={"sheetId": SHEET}, query=query)).json
    assert ([row["rowNumber"] for row in page["items"]], page["totalCount"]) == ([3], 3)
    assert page["items"][0]["cells"][0] == {
        "columnId": "1001",
        "value": "Report 3",
        "displayValue": None,
        "formula": None,
        "objectValue": None,
        "hyperlink": None,
    }


async def test_a_page_beyond_the_end_is_empty(functions: Functions):
    query = {"page": "9" * 30, "pageSize": "500"}
    answer = await functions.request("list_rows", path={"sheetId": SHEET}, query=query)
    assert (answer.status, answer.json["items"]) == (200, [])


async def test_a_sheet_that_the_caller_may_not_open_is_not_found(functions: Functions):
    for name in ("get_sheet", "list_columns", "list_rows", "get_row", "export_sheet"):
        query = {"format": "csv"} if name == "export_sheet" else {}
        answer = await functions.request(name, path={"sheetId": UNKNOWN_SHEET, "rowId": "1"}, query=query)
        assert (answer.status, answer.json["code"]) == (404, "sheet_not_found")


async def test_sheets_are_found_by_a_part_of_their_name(functions: Functions, world: World):
    found = await functions.request("list_sheets", query={"query": "REPO"})
    assert (found.status, [(each["id"], each["name"]) for each in found.json["items"]]) == (200, [(SHEET, "Reports")])
    assert (await functions.request("list_sheets", query={"query": "budget"})).json["items"] == []
    world.source.revoke(TOKEN)
    assert (await functions.request("list_sheets")).json["code"] == "needs_sign_in"


async def test_a_sheet_tells_what_it_is_and_whether_the_caller_may_write(functions: Functions, world: World):
    answer = await functions.request("get_sheet", path={"sheetId": SHEET})
    told = answer.json
    as_of = told.pop("asOf")
    assert (answer.status, as_of[-1]) == (200, "Z")
    assert told == {
        "id": SHEET,
        "name": "Reports",
        "version": 1,
        "accessLevel": "OWNER",
        "writable": True,
        "writableReason": None,
        "columnCount": 3,
        "totalRowCount": 3,
        "permalink": None,
    }


READS = {"get_sheet": {}, "list_columns": {}, "list_rows": {"sort": "Title"}, "get_row": {}}


async def test_who_holds_the_current_version_gets_no_body(functions: Functions, world: World):
    path = {"sheetId": SHEET, "rowId": "1"}
    for name, query in READS.items():
        tag = (await functions.request(name, path=path, query=query)).headers["ETag"]
        for held in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            again = await functions.request(name, path=path, query=query, headers={"If-None-Match": held})
            assert (again.status, again.text, again.headers["ETag"]) == (304, "", tag)
        for held in ('W/"0-owner"', tag.strip('W/"'), "", '"'):
            again = await functions.request(name, path=path, query=query, headers={"If-None-Match": held})
            assert again.status == 200


async def test_a_tag_ends_with_the_version_and_with_the_access(functions: Functions, world: World):
    first = await functions.request("get_sheet", path={"sheetId": SHEET})
    world.source.edit(SHEET, "1", "1002", "new")
    world.container.sheets.forget(SHEET)
    second = await functions.request(
        "get_sheet", path={"sheetId": SHEET}, headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (second.status, second.json["version"]) == (200, 2)
    world.source.share(TOKEN, SHEET, AccessLevel.VIEWER)
    world.container.sheets.forget(SHEET)
    third = await functions.request(
        "get_sheet", path={"sheetId": SHEET}, headers={"If-None-Match": second.headers["ETag"]}
    )
    assert (third.status, third.json["version"], third.json["writableReason"]) == (200, 2, "viewer")


async def test_rows_are_searched_filtered_and_sorted_before_they_are_cut_into_pages(functions: Functions):
    query = {
        "search": "PUMP station",
        "filter": json.dumps({"not": {"column": "Title", "op": "eq", "value": "report 2"}}),
        "sort": "-Title",
        "pageSize": "1",
    }
    page = (await functions.request("list_rows", path={"sheetId": SHEET}, query=query)).json
    assert ([row["id"] for row in page["items"]], page["totalCount"]) == (["3"], 2)


@pytest.mark.parametrize("name", ["list_rows", "export_sheet"])
@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"filter": "{"}, "filter", "invalid_input"),
        ({"filter": "[" * 10_000}, "filter", "invalid_input"),
        ({"filter": '{"column": "Title", "op": "like"}'}, "filter.op", "invalid_input"),
        ({"filter": '{"all": [{"column": "Title", "op": "eq", "value": {}}]}'}, "filter.all.0.value", "invalid_input"),
        ({"filter": '{"any": [{"column": "Titel", "op": "isEmpty"}]}'}, "filter.any.0.column", "unknown_column"),
        ({"filter": '{"not": {"column": "Title", "op": "gt", "value": []}}'}, "filter.not.value", "invalid_input"),
        ({"sort": "Title,Nope"}, "sort.1", "unknown_column"),
        ({"search": "x" * 201}, "search", "invalid_input"),
    ],
)
async def test_what_cannot_be_understood_is_told_with_its_place(
    functions: Functions, name: str, query: dict[str, str], field: str, code: str
):
    query = query | ({"format": "csv"} if name == "export_sheet" else {})
    answer = await functions.request(name, path={"sheetId": SHEET}, query=query)
    assert (answer.status, list(answer.fields), answer.json["code"]) == (422, [field], code)


async def test_one_row_can_be_read(functions: Functions):
    answer = await functions.request("get_row", path={"sheetId": SHEET, "rowId": "2"})
    assert (answer.json["rowNumber"], answer.json["cells"][0]["value"]) == (2, "Report 2")
    missing = await functions.request("get_row", path={"sheetId": SHEET, "rowId": "9"})
    assert (missing.status, missing.json["code"]) == (404, "row_not_found")


async def test_rows_are_exported_as_a_file(functions: Functions):
    query = {"format": "csv", "sort": "-Title", "search": "3"}
    answer = await functions.request("export_sheet", path={"sheetId": SHEET}, query=query)
    assert answer.text.splitlines()[0] == "Title,Text,Summary"
    assert answer.text.splitlines()[1].startswith("Report 3,The pump")
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"Reports.csv\"; filename*=UTF-8''Reports.csv"


@pytest.mark.parametrize("query", [{}, {"format": "xlsx"}, {"format": ""}])
async def test_another_format_than_csv_is_refused(functions: Functions, query: dict[str, str]):
    answer = await functions.request("export_sheet", path={"sheetId": SHEET}, query=query)
    assert (answer.status, list(answer.fields)) == (422, ["format"])


async def test_while_smartsheet_is_down_the_last_known_sheet_is_shown_with_its_age(functions: Functions, world: World):
    path = {"sheetId": SHEET, "rowId": "1"}
    first = (await functions.request("get_sheet", path=path)).json
    for name in READS:
        world.container.sheets.mark_outdated(SHEET)
        world.fail_reads(UpstreamUnavailable("Down."))
        answer = await functions.request(name, path=path)
        assert (answer.status, answer.json["asOf"]) == (200, first["asOf"])
    world.container.sheets.mark_outdated(SHEET)
    world.fail_reads(Unauthorized("Out.", code="needs_sign_in"))
    assert (await functions.request("list_rows", path=path)).json["code"] == "needs_sign_in"
