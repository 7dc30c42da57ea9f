import asyncio
import logging
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from shared.errors import InvalidInput, NotFound, Unauthorized, UpstreamFault
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import AccessLevel, Cell, Sheet, Unchanged
from shared.telemetry import correlated
from tests.unit.clients.smartsheet_http import START, TOKEN, ScriptedSmartsheet, answer

SHEET = SheetId("4583173393803140")

WIRE: dict[str, Any] = {
    "id": 4583173393803140,
    "name": "Plan",
    "version": 17,
    "accessLevel": "EDITOR_SHARE",
    "totalRowCount": 2,
    "permalink": "https://app.smartsheet.com/sheets/x",
    "somethingNew": {"nested": [1, 2]},
    "columns": [
        {"id": 9007199254740993, "version": 0, "index": 0, "title": "Task", "type": "TEXT_NUMBER", "primary": True},
        {
            "id": 2,
            "index": 1,
            "title": "Status",
            "type": "PICKLIST",
            "options": ["Open", "Done"],
            "validation": True,
            "locked": True,
            "lockedForUser": True,
            "hidden": True,
        },
        {"id": 3, "index": 2, "title": "By", "type": "CONTACT_LIST", "systemColumnType": "MODIFIED_BY"},
        {"id": 4, "index": 3, "title": "Tags", "type": "MULTI_PICKLIST"},
        {"id": 5, "index": 4, "title": "Sum", "type": "TEXT_NUMBER", "formula": "=A@row"},
    ],
    "rows": [
        {
            "id": 11,
            "rowNumber": 1,
            "expanded": True,
            "modifiedAt": "2025-04-30T10:00:00Z",
            "cells": [
                {"columnId": 9007199254740993, "value": "Büro 😀", "displayValue": "Büro 😀", "objectValue": "Büro 😀"},
                {"columnId": 2},
                {
                    "columnId": 4,
                    "displayValue": "a, b",
                    "objectValue": {"objectType": "MULTI_PICKLIST", "values": ["a", "b"]},
                },
                {"columnId": 5, "value": 3.0, "displayValue": "3", "formula": "=1+2"},
            ],
        },
        {
            "id": 12,
            "rowNumber": 2,
            "parentId": 11,
            "locked": True,
            "lockedForUser": True,
            "cells": [
                {"columnId": 2, "value": "", "displayValue": ""},
                {"columnId": 3, "value": "x", "linkInFromCell": {"sheetId": 7}, "hyperlink": {"url": "https://e.com"}},
                {"columnId": 4, "value": False},
                {"columnId": 5, "objectValue": {"objectType": "DATE", "value": "2025-05-01"}},
            ],
        },
    ],
}


async def read(*answers: Any, **asked: Any) -> Sheet | Unchanged:
    async with ScriptedSmartsheet(*answers) as smartsheet:
        return await smartsheet.client.get_sheet(TOKEN, SHEET, **asked)


async def read_sheet(wire: dict[str, Any]) -> Sheet:
    sheet = await read(answer(wire))
    assert isinstance(sheet, Sheet)
    return sheet


async def test_a_sheet_comes_with_string_ids_in_the_domains_words() -> None:
    sheet = await read_sheet(WIRE)
    assert (sheet.id, sheet.name, sheet.version, sheet.total_row_count) == ("4583173393803140", "Plan", 17, 2)
    assert sheet.access_level == AccessLevel.EDITOR_SHARE
    assert sheet.fetched_at == START
    task, status, by, _, total = sheet.columns
    assert (task.id, task.primary) == ("9007199254740993", True)
    assert (status.options, status.validation, status.locked_for_user, status.hidden) == (
        ("Open", "Done"),
        True,
        True,
        True,
    )
    assert by.system_type == "MODIFIED_BY"
    assert total.formula == "=A@row"


async def test_the_hierarchy_of_rows_is_kept() -> None:
    first, second = (await read_sheet(WIRE)).rows
    assert (first.number, first.parent_id, first.locked) == (1, None, False)
    assert (second.number, second.parent_id, second.locked_for_user) == (2, "11", True)
    assert first.modified_at == datetime(2025, 4, 30, 10, tzinfo=UTC)


