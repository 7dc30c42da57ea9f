"""Files over HTTP: a dry run tells, a real one adds the rows and says what became of each."""

from dataclasses import replace
from typing import Any

import pytest

from shared.errors import Forbidden, InvalidInput, UpstreamFault, UpstreamUnavailable
from shared.sheets.models import AccessLevel
from shared.tables.reading import MAX_FILE_BYTES
from tests.fakes.smartsheet import sheet_of
from tests.functions.client import Answer, Functions
from tests.functions.environment import TOKEN
from tests.functions.world import CELL_TEXT, SHEET, UNKNOWN_SHEET, World
from tests.unit.tables.books import SHEET as PART
from tests.unit.tables.books import with_parts, workbook

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def send(
    functions: Functions, file: str | bytes, type_: str | None = CSV, *, key: str | None = None, **query: str
) -> Answer:
    return await functions.request(
        "import_rows",
        path={"sheetId": query.pop("sheet", SHEET)},
        query=query,
        raw=file.encode() if isinstance(file, str) else file,
        headers={"Content-Type": type_, "Idempotency-Key": key},
    )


def values(world: World) -> list[list[Any]]:
    """The cells of the rows that came on top of the three that were there."""
    rows = world.source.sheet(SHEET).rows
    return [[cell.value for cell in row.cells.values()] for row in rows if row.id not in ("1", "2", "3")]


def untouched(world: World) -> bool:
    return world.source.sheet(SHEET).version == 1


async def test_the_rows_of_a_file_are_added_at_the_bottom(functions: Functions, world: World):
    answer = await send(functions, "Title,text\nReport 4,Dry\nReport 5,\n")
    assert (answer.status, answer.json["status"]) == (202, "applied")
    change = await functions.request("get_change", path={"id": answer.json["changeSetId"]})
    assert change.json["changeSet"]["counts"] == {"written": 2}
    assert (answer.json["rowCount"], answer.json["faultCount"], answer.json["dryRun"]) == (2, 0, False)
    assert (answer.json["counts"], answer.json["notAdded"]) == ({"written": 2}, [])
    assert values(world) == [["Report 4", "Dry"], ["Report 5"]]
    assert world.source.sheet(SHEET).rows[0].id == "1"


async def test_or_at_the_top(functions: Functions, world: World):
    await send(functions, "Title\nReport 0\n", toTop="true")
    assert world.source.sheet(SHEET).rows[-1].id == "3" and values(world) == [["Report 0"]]


async def test_a_dry_run_tells_what_would_happen_and_adds_nothing(functions: Functions, world: World):
    file = "Title;Colour;Text\n" + "".join(f"Report {n};red;{CELL_TEXT}\n" for n in range(10)) + ";;\n"
    answer = await send(functions, file, dryRun="true", unknownColumns="ignore")
    told = answer.json
    assert (answer.status, untouched(world)) == (200, True)
    assert [(each["title"], each["columnId"], each["type"]) for each in told["columns"]] == [
        ("Title", "1001", "TEXT_NUMBER"),
        ("Text", "1002", "TEXT_NUMBER"),
    ]
    ((skipped, reason),) = [(each["title"], each["reason"]) for each in told["skippedColumns"]]
    assert skipped == "Colour" and "there is no column" in reason
    assert (told["rowCount"], told["emptyRowCount"], told["faults"], told["changeSetId"]) == (10, 1, [], None)
    assert [row["line"] for row in told["sample"]] == [2, 3, 4, 5, 6]
    assert told["sample"][0]["cells"][0] == {"columnId": "1001", "value": "Report 0", "objectValue": None}
    assert told["readAs"] == "utf-8 text divided by ';'"


async def test_a_dry_run_tells_faults_and_a_real_run_refuses_them(functions: Functions, world: World):
    file = f'Title,Text\n"two\nlines",{"x" * 4001}\n'
    dry = await send(functions, file, dryRun="true")
    text = "the text has 4,001 characters; a cell holds at most 4,000"
    assert (dry.status, dry.json["faults"]) == (200, [{"line": 2, "column": "Text", "message": text}])
    answer = await send(functions, file)
    assert (answer.status, answer.json["code"], answer.fields) == (422, "import_faults", {"lines.2.Text": text})
    assert untouched(world)


