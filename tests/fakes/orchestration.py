"""Runs domain orchestrators in memory: tasks are coroutines, timers move the fake clock, nothing is replayed."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from shared.jobs.orchestrator import OrchestratorTask, run_chunk, run_job
from shared.jobs.steps import ChunkRun, JobRun
from tests.fakes.clock import FakeClock

Activity = Callable[[BaseModel], Awaitable[BaseModel | None]]


class _Task:
    def __init__(self, work: Awaitable[Any]) -> None:
        self.future = asyncio.ensure_future(work)

    async def outcome(self) -> Any:
        return await self.future


class _Timer(_Task):
    """Fires at once: the clock moves to its time."""

    def __init__(self, fire_at: datetime, clock: FakeClock) -> None:
        async def fire() -> None:
            clock.now = max(clock.now, fire_at)

        super().__init__(fire())


class _Wait(_Task):
    """Ends at once: with the event, if it was raised, else the clock moves to its time."""

    def __init__(self, event: str, until: datetime, durable: "FakeDurable") -> None:
        async def end() -> bool:
            if durable.during_waits:
                await durable.during_waits.popleft()()
            if event in durable.raised:
                return True
            durable.clock.now = max(durable.clock.now, until)
            return False

        super().__init__(end())


class FakeDurable:
    """`OrchestratorContext` for tests. `activities` are called by name; `calls` counts them.

    `raised` are the events that were raised; `during_waits` is done during the next waits, one in each.
    """

    def __init__(self, activities: dict[str, Activity], clock: FakeClock) -> None:
        self._activities = activities
        self.clock = clock
        self.raised: set[str] = set()
        self.during_waits: deque[Callable[[], Awaitable[Any]]] = deque()
        self.calls: list[tuple[str, BaseModel]] = []
        self.shown: list[dict[str, Any]] = []

    @property
    def now(self) -> datetime:
        return self.clock()

    def activity(self, name: str, payload: BaseModel, *, retried: bool = False) -> OrchestratorTask:
        self.calls.append((name, payload))
        return _Task(self._call(name, payload))

    async def _call(self, name: str, payload: BaseModel) -> Any:
        answer = await self._activities[name](type(payload).model_validate_json(payload.model_dump_json()))
        return None if answer is None else answer.model_dump(mode="json", by_alias=True)

    def chunk(self, payload: ChunkRun) -> OrchestratorTask:
        return _Task(self._drive(run_chunk(self, payload)))

    def timer(self, fire_at: datetime) -> OrchestratorTask:
        return _Timer(fire_at, self.clock)

    def wait(self, event: str, until: datetime) -> OrchestratorTask:
        return _Wait(event, until, self)

    def all_of(self, tasks: Sequence[OrchestratorTask]) -> OrchestratorTask:
        async def gather() -> list[Any]:
            return await asyncio.gather(*(task.future for task in tasks if isinstance(task, _Task)))

        return _Task(gather())

    def show(self, status: dict[str, Any]) -> None:
        self.shown.append(status)

    async def run_job(self, job: JobRun) -> Any:
        """Run the whole orchestration."""
        return await self._drive(run_job(self, job))

    async def _drive(self, steps: Generator[OrchestratorTask, Any, Any]) -> Any:
        send: Any = None
        failure: BaseException | None = None
        while True:
            try:
                task = steps.send(send) if failure is None else steps.throw(failure)
            except StopIteration as end:
                return end.value
            assert isinstance(task, _Task)
            failure = None
            try:
                send = await task.outcome()
            except Exception as error:  # noqa: BLE001 - handed to the orchestrator, as Durable does
                failure = error
