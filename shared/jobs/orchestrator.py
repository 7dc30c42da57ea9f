"""How a job runs: plan, waves of chunks, writes beside them, one end on every path.

Plain generators: no clock, no randomness, no settings, no I/O. A change that alters the order of calls needs a
new function name, because running instances are replayed against their history.

    plan_job → wave: run_job_chunk_v1 × 5 + apply_outcomes (of the wave before) → wave → … → finish_job
                     process_rows × 25 + report_progress (of the rows before) → …

Waves instead of a sliding window: the host takes a Python orchestrator's actions one after the other, so a
task that was started by one `task_any` holds up whatever a later one wants to start. Nothing waits alone here:
every yield is an `all_of` of new tasks, or a timer when no row can go on.

What the owner wants of the job is its `control` field, which every activity reads. A step that may not go on says so;
then `plan_job`, which tells whether the job can go on, and one wait take turns; waves would fill the history for
nothing. A wait ends with its time, or with the event that tells of the next change of `control`; the event's name holds
the number of the change, so that one that comes early, late or twice does no harm.
"""

from collections.abc import Generator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from pydantic import BaseModel

from shared.jobs.models import Counts, JobError
from shared.jobs.pausing import CANCELLED
from shared.jobs.steps import (
    ApplyResult,
    ApplyRun,
    ChunkResult,
    ChunkRun,
    JobEnd,
    JobRun,
    OpenSlot,
    Planned,
    ProgressReport,
    SlotResult,
    SlotRun,
    control_event,
)
from shared.sheets.models import MAX_ROWS_PER_CALL

CHUNKS_PER_WAVE = 5
ACTIVITIES_AT_ONCE = 25
"""Per chunk: together more than run at once, so that no chunk's last rows leave room unused, and few enough that
progress is not queued behind hundreds of rows."""
WRITE_EVERY = timedelta(seconds=15)
LONGEST_END = timedelta(minutes=5)
"""How long a cancelled job waits for the fate of what it was writing."""


class OrchestratorTask(Protocol):
    """A durable task: something to yield."""


class OrchestratorContext(Protocol):
    """What an orchestrator may do; `clients/durable.py` adapts Durable's context to it."""

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

    def wait(self, event: str, until: datetime) -> OrchestratorTask:
        """Wake at this time, or when the event comes; yields whether it came."""
        ...

    def all_of(self, tasks: Sequence[OrchestratorTask]) -> OrchestratorTask:
        """Yields the list of all results; raises the first failure."""
        ...

    def show(self, status: dict[str, Any]) -> None:
        """Set the custom status, which the portal shows."""
        ...


Steps = Generator[OrchestratorTask, Any, Any]


def run_job(context: OrchestratorContext, job: JobRun) -> Steps:
    """The orchestration of one run. Whatever happens, `finish_job` is called."""
    try:
        error = yield from _run(context, job)
        if error == CANCELLED:
            yield from _end_batch(context, job)
    except Exception:  # noqa: BLE001 - Durable raises bare Exceptions; every path must end in finish_job
        error = JobError(code="infrastructure", message="The job could not go on; its logs say why.")
    yield context.activity("finish_job", JobEnd(job=job, error=error), retried=True)
    return {"jobId": job.job_id, "error": error.code if error else None}


def run_chunk(context: OrchestratorContext, chunk: ChunkRun) -> Steps:
    """The orchestration of one chunk: some activities at once, then the next, until it is time for a write."""
    counts = Counts()
    left = list(chunk.slots)
    waiting: list[OpenSlot] = []
    reported = Counts()
    while left and (context.now < chunk.until or counts.rows == 0):
        batch, left = left[:ACTIVITIES_AT_ONCE], left[ACTIVITIES_AT_ONCE:]
        tasks = [context.activity("process_rows", SlotRun(job=chunk.job, slot=slot), retried=True) for slot in batch]
        if counts != reported:
            reported = counts
            tasks.append(context.activity("report_progress", _report(chunk, counts)))
        answers: list[Any] = yield context.all_of(tasks)
        results = [SlotResult.model_validate(answer) for answer in answers[: len(batch)]]
        for slot, result in zip(batch, results, strict=True):
            if result.deferred_until is None and result.paused_until is None:
                counts += result.counts
            else:
                waiting.append(OpenSlot(slot=slot, not_before=result.deferred_until))
        error = next((result.error for result in results if result.error), None)
        if error is not None:
            return _dump(ChunkResult(counts=counts, error=error))
        paused_until = _latest(results)
        if paused_until is not None:
            open_slots = (*(OpenSlot(slot=slot) for slot in left), *waiting)
            return _dump(ChunkResult(counts=counts, open=open_slots, paused_until=paused_until))
    return _dump(ChunkResult(counts=counts, open=(*(OpenSlot(slot=slot) for slot in left), *waiting)))


