"""Jobs and what is kept about them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, cast

from pydantic import Field, computed_field, model_validator

from shared.errors import Conflict
from shared.ids import ChangeSetId, ColumnId, JobId, RowId, SheetId, UserId
from shared.records import Frozen, Record
from shared.sheets.models import CellValue

JobStatus = Literal["created", "queued", "processing", "completed", "failed", "cancelled"]
FINISHED: frozenset[JobStatus] = frozenset({"completed", "failed", "cancelled"})

Control = Literal["run", "pause", "cancel"]
"""What the owner wants the job to do; its activities read it."""


class JobError(Frozen):
    """Why a job failed: a stable code, and a sentence for people."""

    code: str
    message: str


class SampleResult(Frozen):
    """One of the first results, for a glance."""

    row_id: RowId
    value: str


class TokenCount(Frozen):
    """Tokens used, as the service counted them."""

    input: int = 0
    output: int = 0


class Cost(Frozen):
    """What the tokens cost; `amount` is None when the model has no price in `MODEL_PRICES`."""

    amount: float | None = None
    currency: str = "USD"


class JobResult(Frozen):
    """What a finished job did. `processed_rows` are rows with a result, written or already equal."""

    processed_rows: int
    failed_rows: int
    skipped_rows: int
    sample_results: tuple[SampleResult, ...]
    tokens: TokenCount
    cost: Cost


class Paused(Frozen):
    """Why a job does not go on for now, and since when."""

    reason: Literal["needs_sign_in", "user"]
    since: datetime


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


class JobPlan(Frozen):
    """How rows were cut: `slots` activities of at most `rows_per_slot` rows. `key` begins the ids of its parts."""

    key: str = "run1"
    slots: int
    rows_per_slot: int
    total: int


class RunStart(Frozen):
    """A request that started a further run: the id that its `Idempotency-Key` gives, and what it asked for."""

    id: str
    run: int
    request_hash: str


class RowNotUndone(Frozen):
    """A row that was not put back, and why."""

    row_id: RowId | None
    code: str
    message: str


class JobUndo(Frozen):
    """How far undoing what a job wrote has come: `batch` is the next to be undone, 0 when all are.

    `change_set_ids` are those that put back; of what could not be put back, `not_undone` names the first.
    """

    id: str
    status: Literal["undoing", "undone", "stopped"]
    batch: int
    change_set_ids: tuple[ChangeSetId, ...] = ()
    not_undone: tuple[RowNotUndone, ...] = ()
    not_undone_count: int = 0
    error: JobError | None = None


class Job(Record):
    """A job. `progress` counts rows that have an outcome; `run` rises with each time it is started afresh.

    `signal` rises with each change of `control`, and names the event that tells the orchestration of it. `all_rows` is
    the plan of the job's rows, `plan` that of those that the current run works on, and `kept` counts the others.
    `afresh`: the run overwrites what the target cells hold by now.
    """

    owner: UserId
    type: str
    sheet_id: SheetId
    status: JobStatus
    control: Control = "run"
    signal: int = 0
    run: int = 1
    progress: int = 0
    total: int = 0
    failed_rows: int = 0
    skipped_rows: int = 0
    written_rows: int = 0
    source_column_ids: tuple[ColumnId, ...]
    target_column_id: ColumnId
    plan: JobPlan | None = None
    all_rows: JobPlan | None = None
    kept: Counts = Counts()
    afresh: bool = False
    instruction: str | None = None
    run_started_at: datetime | None = None
    starts: tuple[RunStart, ...] = ()
    undo: JobUndo | None = None
    paused: Paused | None = None
    request_hash: str
    parameters: dict[str, Any]
    error: JobError | None = None
    result: JobResult | None = None
    correlation_id: str
    created_at: datetime
    updated_at: datetime

    @property
    def job_id(self) -> JobId:
        """The id, as what it is."""
        return JobId(self.id)

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINISHED

    def require_no_undo(self) -> None:
        """Raises `Conflict` (`undo_in_progress`) while what the job wrote is being undone."""
        if self.undo is not None and self.undo.status == "undoing":
            raise Conflict("What the job wrote is being undone.", code="undo_in_progress")


class PlanPart(Record):
    """A part of the plan: the row ids of at most `SLOTS_PER_PART` slots, and the rows' places among all of the job."""

    slots: tuple[tuple[RowId, ...], ...]
    positions: tuple[tuple[int, ...], ...]


class ChunkProgress(Record):
    """Rows that a chunk of the running wave has brought to an outcome."""

    run: int
    wave: int
    done: int
    failed: int
    skipped: int


OutcomeStatus = Literal["done", "failed", "skipped"]
WriteState = Literal["none", "pending", "written", "unchanged", "conflict", "refused"]


class RowOutcome(Record):
    """What became of one row; `id` is the row's. It is saved before anything is written to the sheet.

    Tokens are those of all runs that worked on the row; the rest is of the last of them, `run`.
    """

    run: int = 1
    position: int
    status: OutcomeStatus
    code: str | None = None
    message: str | None = None
    value: str | None = None
    note: str | None = None
    before: CellValue = None
    input_hash: str
    input_tokens: int = 0
    output_tokens: int = 0
    write_state: WriteState = "none"
    at: datetime

    @property
    def row_id(self) -> RowId:
        """The id, as what it is."""
        return RowId(self.id)

    @computed_field
    @property
    def counted_as(self) -> OutcomeStatus:
        """How the job counts the row: a result that could not be written is a failure. Stored, for lists."""
        return "failed" if self.write_state in ("conflict", "refused") else self.status

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_computed(cls, stored: Any) -> Any:
        if not isinstance(stored, Mapping):
            return stored
        fields = cast(Mapping[str, Any], stored)
        return {name: value for name, value in fields.items() if name != "countedAs"}


class WriteCursor(Record):
    """Where the writer of a job stands: the batch it is at, and the rows of that batch while it is open."""

    batch: int
    open_rows: tuple[RowId, ...] = Field(default=())
