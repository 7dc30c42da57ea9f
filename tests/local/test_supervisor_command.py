"""The command line, the plan behind it, and the real parts together."""

import io
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from local.smartsheet.accounts import OWNER_TOKEN
from local.supervisor import data_dir as directory
from local.supervisor.command import banner, main
from local.supervisor.plan import ROOT, make_plan
from local.supervisor.ports import Ports, chosen_ports, is_free
from local.supervisor.terminal import Terminal
from tests.local.stack_process import StackProcess, running, until


def refused(*options: str) -> subprocess.CompletedProcess[str]:
    """Run a command line that is expected to end at once."""
    command = [sys.executable, "-m", "local", "--no-open", *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)


def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = refused("--port", str(port), "--data-dir", str(tmp_path))
    assert result.returncode == 2
    assert f"host: port {port} is in use; stop the program that has it, or start with another --port" in result.stderr
    assert not (tmp_path / "logs").exists()


def test_two_stacks_on_one_data_directory_are_refused(tmp_path: Path) -> None:
    lock = directory.lock(tmp_path)
    result = refused("--port", "0", "--data-dir", str(tmp_path))
    os.close(lock)
    assert result.returncode == 2
    assert f"{tmp_path} is used by another running stack (process {os.getpid()})" in result.stderr


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--ephemeral", "--data-dir", "x"], "leave out --data-dir"),
        (["--port", "70000"], "--port must be from 0 to 65535"),
        (["--prot", "1"], "--prot"),
    ],
)
def test_a_wrong_command_line_is_refused(options: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert named in capsys.readouterr().err


def test_the_environment_of_a_stack_that_does_not_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["env", "--data-dir", str(tmp_path)]) == 1
    assert "no stack runs on" in capsys.readouterr().err


def test_the_plan_gives_the_app_all_it_needs(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, Ports(), {}, with_host=True)
    assert [part.name for part in plan.parts] == ["azurite", "smartsheet", "openai", "webpubsub", "host"]
    assert [part.wave for part in plan.parts] == [0, 0, 0, 0, 1]
    environment = plan.app_environment
    assert environment["PUBLIC_BASE_URL"] == "http://localhost:7071"
    assert environment["SMARTSHEET_API_BASE"] == "http://127.0.0.1:7081/2.0"
    assert environment["SMARTSHEET_ACCESS_TOKEN"] == OWNER_TOKEN
    assert environment["AZURE_OPENAI_API_BASE"] == "http://127.0.0.1:7082"
    assert environment["WEBPUBSUB_CONNECTION"].startswith("Endpoint=http://localhost:7083;AccessKey=")
    assert "QueueEndpoint=http://127.0.0.1:10001/" in environment["AzureWebJobsStorage"]
    assert environment["DATABASE_URL"] == f"sqlite:///{tmp_path}/app/chatsheet.db"
    assert environment["AUTH_MODE"] == "single"
    assert plan.parts[-1].environment == environment
    gateway = next(part for part in plan.parts if part.name == "webpubsub")
    assert "http://localhost:7071/api/realtime/events" in gateway.command


def test_what_the_user_set_wins_and_its_stand_in_is_not_started(tmp_path: Path) -> None:
    own = {
        "AZURE_OPENAI_API_BASE": "https://name:secret@contoso.openai.azure.com/path?key=secret",
        "AZURE_OPENAI_API_KEY": "the user's secret",
        "SMARTSHEET_API_BASE": "https://api.smartsheet.com/2.0",
        "AzureWebJobsStorage": "AccountKey=secret",
        "WEBPUBSUB_CONNECTION": "AccessKey=secret",
        "DATABASE_URL": "https://contoso.documents.azure.com",
        "AUTH_MODE": "token",
    }
    plan = make_plan(tmp_path, Ports(), own, with_host=True)
    assert [part.name for part in plan.parts] == ["host"]
    assert set(plan.app_environment) == {"PUBLIC_BASE_URL"}
    shown = io.StringIO()
    banner(plan, tmp_path, Terminal(shown))
    assert "not started: your AZURE_OPENAI_API_BASE (https://contoso.openai.azure.com) is used" in shown.getvalue()
    assert "secret" not in shown.getvalue()
    assert "rules, not a model" not in shown.getvalue()
    assert "Import" not in shown.getvalue()


