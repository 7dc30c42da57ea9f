"""Cancelling, pausing and resuming jobs over HTTP, and how a job's orchestration waits."""

import uuid
from typing import Any

import aiohttp
import pytest

from shared.ai.ports import ModelRefusal
from shared.clients.durable import DurableJobRunner
from shared.identity.service import SINGLE_USER
from shared.ids import JobId, SheetId
from shared.jobs.guarding import GUARD_QUEUE
from shared.jobs.steps import ApplyRun, JobEnd, JobRun, Planned, SlotRun
from shared.jobs.undoing import UNDO_QUEUE
from tests.functions.client import Functions
from tests.functions.test_jobs import get, start
from tests.functions.world import SHEET, World

RUN = JobRun(owner=SINGLE_USER, job_id=JobId("job"), run=1, correlation_id="correlation-0")


async def started(functions: Functions, world: World) -> tuple[str, JobRun]:
    """A job that is being worked on."""
    job = await start(functions)
    run = JobRun.model_validate(world.durable.started[-1][2])
    await functions.activity("plan_job", run)
    return job["id"], run


async def test_a_queued_job_is_cancelled_at_once(functions: Functions):
    job = await start(functions)
    answer = await functions.request("cancel_job", path={"jobId": job["id"]})
    assert (answer.status, answer.json["status"], answer.json["error"]) == (200, "cancelled", None)
    assert await get(functions, job["id"]) == answer.json


async def test_a_running_job_is_told_and_ends_when_its_orchestration_comes_to_it(functions: Functions, world: World):
    job_id, run = await started(functions, world)
    answer = await functions.request("cancel_job", path={"jobId": job_id})
    assert (answer.status, answer.json["status"], answer.json["control"]) == (200, "processing", "cancel")
    assert world.durable.raised == [(run.instance_id, "control-1")]
    assert len(world.sent_to(GUARD_QUEUE)) == 2
    planned = await functions.activity("plan_job", run)
    assert planned["error"]["code"] == "cancelled"
    for _ in range(2):
        await functions.activity("finish_job", JobEnd.model_validate({"job": run, "error": planned["error"]}))
    done = await get(functions, job_id)
    assert (done["status"], done["error"]) == ("cancelled", None)
    again = await functions.request("cancel_job", path={"jobId": job_id})
    assert (again.status, again.json) == (200, done)


async def test_a_job_is_paused_and_resumed(functions: Functions, world: World):
    job_id, run = await started(functions, world)
    path = {"jobId": job_id}
    paused = (await functions.request("pause_job", path=path)).json
    assert (paused["status"], paused["control"], paused["paused"]["reason"]) == ("processing", "pause", "user")
    planned = await functions.activity("plan_job", run)
    assert (planned["paused"], planned["signal"], planned["error"]) == ("user", 1, None)
    assert planned["pausedUntil"] is not None
    resumed = (await functions.request("resume_job", path=path)).json
    assert (resumed["status"], resumed["control"], resumed["paused"]) == ("processing", "run", None)
    assert (await functions.activity("plan_job", run))["pausedUntil"] is None
    assert world.durable.raised == [(run.instance_id, "control-1"), (run.instance_id, "control-2")]


async def test_an_orchestration_service_that_does_not_answer_delays_only(functions: Functions, world: World):
    job_id, run = await started(functions, world)
    world.durable.error = aiohttp.ClientConnectionError("refused")
    assert (await functions.request("pause_job", path={"jobId": job_id})).status == 200
    assert (await functions.activity("plan_job", run))["paused"] == "user"


@pytest.mark.parametrize(
    "text", ["No instance with ID x found.", "Instance with ID x is gone: either completed or failed"]
)
async def test_an_orchestration_that_is_not_there_need_not_be_told(functions: Functions, world: World, text: str):
    job_id, _ = await started(functions, world)
    world.durable.error = Exception(text)
    await functions.request("pause_job", path={"jobId": job_id})
    job = await world.container._job_store.get(SINGLE_USER, JobId(job_id))
    client: Any = world.durable
    await DurableJobRunner(client).signal(job)


