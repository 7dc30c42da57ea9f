"""Runs domain orchestrators in memory: tasks are coroutines, timers move the fake clock, nothing is replayed."""

import asyncio
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

    @property
    def failed(self) -> bool:
        return self.future.done() and self.future.exception() is not None

    @property
    def result(self) -> Any:
        return self.future.exception() or self.future.result()

    async def outcome(self) -> Any:
        return await self.future


class _Timer(_Task):
    """Fires when nothing else is left to wait for."""

    def __init__(self, fire_at: datetime) -> None:
        super().__init__(asyncio.get_running_loop().create_future())
        self.fire_at = fire_at
        self.canceled = False


class _FirstOf(_Task):
    def __init__(self, tasks: Sequence[_Task], clock: FakeClock) -> None:
        self.tasks = list(tasks)
        self.clock = clock
        super().__init__(self._wait())

    async def _wait(self) -> int:
        working = [task.future for task in self.tasks if not isinstance(task, _Timer)]
        if working:
            await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
        else:
            _fire(min((t for t in self.tasks if isinstance(t, _Timer)), key=lambda t: t.fire_at), self.clock)
        index = next(index for index, task in enumerate(self.tasks) if task.future.done())
        error = self.tasks[index].future.exception()
        if error is not None and not isinstance(error, Exception):
            raise error  # the process died: no orchestrator hears of it
        return index


def _fire(timer: _Timer, clock: FakeClock) -> None:
    clock.now = max(clock.now, timer.fire_at)
    timer.future.set_result(None)


class FakeDurable:
    """`OrchestratorContext` for tests. `activities` are called by name; `calls` counts them."""

    def __init__(self, activities: dict[str, Activity], clock: FakeClock) -> None:
        self._activities = activities
        self._clock = clock
        self.calls: list[tuple[str, BaseModel]] = []
        self.open_timers: list[_Timer] = []
        self.shown: list[dict[str, Any]] = []

    @property
    def now(self) -> datetime:
        return self._clock()

    def activity(self, name: str, payload: BaseModel, *, retried: bool = False) -> OrchestratorTask:
        self.calls.append((name, payload))
        return _Task(self._call(name, payload))

    async def _call(self, name: str, payload: BaseModel) -> Any:
        answer = await self._activities[name](type(payload).model_validate_json(payload.model_dump_json()))
        return None if answer is None else answer.model_dump(mode="json", by_alias=True)

    def chunk(self, payload: ChunkRun) -> OrchestratorTask:
        return _Task(self._drive(run_chunk(self, payload)))

    def timer(self, fire_at: datetime) -> OrchestratorTask:
        timer = _Timer(fire_at)
        self.open_timers.append(timer)
        return timer

    def cancel(self, timer: OrchestratorTask) -> None:
        assert isinstance(timer, _Timer)
        timer.canceled = True

    def first_of(self, tasks: Sequence[OrchestratorTask]) -> OrchestratorTask:
        return _FirstOf([task for task in tasks if isinstance(task, _Task)], self._clock)

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
            if isinstance(task, _Timer):
                _fire(task, self._clock)
            failure = None
            try:
                send = await task.outcome()
            except Exception as error:  # noqa: BLE001 - handed to the orchestrator, as Durable does
                failure = error
