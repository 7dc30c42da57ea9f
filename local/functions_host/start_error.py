"""Why the host does not start."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class StartError(Exception):
    """Everything that keeps the app from starting, each problem one line for the developer."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StartProblems:
    """Gathers the problems of several steps, so that all are reported at once."""

    def __init__(self) -> None:
        self._problems: list[str] = []

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Keep the problems of a step that raises StartError."""
        try:
            yield
        except StartError as error:
            self._problems += error.problems

    def check(self) -> None:
        """Raise StartError if there was any problem."""
        if self._problems:
            raise StartError(self._problems)