def test_a_key_without_an_address_is_not_sent_to_the_stand_in(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, Ports(), {"AZURE_OPENAI_API_KEY": "the user's secret"}, with_host=True)
    assert plan.app_environment["AZURE_OPENAI_API_KEY"] != "the user's secret"
    assert plan.notes == [
        "AZURE_OPENAI_API_KEY is set but AZURE_OPENAI_API_BASE is not: the stand-in's own value is used instead."
    ]


def test_the_banner_says_what_runs_and_that_it_is_no_model(tmp_path: Path) -> None:
    shown = io.StringIO()
    banner(make_plan(tmp_path, Ports(), {}, with_host=True), tmp_path, Terminal(shown))
    for text in ("http://localhost:7071", "sandbox · rules, not a model", str(tmp_path), "Ctrl-C"):
        assert text in shown.getvalue()
    assert f"python -m local import table.xlsx --data-dir {tmp_path}" in shown.getvalue()


def test_port_0_takes_seven_different_free_ports() -> None:
    ports = chosen_ports(0)
    taken = [ports.host, ports.smartsheet, ports.openai, ports.webpubsub, *ports.azurite]
    assert len(set(taken)) == 7
    assert all(map(is_free, taken))
    assert chosen_ports(8000) == Ports(host=8000)


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_names_are_coloured_only_where_a_person_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen, pipe = _Screen(), io.StringIO()
    Terminal(screen).part_line("host", "hello")
    Terminal(pipe).part_line("host", "hello")
    assert screen.getvalue() == "\033[36mhost      \033[0m │ hello\n"
    assert pipe.getvalue() == "host       │ hello\n"
    monkeypatch.setenv("NO_COLOR", "1")
    without = _Screen()
    Terminal(without).part_line("host", "hello")
    assert without.getvalue() == pipe.getvalue()


class _ClosedScreen(io.StringIO):
    def write(self, s: str, /) -> int:
        raise BrokenPipeError


def test_a_closed_terminal_stops_nothing() -> None:
    terminal = Terminal(_ClosedScreen())
    terminal.say("nobody reads this")
    terminal.part_line("host", "nor this")


def test_the_real_stand_ins_run_and_leave_nothing_behind() -> None:
    stack = StackProcess([sys.executable, "-m", "local", "--port", "0", "--ephemeral", "--no-open", "--no-host"])
    try:
        until(lambda: any("Ctrl-C" in line for line in stack.lines), stack.text)
        found = re.search(r"Data +(\S+)", stack.text)
        assert found is not None
        data_dir = Path(found[1])
        parts = json.loads((data_dir / "run.json").read_text())
        assert list(parts) == ["azurite", "smartsheet", "openai", "webpubsub"]
        for name in ("smartsheet", "openai", "webpubsub"):
            health = httpx2.get(f"{parts[name]['url']}/_control/health", trust_env=False).json()
            assert (health["part"], health["status"]) == (name, "ok")
        env = [sys.executable, "-m", "local", "env", "--data-dir", str(data_dir)]
        exports = subprocess.run(env, capture_output=True, text=True, cwd=ROOT, check=True).stdout
        shell = subprocess.run(
            ["sh", "-c", f'{exports}\nprintf %s "$AzureWebJobsStorage"'], capture_output=True, text=True, check=True
        )
        assert shell.stdout == json.loads((data_dir / "app.env.json").read_text())["AzureWebJobsStorage"]
    finally:
        stack.close()
    assert stack.process.returncode == 0
    assert not data_dir.exists()
    assert not any(running(part["pid"]) for part in parts.values())
