"""`python -m local`: the whole product on one machine."""

import argparse
import asyncio
import os
import shlex
import shutil
import sys
import tempfile
import webbrowser
from collections.abc import Callable
from pathlib import Path

from local.standin.serve import EXIT_USAGE
from local.supervisor import data_dir as directory
from local.supervisor.plan import ROOT, Plan, make_plan
from local.supervisor.ports import DEFAULT_HOST_PORT, chosen_ports, is_free
from local.supervisor.supervisor import EXIT_FAILED, Supervisor
from local.supervisor.terminal import Terminal

DEFAULT_DATA_DIR = ROOT / ".data"


def main(arguments: list[str]) -> int:
    """Run the command line; the exit code."""
    match arguments:
        case ["import", *rest]:
            from local.importing import main as import_table

            return import_table(rest)
        case ["env", *rest]:
            return _print_environment(rest)
        case _:
            return _run(_options(arguments))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="Starts the whole product on this machine; Ctrl-C stops it.",
        epilog="Also: `python -m local import …` takes a table into the running sandbox; `python -m local env` prints "
        "the running stack's environment for the application as shell commands.",
    )
    parser.add_argument("--port", type=int, default=DEFAULT_HOST_PORT, help="of the page; 0: free ports for all parts")
    _add_data_dir(parser)
    parser.add_argument("--ephemeral", action="store_true", help="keep the data in a temporary directory")
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    parser.add_argument("--no-host", action="store_true", help="everything but the functions host")
    options = parser.parse_args(arguments)
    if options.ephemeral and options.data_dir is not None:
        parser.error("--ephemeral makes its own data directory: leave out --data-dir")
    if not 0 <= options.port <= 65535:
        parser.error("--port must be from 0 to 65535")
    return options


def _add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help=f"where all data is kept (default: {DEFAULT_DATA_DIR})")


def _print_environment(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local env",
        description='Prints `export` lines: eval "$(python -m local env)" && func start',
    )
    _add_data_dir(parser)
    data_dir: Path = (parser.parse_args(arguments).data_dir or DEFAULT_DATA_DIR).resolve()
    try:
        environment = directory.read_app_environment(data_dir)
    except FileNotFoundError:
        print(f"no stack runs on {data_dir}: start one with `python -m local --no-host`", file=sys.stderr)
        return EXIT_FAILED
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _run(options: argparse.Namespace) -> int:
    if options.ephemeral:
        temporary = Path(tempfile.mkdtemp(prefix="chatsheetai-"))
        try:
            return _run_on(temporary.resolve(), options)
        finally:
            shutil.rmtree(temporary)
    data_dir: Path = (options.data_dir or DEFAULT_DATA_DIR).resolve()
    code = _run_on(data_dir, options)
    if code == EXIT_FAILED:
        print(f"The logs: {data_dir / 'logs'}", file=sys.stderr)
    return code


def _run_on(data_dir: Path, options: argparse.Namespace) -> int:
    try:
        lock = directory.lock(data_dir)
    except directory.InUse as error:
        print(f"{error}: stop that one, or choose another --data-dir", file=sys.stderr)
        return EXIT_USAGE
    plan = make_plan(data_dir, chosen_ports(options.port), os.environ, with_host=not options.no_host)
    busy = busy_ports(plan)
    if busy:
        print("\n".join(busy), file=sys.stderr)
        return EXIT_USAGE
    (data_dir / "app").mkdir(exist_ok=True)
    terminal = Terminal()

    async def ready() -> None:
        banner(plan, data_dir, terminal)
        if not options.no_open and not options.no_host and _has_desktop():
            await asyncio.to_thread(webbrowser.open, plan.app_environment.get("PUBLIC_BASE_URL", plan.parts[-1].url))

    async def supervise() -> int:
        return await Supervisor(plan, data_dir, os.environ, terminal, ready=ready).run(lock)

    return asyncio.run(supervise())


def busy_ports(plan: Plan, free: Callable[[int], bool] = is_free) -> list[str]:
    """One plain line for every port that somebody else has."""
    lines: list[str] = []
    for part in plan.parts:
        advice = "another --port, or --port 0 for free ports" if part.name == "host" else "--port 0 for free ports"
        lines += [
            f"{part.name}: port {port} is in use; stop the program that has it, or start with {advice}"
            for port in part.ports
            if not free(port)
        ]
    return lines


def banner(plan: Plan, data_dir: Path, terminal: Terminal) -> None:
    """What runs where, and what to do next."""
    addresses = {part.name: part.url for part in plan.parts}
    terminal.say("\nChatSheetAI runs.\n")
    terminal.table(
        [(part.name, part.url, part.stands_for) for part in reversed(plan.parts)]
        + [(name, "–", f"not started: {where} is used") for name, where in plan.elsewhere.items()]
    )
    terminal.say(f"\n  Data      {data_dir}")
    if "host" not in addresses:
        terminal.say(f'  The host  eval "$({_command("env", data_dir)})" && func start')
    if "smartsheet" in addresses:
        terminal.say(f"  Import    {_command('import table.xlsx', data_dir)}")
    terminal.say("  Stop      Ctrl-C")
    for note in plan.notes:
        terminal.say(f"  Note      {note}")
    terminal.say()


def _command(what: str, data_dir: Path) -> str:
    option = "" if data_dir == DEFAULT_DATA_DIR else f" --data-dir {shlex.quote(str(data_dir))}"
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    return f"{python} -m local {what}{option}"


def _has_desktop() -> bool:
    """Whether a browser window can appear; without one, `webbrowser` would take the terminal for a text browser."""
    if sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
