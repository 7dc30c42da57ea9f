from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Forbidden, InvalidInput, UpstreamFault
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import Cell, CellValue, CellWrite, RowWrite, WriteAnswer
from tests.unit.clients.smartsheet_http import TOKEN, ScriptedSmartsheet, answer

SHEET = SheetId("1")
DONE = answer({"message": "SUCCESS", "resultCode": 0, "version": 8, "result": []})


def row(row_id: str, *values: CellValue) -> RowWrite:
    return RowWrite(RowId(row_id), tuple(CellWrite(ColumnId(str(at)), value) for at, value in enumerate(values, 2)))


async def write(given: httpx2.Response, *rows: RowWrite) -> WriteAnswer:
    async with ScriptedSmartsheet(given) as smartsheet:
        return await smartsheet.client.update_rows(TOKEN, SHEET, rows, change_agent="chatsheet:1")


def refused_items(*items: dict[str, Any]) -> httpx2.Response:
    return answer(
        {"message": "PARTIAL_SUCCESS", "resultCode": 3, "version": 8, "result": [], "failedItems": list(items)}
    )


async def test_a_bulk_write_is_one_request_with_partial_success_and_our_mark() -> None:
    async with ScriptedSmartsheet(DONE) as smartsheet:
        rows = [row("9007199254740993", "Grüße 😀", 1.5), row("12", True, None)]
        await smartsheet.client.update_rows(TOKEN, SHEET, rows, change_agent="chatsheet:1")
        (request,) = smartsheet.requests
        (body,) = smartsheet.bodies
    assert (request.method, request.url.path) == ("PUT", "/2.0/sheets/1/rows")
    assert request.url.params["allowPartialSuccess"] == "true"
    assert request.headers["Smartsheet-Change-Agent"] == "chatsheet:1"
    assert body == [
        {"id": 9007199254740993, "cells": [{"columnId": 2, "value": "Grüße 😀"}, {"columnId": 3, "value": 1.5}]},
        {"id": 12, "cells": [{"columnId": 2, "value": True}, {"columnId": 3, "value": ""}]},
    ]


@given(st.lists(st.text() | st.none() | st.booleans() | st.integers(-(2**53), 2**53), min_size=1, max_size=4))
async def test_every_value_arrives_as_it_was_given(values: list[CellValue]) -> None:
    async with ScriptedSmartsheet(DONE) as smartsheet:
        await smartsheet.client.update_rows(TOKEN, SHEET, [row("11", *values)], change_agent="a")
        sent = [cell["value"] for cell in smartsheet.bodies[0][0]["cells"]]
    assert sent == ["" if value is None else value for value in values]


async def test_the_answer_tells_the_version_and_the_rows_as_they_are_now() -> None:
    wire = {"id": 11, "rowNumber": 4, "modifiedAt": "2025-05-01T10:00:00Z", "cells": [{"columnId": 2, "value": "x"}]}
    written = await write(answer({"resultCode": 0, "version": 8, "result": [wire]}), row("11", "x"))
    assert written.version == 8
    (now,) = written.rows
    assert (now.id, now.number, now.cells) == ("11", 4, {"2": Cell("x")})
    assert written.failures == ()


@pytest.mark.parametrize(
    ("error_code", "code"),
    [
        (1006, "row_not_found"),
        (1034, "row_not_found"),
        (1036, "column_not_found"),
        (1039, "column_locked"),
        (1041, "value_too_long"),
        (1042, "invalid_value"),
        (1046, "system_column"),
        (1050, "row_locked"),
        (1302, "column_formula"),
        (1045, "read_only"),
        (1999, "refused"),
    ],
)
async def test_a_refused_row_comes_with_a_stable_word(error_code: int, code: str) -> None:
    error = {"errorCode": error_code, "message": "VENDOR-TEXT"}
    written = await write(refused_items({"index": 0, "rowId": 11, "error": error}), row("11", "x"))
    (failure,) = written.failures
    assert (failure.row_id, failure.code) == ("11", code)
    assert "VENDOR" not in failure.message


async def test_a_refused_row_without_an_id_is_found_by_its_place() -> None:
    written = await write(refused_items({"index": 1, "error": {"errorCode": 1050}}), row("11", "x"), row("12", "y"))
    assert [failure.row_id for failure in written.failures] == ["12"]


@pytest.mark.parametrize(
    "given",
    [
        httpx2.Response(200, content=b"<html>"),
        answer({"resultCode": 0, "result": []}),
        refused_items({"index": 5, "error": {"errorCode": 1050}}),
        refused_items({"error": {}}),
    ],
)
async def test_an_unusable_answer_to_a_write_is_an_upstream_fault(given: httpx2.Response) -> None:
    with pytest.raises(UpstreamFault):
        await write(given, row("11", "x"))


async def test_a_call_refused_as_a_whole_names_the_row() -> None:
    body = {"errorCode": 1042, "message": "VENDOR-TEXT", "detail": {"index": 1, "rowId": 12}}
    with pytest.raises(InvalidInput) as refused:
        await write(answer(body, 400), row("11", "x"), row("12", "y"))
    assert refused.value.code == "invalid_value"
    assert [error.field for error in refused.value.errors] == ["rows.1"]


async def test_a_lock_that_refuses_the_whole_call_is_forbidden() -> None:
    with pytest.raises(Forbidden) as refused:
        await write(answer({"errorCode": 1039, "message": "x"}, 403), row("11", "x"))
    assert refused.value.code == "column_locked"


@pytest.mark.parametrize("text", ["x" * 4001, "😀" * 2001])
async def test_a_text_that_smartsheet_would_cut_is_not_sent(text: str) -> None:
    async with ScriptedSmartsheet(DONE) as smartsheet:
        with pytest.raises(InvalidInput) as refused:
            await smartsheet.client.update_rows(TOKEN, SHEET, [row("11", "x"), row("12", 1, text)], change_agent="a")
        assert smartsheet.requests == []
    assert refused.value.code == "value_too_long"
    assert [error.field for error in refused.value.errors] == ["rows.1.cells.1.value"]


async def test_a_text_of_exactly_the_limit_is_sent() -> None:
    assert (await write(DONE, row("11", "x" * 4000))).version == 8


@pytest.mark.parametrize("count", [0, 501])
async def test_a_call_takes_1_to_500_rows(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 500"):
        await write(DONE, *[row("11", "x")] * count)


@pytest.mark.parametrize("change_agent", ["x" * 513, "ümlaut", "new\nline"])
async def test_a_change_agent_that_no_header_can_carry_is_refused(change_agent: str) -> None:
    async with ScriptedSmartsheet(DONE) as smartsheet:
        with pytest.raises(ValueError, match="change agent"):
            await smartsheet.client.update_rows(TOKEN, SHEET, [row("11", "x")], change_agent=change_agent)
