"""Jobs over HTTP, and every step of a job through its registered function."""

import uuid
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from shared.ai.ports import ModelDeferred, ModelRefusal
from shared.clients.durable import dump
from shared.errors import UpstreamUnavailable
from shared.identity.service import SINGLE_USER
from shared.ids import JobId
from shared.jobs.guarding import GUARD_QUEUE
from shared.jobs.steps import ApplyRun, ChunkRun, Counts, JobEnd, JobRun, ProgressReport, SlotRun
from tests.functions.client import Functions
from tests.functions.world import SHEET, UNKNOWN_SHEET, World

PARAMETERS = {"sourceColumns": ["Text"], "targetColumn": "Summary"}
BODY: dict[str, Any] = {"type": "SUMMARIZE", "sheetId": SHEET, "parameters": PARAMETERS}
RUN = JobRun(owner=SINGLE_USER, job_id=JobId("job"), run=1, correlation_id="correlation-0")


async def start(functions: Functions, **request: Any) -> Any:
    answer = await functions.request("start_job", body=BODY, **request)
    assert answer.status == 202
    return answer.json


async def get(functions: Functions, job_id: str) -> Any:
    return (await functions.request("get_job", path={"jobId": job_id})).json


async def test_a_job_is_saved_guarded_and_its_orchestration_started_with_ids_only(functions: Functions, world: World):
    job = await start(functions, headers={"X-Correlation-ID": "correlation-1"})
    assert (job["status"], job["total"]) == ("queued", 3)
    assert job["parameters"] == {"sourceColumns": ["1002"], "targetColumn": "1003"}
    assert await get(functions, job["id"]) == job
    run = {"owner": SINGLE_USER, "jobId": job["id"], "run": 1, "correlationId": "correlation-1"}
    assert world.durable.started == [("run_job_v1", f"{job['id']}-1", run)]
    (guard,) = world.sent_to(GUARD_QUEUE)
    assert guard.model_dump(by_alias=True) == run


async def test_a_job_runs_through_its_activities_to_the_end(functions: Functions, world: World):
    job = await start(functions)
    run = JobRun.model_validate(world.durable.started[0][2])
    planned = await functions.activity("plan_job", run)
    assert (planned["slots"], planned["error"]) == (3, None)
    counts = Counts()
    for slot in range(planned["slots"]):
        result = await functions.activity("process_rows", SlotRun(job=run, slot=slot))
        counts += Counts.model_validate(result["counts"])
    report = ProgressReport(job=run, wave=1, chunk=0, base=Counts(), counts=counts)
    assert await functions.activity("report_progress", report) is None
    assert (await get(functions, job["id"]))["progress"] == 3
    applied = await functions.activity("apply_outcomes", ApplyRun(job=run, flush=True))
    assert (applied["settled"], applied["error"]) == (3, None)
    assert await functions.activity("finish_job", JobEnd(job=run)) is None
    done = await get(functions, job["id"])
    assert (done["status"], done["writtenRows"], done["result"]["processedRows"]) == ("completed", 3, 3)
    assert all(world.source.value(SHEET, str(row), "1003") for row in (1, 2, 3))


async def test_what_became_of_each_row_comes_in_pages(functions: Functions, world: World):
    job = await start(functions)
    run = JobRun.model_validate(world.durable.started[0][2])
    await functions.activity("plan_job", run)
    for slot in range(3):
        await functions.activity("process_rows", SlotRun(job=run, slot=slot))
    path = {"jobId": job["id"]}
    first = (await functions.request("list_job_rows", path=path, query={"limit": "2"})).json
    rest = {"limit": "2", "cursor": first["nextCursor"]}
    second = (await functions.request("list_job_rows", path=path, query=rest)).json
    assert [item["rowId"] for item in first["items"] + second["items"]] == ["1", "2", "3"]
    assert second["nextCursor"] is None


async def test_jobs_are_listed_in_pages_newest_first(functions: Functions):
    ids = [(await start(functions))["id"] for _ in range(3)]
    first = (await functions.request("list_jobs", query={"limit": "2"})).json
    second = (await functions.request("list_jobs", query={"limit": "2", "cursor": first["nextCursor"]})).json
    assert [job["id"] for job in first["items"] + second["items"]] == ids[::-1]


async def test_jobs_are_listed_by_status_and_sheet(functions: Functions):
    first, second = [(await start(functions))["id"] for _ in range(2)]
    await functions.request("cancel_job", path={"jobId": first})

    async def listed(**query: str) -> list[str]:
        return [job["id"] for job in (await functions.request("list_jobs", query=query)).json["items"]]

    assert await listed(status="cancelled") == [first]
    assert await listed(status="queued", sheetId=SHEET) == [second]
    assert await listed(sheetId=UNKNOWN_SHEET) == []


async def test_rows_are_listed_by_what_became_of_them(functions: Functions, world: World):
    world.model.fail_when("station 2", ModelRefusal("content_filtered", "The service declined this text."))
    job = await start(functions)
    run = JobRun.model_validate(world.durable.started[0][2])
    await functions.activity("plan_job", run)
    for slot in range(3):
        await functions.activity("process_rows", SlotRun(job=run, slot=slot))
    for status, rows in {"failed": ["2"], "done": ["1", "3"], "skipped": []}.items():
        answer = await functions.request("list_job_rows", path={"jobId": job["id"]}, query={"status": status})
        assert [(item["rowId"], item["status"]) for item in answer.json["items"]] == [(row, status) for row in rows]


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [("list_jobs", "status", "done"), ("list_jobs", "sheetId", "x"), ("list_job_rows", "status", "written")],
)
async def test_what_is_no_status_or_sheet_is_refused(functions: Functions, name: str, field: str, value: str):
    job = await start(functions)
    path = {"jobId": job["id"]} if name == "list_job_rows" else {}
    answer = await functions.request(name, path=path, query={field: value})
    assert (answer.status, list(answer.fields)) == (422, [field])


