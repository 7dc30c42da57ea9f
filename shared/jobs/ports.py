"""What the jobs domain needs from the outside."""

from collections.abc import Sequence
from typing import Protocol

from shared.ids import JobId, RowId, SheetId, UserId
from shared.jobs.models import ChunkProgress, Job, JobStatus, OutcomeStatus, PlanPart, RowOutcome, WriteCursor


class JobStore(Protocol):
    """Jobs, by owner."""

    async def get(self, owner: UserId, job_id: JobId) -> Job:
        """Raises `NotFound` (code `job_not_found`), also for somebody else's job."""
        ...

    async def create(self, job: Job) -> Job:
        """Raises `Conflict` (code `already_exists`)."""
        ...

    async def replace(self, job: Job) -> Job:
        """Raises `PreconditionFailed` when the job changed since it was read."""
        ...

    async def list(
        self,
        owner: UserId,
        *,
        status: JobStatus | None = None,
        sheet_id: SheetId | None = None,
        limit: int,
        cursor: str | None,
    ) -> tuple[list[Job], str | None]:
        """The owner's jobs with this status and over this sheet, newest first."""
        ...


class Ledger(Protocol):
    """The outcomes of a job's rows, its plan, and its writer's place. Everything here may be saved twice."""

    async def save_plan(self, job_id: JobId, parts: Sequence[PlanPart]) -> None:
        """Store the plan's parts."""
        ...

    async def get_part(self, job_id: JobId, part_id: str) -> PlanPart:
        """Raises `NotFound` (code `plan_not_found`)."""
        ...

    async def save_progress(self, job_id: JobId, progress: ChunkProgress) -> list[ChunkProgress]:
        """Store how far a chunk has come; how far all chunks of its run's wave have."""
        ...

    async def find(self, job_id: JobId, row_id: RowId) -> RowOutcome | None:
        """The row's outcome, if it has one."""
        ...

    async def save(self, job_id: JobId, outcomes: Sequence[RowOutcome]) -> None:
        """Store outcomes, in place of former ones of the same rows."""
        ...

    async def list_unwritten(self, job_id: JobId, *, limit: int) -> list[RowOutcome]:
        """Outcomes whose value waits to be written, in the order of the plan."""
        ...

    async def list(
        self, job_id: JobId, *, status: OutcomeStatus | None = None, limit: int, cursor: str | None
    ) -> tuple[list[RowOutcome], str | None]:
        """All outcomes, or those that count as `status`, in the order of the plan."""
        ...

    async def get_cursor(self, job_id: JobId) -> WriteCursor:
        """The writer's place; a fresh one when it never wrote."""
        ...

    async def save_cursor(self, job_id: JobId, cursor: WriteCursor) -> None:
        """Raises `PreconditionFailed` when another writer moved it."""
        ...


class JobRunner(Protocol):
    """Starts orchestrations, and wakes them."""

    async def start(self, job: Job) -> None:
        """Run the job's current run, unless it runs already. Raises `UpstreamUnavailable`, `StorageFull`."""
        ...

    async def signal(self, job: Job) -> None:
        """Tell the orchestration of the job's current run that `control` has changed; one that has ended need not know.

        Raises `UpstreamUnavailable`.
        """
        ...
