"""The life of a stack: start wave by wave, watch, stop."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from local.supervisor.data_dir import APP_ENVIRONMENT_FILE, RUN_FILE, write_json
from local.supervisor.guard import Guard
from local.supervisor.part_process import PartProcess
from local.supervisor.parts import Part
from local.supervisor.plan import ROOT, Plan
from local.supervisor.terminal import Terminal

EXIT_OK = 0
EXIT_FAILED = 1

_POLL_SECONDS = 0.05
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class PartFailed:
    """A part that ended unasked, or did not become healthy in time."""

    what: str
    last_lines: tuple[str, ...]


class Supervisor:
    """Runs a plan. `ready` is awaited once, when everything is healthy and `run.json` is written."""

    def __init__(
        self,
        plan: Plan,
        data_dir: Path,
        environment: Mapping[str, str],
        terminal: Terminal,
        *,
        ready: Callable[[], Awaitable[None]],
        healthy_within_seconds: float = 60.0,
    ) -> None:
        self._plan = plan
        self._data_dir = data_dir
        self._environment = environment
        self._terminal = terminal
        self._ready = ready
        self._healthy_within_seconds = healthy_within_seconds
        self._running: list[PartProcess] = []
        self._watching: list[asyncio.Task[None]] = []
        self._ending: asyncio.Future[PartFailed | None] = asyncio.get_running_loop().create_future()
        """Why it ends: a failed part, or `None` when somebody asked for it."""

    async def run(self, lock: int) -> int:
        """Start everything, wait for a signal or a failure, stop everything; the exit code.

        `lock` is the descriptor that holds the data directory's lock.
        """
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._end, None)
        with Guard(lock) as guard:
            starting = asyncio.create_task(self._start_all(guard))
            try:
                await asyncio.wait({starting, self._ending}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    starting.result()
                failure = await self._ending
            finally:
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                await self._stop_all(guard)
        if failure is None:
            return EXIT_OK
        self._report(failure)
        return EXIT_FAILED

    def _end(self, why: PartFailed | None) -> None:
        if not self._ending.done():
            self._ending.set_result(why)

    async def _start_all(self, guard: Guard) -> None:
        for wave in sorted({part.wave for part in self._plan.parts}):
            started = time.monotonic()
            wave_parts = [part for part in self._plan.parts if part.wave == wave]
            try:
                running = [await self._start(part, guard) for part in wave_parts]
            except OSError as error:
                return self._end(
                    PartFailed(f"a part cannot be started: {error}; `make setup` installs what is needed", ())
                )
            await asyncio.gather(*(self._until_healthy(each, started) for each in running))
        self._write_files()
        return await self._ready()

    async def _start(self, part: Part, guard: Guard) -> PartProcess:
        running = await PartProcess.start(
            part,
            guard,
            directory=ROOT,
            environment=self._environment,
            log=self._new_log(part),
            show=self._terminal.part_line,
        )
        self._running.append(running)
        self._watching.append(asyncio.create_task(self._watch(running)))
        return running

    async def _until_healthy(self, running: PartProcess, started: float) -> None:
        part, limit = running.part, self._healthy_within_seconds
        while not await asyncio.to_thread(part.is_healthy):
            if time.monotonic() - started > limit:
                return self._end(
                    PartFailed(f"{part.name} did not become healthy within {limit:g} s", tuple(running.last_lines))
                )
            await asyncio.sleep(_POLL_SECONDS)
        return self._terminal.part_line(part.name, f"ready after {time.monotonic() - started:.1f} s")

    async def _watch(self, running: PartProcess) -> None:
        code = await running.ended()
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        self._end(PartFailed(f"{running.part.name} ended with {how}", tuple(running.last_lines)))

    def _new_log(self, part: Part) -> TextIO:
        """An empty log; that of the run before is kept beside it."""
        logs = self._data_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{part.name}.jsonl"
        if log.exists():
            log.replace(logs / f"{part.name}.previous.jsonl")
        return log.open("w")

    def _write_files(self) -> None:
        write_json(self._data_dir / APP_ENVIRONMENT_FILE, self._plan.app_environment)
        running = {r.part.name: {"pid": r.pid, "port": r.part.ports[0], "url": r.part.url} for r in self._running}
        write_json(self._data_dir / RUN_FILE, running)

    def _report(self, failure: PartFailed) -> None:
        self._terminal.say(f"\n{failure.what}{'. Its last lines:' if failure.last_lines else ''}")
        for line in failure.last_lines:
            self._terminal.say(f"    {line}")

    async def _stop_all(self, guard: Guard) -> None:
        """The latest wave first: the host must not go on working against stand-ins that are gone."""
        self._terminal.say("stopping…")
        for name in (RUN_FILE, APP_ENVIRONMENT_FILE):
            (self._data_dir / name).unlink(missing_ok=True)
        for watching in self._watching:
            watching.cancel()
        for wave in sorted({running.part.wave for running in self._running}, reverse=True):
            await asyncio.gather(*(running.stop(guard) for running in self._running if running.part.wave == wave))
        self._terminal.say("stopped.")
