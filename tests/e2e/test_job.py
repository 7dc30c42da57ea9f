"""The loop end to end: a table goes in, a job runs over it, every row is written, and a client sees it happen."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubclient.models import CallbackType, WebPubSubDataType

from tests.e2e.stack import Api, Stack
from tests.e2e.tables import package_table, report_table


def summaries(api: Api, sheet_id: str, title: str = "Summary") -> list[Any]:
    """The values of a column, row by row."""
    columns = {column["title"]: column["id"] for column in api.get(f"smartsheet/{sheet_id}/columns")["items"]}
    values: list[Any] = []
    page = 1
    while True:
        body = api.get(f"smartsheet/{sheet_id}/rows?page={page}&pageSize=500")
        for row in body["items"]:
            values.append(next((c["value"] for c in row["cells"] if c["columnId"] == columns[title]), None))
        if page * 500 >= body["totalCount"]:
            return values
        page += 1


def test_every_row_of_a_messy_table_is_summarised_with_live_progress(stack: Stack, api: Api, tmp_path: Path):
    file, rows = package_table(tmp_path)
    sheet = stack.import_table(file)
    assert sheet["rows"] == rows
    session = api.open_session(sheet["sheetId"])
    assert session["rowCount"] == rows

    job = api.start_summaries(sheet["sheetId"], "Description", "Summary")
    topic = f"job:{job['id']}"
    pushed: list[Any] = []
    url = api.post("realtime/negotiate", {"topics": [topic]})["url"]
    client = WebPubSubClient(url)
    client.subscribe(CallbackType.GROUP_MESSAGE, lambda e: pushed.append(e.data))
    with client:
        job = api.finished_job(job["id"])
        last = api.get(f"events?topic={topic}")["items"][-1]["seq"]
        _wait_for(lambda: any(event["seq"] == last for event in pushed))

    assert job["status"] == "completed", job
    assert (job["progress"], job["writtenRows"], job["failedRows"]) == (rows, rows, 0)
    assert job["result"]["processedRows"] == rows
    texts = summaries(api, sheet["sheetId"])
    assert len(texts) == rows and all(texts)
    assert len(set(texts)) > 0.9 * rows
    seqs = [event["seq"] for event in pushed]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), "a gap, or out of order"
    progress = [event["data"]["progress"] for event in pushed]
    assert progress == sorted(progress)
    assert len(set(progress)) >= 3, "progress was not live"
    assert pushed[-1]["data"]["status"] == "completed"


def test_two_thousand_sample_rows(stack: Stack, api: Api):
    sheets = sample_sheets(stack)
    sheet_id = sheets["backlog"]
    columns = api.get(f"smartsheet/{sheet_id}/columns")["items"]
    source, target = "Description", "Triage note"
    assert {source, target} <= {column["title"] for column in columns}
    ids: list[str] = []
    for page in range(1, 5):
        ids += [row["id"] for row in api.get(f"smartsheet/{sheet_id}/rows?page={page}&pageSize=500")["items"]]
    job = api.start_summaries(sheet_id, source, target, rows=ids)
    job = api.finished_job(job["id"])
    assert job["status"] == "completed", job
    assert (job["total"], job["writtenRows"] + job["skippedRows"], job["failedRows"]) == (2000, 2000, 0)


def test_a_client_subscribes_later_and_is_told_about_topics_that_are_not_for_it(stack: Stack, api: Api, tmp_path: Path):
    sheet = stack.import_table(report_table(tmp_path, 30))
    got: list[Any] = []
    client = WebPubSubClient(api.post("realtime/negotiate", {"topics": []})["url"])
    client.subscribe(CallbackType.SERVER_MESSAGE, lambda e: got.append(e.data))
    client.subscribe(CallbackType.GROUP_MESSAGE, lambda e: got.append(e.data))
    with client:
        client.send_event("subscribe", {"topic": f"job:{sheet['sheetId']}"}, WebPubSubDataType.JSON)
        _wait_for(lambda: bool(got))
        assert (got[0]["event"], got[0]["data"]["code"]) == ("error", "topic_not_found")
        assert client.is_connected()
        job = api.start_summaries(sheet["sheetId"], "Text", "Summary")
        client.send_event("subscribe", {"topic": f"job:{job['id']}"}, WebPubSubDataType.JSON)
        _wait_for(lambda: any(e["event"] == "subscribed" for e in got))
        api.finished_job(job["id"])
        _wait_for(lambda: any(e["event"] == "job_status" and e["data"]["status"] == "completed" for e in got))
    missed = api.get(f"events?topic=job:{job['id']}&after=0")
    assert [event["seq"] for event in missed["items"]] == list(range(1, missed["lastSeq"] + 1))


def test_what_cannot_work_is_said_plainly(stack: Stack, api: Api, tmp_path: Path):
    sheets = sample_sheets(stack)
    sheet = stack.import_table(report_table(tmp_path, 3))
    unknown = api.call("POST", "sessions", {"sheetId": "1234567890"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "sheet_not_found")
    empty = api.open_session(sheets["empty"])
    assert empty["rowCount"] == 0
    body = {
        "type": "SUMMARIZE",
        "sheetId": sheets["empty"],
        "parameters": {"sourceColumns": ["Risk"], "targetColumn": "Mitigation"},
    }
    no_rows = api.call("POST", "jobs", body)
    assert (no_rows.status_code, no_rows.json()["code"]) == (422, "no_rows")
    body = {**body, "sheetId": sheet["sheetId"], "parameters": {"sourceColumns": ["Txt"], "targetColumn": "Summary"}}
    column = api.call("POST", "jobs", body)
    assert (column.status_code, column.json()["code"]) == (422, "unknown_column")
    assert column.json()["errors"][0]["field"] == "parameters.sourceColumns.0"
    assert "Text" in column.json()["errors"][0]["message"]


def sample_sheets(stack: Stack) -> dict[str, str]:
    """The sandbox's sample sheets: `backlog` (20,000 rows) and `empty`, by what they are."""
    token = "Bearer " + _owner_token(stack)
    with httpx2.Client(headers={"Authorization": token}, timeout=30) as client:
        sheets = client.get(f"{stack.url('smartsheet')}/2.0/sheets?includeAll=true").json()["data"]
        names = {sheet["name"].lower(): str(sheet["id"]) for sheet in sheets}
    return {
        "backlog": names["service desk backlog"],
        "empty": names["risk register"],
    }


def _owner_token(stack: Stack) -> str:
    return json.loads((stack.data_dir / "app.env.json").read_text())["SMARTSHEET_ACCESS_TOKEN"]


def _wait_for(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