async def finished(functions: Functions, world: World) -> str:
    """A job that has ended, and failed at row 2."""
    world.model.fail_when("station 2", ModelRefusal("content_filtered", "The service declined this text."))
    job_id, run = await started(functions, world)
    for slot in range(3):
        await functions.activity("process_rows", SlotRun(job=run, slot=slot))
    await functions.activity("apply_outcomes", ApplyRun(job=run, flush=True))
    await functions.activity("finish_job", JobEnd(job=run))
    world.model.forget_rules()
    return job_id


async def test_failed_rows_are_retried_in_a_run_of_their_own(functions: Functions, world: World):
    job_id = await finished(functions, world)
    key = {"Idempotency-Key": "once"}
    answers = [await functions.request("retry_job", path={"jobId": job_id}, headers=key) for _ in range(2)]
    assert [(answer.status, answer.json["run"]) for answer in answers] == [(202, 2), (202, 2)]
    assert answers[0].json == answers[1].json
    name, instance_id, payload = world.durable.started[-1]
    assert (name, instance_id, len(world.durable.started)) == ("run_job_v1", f"{job_id}-2", 2)
    run = JobRun.model_validate(payload)
    assert (await functions.activity("plan_job", run))["slots"] == 1
    await functions.activity("process_rows", SlotRun(job=run, slot=0))
    await functions.activity("apply_outcomes", ApplyRun(job=run, flush=True))
    await functions.activity("finish_job", JobEnd(job=run))
    done = await get(functions, job_id)
    assert (done["status"], done["run"], done["failedRows"], done["writtenRows"]) == ("completed", 2, 0, 3)


async def test_rows_are_done_afresh_with_an_instruction(functions: Functions, world: World):
    job_id = await finished(functions, world)
    body = {"rowIds": ["3"], "instruction": "Shorter."}
    answer = await functions.request("rerun_job", path={"jobId": job_id}, body=body)
    assert (answer.status, answer.json["run"], answer.json["progress"]) == (202, 2, 2)
    run = JobRun.model_validate(world.durable.started[-1][2])
    await functions.activity("plan_job", run)
    await functions.activity("process_rows", SlotRun(job=run, slot=0))
    assert "Shorter." in repr(world.model.requests[-1].messages)


async def test_what_cannot_be_started_again_is_told(functions: Functions, world: World):
    job = await start(functions)
    path = {"jobId": job["id"]}
    for name, body in (("retry_job", None), ("rerun_job", {"rowIds": ["1"]})):
        answer = await functions.request(name, path=path, body=body)
        assert (answer.status, answer.json["code"]) == (409, "job_not_finished")
    path = {"jobId": await finished(functions, world)}
    for rows, code in ((["77"], "unknown_row"), ([], "invalid_input")):
        answer = await functions.request("rerun_job", path=path, body={"rowIds": rows})
        assert (answer.status, answer.json["code"], list(answer.fields)) == (422, code, ["rowIds"])


async def test_what_a_job_wrote_is_undone(functions: Functions, world: World):
    job_id = await finished(functions, world)
    key = {"Idempotency-Key": "once"}
    answers = [await functions.request("undo_job", path={"jobId": job_id}, headers=key) for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 202]
    assert answers[0].json == answers[1].json == await get(functions, job_id)
    undo = answers[0].json["undo"]
    assert (undo["status"], undo["notUndone"], undo["notUndoneCount"]) == ("undone", [], 0)
    (change_set,) = undo["changeSetIds"]
    details = (await functions.request("get_change", path={"id": change_set})).json["changeSet"]
    assert (details["status"], details["counts"], details["author"]["kind"]) == ("applied", {"written": 2}, "user")
    assert [world.source.value(SHEET, str(row), "1003") for row in (1, 2, 3)] == [None, None, None]
    (message,) = world.sent_to(UNDO_QUEUE)
    version = world.source.sheet(SheetId(SHEET)).version
    await functions.deliver("continue_job_undo", message)
    assert await get(functions, job_id) == answers[0].json
    assert world.source.sheet(SheetId(SHEET)).version == version