async def test_a_job_is_tried_out_and_forecast_before_it_is_started(functions: Functions, world: World):
    answer = await functions.request("preview_job", body=BODY)
    assert answer.status == 200
    assert [(row["rowId"], row["status"], bool(row["value"])) for row in answer.json["rows"]] == [
        (row, "done", True) for row in ("1", "2", "3")
    ]
    forecast = answer.json["forecast"]
    assert (forecast["rows"], forecast["sampledRows"], forecast["smartsheetCalls"]) == (3, 3, 3)
    assert forecast["cost"]["amount"] is None or forecast["cost"]["amount"] > 0
    assert world.source.value(SHEET, "1", "1003") is None
    assert (await functions.request("list_jobs")).json["items"] == []


async def test_a_preview_for_which_the_model_has_no_room_says_when_to_come_back(functions: Functions, world: World):
    world.model.fail_next(ModelDeferred(40), times=3)
    answer = await functions.request("preview_job", body=BODY)
    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "model_busy", "40")


@pytest.mark.parametrize("name", ["list_jobs", "list_job_rows"])
async def test_a_cursor_that_was_not_given_is_refused(functions: Functions, name: str):
    job = await start(functions)
    path = {"jobId": job["id"]} if name == "list_job_rows" else {}
    answer = await functions.request(name, path=path, query={"cursor": "made up"})
    assert (answer.status, answer.json["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize("name", ["get_job", "list_job_rows"])
async def test_an_unknown_job_is_not_found(functions: Functions, name: str):
    answer = await functions.request(name, path={"jobId": str(uuid.uuid4())})
    assert (answer.status, answer.json["code"]) == (404, "job_not_found")


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"type": "KNIT"}, 422, "unknown_job_type", "type"),
        ({"parameters": {"sourceColumns": ["Text"]}}, 422, "invalid_input", "parameters.targetColumn"),
        ({"parameters": {**PARAMETERS, "tone": "dry"}}, 422, "invalid_input", "parameters.tone"),
        ({"rows": {"ids": []}}, 422, "invalid_input", "rows.ids"),
        ({"rows": {"ids": ["77"]}}, 422, "unknown_row", "rows.ids"),
        ({"parameters": []}, 422, "invalid_input", "parameters"),
    ],
)
async def test_what_cannot_be_started_is_told_by_field(
    functions: Functions, world: World, changes: dict[str, Any], status: int, code: str, field: str
):
    answer = await functions.request("start_job", body={**BODY, **changes})
    assert (answer.status, answer.json["code"], list(answer.fields)) == (status, code, [field])
    assert world.queues.sent == [] and world.durable.started == []


async def test_a_job_over_an_unknown_sheet_is_not_found(functions: Functions):
    answer = await functions.request("start_job", body={**BODY, "sheetId": UNKNOWN_SHEET})
    assert (answer.status, answer.json["code"]) == (404, "sheet_not_found")


async def test_a_job_whose_orchestration_could_not_be_started_is_started_by_its_guard(
    functions: Functions, world: World
):
    world.durable.error = aiohttp.ClientConnectionError("refused")
    job = await start(functions)
    (guard,) = world.sent_to(GUARD_QUEUE)
    with pytest.raises(UpstreamUnavailable):
        await functions.deliver("guard_job", guard)
    world.durable.error = None
    for _ in range(2):
        await functions.deliver("guard_job", guard)
    assert [instance for _, instance, _ in world.durable.started] == [f"{job['id']}-1"]


async def test_a_full_orchestration_storage_is_told(functions: Functions, world: World):
    world.durable.error = Exception("The operation failed: storage_full")
    answer = await functions.request("start_job", body=BODY)
    assert (answer.status, answer.json["code"]) == (507, "storage_full")
    (job,) = (await functions.request("list_jobs")).json["items"]
    assert (job["status"], job["error"]["code"]) == ("failed", "storage_full")


async def test_a_job_is_not_started_twice_under_one_idempotency_key(functions: Functions, world: World):
    key = {"Idempotency-Key": "once"}
    first, second = [await start(functions, headers=key) for _ in range(2)]
    assert first["id"] == second["id"]
    assert len(world.durable.started) == 1


async def test_a_broken_message_or_payload_fails_without_repeating_what_it_holds(functions: Functions):
    with pytest.raises(ValidationError) as raised:
        await functions.deliver("guard_job", b'{"owner": "somebody", "jobId": 7}')
    assert "somebody" not in str(raised.value)
    with pytest.raises(ValidationError):
        await functions.activity("plan_job", JobEnd(job=RUN))


def test_the_orchestration_of_a_job_begins_with_its_plan(functions: Functions):
    assert functions.begin("run_job_v1", RUN) == [("plan_job", dump(RUN))]


def test_the_orchestration_of_a_chunk_begins_with_its_rows(functions: Functions):
    until = datetime(2026, 3, 2, 9, 0, 15, tzinfo=UTC)
    chunk = ChunkRun(job=RUN, wave=1, chunk=0, slots=(0, 2), until=until, base=Counts())
    slots = [("process_rows", dump(SlotRun(job=RUN, slot=slot))) for slot in (0, 2)]
    assert functions.begin("run_job_chunk_v1", chunk) == slots
