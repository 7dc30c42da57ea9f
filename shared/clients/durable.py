"""Durable Functions as the jobs domain sees it: a starter, and the context of an orchestration."""
# The SDK is untyped.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp
import azure.durable_functions as df
from azure.durable_functions.models.Task import TaskBase
from pydantic import BaseModel

from shared.errors import StorageFull, UpstreamUnavailable
from shared.jobs.models import Job
from shared.jobs.orchestrator import OrchestratorTask
from shared.jobs.states import run_of
from shared.jobs.steps import ChunkRun, control_event

JOB_ORCHESTRATION = "run_job_v1"
CHUNK_ORCHESTRATION = "run_job_chunk_v1"
_RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=5_000, max_number_of_attempts=24)
_NOBODY_THERE = ("is gone: either completed or", "No instance with ID")
_ALIVE = (df.OrchestrationRuntimeStatus.Pending, df.OrchestrationRuntimeStatus.Running)


class DurableJobRunner:
    """`JobRunner` with the Durable client of the request or message being served."""

    def __init__(self, client: df.DurableOrchestrationClient) -> None:
        self._client = client

    async def start(self, job: Job) -> None:
        """See `JobRunner.start`. The instance id names job and run, so that a second start finds the first."""
        run = run_of(job)
        try:
            status = await self._client.get_status(run.instance_id)
            if status and status.runtime_status in _ALIVE:
                return
            await self._client.start_new(JOB_ORCHESTRATION, run.instance_id, dump(run))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UpstreamUnavailable("the orchestration service did not answer") from error
        except Exception as error:
            # The SDK raises bare Exceptions whose text is the service's answer.
            if "storage_full" in str(error):
                raise StorageFull("The storage of orchestrations is full; the job was not started.") from error
            raise UpstreamUnavailable("the orchestration service refused to start the job") from error

    async def signal(self, job: Job) -> None:
        """See `JobRunner.signal`."""
        instance_id = run_of(job).instance_id
        try:
            await self._client.raise_event(instance_id, control_event(job.signal))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UpstreamUnavailable("the orchestration service did not answer") from error
        except Exception as error:
            # The SDK raises bare Exceptions with texts of its own for each status.
            if any(text in str(error) for text in _NOBODY_THERE):
                return
            raise UpstreamUnavailable("the orchestration service did not take the event") from error


class DurableTask:
    """A task of Durable."""

    def __init__(self, task: TaskBase) -> None:
        self.task = task

    def result(self, answer: Any) -> Any:
        """What the orchestrator gets of Durable's answer."""
        return answer


class DurableWait(DurableTask):
    """A wait for an event or a time, whichever comes first. Each has an event task of its own: one that was waited for
    once in a `task_any` must not be used again.
    """

    def __init__(self, context: df.DurableOrchestrationContext, event: str, until: datetime) -> None:
        self._event = context.wait_for_external_event(event)
        self._timer: Any = context.create_timer(until)
        super().__init__(context.task_any([self._event, self._timer]))

    def result(self, answer: Any) -> bool:
        """Whether the event came; an orchestration cannot end while it has a timer that is not cancelled."""
        if answer is not self._event:
            return False
        self._timer.cancel()
        return True


class DurableContext:
    """`OrchestratorContext` on Durable's context."""

    def __init__(self, context: df.DurableOrchestrationContext) -> None:
        self._context = context

    @property
    def now(self) -> datetime:
        """The replayed time, UTC."""
        return self._context.current_utc_datetime.replace(tzinfo=UTC)

    def activity(self, name: str, payload: BaseModel, *, retried: bool = False) -> DurableTask:
        """Call an activity; `retried`: 24 times at most, 5 s apart."""
        if retried:
            return DurableTask(self._context.call_activity_with_retry(name, _RETRY, dump(payload)))
        return DurableTask(self._context.call_activity(name, dump(payload)))

    def chunk(self, payload: ChunkRun) -> DurableTask:
        """Run a chunk as a sub-orchestration whose id says whose it is."""
        instance_id = f"{payload.job.instance_id}:{payload.wave}:{payload.chunk}"
        return DurableTask(self._context.call_sub_orchestrator(CHUNK_ORCHESTRATION, dump(payload), instance_id))

    def timer(self, fire_at: datetime) -> DurableTask:
        """Wake at this time. Durable wants naive UTC where its own clock is naive."""
        return DurableTask(self._context.create_timer(fire_at))

    def wait(self, event: str, until: datetime) -> DurableTask:
        """Wake at this time, or when the event comes; yields whether it came."""
        return DurableWait(self._context, event, until)

    def all_of(self, tasks: Sequence[OrchestratorTask]) -> DurableTask:
        """Yields the list of all results; raises the first failure."""
        return DurableTask(self._context.task_all([_durable(task).task for task in tasks]))

    def show(self, status: dict[str, Any]) -> None:
        """Set the custom status."""
        self._context.set_custom_status(status)


def drive(steps: Generator[OrchestratorTask, Any, Any]) -> Generator[TaskBase, Any, Any]:
    """Run a domain orchestrator under Durable, which wants its own tasks."""
    send: Any = None
    failure: Exception | None = None
    while True:
        try:
            durable = _durable(steps.send(send) if failure is None else steps.throw(failure))
        except StopIteration as end:
            return end.value
        failure = None
        try:
            send = durable.result((yield durable.task))
        except Exception as error:  # noqa: BLE001 - thrown in by Durable for a failed task; the orchestrator decides
            failure = error


def dump(payload: BaseModel) -> dict[str, Any]:
    """A payload as the JSON object that travels."""
    return payload.model_dump(mode="json", by_alias=True)


def _durable(task: OrchestratorTask) -> DurableTask:
    assert isinstance(task, DurableTask)
    return task