async def test_a_job_that_runs_cannot_be_undone(functions: Functions):
    job = await start(functions)
    answer = await functions.request("undo_job", path={"jobId": job["id"]})
    assert (answer.status, answer.json["code"]) == (409, "job_not_finished")


@pytest.mark.parametrize("name", ["pause_job", "resume_job"])
async def test_what_has_ended_can_be_neither_paused_nor_resumed(functions: Functions, name: str):
    job = await start(functions)
    await functions.request("cancel_job", path={"jobId": job["id"]})
    answer = await functions.request(name, path={"jobId": job["id"]})
    assert (answer.status, answer.json["code"]) == (409, "job_finished")


@pytest.mark.parametrize("name", ["cancel_job", "pause_job", "resume_job", "retry_job", "rerun_job", "undo_job"])
async def test_an_unknown_job_is_not_found(functions: Functions, name: str):
    body = {"rowIds": ["1"]} if name == "rerun_job" else None
    answer = await functions.request(name, path={"jobId": str(uuid.uuid4())}, body=body)
    assert (answer.status, answer.json["code"]) == (404, "job_not_found")


def planned_later(task: int, signal: int) -> dict[str, Any]:
    """What `plan_job` answers for a paused job."""
    paused = Planned.model_validate({"signal": signal, "paused": "user", "pausedUntil": "2026-03-02T09:00:10Z"})
    return {"EventType": 5, "TaskScheduledId": task, "Result": paused.model_dump_json(by_alias=True)}


def waits_and_calls(actions: list[Any]) -> list[Any]:
    """The activities that were called, and of waits the event, and whether the timer behind is cancelled."""
    found: list[Any] = []
    for action in actions:
        parts = action.get("compoundActions", [action])
        if "externalEventName" in parts[0]:
            found.append((parts[0]["externalEventName"], parts[1]["isCanceled"]))
        else:
            found.append(parts[0]["functionName"])
    return found


# The SDK reads what came back without being told of what type it is.
untyped = pytest.mark.filterwarnings("ignore:azure.functions df_loads:DeprecationWarning")


@untyped
def test_a_paused_orchestration_waits_for_an_event_of_its_own_with_a_timer_behind(functions: Functions):
    waiting = [planned_later(0, 4)]
    actions = functions.replay("run_job_v1", RUN, waiting)
    assert waits_and_calls(actions) == ["plan_job", ("control-5", False)]
    assert actions[1]["compoundActions"][1]["fireAt"].startswith("2026-03-02T09:00:10")
    raised = {"EventType": 15, "Name": "control-5", "Input": "null"}
    actions = functions.replay("run_job_v1", RUN, [*waiting, raised])
    assert waits_and_calls(actions) == ["plan_job", ("control-5", True), "plan_job"]
    fired = {"EventType": 11, "TimerId": 1, "FireAt": "2026-03-02T09:00:10Z"}
    actions = functions.replay("run_job_v1", RUN, [*waiting, fired])
    assert waits_and_calls(actions) == ["plan_job", ("control-5", False), "plan_job"]


@untyped
def test_an_event_that_came_before_the_wait_ends_it_and_no_later_one(functions: Functions):
    raised = {"EventType": 15, "Name": "control-1", "Input": "null"}
    events = [raised, planned_later(0, 0), planned_later(2, 1)]
    with pytest.warns(UserWarning, match="duplicate"):  # what the SDK says of an event that nobody waits for yet
        actions = functions.replay("run_job_v1", RUN, events)
    assert waits_and_calls(actions) == ["plan_job", ("control-1", True), "plan_job", ("control-2", False)]