async def test_a_row_too_big_to_be_stored_is_refused_before_anything_is(functions: Functions, world: World):
    world.source._put(replace(sheet_of([f"C{number}" for number in range(400)]), id=SHEET))
    file = ",".join(f"C{number}" for number in range(400)) + "\n" + ",".join(["ж" * 4000] * 400) + "\n"
    dry = await send(functions, file, dryRun="true")
    assert [fault["line"] for fault in dry.json["faults"]] == [2]
    answer = await send(functions, file)
    assert (answer.status, answer.json["code"], list(answer.fields)) == (422, "import_faults", ["lines.2"])
    assert "at most 1,500,000 are taken" in answer.fields["lines.2"]
    changes = await functions.request("list_changes", query={"sheetId": SHEET})
    assert changes.json["items"] == []


async def test_an_unknown_column_is_named_with_those_like_it(functions: Functions):
    answer = await send(functions, "Titel,Text\n1,2\n")
    assert (answer.status, list(answer.fields)) == (422, ["lines.1.Titel"])
    assert "close: “Title”" in answer.fields["lines.1.Titel"]


async def test_of_many_faults_a_hundred_are_listed_and_all_counted(functions: Functions):
    file = "Title\n" + f"{'x' * 4001}\n" * 150
    answer = await send(functions, file)
    assert (answer.status, len(answer.json["errors"])) == (422, 100)
    assert answer.json["detail"] == "Nothing was imported: 150 faults; the first 100 are listed."


async def test_a_sheet_without_room_says_how_much_fits(functions: Functions, world: World):
    file = "Title\n" + "x\n" * 19_998
    answer = await send(functions, file)
    assert (answer.status, answer.json["code"], list(answer.fields)) == (422, "sheet_full", ["body"])
    assert answer.fields["body"].startswith("the sheet has room for 19,997 more rows, and the table has 19,998")
    dry = await send(functions, file, dryRun="true")
    assert (dry.status, dry.json["faultCount"]) == (200, 1)
    fits = await send(functions, "Title\n" + "x\n" * 19_997, dryRun="true")
    assert (fits.json["faultCount"], fits.json["rowCount"]) == (0, 19_997)


async def test_workbooks_are_read_too(functions: Functions, world: World):
    book = workbook([["Title", "Text"], ["Report 4", 12.5]], more={"More": [["Title"], ["Report 9"]]})
    assert (await send(functions, book, XLSX, format="xlsx", key="a")).status == 202
    assert (await send(functions, book, XLSX, worksheet="More", key="b")).status == 202
    assert values(world) == [["Report 4", 12.5], ["Report 9"]]


async def test_what_of_a_workbook_is_not_in_its_table_is_said_before_and_after(functions: Functions, world: World):
    book = workbook([["Title", "Text"], ["Report 4", "#REF!"], [None, "more"]], merged=("A2:A3",))
    notes = [
        {
            "line": 2,
            "column": "B",
            "message": "#REF! is an error of the workbook, and no value; the cell is left empty",
        },
        {"line": 2, "column": "A", "message": "A2:A3 are merged: the value is that of A2 only"},
    ]
    for dry_run, status in (("true", 200), ("false", 202)):
        answer = await send(functions, book, XLSX, dryRun=dry_run)
        assert (answer.status, answer.json["notes"], answer.json["noteCount"]) == (status, notes, 2)
    assert values(world) == [["Report 4"], ["more"]]


async def test_tabs_divide_where_the_content_type_says_so(functions: Functions, world: World):
    answer = await send(functions, "Title\tText\na,b\tc,d\n", "text/tab-separated-values; charset=utf-8")
    assert (answer.status, values(world)) == (202, [["a,b", "c,d"]])