async def test_only_cells_that_hold_something_are_kept() -> None:
    first, second = (await read_sheet(WIRE)).rows
    assert set(first.cells) == {"9007199254740993", "4", "5"}
    assert set(second.cells) == {"3", "4", "5"}


async def test_the_cells_keep_what_they_hold() -> None:
    first, second = (await read_sheet(WIRE)).rows
    assert first.cells[ColumnId("9007199254740993")] == Cell("Büro 😀", "Büro 😀")
    tags = first.cells[ColumnId("4")]
    assert (tags.value, tags.object_value) == ("a, b", {"objectType": "MULTI_PICKLIST", "values": ["a", "b"]})
    assert first.cells[ColumnId("5")].formula == "=1+2"
    linked = second.cells[ColumnId("3")]
    assert (linked.linked, linked.hyperlink) == (True, {"url": "https://e.com"})
    assert second.cells[ColumnId("4")] == Cell(False)
    assert second.cells[ColumnId("5")] == Cell("2025-05-01")


async def test_a_version_alone_means_unchanged() -> None:
    assert await read(answer({"version": 17}), if_version_after=17) == Unchanged(17)


async def test_a_read_asks_for_exactly_what_is_wanted() -> None:
    async with ScriptedSmartsheet(answer({"version": 17})) as smartsheet:
        await smartsheet.client.get_sheet(
            TOKEN,
            SHEET,
            column_ids=[ColumnId("2"), ColumnId("3")],
            row_ids=[RowId("11")],
            if_version_after=16,
            rows_modified_since=datetime(2025, 5, 1, 14, tzinfo=timezone(timedelta(hours=2))),
        )
        (request,) = smartsheet.requests
    assert request.url.path == "/2.0/sheets/4583173393803140"
    asked = dict(request.url.params)
    assert (asked["columnIds"], asked["rowIds"], asked["ifVersionAfter"]) == ("2,3", "11", "16")
    assert asked["rowsModifiedSince"] == "2025-05-01T12:00:00Z"
    assert "page" not in asked, "with page or pageSize Smartsheet would cut the sheet into pages"
    assert "pageSize" not in asked


async def test_a_call_says_who_calls_and_for_which_request() -> None:
    async with ScriptedSmartsheet(answer(WIRE), headers={"smartsheet-integration-source": "AI,Us,App"}) as smartsheet:
        with correlated("correlation-1"):
            await smartsheet.client.get_sheet(TOKEN, SHEET)
        headers = smartsheet.requests[0].headers
    assert headers["Authorization"] == "Bearer secret-token"
    assert headers["User-Agent"].startswith("ChatSheetAI/")
    assert headers["X-Correlation-ID"] == "correlation-1"
    assert headers["smartsheet-integration-source"] == "AI,Us,App"


@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        ("https://api.example.com/2.0", "/2.0/users/me"),
        ("https://api.example.com/2.0/", "/2.0/users/me"),
        ("https://api.example.com", "/2.0/users/me"),
        ("http://127.0.0.1:7081", "/2.0/users/me"),
        ("https://proxy.example.com/smartsheet", "/smartsheet/2.0/users/me"),
    ],
)
async def test_the_base_url_may_leave_out_the_version(base_url: str, path: str) -> None:
    user = {"id": 1, "email": "ada@example.com"}
    async with ScriptedSmartsheet(answer(user), base_url=base_url) as smartsheet:
        await smartsheet.client.get_user(TOKEN)
        assert smartsheet.requests[0].url.path == path


async def test_a_user_is_read() -> None:
    wire = {"id": 48569348493401200, "email": "ada@example.com", "firstName": "Ada", "lastName": "L", "timeZone": "UTC"}
    async with ScriptedSmartsheet(answer(wire), answer({"id": 2, "email": "g@example.com"})) as smartsheet:
        ada, nameless = [await smartsheet.client.get_user(TOKEN) for _ in range(2)]
    assert (ada.id, ada.name, ada.time_zone, ada.locale) == ("48569348493401200", "Ada L", "UTC", None)
    assert nameless.name == "g@example.com"


