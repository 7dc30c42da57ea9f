"""The supervisor's end of the pipe to its guardian."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

_GUARDIAN = Path(__file__).with_name("guardian.py")


class Guard:
    """Runs a guardian for as long as the context lasts. `lock` is a descriptor that it holds on to."""

    def __init__(self, lock: int) -> None:
        reading, self._writing = os.pipe()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and file
            [sys.executable, "-I", "-S", str(_GUARDIAN)],
            stdin=reading,
            pass_fds=(lock,),
            start_new_session=True,
        )
        os.close(reading)

    def __enter__(self) -> "Guard":
        """Nothing more to do: it runs from the start."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Dismiss the guardian; it stops what is still there."""
        os.close(self._writing)
        self._process.wait()

    def announcement(self, stop_seconds: float) -> Callable[[], None]:
        """What a new part does between fork and exec: name itself, in a session and group of its own.

        So there is no moment at which a part runs and the guardian does not know it.
        """
        descriptor = self._writing

        def announce() -> None:
            os.write(descriptor, b"+%d %d\n" % (os.getpid(), int(stop_seconds)))

        return announce

    def has_stopped(self, group: int) -> None:
        """Take a part off the guardian's list."""
        os.write(self._writing, b"-%d\n" % group)