async def test_what_is_known_of_the_file_can_be_told(functions: Functions, world: World):
    file = "Title|Text\nПриёмка|да\n".encode("koi8-r")
    assert (await send(functions, file, encoding="koi8-r", delimiter="pipe")).status == 202
    assert values(world) == [["Приёмка", "да"]]


@pytest.mark.parametrize(
    ("file", "type_", "field"),
    [
        ("", CSV, "body"),
        ("Title,Text\n1\n", CSV, "lines.2.2"),
        ('Title\n"open', CSV, "lines.2.1"),
        ("Title\n\0", CSV, "lines.2"),
        ("Title,Title\n", CSV, "lines.1.2"),
        (b"no zip", XLSX, "body"),
        (with_parts({PART: b"<!DOCTYPE x>"}), XLSX, "body"),
    ],
)
async def test_a_file_that_is_no_table_is_refused_with_the_place(
    functions: Functions, file: str | bytes, type_: str, field: str
):
    for dry_run in ("true", "false"):
        answer = await send(functions, file, type_, dryRun=dry_run)
        assert (answer.status, answer.json["code"], list(answer.fields)) == (422, "unreadable_table", [field])


@pytest.mark.parametrize("type_", ["application/json", "text/plain", "", None, "multipart/form-data"])
async def test_other_content_types_are_refused_with_those_that_are_taken(functions: Functions, type_: str | None):
    answer = await send(functions, "Title\n1\n", type_)
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    assert "text/csv, text/tab-separated-values, application/vnd" in answer.json["detail"]


async def test_a_file_that_is_too_large_is_refused(functions: Functions):
    answer = await send(functions, b"x" * (MAX_FILE_BYTES + 1))
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"format": "xlsx"}, "format"),
        ({"format": "ods"}, "format"),
        ({"encoding": "zlib"}, "encoding"),
        ({"delimiter": ","}, "delimiter"),
        ({"unknownColumns": "create"}, "unknownColumns"),
        ({"dryRun": "maybe"}, "dryRun"),
        ({"worksheet": ""}, "worksheet"),
    ],
)
async def test_a_wrong_parameter_is_named(functions: Functions, query: dict[str, str], field: str):
    answer = await send(functions, "Title\n1\n", **query)
    assert (answer.status, list(answer.fields)) == (422, [field])


async def test_the_same_key_adds_the_rows_once(functions: Functions, world: World):
    answers = [await send(functions, "Title\n1\n", key="mine") for _ in range(2)]
    assert answers[0].json["changeSetId"] == answers[1].json["changeSetId"]
    assert len(values(world)) == 1


async def test_a_repeated_import_is_known_also_where_the_sheet_has_no_room_for_another(
    functions: Functions, world: World
):
    file = "Title\n" + "x\n" * 600
    first = await send(functions, file, key="mine")
    full = replace(world.source.sheet(SHEET), total_row_count=19_500)
    world.source._put(full)
    world.container.sheets.forget(SHEET)
    again = await send(functions, file, key="mine")
    assert (again.status, again.json["faults"]) == (202, [])
    assert again.json["changeSetId"] == first.json["changeSetId"]
    for key in ("other", None):
        assert (await send(functions, file, key=key)).json["code"] == "sheet_full"


async def test_who_may_only_read_is_told_so_also_by_a_dry_run(functions: Functions, world: World):
    world.source.share(TOKEN, SHEET, AccessLevel.VIEWER)
    for dry_run in ("true", "false"):
        answer = await send(functions, "Title\n1\n", dryRun=dry_run)
        assert (answer.status, answer.json["code"]) == (403, "sheet_read_only")


async def test_a_sheet_that_the_caller_may_not_open_is_not_found(functions: Functions):
    answer = await send(functions, "Title\n1\n", sheet=UNKNOWN_SHEET)
    assert (answer.status, answer.json["code"]) == (404, "sheet_not_found")


async def test_while_smartsheet_is_down_nothing_is_imported(functions: Functions, world: World):
    await send(functions, "Title\n1\n", dryRun="true")
    world.container.sheets.mark_outdated(SHEET)
    world.fail_reads(UpstreamUnavailable("Down."))
    assert (await send(functions, "Title\n1\n")).status == 503
    assert untouched(world)


