"""A model during whose calls something happens."""

from collections.abc import Awaitable, Callable
from typing import Any

from shared.ai.ports import ModelAnswer, ModelRequest
from tests.fakes.clock import FakeClock
from tests.fakes.model import FakeModel

Interruption = Callable[[], Awaitable[Any]]


class InterruptingModel(FakeModel):
    """Does something while it answers the n-th request, after which time has passed that makes it known.

    `known_at` is how many requests there were when it was.
    """

    def __init__(self) -> None:
        super().__init__()
        self.known_at = 0
        self._at: dict[int, tuple[Interruption, FakeClock]] = {}

    def interrupt(self, request: int, action: Interruption, clock: FakeClock) -> None:
        """Do this during the request with this number, from 1 on."""
        self._at[request] = (action, clock)

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """See `Model.complete`."""
        answer = await super().complete(request)
        action, clock = self._at.pop(self.count, (None, None))
        if action is not None and clock is not None:
            await action()
            clock.advance(seconds=2)
            self.known_at = self.count
        return answer
