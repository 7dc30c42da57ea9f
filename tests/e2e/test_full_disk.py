"""A full disk under the application's or the host's database: told plainly, nothing lost, work goes on."""

import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.stack import Api, Stack
from tests.e2e.tables import report_table

ROWS = 200


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own for a folder; only root can mount one."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "chatsheet-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class Ballast:
    """A file that takes all the room there is."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ballast"

    def fill(self) -> None:
        with self._file.open("wb", buffering=0) as out:
            _write_all(out)

    def keep_full(self, seconds: float) -> None:
        """Fill it again and again: databases give room back."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self._file.open("ab", buffering=0) as out:
                _write_all(out)
            time.sleep(0.05)

    def remove(self) -> None:
        self._file.unlink()


def _write_all(out: RawIOBase) -> None:
    block = b"\0" * 65536
    while block:
        try:
            out.write(block)
        except OSError:
            block = block[: len(block) // 2]  # also the last bytes


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack whose databases lie on small disks."""
    data_dir = tmp_path / "data"
    with small_disk(data_dir / "app", 8), small_disk(data_dir / "host", 8), Stack(data_dir) as running:
        running.control("openai", "PUT", "limits", {"latencyMs": 1500, "latencyJitter": 0.3, "msPerToken": 0})
        running.control("smartsheet", "PUT", "limits", {"requestsPerMinute": 0})
        yield running


def test_a_full_disk_is_told_and_the_job_goes_on_when_there_is_room(stack: Stack, tmp_path: Path):
    sheet = stack.import_table(report_table(tmp_path, ROWS))
    imported = stack.control("smartsheet", "GET", "writes")[-1]["seq"]
    with Api(stack.url("host")) as api:
        job = api.start_summaries(sheet["sheetId"], "Text", "Summary")
        api.wait(f"jobs/{job['id']}", lambda body: body["progress"] > 0)

        app = Ballast(stack.data_dir / "app")
        app.fill()
        app.keep_full(2)
        refused = api.call("POST", "sessions", {"sheetId": sheet["sheetId"]})
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
        health = api.call("GET", "health")
        assert health.status_code == 503
        assert health.json()["parts"]["database"]["code"] == "storage_full"
        assert api.get(f"jobs/{job['id']}")["status"] == "processing"
        app.remove()
        api.wait("health", lambda body: body["status"] == "ok")

        host = Ballast(stack.data_dir / "host")
        host.fill()
        host.keep_full(2)
        refused = api.call("POST", "jobs", start_body(sheet["sheetId"]))
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
        state = httpx2.get(f"{stack.url('host')}/_control/health").json()
        assert (state["status"], state["durable"]["storage"]) == ("degraded", "failing")
        host.remove()

        job = api.finished_job(job["id"], seconds=120)
        assert (job["status"], job["writtenRows"]) == ("completed", ROWS), job
        second = api.post("jobs", start_body(sheet["sheetId"]))
        assert api.finished_job(second["id"])["status"] == "completed"
    written = stack.control("smartsheet", "GET", f"writes?after={imported}")
    assert set(Counter(w["rowId"] for w in written).values()) == {1}


def start_body(sheet_id: str) -> dict[str, Any]:
    """A job over the reports."""
    parameters = {"sourceColumns": ["Text"], "targetColumn": "Summary"}
    return {"type": "SUMMARIZE", "sheetId": sheet_id, "parameters": parameters}
