"""Editing rows and columns, the timeline and undo over HTTP."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.changes.models import ContinueChange
from shared.changes.submitting import GUARD_QUEUE
from shared.errors import UpstreamTimeout, UpstreamUnavailable
from shared.ids import ChangeSetId, ColumnId, RowId, SheetId, UserId
from shared.sheets.models import AccessLevel, Cell, Row
from tests.fakes.smartsheet import sheet_of
from tests.functions.client import Answer, Functions
from tests.functions.environment import TOKEN
from tests.functions.world import SHEET, UNKNOWN_SHEET, World

TITLE, SUMMARY = "1001", "1003"
ROW_1 = {"sheetId": SHEET, "rowId": "1"}


def value(world: World, row: str, column: str = SUMMARY) -> Any:
    return world.source.value(SHEET, row, column)


async def patch(functions: Functions, after: Any, **given: Any) -> Answer:
    body = {"cells": [{"columnId": SUMMARY, "value": after, **given}]}
    return await functions.request("change_row", path=ROW_1, body=body)


async def test_a_cell_is_set_and_the_answer_says_what_was_there(functions: Functions, world: World):
    answer = await patch(functions, "Fixed")
    (item,) = answer.json["items"]
    assert answer.status == 200 and answer.json["changeSet"]["status"] == "applied"
    assert (item["state"], item["before"]["value"], item["after"]["value"]) == ("written", None, "Fixed")
    assert value(world, "1") == "Fixed"


async def test_a_cell_that_is_not_as_expected_is_a_conflict_with_what_it_holds(functions: Functions, world: World):
    world.source.edit(SHEET, "1", SUMMARY, "Theirs")
    answer = await patch(functions, "Mine", expected="Old")
    assert (answer.status, answer.json["code"]) == (409, "conflict")
    assert answer.json["conflicts"] == [{"rowId": "1", "columnId": SUMMARY, "current": {"value": "Theirs"}}]
    assert value(world, "1") == "Theirs"
    assert (await patch(functions, "Mine", expected="Theirs")).status == 200


async def test_rows_are_added_moved_and_deleted(functions: Functions, world: World):
    body = {"rows": [{"cells": [{"columnId": TITLE, "value": "New"}], "placement": {"toTop": True}}]}
    added = await functions.request("add_rows", path={"sheetId": SHEET}, body=body)
    row_id = added.json["items"][0]["rowId"]
    assert added.status == 201 and world.source.sheet(SHEET).rows[0].id == row_id
    path = {"sheetId": SHEET, "rowId": row_id}
    moved = await functions.request("change_row", path=path, body={"placement": {"toBottom": True}})
    assert moved.status == 200 and world.source.sheet(SHEET).rows[-1].id == row_id
    deleted = await functions.request("delete_row", path=path)
    assert [loss["code"] for loss in deleted.json["losses"]] == ["row_attachments"]
    gone = await functions.request("delete_row", path=path)
    assert (gone.status, gone.json["code"]) == (404, "row_not_found")


async def test_columns_are_added_changed_and_deleted(functions: Functions, world: World):
    body = {"title": "Owner", "type": "CONTACT_LIST"}
    added = await functions.request("add_column", path={"sheetId": SHEET}, body=body)
    column_id = added.json["items"][0]["columnId"]
    path = {"sheetId": SHEET, "columnId": column_id}
    assert (await functions.request("change_column", path=path, body={"title": "Who"})).status == 200
    assert world.source.sheet(SHEET).columns[-1].title == "Who"
    assert (await functions.request("delete_column", path=path)).status == 200
    assert (await functions.request("delete_column", path=path)).json["code"] == "column_not_found"
    primary = await functions.request("delete_column", path={"sheetId": SHEET, "columnId": TITLE})
    assert (primary.status, primary.json["code"]) == (422, "primary_column")


async def test_many_edits_are_one_change_set_that_can_be_seen_first(functions: Functions, world: World):
    body = {
        "sheetId": SHEET,
        "cells": [{"rowId": "1", "columnId": SUMMARY, "value": "a"}, {"rowId": "2", "columnId": SUMMARY, "value": "b"}],
        "addRows": [{"cells": [{"columnId": TITLE, "value": "New"}]}],
        "deleteRows": ["3"],
    }
    seen = await functions.request("preview_edit", body=body)
    assert [item["state"] for item in seen.json["items"]] == ["pending"] * 4
    assert world.source.sheet(SHEET).version == 1
    made = await functions.request("edit_sheet", body=body)
    assert made.json["changeSet"]["counts"] == {"written": 4}
    assert (value(world, "1"), value(world, "2")) == ("a", "b")
    listed = await functions.request("list_changes", query={"sheetId": SHEET})
    assert [one["id"] for one in listed.json["items"]] == [made.json["changeSet"]["id"]]


async def test_every_fault_of_an_edit_is_named(functions: Functions):
    cells = [
        {"rowId": "1", "columnId": "77", "value": "a"},
        {"rowId": "99", "columnId": SUMMARY, "value": "a"},
        {"rowId": "2", "columnId": SUMMARY, "value": "x" * 4001},
        {"rowId": "3", "columnId": SUMMARY, "value": "a"},
        {"rowId": "3", "columnId": SUMMARY, "value": "b"},
    ]
    answer = await functions.request("edit_sheet", body={"sheetId": SHEET, "cells": cells})
    assert answer.status == 422
    assert list(answer.fields) == [
        "cells.0.columnId",
        "cells.1.rowId",
        "cells.2.value",
        "cells.3.columnId",
        "cells.4.columnId",
    ]


async def test_a_row_too_big_to_be_stored_is_refused_before_anything_is(functions: Functions, world: World):
    sheet = sheet_of([f"C{number}" for number in range(100)])
    world.source._put(replace(sheet, id=SHEET))
    cells = [{"columnId": column.id, "value": "ж" * 4000} for column in sheet.columns]
    body = {"rows": [{"cells": cells[:10]}, {"cells": cells}]}
    for answer in (
        await functions.request("add_rows", path={"sheetId": SHEET}, raw=compact(body)),
        await functions.request("edit_sheet", raw=compact({"sheetId": SHEET, "addRows": body["rows"]})),
    ):
        assert (answer.status, answer.json["code"], list(answer.fields)) == (422, "row_too_large", ["addRows.1"])
        assert "at most 1,500,000 are taken" in answer.fields["addRows.1"]
    assert (await functions.request("list_changes", query={"sheetId": SHEET})).json["items"] == []


def compact(body: Any) -> bytes:
    """JSON in UTF-8, in which twice as much fits into a request."""
    return json.dumps(body, ensure_ascii=False).encode()


async def test_the_same_key_makes_the_change_once(functions: Functions, world: World):
    body = {"rows": [{"cells": [{"columnId": TITLE, "value": "New"}]}]}
    headers = {"Idempotency-Key": "k1"}
    first = await functions.request("add_rows", path={"sheetId": SHEET}, body=body, headers=headers)
    again = await functions.request("add_rows", path={"sheetId": SHEET}, body=body, headers=headers)
    assert first.json == again.json and len(world.source.sheet(SHEET).rows) == 4
    other = {"rows": [{"cells": [{"columnId": TITLE, "value": "Other"}]}]}
    misused = await functions.request("add_rows", path={"sheetId": SHEET}, body=other, headers=headers)
    assert misused.json["code"] == "idempotency_key_reused"


async def test_a_change_is_undone_as_far_as_nobody_changed_it_since(functions: Functions, world: World):
    body = {"sheetId": SHEET, "cells": [{"rowId": r, "columnId": SUMMARY, "value": "x"} for r in ("1", "2")]}
    change_id = (await functions.request("edit_sheet", body=body)).json["changeSet"]["id"]
    world.source.edit(SHEET, "2", SUMMARY, "theirs")
    undone = await functions.request("undo_change", path={"id": change_id}, body={})
    assert undone.status == 201 and undone.json["changeSet"]["inverseOf"] == change_id
    assert [(one["rowId"], one["code"]) for one in undone.json["notUndone"]] == [("2", "conflict")]
    assert (value(world, "1"), value(world, "2")) == (None, "theirs")


async def test_a_change_set_is_read_by_whoever_may_open_the_sheet(functions: Functions, world: World):
    change_id = (await patch(functions, "x")).json["changeSet"]["id"]
    answer = await functions.request("get_change", path={"id": change_id})
    assert (answer.status, len(answer.json["items"])) == (200, 1)
    held = await functions.request(
        "get_change", path={"id": change_id}, headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert held.status == 304
    unknown = await functions.request("get_change", path={"id": "8d3c55a1-9b3c-4a54-9d5f-0c8a4f4a0b11"})
    assert (unknown.status, unknown.json["code"]) == (404, "change_set_not_found")


async def test_who_may_only_read_is_told_so_before_anything_else(functions: Functions, world: World):
    world.source.share(TOKEN, SHEET, AccessLevel.VIEWER)
    assert (await patch(functions, "x")).json["code"] == "sheet_read_only"
    for name, path, body in [
        ("add_rows", {}, {"rows": [{}]}),
        ("delete_row", {"rowId": "1"}, None),
        ("add_column", {}, {"title": "T", "type": "DATE"}),
        ("change_column", {"columnId": SUMMARY}, {"title": "T"}),
        ("delete_column", {"columnId": SUMMARY}, None),
    ]:
        answer = await functions.request(name, path={"sheetId": SHEET, **path}, body=body)
        assert (answer.status, answer.json["code"]) == (403, "sheet_read_only"), name


async def test_editors_do_not_change_columns(functions: Functions, world: World):
    world.source.share(TOKEN, SHEET, AccessLevel.EDITOR)
    answer = await functions.request("add_column", path={"sheetId": SHEET}, body={"title": "T", "type": "DATE"})
    assert (answer.status, answer.json["code"]) == (403, "columns_read_only")


async def test_a_sheet_that_is_not_shared_is_not_found(functions: Functions):
    answer = await functions.request("add_rows", path={"sheetId": UNKNOWN_SHEET}, body={"rows": [{}]})
    assert (answer.status, answer.json["code"]) == (404, "sheet_not_found")


async def test_nothing_is_kept_of_an_edit_while_smartsheet_is_down(functions: Functions, world: World):
    await functions.request("list_rows", path={"sheetId": SHEET})
    world.fail_reads(UpstreamUnavailable("Smartsheet cannot be reached."), times=3)
    assert (await patch(functions, "x")).status == 503
    listed = await functions.request("list_changes", query={"sheetId": SHEET})
    assert listed.json["items"] == []


async def test_what_an_edit_could_not_finish_goes_on_in_the_background(functions: Functions, world: World):
    world.source.fail("update_rows", UpstreamTimeout("lost"), after_effect=False)
    answer = await patch(functions, "x")
    change_set = answer.json["changeSet"]
    assert change_set["status"] == "applying"
    messages = world.sent_to(GUARD_QUEUE)
    assert {sent.change_set_id for sent in messages} == {change_set["id"]}
    await functions.deliver("continue_change", messages[0])
    delays = [delay for queue, _, delay in world.queues.sent if queue == GUARD_QUEUE]
    assert len(delays) == 3 and all(delay >= 59 for delay in delays)  # it comes back after the write timeout


@pytest.mark.parametrize("looks", [0, 10])
async def test_a_guard_of_what_was_never_stored_looks_again_for_a_while(functions: Functions, world: World, looks: int):
    message = ContinueChange(
        owner=UserId("single"),
        sheet_id=SheetId(SHEET),
        change_set_id=ChangeSetId("8d3c55a1-9b3c-4a54-9d5f-0c8a4f4a0b11"),
        correlation_id="a-correlation-id",
        looks=looks,
    )
    await functions.deliver("continue_change", message)
    assert [sent.looks for sent in world.sent_to(GUARD_QUEUE)] == ([1] if looks == 0 else [])


# --- keys and conflicts ---------------------------------------------------------------------------


async def test_a_key_belongs_to_the_path_that_was_called(functions: Functions, world: World):
    other = SheetId("200")
    world.source.put_sheet(replace(world.source.sheet(SHEET), id=other))
    headers = {"Idempotency-Key": "import-march"}
    made: list[Any] = []
    for sheet_id in (SHEET, other):
        body = {"rows": [{"cells": [{"columnId": TITLE, "value": f"of {sheet_id}"}]}]}
        made.append((await functions.request("add_rows", path={"sheetId": sheet_id}, body=body, headers=headers)).json)
    first, second = (each["changeSet"] for each in made)
    assert (first["sheetId"], second["sheetId"]) == (SHEET, other) and first["id"] != second["id"]
    undone = await functions.request("undo_change", path={"id": first["id"]}, body={})
    assert undone.json["changeSet"]["sheetId"] == SHEET
    assert [world.source.sheet(each).rows[-1].cells[ColumnId(TITLE)].value for each in (SHEET, other)][1] == "of 200"


async def test_a_key_of_one_edit_is_refused_for_an_edit_of_another_sheet(functions: Functions, world: World):
    other = SheetId("200")
    world.source.put_sheet(replace(world.source.sheet(SHEET), id=other))
    answers: list[Answer] = []
    for sheet_id in (SHEET, other):
        body = {"sheetId": sheet_id, "cells": [{"rowId": "1", "columnId": SUMMARY, "value": "x"}]}
        answers.append(await functions.request("edit_sheet", body=body, headers={"Idempotency-Key": "k"}))
    assert [answer.status for answer in answers] == [201, 422]
    assert (answers[1].json["code"], list(answers[1].fields)) == ("idempotency_key_reused", ["Idempotency-Key"])


async def test_one_key_undoes_two_change_sets(functions: Functions, world: World):
    ids: list[str] = []
    for row in ("1", "2"):
        cells = [{"rowId": row, "columnId": SUMMARY, "value": "x"}]
        made = await functions.request("edit_sheet", body={"sheetId": SHEET, "cells": cells})
        ids.append(made.json["changeSet"]["id"])
    for id_ in ids:
        undone = await functions.request("undo_change", path={"id": id_}, body={}, headers={"Idempotency-Key": "k"})
        assert undone.json["changeSet"]["inverseOf"] == id_
    assert [value(world, row) for row in ("1", "2")] == [None, None]


async def test_a_conflict_far_down_is_told_too(functions: Functions, world: World):
    for number in range(300):
        row = Row(RowId(str(1000 + number)), number + 4, {ColumnId(TITLE): Cell(f"T{number}")})
        world.source.add_row(SHEET, row)
    rows = [row.id for row in world.source.sheet(SHEET).rows]
    world.source.edit(SHEET, rows[-2], SUMMARY, "Theirs")
    cells = [{"rowId": row, "columnId": SUMMARY, "value": "x", "expected": None} for row in rows]
    answer = await functions.request("edit_sheet", body={"sheetId": SHEET, "cells": cells, "atomic": True})
    assert (answer.status, answer.json["code"]) == (409, "conflict")
    assert [each["rowId"] for each in answer.json["conflicts"]] == [rows[-2]]
    assert value(world, "1") is None


async def test_an_answer_never_says_that_nothing_was_written_when_something_was(functions: Functions, world: World):
    world.source.before_next("update_rows", lambda: world.source.edit(SHEET, "2", SUMMARY, "elsewhere"))
    for nothing_yet in range(2):
        world.source.before_next("get_sheet", lambda _=nothing_yet: None)
    world.source.before_next("get_sheet", lambda: world.source.edit(SHEET, "1", SUMMARY, "Theirs"))
    cells = [{"columnId": SUMMARY, "value": "Mine"}, {"columnId": TITLE, "value": "Mine too"}]
    answer = await functions.request("change_row", path=ROW_1, body={"cells": cells})
    assert answer.status == 200 and answer.json["changeSet"]["possibleOverlap"]
    states = {item["columnId"]: (item["state"], item["code"]) for item in answer.json["items"]}
    assert states == {SUMMARY: ("conflict", "overwritten"), TITLE: ("written", None)}
    assert (value(world, "1"), value(world, "1", TITLE)) == ("Theirs", "Mine too")


async def test_what_a_change_of_columns_cannot_take_back_is_said_before(functions: Functions, world: World):
    body = {"sheetId": SHEET, "changeColumns": [{"columnId": SUMMARY, "type": "CHECKBOX"}], "deleteColumns": ["1002"]}
    preview = await functions.request("preview_edit", body=body)
    assert preview.status == 200
    assert {loss["code"] for loss in preview.json["losses"]} == {"column_history", "column_conversion"}
    assert [item["state"] for item in preview.json["items"]] == ["pending", "pending"]
    assert [column.id for column in world.source.sheet(SHEET).columns] == [TITLE, "1002", SUMMARY]
    wrong = {**body, "changeColumns": [{"columnId": SUMMARY}]}
    assert (await functions.request("preview_edit", body=wrong)).status == 422
    primary = await functions.request("preview_edit", body={"sheetId": SHEET, "deleteColumns": [TITLE]})
    assert (primary.status, primary.json["code"]) == (422, "primary_column")
