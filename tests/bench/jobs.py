"""A SUMMARIZE job against the ideal, and against a bare asyncio loop over the same client."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from shared.ai.quota import QuotaGate
from shared.clients.openai import OpenAIModel
from shared.jobs.kinds import Summarize
from shared.resilience.circuit import CircuitBreaker
from tests.bench.table import Table
from tests.e2e.stack import Api, Stack

LATENCY_MS = 300
CONCURRENCY = 32
ROWS = (500, 2000)


async def measure_jobs(folder: Path) -> list[Table]:
    """Two tables: time, and calls to Smartsheet."""
    times = [["rows", "ideal s", "bare loop s", "job s", "bare ÷ ideal", "job ÷ ideal", "job ÷ bare"]]
    calls = [["rows", "load", "whole run", "expected", "run ÷ expected"]]
    with Stack(folder / "stack") as stack, Api(stack.url("host")) as api:
        stack.control("openai", "PUT", "limits", _LIMITS)
        stack.control("smartsheet", "PUT", "limits", {"requestsPerMinute": 0})
        stack.control("smartsheet", "PUT", "faults", [_NO_WEBHOOKS])
        warm_up = await asyncio.to_thread(_sheet_with, stack, folder, 5)  # imports and connects
        await asyncio.to_thread(_run_job, stack, api, warm_up["sheetId"], 0)
        for rows in ROWS:
            sheet = await asyncio.to_thread(_sheet_with, stack, folder, rows)
            ideal = rows * LATENCY_MS / 1000 / CONCURRENCY
            job, load, run = await asyncio.to_thread(_run_job, stack, api, sheet["sheetId"], ideal)
            bare = await _bare_loop(stack, api, sheet["sheetId"], rows)
            times.append(
                [
                    f"{rows:,}",
                    f"{ideal:.1f}",
                    f"{bare:.1f}",
                    f"{job:.1f}",
                    f"{bare / ideal:.2f}",
                    f"{job / ideal:.2f}",
                    f"{job / bare:.2f}",
                ]
            )
            expected = load + 2 * -(-rows // 500)
            calls.append([f"{rows:,}", str(load), str(run), str(expected), f"{run / expected:.2f}"])
    how = f"POST to completed; {LATENCY_MS} ms a call, {CONCURRENCY} at once; ideal = rows × latency ÷ concurrency."
    return [
        Table("A job", how, times),
        Table("Calls to Smartsheet", "Expected: session load + a re-read and a write per 500 rows.", calls),
    ]


_NO_WEBHOOKS = {"match": "POST /2.0/webhooks", "status": 403, "errorCode": 1004}
"""What webhooks ask in the background has nothing to do with the job, and comes whenever it comes."""
_LIMITS = {
    "latencyMs": LATENCY_MS,
    "latencyJitter": 0,
    "msPerToken": 0,
    "tokensPerMinute": 0,
    "requestsPerMinute": 0,
}
_TOPICS = ("pump", "roof", "contract", "survey", "budget", "permit", "training", "audit")


def _sheet_with(stack: Stack, folder: Path, rows: int) -> dict[str, Any]:
    file = folder / f"{rows}.csv"
    lines = ["Title,Text,Summary"]
    for n in range(rows):
        topic = _TOPICS[n % len(_TOPICS)]
        lines.append(
            f'{topic.title()} {n},"The {topic} of site {n} was inspected in week {n % 52}. Costs rose to {n * 37:,} '
            f'EUR because of late deliveries; the owner asks for a decision before the end of the month.",'
        )
    file.write_text("\n".join(lines))
    return stack.import_table(file)


def _run_job(stack: Stack, api: Api, sheet_id: str, ideal_seconds: float) -> tuple[float, int, int]:
    """Seconds from POST to completed, calls of the session's load, calls of load and job together.

    Nobody asks for the job before `ideal_seconds`, when it cannot have ended.
    """
    before = _calls(stack)
    api.open_session(sheet_id)
    loaded = _calls(stack)
    started = time.perf_counter()
    job = api.start_summaries(sheet_id, "Text", "Summary")
    # Not to be measured with it: a hundred questions a second would be a fifth of what the host has to do.
    time.sleep(max(0.0, started + ideal_seconds - time.perf_counter()))
    job = api.finished_job(job["id"], every=0.01)
    seconds = time.perf_counter() - started
    done = _calls(stack)
    assert job["status"] == "completed" and job["writtenRows"] == job["total"], job
    return seconds, loaded - before, done - before


def _calls(stack: Stack) -> int:
    """How many calls Smartsheet has served, but those about webhooks."""
    calls = stack.control("smartsheet", "GET", "calls")
    return sum(not call["path"].startswith("/2.0/webhooks") for call in calls)


async def _bare_loop(stack: Stack, api: Api, sheet_id: str, rows: int) -> float:
    """The same requests by the same client, from nothing but an event loop."""
    settings = json.loads((stack.data_dir / "app.env.json").read_text())
    gate = QuotaGate(tokens_per_minute=10**9, requests_per_minute=10**7, concurrency=CONCURRENCY, max_wait_seconds=3600)
    model = OpenAIModel(
        api_base=settings["AZURE_OPENAI_API_BASE"],
        api_key=SecretStr(settings["AZURE_OPENAI_API_KEY"]),
        api_version="2025-01-01-preview",
        deployment=settings["AZURE_OPENAI_DEPLOYMENT"],
        model=settings["AZURE_OPENAI_MODEL"],
        timeout_seconds=60,
        gate=gate,
        breaker=CircuitBreaker("bench"),
    )
    kind = Summarize()
    page = await asyncio.to_thread(api.get, f"smartsheet/{sheet_id}/rows?pageSize=100")
    texts = [cell["value"] for row in page["items"] for cell in row["cells"] if len(str(cell["value"])) > 60]
    requests = [kind.request(source=[("Text", texts[n % len(texts)])], request_id=f"bare:{n}") for n in range(rows)]
    await model.complete(requests[0])  # imports and connects
    started = time.perf_counter()
    await asyncio.gather(*(model.complete(request) for request in requests))
    seconds = time.perf_counter() - started
    await model.aclose()
    return seconds