@pytest.mark.parametrize("sheet_id", ["", "abc", "../users/me", "1/rows", "１２", "1" * 20])
async def test_a_sheet_id_that_is_no_number_is_not_sent(sheet_id: str) -> None:
    async with ScriptedSmartsheet(answer(WIRE)) as smartsheet:
        with pytest.raises(NotFound) as refused:
            await smartsheet.client.get_sheet(TOKEN, SheetId(sheet_id))
        assert smartsheet.requests == []
    assert refused.value.code == "sheet_not_found"


async def test_a_row_id_that_is_no_number_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidInput) as refused:
        await read(answer(WIRE), row_ids=[RowId("1"), RowId("x")])
    assert refused.value.errors[0].field == "rowIds.1"


async def test_more_row_ids_than_a_url_holds_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="100"):
        await read(answer(WIRE), row_ids=[RowId("1")] * 101)


@pytest.mark.parametrize("token", ["", "with space", "new\nline", "ümlaut"])
async def test_a_token_that_cannot_be_one_is_not_sent(token: str) -> None:
    async with ScriptedSmartsheet(answer(WIRE)) as smartsheet:
        with pytest.raises(Unauthorized) as refused:
            await smartsheet.client.get_user(SecretStr(token))
        assert smartsheet.requests == []
    assert refused.value.code == "needs_sign_in"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome</html>",
        b"[]",
        b"null",
        b"{}",
        b'{"version": 3',
        b'{"version": 3} trailing',
        b'{"columns": [], "rows": [',
        b'{"columns": [], "rows": [1]}',
        b'{"columns": [{"id": "x"}], "rows": []}',
        b"\xff\xfe",
    ],
)
async def test_an_answer_that_is_no_sheet_is_an_upstream_fault(body: bytes) -> None:
    with pytest.raises(UpstreamFault):
        await read(httpx2.Response(200, content=body))


async def test_a_sheet_with_rows_left_out_is_not_taken_for_the_whole() -> None:
    with pytest.raises(UpstreamFault) as refused:
        await read(answer({**WIRE, "totalRowCount": 101}))
    assert refused.value.code == "incomplete_sheet"


async def test_a_part_of_a_sheet_may_have_fewer_rows() -> None:
    assert isinstance(await read(answer({**WIRE, "totalRowCount": 101}), row_ids=[RowId("11")]), Sheet)


async def test_the_log_names_the_call_and_holds_neither_ids_nor_query_nor_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    await read(answer(WIRE), row_ids=[RowId("11")])
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == "smartsheet GET /sheets/{sheetId}: 200 in 0 ms, attempt 1"


async def test_the_event_loop_stays_free_while_a_large_sheet_is_read() -> None:
    cells = [{"columnId": 2, "value": "x"}, {"columnId": 3, "value": 1}]
    rows = [{"id": number, "rowNumber": number, "cells": cells} for number in range(1, 5001)]
    async with ScriptedSmartsheet(answer({**WIRE, "rows": rows, "totalRowCount": 5000})) as smartsheet:
        reading = asyncio.create_task(smartsheet.client.get_sheet(TOKEN, SHEET))
        while not smartsheet.requests:  # noqa: ASYNC110 - the request is the event
            await asyncio.sleep(0)
        turns = 0
        while not reading.done():
            await asyncio.sleep(0)
            turns += 1
        sheet = await reading
    assert isinstance(sheet, Sheet)
    assert len(sheet.rows) == 5000
    assert turns > 10


async def test_a_client_can_be_used_again_after_it_was_closed() -> None:
    async with ScriptedSmartsheet(answer(WIRE)) as smartsheet:
        await smartsheet.client.aclose()
        assert isinstance(await smartsheet.client.get_sheet(TOKEN, SHEET), Sheet)
