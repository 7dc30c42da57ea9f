"""What the orchestration and its activities tell each other: ids and counts only."""

from datetime import datetime

from shared.ids import JobId, UserId
from shared.jobs.models import Counts, JobError
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


class UndoRun(Frozen):
    """The queue message that brings an undo of a job to its end."""

    owner: UserId
    job_id: JobId
    undo_id: str
    correlation_id: str


def control_event(signal: int) -> str:
    """The name of the event that tells of a change of `control`; each change has one of its own."""
    return f"control-{signal}"


class Planned(Frozen):
    """How the rows were cut: `slots` activities of at most `rows_per_slot` rows.

    With `paused_until`, the job waits for its owner, for the reason in `paused`: plan it again then, or when the event
    comes that tells of the change of `control` after `signal`.
    """

    slots: int = 0
    rows_per_slot: int = 1
    total: int = 0
    signal: int = 0
    paused: str | None = None
    paused_until: datetime | None = None
    error: JobError | None = None


class SlotRun(Frozen):
    """The input of one `process_rows` activity: which rows, by their place in the plan."""

    job: JobRun
    slot: int


class SlotResult(Frozen):
    """What became of a slot's rows. With `deferred_until`, some rows wait for room in the quota.

    With `paused_until`, the job waits for its owner: look then whether it may go on. The slot is still open, whatever
    of it was done.
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
    """How many outcomes were settled (written, equal, in conflict or refused), and when to come back, if ever.

    With `wait_until`, a batch is on its way. With an `error`, no other batch is begun.
    """

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
