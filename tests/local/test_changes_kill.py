"""`kill -9` between any two steps of applying and undoing, on the sandbox: never half done, and nothing twice."""

import asyncio
import multiprocessing
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.changes.models import ContinueChange
from shared.changes.submitting import new_change_set_id
from shared.ids import ChangeSetId, SheetId
from shared.records import utc_now
from shared.sheets.models import Sheet
from tests.fakes.clock import FakeClock
from tests.local.changes_process import CALLER, CHANGE_SET, Action, Application, run_and_die
from tests.local.smartsheet_sandbox import SmartsheetSandbox, running_sandbox

BEFORE = [["Task", "Status", "Note"], ["A", "Open", "n1"], ["B", "Open", None], ["C", "Open", "n3"]]
AFTER = [["Task", "State"], ["C", "Open"], ["A", "Done"], ["New", None]]
INVERSE = new_change_set_id(CALLER, f"changes/{CHANGE_SET}/undo", "undo")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmartsheetSandbox]:
    with running_sandbox(tmp_path_factory.getbasetemp() / "smartsheet-sandbox") as running:
        running.reset()
        yield running


@pytest.fixture(scope="module")
def processes() -> Any:
    """Forks that have everything imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.local.changes_process"])
    return context


def new_sheet(sandbox: SmartsheetSandbox) -> SheetId:
    columns = [
        {"title": title, "type": "TEXT_NUMBER", **({"primary": True} if title == "Task" else {})} for title in BEFORE[0]
    ]
    made = sandbox.call("POST", "/sheets", {"name": "To be killed over", "columns": columns}).json()["result"]
    ids = [column["id"] for column in made["columns"]]
    rows = [
        {
            "toBottom": True,
            "cells": [{"columnId": i, "value": v} for i, v in zip(ids, values, strict=True) if v is not None],
        }
        for values in BEFORE[1:]
    ]
    assert sandbox.call("POST", f"/sheets/{made['id']}/rows", rows).status_code == 200
    return SheetId(str(made["id"]))


def contents(sheet: Sheet) -> list[Any]:
    rows = [[row.cells[c.id].value if c.id in row.cells else None for c in sheet.columns] for row in sheet.rows]
    return [[column.title for column in sheet.columns], *rows]


async def recover(database: Path, url: str, sheet_id: SheetId, change_set_id: ChangeSetId) -> tuple[Any, bool]:
    """A new process on the same database, to which the guard's message is delivered; contents, and whether stored."""
    clock = FakeClock(utc_now())
    application = Application(database, url, clock=clock)
    message = ContinueChange(
        owner=CALLER.user_id, sheet_id=sheet_id, change_set_id=change_set_id, correlation_id="a-correlation-id"
    )
    application.queue.sent.append(("guard", message, 0))
    while application.queue.sent:
        _, message, delay = application.queue.sent.pop()
        clock.advance(delay)
        assert isinstance(message, ContinueChange)
        await application.submitter.carry_on(message)
    header = await application.store.find(sheet_id, change_set_id)
    if header is not None:
        assert header.status == "applied"
        assert set(header.counts) == {"written"}
    found = contents(await application.read(sheet_id))
    await application.close()
    return found, header is not None


async def apply_first(database: Path, url: str, sheet_id: SheetId) -> None:
    application = Application(database, url)
    await application.act("apply", await application.read(sheet_id))
    await application.close()


@pytest.mark.parametrize("lost", [None, "PUT /sheets/*/rows", "POST /sheets/*/rows", "DELETE /sheets/*/rows"])
@pytest.mark.parametrize("action", ["apply", "undo"])
def test_a_process_killed_at_any_step_leaves_nothing_half_done(
    sandbox: SmartsheetSandbox, processes: Any, tmp_path: Path, action: Action, lost: str | None
):
    start, end = (BEFORE, AFTER) if action == "apply" else (AFTER, BEFORE)
    change_set_id = CHANGE_SET if action == "apply" else INVERSE
    kills = finished = 0
    for deadly in range(1, 500, 1 if lost is None else 4):
        database, sheet_id = tmp_path / f"{deadly}.db", new_sheet(sandbox)
        if action == "undo":
            asyncio.run(apply_first(database, sandbox.url, sheet_id))
        if lost is not None:
            sandbox.fault({"match": lost, "drop": True, "phase": "after", "count": 1})
        process = processes.Process(target=run_and_die, args=(str(database), sandbox.url, sheet_id, action, deadly))
        process.start()
        process.join(60)
        sandbox.http.request("DELETE", "/_control/faults").raise_for_status()
        found, stored = asyncio.run(recover(database, sandbox.url, sheet_id, change_set_id))
        assert found == (end if stored else start), f"killed at step {deadly}"
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        kills += 1
        finished += stored
    assert kills > (40 if lost is None else 10)
    assert finished > kills / 2
