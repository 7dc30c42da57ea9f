"""Jobs that are paused, cancelled, retried, done afresh and undone, on the whole product with its engine."""

from pathlib import Path
from typing import Any

from tests.e2e.stack import Api, Stack
from tests.e2e.tables import report_table
from tests.e2e.test_job import summaries


def test_a_job_is_paused_resumed_cancelled_retried_done_afresh_and_undone(stack: Stack, api: Api, tmp_path: Path):
    rows = 300
    sheet_id = stack.import_table(report_table(tmp_path, rows))["sheetId"]
    stack.control("openai", "PUT", "faults", [{"match": "POST *", "latencyMs": 1000}])
    parameters = {"sourceColumns": ["Text"], "targetColumn": "Summary"}
    preview = api.post("jobs/preview", {"type": "SUMMARIZE", "sheetId": sheet_id, "parameters": parameters})
    assert (len(preview["rows"]), preview["forecast"]["rows"]) == (5, rows)
    assert not any(summaries(api, sheet_id))

    job = api.start_summaries(sheet_id, "Text", "Summary")
    path = f"jobs/{job['id']}"
    api.wait(path, lambda body: body["progress"] > 0)
    assert api.post(f"{path}/pause", None)["control"] == "pause"
    stood = settled(api, path)
    assert (stood["status"], stood["paused"]["reason"]) == ("processing", "user")
    assert stood["progress"] < rows
    assert api.post(f"{path}/resume", None)["control"] == "run"
    api.wait(path, lambda body: body["progress"] > stood["progress"])
    api.call("DELETE", path)
    cancelled = api.finished_job(job["id"])
    assert (cancelled["status"], cancelled["error"]) == ("cancelled", None)
    assert cancelled["writtenRows"] == sum(map(bool, summaries(api, sheet_id))) < rows

    stack.control("openai", "DELETE", "faults")
    assert api.post(f"{path}/retry", None)["run"] == 2
    done = api.finished_job(job["id"])
    assert (done["status"], done["writtenRows"], done["failedRows"]) == ("completed", rows, 0)
    before = summaries(api, sheet_id)
    assert len(before) == rows and all(before)

    row_id = api.get(f"{path}/rows?limit=1")["items"][0]["rowId"]
    assert api.post(f"{path}/rerun", {"rowIds": [row_id], "instruction": "Name the station first."})["run"] == 3
    again = api.finished_job(job["id"])
    assert (again["status"], again["progress"], again["failedRows"]) == ("completed", rows, 0)
    state = api.get(f"{path}/rows?limit=1")["items"][0]["writeState"]
    assert state in ("written", "unchanged")  # the stand-in may have the same to say of it
    assert summaries(api, sheet_id)[1:] == before[1:]

    api.post(f"{path}/undo", None)
    undone = api.wait(path, lambda body: body["undo"]["status"] != "undoing")
    assert (undone["undo"]["status"], undone["undo"]["notUndoneCount"]) == ("undone", 0)
    assert not any(summaries(api, sheet_id))


def settled(api: Api, path: str) -> Any:
    """The job, once its rows stand still: looked at until five looks in a row saw the same."""
    seen: list[int] = []

    def same(body: Any) -> bool:
        seen.append(body["progress"])
        return len(seen) >= 5 and len(set(seen[-5:])) == 1

    return api.wait(path, same, every=0.5)
