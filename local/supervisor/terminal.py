"""What the supervisor says: progress, the parts' lines, the final table."""

import os
import sys
from typing import TextIO

_COLOURS = {"host": 36, "azurite": 34, "smartsheet": 32, "openai": 35, "webpubsub": 33}
_NAME_WIDTH = max(map(len, _COLOURS))


class Terminal:
    """Writes to a stream; in colour only where a person reads it, and not when `NO_COLOR` is set."""

    def __init__(self, stream: TextIO | None = None) -> None:
        chosen = stream or sys.stdout
        self._stream: TextIO | None = chosen
        self._coloured = chosen.isatty() and not os.environ.get("NO_COLOR")

    def say(self, text: str = "") -> None:
        """A line of the supervisor itself."""
        if self._stream is None:
            return
        try:
            print(text, file=self._stream, flush=True)
        except OSError:
            # The terminal was closed, or who read the pipe has left: go on (and stop properly) without them.
            self._stream = None

    def part_line(self, part: str, line: str) -> None:
        """A line that a part wrote."""
        self.say(f"{self._name(part)} │ {line}")

    def table(self, rows: list[tuple[str, str, str]]) -> None:
        """Part, address, meaning."""
        width = max((len(address) for _, address, _ in rows), default=0)
        for part, address, meaning in rows:
            self.say(f"  {self._name(part)}  {address:<{width}}  {meaning}")

    def _name(self, part: str) -> str:
        name = f"{part:<{_NAME_WIDTH}}"
        return f"\033[{_COLOURS.get(part, 37)}m{name}\033[0m" if self._coloured else name
