"""Nothing is lost: after kill -9, after a restart, and while the disk is full."""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from local.functions_host.durable.errors import StorageLocked
from local.functions_host.durable.writer import connect
from tests.local.durable_app import function_app
from tests.local.durable_app.harness import UNTYPED, Host, hosted

pytestmark = pytest.mark.filterwarnings(UNTYPED)
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def fresh_app() -> None:
    function_app.calls.clear()
    function_app.gates.clear()


def started(database: Path) -> tuple[subprocess.Popen[str], str]:
    """A host in a process of its own, and its base URL."""
    command = [sys.executable, "-m", "tests.local.durable_app.harness", str(database)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_fan_out_survives_kill_9_again_and_again(tmp_path: Path) -> None:
    database, lines = tmp_path / "durable.db", tmp_path / "lines"
    lines.touch()
    process, url = started(database)
    job = {"path": str(lines), "rows": 200, "wave": 100}
    httpx2.post(f"{url}/durabletask/orchestrators/append_lines/job", json=job).raise_for_status()
    for threshold in (15, 60, 99, 130, 180):
        while len(lines.read_text().splitlines()) < threshold:
            time.sleep(0.005)
        killed(process)
        process, url = started(database)
    try:
        while (answer := httpx2.get(f"{url}/durabletask/instances/job")).status_code == 202:
            time.sleep(0.05)
    finally:
        killed(process)
    status = answer.json()
    assert (status["runtimeStatus"], status["output"]) == ("Completed", list(range(200)))
    assert status["customStatus"] == {"done": 200}
    runs = Counter(lines.read_text().split())
    assert set(runs) == {str(n) for n in range(200)}


async def test_what_waited_goes_on_after_a_restart(tmp_path: Path) -> None:
    database = tmp_path / "durable.db"
    async with hosted(database) as host:
        await host.client.start_new("approval", "event")
        await host.client.start_new("sleeper", "timer", 0.3)
        await host.client.start_new("parent", "mother", {"name": "holding", "id": "child", "input": "gate"})
        await host.client.start_new("counter", "sum", {"total": 0, "left": 4})
        await host.client.raise_event("sum", "add", 1)
        await host.client.raise_event("sum", "add", 2)
        await host.until("child", custom_status="holding")
        await host.until("sum", custom_status={"total": 3})
        await host.until("timer", runtime_status="Running")
        await host.client.raise_event("event", "approval", 1)
        await host.client.suspend("event", "restart")
        await host.until("event", runtime_status="Suspended")
    function_app.gates.clear()
    async with hosted(database) as host:
        function_app.gates.setdefault("gate", asyncio.Event()).set()
        assert (await host.finished("mother")).output == "gate released"
        assert (await host.finished("timer")).output >= 0.3
        await host.client.raise_event("sum", "add", 4)
        await host.client.raise_event("sum", "add", 8)
        assert (await host.finished("sum")).output == 15
        await host.client.resume("event", "restarted")
        await host.client.raise_event("event", "approval", 2)
        assert (await host.finished("event")).output == ["1", "2"]
    assert function_app.calls["gate"] == 2


async def test_an_answer_to_a_purged_and_reused_id_is_dropped(tmp_path: Path) -> None:
    async with hosted(tmp_path / "durable.db") as host:
        await host.client.start_new("holding", "id", "old")
        await host.until("id", custom_status="holding")
        await host.client.terminate("id", "")
        await host.finished("id")
        await host.client.purge_instance_history("id")
        await host.client.start_new("holding", "id", "new")
        await host.until("id", custom_status="holding")
        function_app.gates["old"].set()
        await host.until_health(activitiesRunning=1)
        await host.until("id", runtime_status="Running")
        function_app.gates["new"].set()
        assert (await host.finished("id")).output == "new released"


async def _allow_pages(host: Host, pages: int | None) -> None:
    """Let the database grow no further, as on a full disk; None: as much as it likes."""

    def limit(db) -> None:
        db.execute(f"PRAGMA max_page_count = {pages or 2**30}")

    await host.hub._writer.write(limit)


async def test_a_full_disk_loses_nothing_and_refuses_new_starts(tmp_path: Path) -> None:
    async with hosted(tmp_path / "durable.db", storageRetrySeconds=0.05) as host:
        await host.client.start_new("big_result", "before", "gate")
        await host.until("before", custom_status="holding")
        await _allow_pages(host, 1)
        function_app.gates["gate"].set()
        await host.until_health(storage="failing")
        refused = await host.http.post("/orchestrators/echo", json="x" * 300_000)
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
        assert refused.headers["content-type"] == "application/problem+json"
        with pytest.raises(Exception, match="storage_full"):
            await host.client.start_new("echo", None, "x" * 300_000)
        assert "full" in host.hub.health()["storageProblem"]
        assert (await host.client.get_status("before")).runtime_status.name == "Running"  # type: ignore[union-attr]
        await _allow_pages(host, None)
        assert (await host.finished("before")).output == 300_000
        assert host.hub.health()["storage"] == "ok"
        assert (await host.run("echo", "y" * 300_000)).runtime_status == "Completed"


async def test_a_host_stops_while_the_disk_is_full_and_goes_on_later(tmp_path: Path) -> None:
    database = tmp_path / "durable.db"
    async with hosted(database, storageRetrySeconds=0.05) as host:
        await host.client.start_new("big_result", "kept", "gate")
        await host.until("kept", custom_status="holding")
        await _allow_pages(host, 1)
        function_app.gates["gate"].set()
        await host.until_health(storage="failing")
    async with hosted(database) as host:
        assert (await host.finished("kept")).output == 300_000


async def test_one_file_serves_one_host(tmp_path: Path) -> None:
    database = tmp_path / "durable.db"
    async with hosted(database):
        with pytest.raises(StorageLocked, match="another host is working on"):
            async with hosted(database):
                pytest.fail("two hosts share a file")


async def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    db = connect(tmp_path / "durable.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StorageLocked, match="has format 99"):
        async with hosted(tmp_path / "durable.db"):
            pytest.fail("the file was accepted")
