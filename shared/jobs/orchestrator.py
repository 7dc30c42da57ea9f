"""How a job runs: plan, chunks in a bounded window, writes beside them, one end on every path.

Plain generators: no clock, no randomness, no settings, no I/O. A change that alters the order of calls needs a
new function name, because running instances are replayed against their history.

    plan_job → [ run_job_chunk_v1 × window ] → finish_job
                  process_rows × activities
               apply_outcomes: ≥ 500 rows unwritten, or 15 s passed, or at the end
               report_progress: after each chunk, one at a time
"""

from collections.abc import Generator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from shared.jobs.models import JobError
from shared.jobs.steps import (
    ApplyResult,
    ApplyRun,
    ChunkRun,
    Counts,
    JobEnd,
    JobRun,
    Planned,
    ProgressReport,
    SlotResult,
    SlotRun,
)
from shared.sheets.models import MAX_ROWS_PER_CALL

WINDOW = 4
WRITE_EVERY = timedelta(seconds=15)

M = TypeVar("M", bound=BaseModel)


class OrchestratorTask(Protocol):
    """A durable task. `failed` and `result` mean something once it was yielded or won."""

    @property
    def failed(self) -> bool:
        """Whether it ended with an exception."""
        ...

    @property
    def result(self) -> Any:
        """Its result; the exception when it failed."""
        ...


class OrchestratorContext(Protocol):
    """What an orchestrator may do; `functions/` adapts Durable's context to it."""

    @property
    def now(self) -> datetime:
        """The replayed time, UTC."""
        ...

    def activity(self, name: str, payload: BaseModel, *, retried: bool = False) -> OrchestratorTask:
        """Call an activity; `retried` repeats it when it raises."""
        ...

    def chunk(self, payload: ChunkRun) -> OrchestratorTask:
        """Run one chunk as a sub-orchestration."""
        ...

    def timer(self, fire_at: datetime) -> OrchestratorTask:
        """Wake at this time."""
        ...

    def cancel(self, timer: OrchestratorTask) -> None:
        """Forget a timer that has not fired."""
        ...

    def first_of(self, tasks: Sequence[OrchestratorTask]) -> OrchestratorTask:
        """Yields the index of the first task that ends."""
        ...

    def all_of(self, tasks: Sequence[OrchestratorTask]) -> OrchestratorTask:
        """Yields the list of all results; raises the first failure."""
        ...

    def show(self, status: dict[str, Any]) -> None:
        """Set the custom status, which the portal shows."""
        ...


Steps = Generator[OrchestratorTask, Any, M]


def run_job(context: OrchestratorContext, job: JobRun) -> Generator[OrchestratorTask, Any, dict[str, Any]]:
    """The orchestration of one run. Whatever happens, `finish_job` is called."""
    try:
        error = yield from _run(context, job)
    except Exception:  # noqa: BLE001 - Durable raises bare Exceptions; every path must end in finish_job
        error = JobError(code="infrastructure", message="The job could not go on; its logs say why.")
    yield context.activity("finish_job", JobEnd(job=job, error=error), retried=True)
    return {"jobId": job.job_id, "error": error.code if error else None}


def run_chunk(context: OrchestratorContext, chunk: ChunkRun) -> Generator[OrchestratorTask, Any, dict[str, Any]]:
    """The orchestration of one chunk: all its activities at once; those with deferred rows again, later."""
    counts: dict[int, Counts] = {}
    open_slots = list(range(chunk.activities))
    while True:
        tasks = [
            context.activity("process_rows", SlotRun(job=chunk.job, chunk=chunk.chunk, slot=slot), retried=True)
            for slot in open_slots
        ]
        answers: list[Any] = yield context.all_of(tasks)
        results = [SlotResult.model_validate(answer) for answer in answers]
        counts.update((slot, result.counts) for slot, result in zip(open_slots, results, strict=True))
        error = next((result.error for result in results if result.error), None)
        wake = [result.deferred_until for result in results if result.deferred_until]
        if error is not None or not wake:
            total = sum(counts.values(), Counts())
            return SlotResult(counts=total, error=error).model_dump(mode="json", by_alias=True)
        open_slots = [slot for slot, result in zip(open_slots, results, strict=True) if result.deferred_until]
        yield context.timer(max(wake))


