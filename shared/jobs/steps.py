"""What the orchestration and its activities tell each other: ids and counts only."""

from datetime import datetime

from shared.ids import JobId, UserId
from shared.jobs.models import JobError
from shared.records import Frozen


class JobRun(Frozen):
    """One run of a job: the input of its orchestration."""

    owner: UserId
    job_id: JobId
    run: int
    correlation_id: str

    @property
    def instance_id(self) -> str:
        """The orchestration's instance id."""
        return f"{self.job_id}-{self.run}"


class Planned(Frozen):
    """How the rows were cut: `slots` activities of at most `rows_per_slot` rows.

    With `paused_until`, the job waits for its owner to sign in: plan it again then.
    """

    slots: int
    rows_per_slot: int
    total: int
    paused_until: datetime | None = None
    error: JobError | None = None


class Counts(Frozen):
    """Rows with an outcome, by outcome."""

    done: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            done=self.done + other.done, failed=self.failed + other.failed, skipped=self.skipped + other.skipped
        )

    @property
    def rows(self) -> int:
        """All of them."""
        return self.done + self.failed + self.skipped


class SlotRun(Frozen):
    """The input of one `process_rows` activity: which rows, by their place in the plan."""

    job: JobRun
    slot: int


class SlotResult(Frozen):
    """What became of a slot's rows. With `deferred_until`, some rows wait for room in the quota.

    With `paused_until`, the job waits for its owner to sign in, and none of the rows was worked on.
    """

    counts: Counts
    deferred_until: datetime | None = None
    paused_until: datetime | None = None
    error: JobError | None = None


class ChunkRun(Frozen):
    """The input of one chunk's orchestration. It begins no activity after `until`; `wave` and `chunk` name it."""

    job: JobRun
    wave: int
    chunk: int
    slots: tuple[int, ...]
    until: datetime
    base: Counts


class OpenSlot(Frozen):
    """A slot that is not done, and from when on it can be."""

    slot: int
    not_before: datetime | None = None


class ChunkResult(Frozen):
    """What became of a chunk's slots, and which of them are still open."""

    counts: Counts
    open: tuple[OpenSlot, ...] = ()
    paused_until: datetime | None = None
    error: JobError | None = None


class ApplyRun(Frozen):
    """The input of `apply_outcomes`. Without `flush` only full batches are written."""

    job: JobRun
    flush: bool


class ApplyResult(Frozen):
    """How many outcomes were settled (written, equal, in conflict or refused), and when to come back, if ever."""

    settled: int
    remaining: bool
    wait_until: datetime | None = None
    paused_until: datetime | None = None
    error: JobError | None = None


class ProgressReport(Frozen):
    """The input of `report_progress`: rows done before this wave, and by this chunk of it so far."""

    job: JobRun
    wave: int
    chunk: int
    base: Counts
    counts: Counts


class JobEnd(Frozen):
    """The input of `finish_job`. `error` is why the run could not go on."""

    job: JobRun
    error: JobError | None = None
