"""Columns and rows over HTTP."""

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
    for name in ("list_columns", "list_rows"):
        answer = await functions.request(name, path={"sheetId": UNKNOWN_SHEET})
        assert (answer.status, answer.json["code"]) == (404, "sheet_not_found")


async def test_sheets_are_found_by_a_part_of_their_name(functions: Functions, world: World):
    found = await functions.request("list_sheets", query={"query": "REPO"})
    assert (found.status, [(each["id"], each["name"]) for each in found.json["items"]]) == (200, [(SHEET, "Reports")])
    assert (await functions.request("list_sheets", query={"query": "budget"})).json["items"] == []
    world.source.revoke(TOKEN)
    assert (await functions.request("list_sheets")).json["code"] == "needs_sign_in"
