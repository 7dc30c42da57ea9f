"""Adding, moving and deleting rows, and changing columns: what goes out, what comes back."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from shared.clients.smartsheet.client import SmartsheetClient
from shared.errors import Forbidden, InvalidInput, NotFound, UpstreamFault, UpstreamTimeout
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import AddFailure, Cell, CellWrite, ColumnWrite, NewRow, RowLocation, RowWrite
from tests.unit.clients.smartsheet_http import TOKEN, ScriptedSmartsheet, answer, error, lost

SHEET = SheetId("1")
COLUMN = ColumnId("2")
BOTTOM = RowLocation(to_bottom=True)
ROWS = answer({"resultCode": 0, "version": 8, "result": []})

Write = Callable[[SmartsheetClient], Awaitable[Any]]


def new(value: str = "x", location: RowLocation = BOTTOM) -> NewRow:
    return NewRow((CellWrite(COLUMN, value),), location)


def added(*rows: NewRow) -> Write:
    return lambda client: client.add_rows(TOKEN, SHEET, rows, change_agent="a")


def moved(*rows: RowWrite) -> Write:
    return lambda client: client.update_rows(TOKEN, SHEET, rows, change_agent="a")


def deleted(*row_ids: str) -> Write:
    return lambda client: client.delete_rows(TOKEN, SHEET, [RowId(row_id) for row_id in row_ids], change_agent="a")


def columns_added(*columns: ColumnWrite) -> Write:
    return lambda client: client.add_columns(TOKEN, SHEET, columns, change_agent="a")


def column_changed(column: ColumnWrite) -> Write:
    return lambda client: client.update_column(TOKEN, SHEET, COLUMN, column, change_agent="a")


def column_deleted(column_id: str = COLUMN) -> Write:
    return lambda client: client.delete_column(TOKEN, SHEET, ColumnId(column_id), change_agent="a")


EVERY_WRITE = {
    "move": moved(RowWrite(RowId("11"), (), BOTTOM)),
    "add": added(new()),
    "delete": deleted("11"),
    "add columns": columns_added(ColumnWrite(title="New", type="DATE", index=1)),
    "change a column": column_changed(ColumnWrite(title="New")),
    "delete a column": column_deleted(),
}


async def sent(write: Write, given: httpx2.Response) -> httpx2.Request:
    async with ScriptedSmartsheet(given) as smartsheet:
        await write(smartsheet.client)
        (request,) = smartsheet.requests
    return request


async def result(write: Write, *given: httpx2.Response) -> Any:
    async with ScriptedSmartsheet(*given) as smartsheet:
        return await write(smartsheet.client)


async def body_of(write: Write, given: httpx2.Response = ROWS) -> Any:
    async with ScriptedSmartsheet(given) as smartsheet:
        await write(smartsheet.client)
        return smartsheet.bodies[0]


@pytest.mark.parametrize(
    ("location", "wire"),
    [
        (RowLocation(to_top=True), {"toTop": True}),
        (RowLocation(to_bottom=True), {"toBottom": True}),
        (RowLocation(parent_id=RowId("7")), {"parentId": 7}),
        (RowLocation(parent_id=RowId("7"), to_bottom=True), {"parentId": 7, "toBottom": True}),
        (RowLocation(sibling_id=RowId("7")), {"siblingId": 7}),
        (RowLocation(sibling_id=RowId("7"), above=True), {"siblingId": 7, "above": True}),
        (RowLocation(indent=True), {"indent": 1}),
        (RowLocation(outdent=True), {"outdent": 1}),
    ],
)
async def test_a_location_goes_out_in_smartsheets_words(location: RowLocation, wire: dict[str, Any]) -> None:
    assert await body_of(moved(RowWrite(RowId("11"), (), location))) == [{"id": 11, **wire}]


@pytest.mark.parametrize(
    "write",
    [
        added(new(), new(location=RowLocation(to_top=True))),
        moved(RowWrite(RowId("11"), (), BOTTOM), RowWrite(RowId("12"), (CellWrite(COLUMN, "x"),))),
        added(new(location=RowLocation(sibling_id=RowId("7"))), new(location=RowLocation(sibling_id=RowId("8")))),
        moved(RowWrite(RowId("11"), (), RowLocation(to_top=True, to_bottom=True))),
        moved(RowWrite(RowId("11"), (), RowLocation(above=True))),
        moved(RowWrite(RowId("11"), (), RowLocation())),
        added(new(location=RowLocation(indent=True))),
    ],
)
async def test_rows_that_go_to_no_single_place_are_not_sent(write: Write) -> None:
    async with ScriptedSmartsheet(ROWS) as smartsheet:
        with pytest.raises(ValueError, match=r"place|location"):
            await write(smartsheet.client)
        assert smartsheet.requests == []


@pytest.mark.parametrize(
    ("cell", "wire"),
    [
        (CellWrite(COLUMN, formula="=1+1"), {"formula": "=1+1"}),
        (
            CellWrite(COLUMN, object_value={"objectType": "MULTI_PICKLIST", "values": ["a"]}),
            {"objectValue": {"objectType": "MULTI_PICKLIST", "values": ["a"]}},
        ),
        (
            CellWrite(COLUMN, "site", hyperlink={"url": "https://example.com"}),
            {"value": "site", "hyperlink": {"url": "https://example.com"}},
        ),
    ],
)
async def test_cells_hold_objects_formulas_and_links(cell: CellWrite, wire: dict[str, Any]) -> None:
    row = {"toBottom": True, "cells": [{"columnId": 2, **wire}]}
    given = answer({"version": 8, "result": {"id": 5}})
    assert await body_of(added(NewRow((cell,))), given) == [row]


async def test_added_rows_are_one_post_with_partial_success_and_our_mark() -> None:
    request = await sent(added(new()), answer({"version": 8, "result": [{"id": 5}]}))
    assert (request.method, request.url.path) == ("POST", "/2.0/sheets/1/rows")
    assert request.url.params["allowPartialSuccess"] == "true"
    assert request.headers["Smartsheet-Change-Agent"] == "a"


async def test_the_answer_tells_of_each_new_row_what_became_of_it() -> None:
    body = {
        "version": 8,
        "result": [{"id": 5, "rowNumber": 3, "cells": [{"columnId": 2, "value": "x"}]}, {"id": 6}],
        "failedItems": [{"index": 1, "error": {"errorCode": 1042}}],
    }
    told = await result(added(new(), new("bad"), new()), answer(body))
    assert [row and row.id for row in told.rows] == ["5", None, "6"]
    assert (told.rows[0].number, told.rows[0].cells) == (3, {"2": Cell("x")})
    assert told.failures == (AddFailure(1, "invalid_value", "The value does not fit the column's type."),)
    assert told.version == 8


async def test_one_row_may_be_answered_alone_and_tell_the_version_itself() -> None:
    told = await result(added(new()), answer({"resultCode": 0, "result": {"id": 5, "version": 9}}))
    assert (told.version, told.rows[0].id) == (9, "5")


@pytest.mark.parametrize(
    "body",
    [
        {"version": 8, "result": []},
        {"version": 8, "result": [{"id": 5}, {"id": 6}]},
        {"version": 8, "result": [{"id": 5}], "failedItems": [{"index": 1, "error": {}}]},
        {"version": 8, "result": [], "failedItems": [{"error": {}}]},
        {"result": [{"id": 5}]},
    ],
)
async def test_an_answer_that_leaves_a_new_row_open_is_an_upstream_fault(body: Any) -> None:
    with pytest.raises(UpstreamFault):
        await result(added(new()), answer(body))


async def test_deleting_names_the_rows_in_the_url_and_tells_what_went() -> None:
    given = answer({"resultCode": 0, "version": 8, "result": [11, 13]})
    request = await sent(deleted("11", "12"), given)
    assert (request.method, request.url.path, request.content) == ("DELETE", "/2.0/sheets/1/rows", b"")
    assert dict(request.url.params) == {"ids": "11,12", "ignoreRowsNotFound": "true"}
    told = await result(deleted("11", "12"), given)
    assert (told.version, told.row_ids) == (8, ("11", "13"))


async def test_a_deletion_that_does_not_tell_the_version_asks_for_it() -> None:
    told = await result(deleted("11"), answer({"resultCode": 0, "result": [11]}), answer({"version": 12}))
    assert told.version == 12


@pytest.mark.parametrize("given", [error(1002, 401), error(1006, 404), answer({})])
async def test_a_deletion_whose_version_stays_unknown_is_not_taken_for_undone(given: httpx2.Response) -> None:
    with pytest.raises(UpstreamFault):
        await result(deleted("11"), answer({"resultCode": 0, "result": [11]}), given)


@pytest.mark.parametrize("count", [0, 301])
async def test_a_call_deletes_1_to_300_rows(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 300"):
        await result(deleted(*["11"] * count), ROWS)


async def test_a_column_goes_out_with_what_was_given_and_comes_back_whole() -> None:
    column = ColumnWrite(title="Owner", type="CONTACT_LIST", index=1, contact_options=({"email": "a@b.example"},))
    wire = {"id": 9, "index": 1, "title": "Owner", "type": "CONTACT_LIST", "width": 150, "description": "Who"}
    wire["contactOptions"] = {"email": "a@b.example"}
    given = answer({"version": 8, "result": [wire]})
    request = await sent(columns_added(column), given)
    assert (request.method, request.url.path) == ("POST", "/2.0/sheets/1/columns")
    assert await body_of(columns_added(column), given) == [
        {"title": "Owner", "type": "CONTACT_LIST", "index": 1, "contactOptions": [{"email": "a@b.example"}]}
    ]
    told = await result(columns_added(column), given)
    (now,) = told.columns
    assert (told.version, now.id, now.width, now.description) == (8, "9", 150, "Who")
    assert now.contact_options == ({"email": "a@b.example"},)


async def test_columns_of_a_call_stand_at_one_index() -> None:
    first, second = ColumnWrite(title="A", type="DATE", index=1), ColumnWrite(title="B", type="DATE", index=2)
    for columns in [(), (first, second), (ColumnWrite(title="A", type="DATE"),)]:
        with pytest.raises(ValueError, match="same index"):
            await result(columns_added(*columns), ROWS)


async def test_a_changed_column_is_one_object_without_what_stays() -> None:
    given = answer({"result": {"id": 2, "index": 0, "title": "New", "type": "PICKLIST", "symbol": "RYG"}})
    write = column_changed(ColumnWrite(title="New", validation=False, options=()))
    assert (await sent(write, given)).url.path == "/2.0/sheets/1/columns/2"
    assert await body_of(write, given) == {"title": "New", "validation": False, "options": []}
    told = await result(write, given)
    assert (told.version, told.columns[0].symbol) == (None, "RYG")


async def test_a_deleted_column_comes_without_a_version() -> None:
    request = await sent(column_deleted(), answer({"message": "SUCCESS", "resultCode": 0}))
    assert (request.method, request.url.path) == ("DELETE", "/2.0/sheets/1/columns/2")
    told = await result(column_deleted(), answer({"message": "SUCCESS", "resultCode": 0}))
    assert (told.version, told.columns) == (None, ())


@pytest.mark.parametrize("write", [column_changed(ColumnWrite(title="New")), column_deleted(), column_deleted("x")])
async def test_a_column_that_is_not_there_is_named_as_such(write: Write) -> None:
    with pytest.raises(NotFound) as missing:
        await result(write, error(1006, 404))
    assert missing.value.code == "column_not_found"


@pytest.mark.parametrize(
    ("write", "refusal", "code"),
    [
        (added(new()), error(1063, 400), "invalid_location"),
        (added(new()), error(1061, 400), "sheet_full"),
        (added(new()), error(1114, 404), "invalid_hyperlink"),
        (columns_added(ColumnWrite(title="A", type="DATE", index=0)), error(1056, 400), "duplicate_title"),
        (column_changed(ColumnWrite(type="DATE")), error(1057, 400), "primary_column"),
        (column_deleted(), error(1087, 400), "column_needed"),
    ],
)
async def test_a_refusal_comes_with_a_stable_word(write: Write, refusal: httpx2.Response, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await result(write, refusal)
    assert refused.value.code == code
    assert "VENDOR" not in refused.value.detail


async def test_a_refused_column_is_named_by_its_place() -> None:
    refusal = answer({"errorCode": 1056, "message": "x", "detail": {"index": 0}}, 400)
    with pytest.raises(InvalidInput) as refused:
        await result(columns_added(ColumnWrite(title="A", type="DATE", index=0)), refusal)
    assert [fault.field for fault in refused.value.errors] == ["columns.0"]


@pytest.mark.parametrize("code", [1092, 1301])
async def test_locks_and_missing_rights_are_forbidden(code: int) -> None:
    with pytest.raises(Forbidden):
        await result(EVERY_WRITE["delete"] if code == 1092 else EVERY_WRITE["change a column"], error(code, 403))


@pytest.mark.parametrize("write", EVERY_WRITE.values(), ids=EVERY_WRITE.keys())
async def test_a_write_without_answer_is_not_sent_again(write: Write) -> None:
    async with ScriptedSmartsheet(lost()) as smartsheet:
        with pytest.raises(UpstreamTimeout):
            await write(smartsheet.client)
        assert len(smartsheet.requests) == 1


@pytest.mark.parametrize("write", EVERY_WRITE.values(), ids=EVERY_WRITE.keys())
async def test_a_write_that_was_certainly_refused_is_sent_again(write: Write) -> None:
    async with ScriptedSmartsheet(error(4004, 500), error(1004, 403)) as smartsheet:
        with pytest.raises(Forbidden):
            await write(smartsheet.client)
        assert len(smartsheet.requests) == 2


@pytest.mark.parametrize("write", EVERY_WRITE.values(), ids=EVERY_WRITE.keys())
async def test_an_answer_that_cannot_be_read_leaves_the_effect_open(write: Write) -> None:
    with pytest.raises(UpstreamFault):
        await result(write, httpx2.Response(200, content=b"<html>"))


@pytest.mark.parametrize(
    "cell",
    [
        CellWrite(COLUMN, formula="=" + "x" * 4000),
        CellWrite(COLUMN, object_value={"objectType": "MULTI_PICKLIST", "values": ["x" * 2000, "y" * 2000]}),
    ],
)
async def test_formulas_and_choices_that_would_be_cut_are_not_sent(cell: CellWrite) -> None:
    async with ScriptedSmartsheet(ROWS) as smartsheet:
        with pytest.raises(InvalidInput) as refused:
            await smartsheet.client.add_rows(TOKEN, SHEET, [NewRow((cell,))], change_agent="a")
        assert smartsheet.requests == []
    assert refused.value.code == "value_too_long"
