"""kill -9 of the host while a job runs: it completes, each cell changes once, nothing known is asked again."""

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import Api, Host, Stack
from tests.e2e.tables import report_table

ROWS = 300
KILLS = 20
CONCURRENCY = 16
MODEL_MS = 1000
WRITES = "PUT /2.0/sheets/*/rows"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything but the host."""
    with Stack(tmp_path_factory.mktemp("kill"), own_host=False) as running:
        limits = {"latencyMs": MODEL_MS, "latencyJitter": 0.3, "msPerToken": 0}
        running.control("openai", "PUT", "limits", limits)
        running.control("smartsheet", "PUT", "limits", {"requestsPerMinute": 0})
        yield running


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([{"match": WRITES, "latencyMs": 1000, "phase": "after"}], id="writes answered late"),
        pytest.param([{"match": WRITES, "drop": True, "phase": "after", "count": 3}], id="answers of writes lost"),
    ],
)
def test_a_job_survives_twenty_kills(stack: Stack, tmp_path: Path, faults: list[dict[str, Any]]):
    sheet_id = stack.import_table(report_table(tmp_path, ROWS))["sheetId"]
    imported = _last_seq(stack.control("smartsheet", "GET", "writes"))
    called = _last_seq(stack.control("openai", "GET", "calls"))
    stack.control("smartsheet", "PUT", "faults", faults)
    environment = {"AZURE_OPENAI_CONCURRENCY": str(CONCURRENCY), "SMARTSHEET_WRITE_TIMEOUT_SECONDS": "3"}
    host = Host(stack, environment=environment)
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    known: list[tuple[int, set[str]]] = []
    host.start()
    try:
        with Api(host.url) as api:
            job_id = api.start_summaries(sheet_id, "Text", "Summary")["id"]
            kills = 0
            while kills < KILLS and _job(stack, job_id)["status"] not in ("completed", "failed"):
                time.sleep(moments.uniform(0.05, 1.1))
                host.kill()
                kills += 1
                known.append((_last_seq(stack.control("openai", "GET", "calls")), _ledger(stack, job_id)))
                host.start()
            job = api.finished_job(job_id, seconds=90)
    finally:
        host.stop()
        stack.control("smartsheet", "DELETE", "faults")

    why = f"seed {seed}, {kills} kills: {job}"
    assert kills == KILLS, f"the job was done too soon: {why}"
    assert job["status"] == "completed", why
    assert (job["writtenRows"], job["failedRows"]) == (ROWS, 0), why
    changes = [w for w in stack.control("smartsheet", "GET", f"writes?after={imported}") if w["sheetId"] == sheet_id]
    assert sorted(Counter(w["rowId"] for w in changes).values()) == [1] * ROWS, why
    assert {w["columnId"] for w in changes} == {job["parameters"]["targetColumn"]}, why
    calls = stack.control("openai", "GET", f"calls?after={called}")
    assert len(calls) <= ROWS + kills * CONCURRENCY, why
    again = [call for call in calls if any(call["seq"] > seq and _row(call) in rows for seq, rows in known)]
    assert not again, f"rows in the ledger were asked about again: {why}"


def _last_seq(entries: list[dict[str, Any]]) -> int:
    return entries[-1]["seq"] if entries else 0


def _row(call: dict[str, Any]) -> str:
    return str(call["clientRequestId"]).rpartition(":")[2]


def _documents(stack: Stack, query: str, *values: str) -> list[Any]:
    """What the database holds, read beside whoever uses it."""
    database = sqlite3.connect(f"file:{stack.data_dir}/app/chatsheet.db?mode=ro", uri=True)
    try:
        return database.execute(query, values).fetchall()
    finally:
        database.close()


def _ledger(stack: Stack, job_id: str) -> set[str]:
    rows = _documents(stack, "select id from documents where container = 'ledger' and partition = ?", job_id)
    return {row[0] for row in rows}


def _job(stack: Stack, job_id: str) -> dict[str, Any]:
    query = "select json_extract(body, '$.status') from documents where container = 'jobs' and id = ?"
    ((status,),) = _documents(stack, query, job_id)
    return {"status": status}
