"""One running part: its process group, its output, its end."""

import asyncio
import json
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from local.supervisor.guard import Guard
from local.supervisor.parts import Part

MAX_LINE_BYTES = 32 * 1024
_REMEMBERED_LINES = 20
_LAST_LINES_SECONDS = 0.5


class PartProcess:
    """A started part. Its output goes, line by line, to `log` and to `show(part name, line)`."""

    def __init__(
        self,
        part: Part,
        process: asyncio.subprocess.Process,
        output: asyncio.StreamReader,
        log: TextIO,
        show: Callable[[str, str], None],
    ) -> None:
        self.part = part
        self.pid = process.pid
        self.last_lines: deque[str] = deque(maxlen=_REMEMBERED_LINES)
        self._process = process
        self._log = log
        self._show = show
        self._reading = asyncio.create_task(self._read(output))

    @classmethod
    async def start(
        cls,
        part: Part,
        guard: Guard,
        *,
        directory: Path,
        environment: Mapping[str, str],
        log: TextIO,
        show: Callable[[str, str], None],
    ) -> "PartProcess":
        """Start a part in a session of its own, where Ctrl-C in the terminal does not reach it; it owns `log`.

        Raises `OSError` where the command cannot be run. The output pipe is our own: with `subprocess.PIPE`
        asyncio would see the part's end only when its last child lets go of the pipe.
        """
        reading, writing = os.pipe()
        output = asyncio.StreamReader()
        pipe = os.fdopen(reading, "rb", 0)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), pipe)
        try:
            process = await asyncio.create_subprocess_exec(
                *part.command,
                cwd=directory,
                env={**environment, **part.environment, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=guard.announcement(part.stop_seconds),
            )
        finally:
            os.close(writing)
        return cls(part, process, output, log, show)

    async def ended(self) -> int:
        """Wait for the end; the exit code (negative: the signal that ended it). Its last lines are read by then."""
        code = await self._process.wait()
        await asyncio.wait({self._reading}, timeout=_LAST_LINES_SECONDS)
        return code

    async def stop(self, guard: Guard) -> None:
        """SIGTERM to the whole group, SIGKILL after the part's time; nobody of the group is left behind."""
        self._signal(signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended(), self.part.stop_seconds)
        self._signal(signal.SIGKILL)
        await self.ended()
        guard.has_stopped(self.pid)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # the group is gone: what was wanted
            os.killpg(self.pid, number)

    async def _read(self, output: asyncio.StreamReader) -> None:
        rest = b""
        with self._log:
            while chunk := await output.read(MAX_LINE_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._take(line)
                if len(rest) > MAX_LINE_BYTES:
                    self._take(rest)
                    rest = b""
                self._log.flush()
            if rest:
                self._take(rest)

    def _take(self, raw: bytes) -> None:
        line = raw.decode(errors="replace").rstrip("\r")
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._log.write(json.dumps({"at": at, "part": self.part.name, "line": line}, ensure_ascii=False) + "\n")
        self.last_lines.append(line)
        if not _is_announcement(line):
            self._show(self.part.name, line)


def _is_announcement(line: str) -> bool:
    """The first line of our own parts says where they listen; the supervisor knows, people need not see it."""
    return line.startswith('{"part":') and '"url":' in line
