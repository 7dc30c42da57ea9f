"""The supervisor: start order, files, failures, and that nothing outlives it."""

import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from local.supervisor import data_dir as directory
from tests.local.stack_process import StackProcess, running, until


def notes(data_dir: Path, name: str) -> list[str]:
    file = data_dir / f"{name}.notes"
    return file.read_text().splitlines() if file.exists() else []


def started_pids(data_dir: Path) -> list[int]:
    return [
        int(note.split()[1])
        for file in data_dir.glob("*.notes")
        for note in file.read_text().splitlines()
        if note.startswith("started")
    ]


StartStack = Callable[..., StackProcess]


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[StartStack]:
    """Starts fake parts by name and behaviour, with their data in `tmp_path`."""
    stacks: list[StackProcess] = []

    def start(**behaviours: str) -> StackProcess:
        given = [f"{name}={behaviour}" for name, behaviour in behaviours.items()]
        stacks.append(StackProcess([sys.executable, "-m", "tests.local.fake_stack", str(tmp_path), *given]))
        return stacks[-1]

    yield start
    for stack in stacks:
        stack.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stack_starts_tells_where_it_is_and_stops_on_a_signal(
    start_stack: StartStack, tmp_path: Path, number: signal.Signals
) -> None:
    stack = start_stack(host="good", smartsheet="good")
    until(lambda: "READY" in stack.lines, stack.text)
    parts = json.loads((tmp_path / "run.json").read_text())
    assert list(parts) == ["smartsheet", "host"]
    assert all(running(part["pid"]) for part in parts.values())
    for part in parts.values():
        assert part["url"] == f"http://127.0.0.1:{part['port']}"
        assert httpx2.get(f"{part['url']}/_control/health", trust_env=False).status_code == 200
    environment = tmp_path / "app.env.json"
    assert json.loads(environment.read_text()) == {"SECRET": "for the app only"}
    assert stat.S_IMODE(environment.stat().st_mode) == 0o600
    assert "for the app only" not in stack.text

    stack.process.send_signal(number)
    assert stack.end() == 0
    assert not any(running(part["pid"]) for part in parts.values())
    assert not (tmp_path / "run.json").exists()
    assert not environment.exists()
    assert [notes(tmp_path, name)[-1] for name in parts] == ["signal SIGTERM"] * 2


def test_output_is_prefixed_and_logged_line_by_line(start_stack: StartStack, tmp_path: Path) -> None:
    stack = start_stack(smartsheet="good")
    until(lambda: "READY" in stack.lines, stack.text)
    assert "smartsheet │ environment says hello smartsheet" in stack.lines
    assert "announced" not in stack.text
    assert "\033" not in stack.text
    logged = [json.loads(line) for line in (tmp_path / "logs" / "smartsheet.jsonl").read_text().splitlines()]
    assert [entry["line"] for entry in logged][1:] == ["environment says hello smartsheet"]
    assert {entry["part"] for entry in logged} == {"smartsheet"}
    assert all(entry["at"].endswith("+00:00") for entry in logged)


def test_the_host_starts_when_the_stand_ins_are_healthy(start_stack: StartStack, tmp_path: Path) -> None:
    stack = start_stack(host="good", openai="sick")
    assert stack.end() == 1
    assert "openai did not become healthy within 3 s" in stack.text
    assert notes(tmp_path, "host") == []


def test_a_signal_during_the_start_stops_what_has_started(start_stack: StartStack, tmp_path: Path) -> None:
    stack = start_stack(smartsheet="good", openai="sick")
    until(lambda: len(started_pids(tmp_path)) == 2, stack.text)
    stack.process.terminate()
    assert stack.end() == 0
    assert "READY" not in stack.lines
    assert not any(running(pid) for pid in started_pids(tmp_path))


def test_a_part_that_dies_is_reported_and_stops_everything(start_stack: StartStack, tmp_path: Path) -> None:
    stack = start_stack(smartsheet="good", openai="dies")
    assert stack.end() == 1
    assert "openai ended with exit code 7. Its last lines:" in stack.text
    assert "    something went badly wrong" in stack.lines
    assert not any(running(pid) for pid in started_pids(tmp_path))
    assert not (tmp_path / "run.json").exists()


def test_a_part_that_dies_later_is_reported_too(start_stack: StartStack, tmp_path: Path) -> None:
    stack = start_stack(host="good", smartsheet="good")
    until(lambda: "READY" in stack.lines, stack.text)
    os.kill(json.loads((tmp_path / "run.json").read_text())["smartsheet"]["pid"], signal.SIGKILL)
    assert stack.end() == 1
    assert "smartsheet ended with signal SIGKILL" in stack.text
    assert not any(running(pid) for pid in started_pids(tmp_path))


def test_who_ignores_sigterm_is_killed_with_its_children(start_stack: StartStack, tmp_path: Path) -> None:
    stack = start_stack(smartsheet="stubborn")
    until(lambda: "READY" in stack.lines, stack.text)
    pids = started_pids(tmp_path)
    assert len(pids) == 2
    assert all(map(running, pids))
    stack.process.terminate()
    assert stack.end() == 0
    assert not any(map(running, pids))


def test_nothing_outlives_a_killed_supervisor(start_stack: StartStack, tmp_path: Path) -> None:
    stack = start_stack(smartsheet="good", openai="stubborn")
    until(lambda: "READY" in stack.lines, stack.text)
    pids = started_pids(tmp_path)
    stack.process.kill()
    until(lambda: "signal SIGTERM" in notes(tmp_path, "smartsheet"), "the part was not asked to stop")
    until(lambda: not any(map(running, pids)), "a part outlived its supervisor")
    until(lambda: can_lock(tmp_path), "the data directory stayed locked")


def test_the_data_directory_stays_locked_until_the_last_part_has_stopped(
    start_stack: StartStack, tmp_path: Path
) -> None:
    stack = start_stack(openai="stubborn")
    until(lambda: "READY" in stack.lines, stack.text)
    pids = started_pids(tmp_path)
    stack.process.kill()
    while not can_lock(tmp_path):
        time.sleep(0.01)
    assert not any(map(running, pids))


def can_lock(data_dir: Path) -> bool:
    try:
        os.close(directory.lock(data_dir))
    except directory.InUse:
        return False
    return True


def test_a_part_that_cannot_be_run_is_said_plainly(start_stack: StartStack) -> None:
    stack = start_stack(openai="missing")
    assert stack.end() == 1
    assert "a part cannot be started" in stack.text
    assert "/no/such/program" in stack.text
    assert "Traceback" not in stack.text