def fail_call(world: World, number: int, error: Exception) -> None:
    """Let the n-th call that adds rows fail, from 1."""
    calls, add_rows = 0, world.source.add_rows

    async def add(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise error
        return await add_rows(*args, **options)

    world.source.add_rows = add


FULL = InvalidInput("The sheet is full.", code="sheet_full")
MANY = "Title\n" + "".join(f"r{n}\n" for n in range(1200))


async def test_when_smartsheet_refuses_one_call_the_answer_says_what_is_in_the_sheet(
    functions: Functions, world: World
):
    fail_call(world, 2, FULL)
    answer = await send(functions, MANY, key="mine")
    told = answer.json
    assert (answer.status, told["status"], told["rowCount"]) == (202, "incomplete", 1200)
    assert told["counts"] == {"written": 700, "refused": 500}
    assert len(values(world)) == 700
    assert [row["line"] for row in told["notAdded"]] == list(range(502, 602))
    message = "The sheet has no room for more."
    assert told["notAdded"][0] == {"line": 502, "state": "refused", "code": "sheet_full", "message": message}
    again = await send(functions, MANY, key="mine")
    assert again.json == told and len(values(world)) == 700


async def test_undoing_a_part_of_an_import_takes_it_out_but_for_rows_that_somebody_changed(
    functions: Functions, world: World
):
    fail_call(world, 2, FULL)
    answer = await send(functions, MANY)
    ours = next(row for row in world.source.sheet(SHEET).rows if row.id not in ("1", "2", "3"))
    await functions.request(
        "change_row",
        path={"sheetId": SHEET, "rowId": ours.id},
        body={"cells": [{"columnId": "1001", "value": "mine now"}]},
    )
    undone = await functions.request("undo_change", path={"id": answer.json["changeSetId"]}, body={})
    assert undone.status == 201
    assert [(each["rowId"], each["code"]) for each in undone.json["notUndone"]] == [(ours.id, "changed_since")]
    assert values(world) == [["mine now"]]


async def test_when_smartsheet_refuses_all_rows_nothing_was_imported(functions: Functions, world: World):
    fail_call(world, 1, FULL)
    for _ in range(2):
        answer = await send(functions, "Title\n1\n2\n", key="mine")
        assert (answer.status, answer.json["code"]) == (422, "import_refused")
        assert answer.json["detail"] == "Nothing was imported: Smartsheet took none of the 2 rows."
        assert answer.fields == dict.fromkeys(("lines.2", "lines.3"), "The sheet has no room for more.")
    assert untouched(world)


async def test_a_sheet_that_is_closed_on_the_way_leaves_an_import_that_is_told_not_an_error_that_hides_it(
    functions: Functions, world: World
):
    fail_call(world, 2, Forbidden("Not any longer.", code="forbidden"))
    answer = await send(functions, MANY)
    assert (answer.status, answer.json["status"]) == (202, "incomplete")
    assert answer.json["counts"] == {"written": 500, "refused": 700}
    assert (answer.json["notAdded"][0]["line"], answer.json["notAdded"][0]["code"]) == (502, "forbidden")


async def test_a_sheet_that_is_closed_at_once_is_an_error(functions: Functions, world: World):
    fail_call(world, 1, Forbidden("Not any longer.", code="forbidden"))
    answer = await send(functions, MANY)
    assert (answer.status, answer.json["code"], untouched(world)) == (403, "forbidden", True)


async def test_an_import_that_goes_on_claims_only_the_rows_that_are_in(functions: Functions, world: World):
    fail_call(world, 2, UpstreamFault("An answer that is none."))
    answer = await send(functions, MANY)
    assert (answer.status, answer.json["status"]) == (202, "applying")
    assert answer.json["counts"] == {"written": 500, "pending": 700}
    assert (answer.json["notAdded"], len(values(world))) == ([], 500)
