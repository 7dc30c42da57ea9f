"""Stops the parts when the supervisor died without doing so (`kill -9`, a crash).

Runs as a process of its own, on the standard library alone. Its standard input is a pipe whose other end only
the supervisor holds; each part writes `+<its process group> <seconds to stop in>` there before it starts, the
supervisor `-<process group>` when one has stopped. When the pipe ends, what is left gets SIGTERM, then SIGKILL.
It inherits the lock of the data directory, so that no other stack starts there meanwhile.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

_POLL_SECONDS = 0.05
# Where nobody collects dead processes (a container without an init), their groups never vanish.
_AFTER_KILL_SECONDS = 2.0


def main() -> None:
    """Wait for the supervisor's end, then clean up."""
    stop_seconds: dict[int, float] = {}
    for line in sys.stdin:
        sign, words = line[0], line[1:].split()
        if sign == "+":
            stop_seconds[int(words[0])] = float(words[1])
        else:
            stop_seconds.pop(int(words[0]), None)
    _stop(stop_seconds)


def _stop(stop_seconds: dict[int, float]) -> None:
    started = time.monotonic()
    give_up_seconds = max(stop_seconds.values(), default=0) + _AFTER_KILL_SECONDS
    left = _signal_groups(stop_seconds, signal.SIGTERM)
    while left and (elapsed := time.monotonic() - started) < give_up_seconds:
        _signal_groups((group for group in left if elapsed > stop_seconds[group]), signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
        left = _signal_groups(left, 0)


def _signal_groups(groups: Iterable[int], number: int) -> list[int]:
    """Send a signal; the groups that still had a process."""
    alive: list[int] = []
    for group in groups:
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            continue
        alive.append(group)
    return alive


if __name__ == "__main__":
    main()