def _run(context: OrchestratorContext, job: JobRun) -> Generator[OrchestratorTask, Any, JobError | None]:
    planned = yield from _planned(context, job)
    open_slots = [OpenSlot(slot=slot) for slot in range(planned.slots)]
    counts = Counts()
    written_at = context.now
    wave = 0
    while open_slots and planned.error is None:
        ready, open_slots = _take(open_slots, max(1, MAX_ROWS_PER_CALL // planned.rows_per_slot), context.now)
        if not ready:
            next_slot_at = min(slot.not_before for slot in open_slots if slot.not_before)
            planned = yield from _waited(context, job, planned, next_slot_at)
            continue
        wave += 1
        flush = context.now - written_at >= WRITE_EVERY
        written_at = context.now if flush else written_at
        tasks = [context.activity("apply_outcomes", ApplyRun(job=job, flush=flush))] if counts.done else []
        tasks += [context.chunk(chunk) for chunk in _chunks(job, wave, ready, context.now + WRITE_EVERY, counts)]
        answers: list[Any] = yield context.all_of(tasks)
        writes, chunks = answers[: -len(_split(ready))], answers[-len(_split(ready)) :]
        results = [ChunkResult.model_validate(answer) for answer in chunks]
        counts = sum((result.counts for result in results), counts)
        open_slots = [slot for result in results for slot in result.open] + open_slots
        context.show({"total": planned.total, "wave": wave, **counts.model_dump()})
        applied = [ApplyResult.model_validate(write) for write in writes]
        error = next((r.error for r in [*applied, *results] if r.error), None)
        if error is not None:
            return error
        planned = yield from _resumed(context, job, planned, _latest([*applied, *results]))
    return planned.error or (yield from _write_rest(context, job, planned))


def _write_rest(
    context: OrchestratorContext, job: JobRun, planned: Planned
) -> Generator[OrchestratorTask, Any, JobError | None]:
    while planned.error is None:
        answer = yield context.activity("apply_outcomes", ApplyRun(job=job, flush=True))
        applied = ApplyResult.model_validate(answer)
        if applied.error is not None:
            return applied.error
        if applied.paused_until is not None:
            planned = yield from _resumed(context, job, planned, applied.paused_until)
        elif applied.wait_until is not None:
            planned = yield from _waited(context, job, planned, applied.wait_until)
        elif not applied.remaining:
            return None
    return planned.error


def _end_batch(context: OrchestratorContext, job: JobRun) -> Generator[OrchestratorTask, Any, None]:
    """Let a batch that was being written come to its end, so that it is known what was written; not for ever."""
    until = context.now + LONGEST_END
    while context.now < until:
        answer = yield context.activity("apply_outcomes", ApplyRun(job=job, flush=False))
        applied = ApplyResult.model_validate(answer)
        if applied.wait_until is None:
            return
        yield context.timer(min(applied.wait_until, until))


def _planned(context: OrchestratorContext, job: JobRun) -> Generator[OrchestratorTask, Any, Planned]:
    """The plan, once the job may go on; with an `error` when it may not go on any more."""
    while True:
        planned = Planned.model_validate((yield context.activity("plan_job", job, retried=True)))
        if planned.paused_until is None:
            return planned
        context.show({"paused": planned.paused})
        yield context.wait(control_event(planned.signal + 1), planned.paused_until)


def _resumed(
    context: OrchestratorContext, job: JobRun, planned: Planned, paused_until: datetime | None
) -> Generator[OrchestratorTask, Any, Planned]:
    """Wait while the job is paused, if a step found it to be; the plan as it is after that."""
    if paused_until is None:
        return planned
    yield context.wait(control_event(planned.signal + 1), paused_until)
    return (yield from _planned(context, job))


def _waited(
    context: OrchestratorContext, job: JobRun, planned: Planned, until: datetime
) -> Generator[OrchestratorTask, Any, Planned]:
    """Wait until then; when the owner changes meanwhile what the job shall do, the plan as it is after that."""
    changed = yield context.wait(control_event(planned.signal + 1), until)
    return (yield from _planned(context, job)) if changed else planned


def _latest(results: Sequence[SlotResult | ChunkResult | ApplyResult]) -> datetime | None:
    """When to look whether the job may go on, if any step found it paused."""
    return max((result.paused_until for result in results if result.paused_until), default=None)


def _take(slots: Sequence[OpenSlot], most: int, now: datetime) -> tuple[list[int], list[OpenSlot]]:
    """The first slots that need not wait any longer, and all others."""
    ready: list[int] = []
    others: list[OpenSlot] = []
    for slot in slots:
        if len(ready) < most and (slot.not_before is None or slot.not_before <= now):
            ready.append(slot.slot)
        else:
            others.append(slot)
    return ready, others


def _chunks(job: JobRun, wave: int, slots: Sequence[int], until: datetime, base: Counts) -> list[ChunkRun]:
    return [
        ChunkRun(job=job, wave=wave, chunk=number, slots=part, until=until, base=base)
        for number, part in enumerate(_split(slots))
    ]


def _split(slots: Sequence[int]) -> list[tuple[int, ...]]:
    """Dealt out like cards, so that the sheet fills from its top."""
    return [tuple(slots[start::CHUNKS_PER_WAVE]) for start in range(min(CHUNKS_PER_WAVE, len(slots)))]


def _report(chunk: ChunkRun, counts: Counts) -> ProgressReport:
    return ProgressReport(job=chunk.job, wave=chunk.wave, chunk=chunk.chunk, base=chunk.base, counts=counts)


def _dump(result: ChunkResult) -> dict[str, Any]:
    return result.model_dump(mode="json", by_alias=True)