def _run(context: OrchestratorContext, job: JobRun) -> Generator[OrchestratorTask, Any, JobError | None]:
    planned = Planned.model_validate((yield context.activity("plan_job", job, retried=True)))
    if planned.error is not None:
        return planned.error
    state = _Progress(context, job, planned)
    try:
        while state.working:
            state.fill_window()
            waiting = state.waiting()
            index: int = yield context.first_of(waiting)
            error = state.take(waiting[index])
            if error is not None:
                return error
    finally:
        state.stop_clock()
    return (yield from _write_rest(context, job))


def _write_rest(context: OrchestratorContext, job: JobRun) -> Generator[OrchestratorTask, Any, JobError | None]:
    while True:
        answer = yield context.activity("apply_outcomes", ApplyRun(job=job, flush=True))
        applied = ApplyResult.model_validate(answer)
        if applied.error is not None:
            return applied.error
        if applied.wait_until is not None:
            yield context.timer(applied.wait_until)
        elif not applied.remaining:
            return None


class _Progress:
    """The tasks in flight and the counts; everything in it follows from the history."""

    def __init__(self, context: OrchestratorContext, job: JobRun, planned: Planned) -> None:
        self._context = context
        self._job = job
        self._planned = planned
        self._next_chunk = 0
        self._chunks: list[OrchestratorTask] = []
        self._write: OrchestratorTask | None = None
        self._report: OrchestratorTask | None = None
        self._clock = context.timer(context.now + WRITE_EVERY)
        self._counts = Counts()
        self._reported = Counts()
        self._unwritten = 0
        self._write_is_due = False

    @property
    def working(self) -> bool:
        """Whether chunks are left to start or in flight, or a write or a report is."""
        more = self._next_chunk < len(self._planned.activities)
        return more or bool(self._chunks) or self._write is not None or self._report is not None

    def fill_window(self) -> None:
        """Start chunks up to the window, and a write and a report where they are due."""
        while len(self._chunks) < WINDOW and self._next_chunk < len(self._planned.activities):
            number = self._next_chunk
            self._next_chunk += 1
            chunk = ChunkRun(job=self._job, chunk=number, activities=self._planned.activities[number])
            self._chunks.append(self._context.chunk(chunk))
        rows_left = bool(self._chunks)
        if self._write is None and rows_left and (self._unwritten >= MAX_ROWS_PER_CALL or self._write_is_due):
            payload = ApplyRun(job=self._job, flush=self._write_is_due)
            self._write = self._context.activity("apply_outcomes", payload)
            self._write_is_due = False
        if self._report is None and rows_left and self._counts != self._reported:
            self._reported = self._counts
            self._report = self._context.activity("report_progress", ProgressReport(job=self._job, counts=self._counts))

    def waiting(self) -> list[OrchestratorTask]:
        """Everything that can happen next."""
        others = [task for task in (self._write, self._report) if task is not None]
        return [*self._chunks, *others, self._clock]

    def take(self, task: OrchestratorTask) -> JobError | None:
        """Take in what a task that ended brings; an error ends the run."""
        if task.failed:
            raise RuntimeError("a part of the job failed")
        if task is self._clock:
            self._write_is_due = self._unwritten > 0
            self._clock = self._context.timer(self._context.now + WRITE_EVERY)
        elif task is self._report:
            self._report = None
        elif task is self._write:
            self._write = None
            applied = ApplyResult.model_validate(task.result)
            self._unwritten = max(0, self._unwritten - applied.settled)
            return applied.error
        else:
            return self._take_chunk(task)
        return None

    def _take_chunk(self, task: OrchestratorTask) -> JobError | None:
        self._chunks.remove(task)
        result = SlotResult.model_validate(task.result)
        self._counts += result.counts
        self._unwritten += result.counts.done
        self._context.show({"total": self._planned.total, **self._counts.model_dump(), "unwritten": self._unwritten})
        return result.error

    def stop_clock(self) -> None:
        """Cancel the timer: an orchestration with an open timer would not end."""
        self._context.cancel(self._clock)
