"""What callers send and get about jobs."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shared.ids import ChangeSetId, ColumnId, JobId, RowId, SheetId
from shared.jobs.models import (
    Control,
    Job,
    JobError,
    JobResult,
    JobStatus,
    JobUndo,
    OutcomeStatus,
    Paused,
    RowNotUndone,
)
from shared.records import Frozen, example


class RowSelection(Frozen):
    """Which rows to work on; without it, all."""

    ids: tuple[RowId, ...] = Field(min_length=1, max_length=20_000, description="Row ids.")


class StartJob(Frozen):
    """`POST /api/jobs`."""

    model_config = example(
        type="SUMMARIZE", sheetId="100", parameters={"sourceColumns": ["Text"], "targetColumn": "Summary"}
    )

    type: str = Field(description="The kind of job, such as `SUMMARIZE`.")
    sheet_id: SheetId = Field(pattern=r"^\d{1,19}$")
    parameters: dict[str, Any] = Field(description="By kind: `sourceColumns` and `targetColumn` as titles or ids.")
    rows: RowSelection | None = None


class RerunJob(Frozen):
    """`POST …/rerun`: rows of the job to be done afresh, and what the model shall heed, in the person's own words."""

    model_config = example(rowIds=["2001"], instruction="Name the station first.")

    row_ids: tuple[RowId, ...] = Field(min_length=1, max_length=20_000)
    instruction: str | None = Field(default=None, min_length=1, max_length=2_000)


class JobParameters(Frozen):
    """The parameters as they were resolved: ids."""

    source_columns: tuple[ColumnId, ...]
    target_column: ColumnId


class JobUndoView(Frozen):
    """How far undoing what a job wrote has come. The change-sets say of each cell what became of it."""

    status: Literal["undoing", "undone", "stopped"]
    change_set_ids: tuple[ChangeSetId, ...] = Field(description="The change-sets that put back, the last write first.")
    not_undone: tuple[RowNotUndone, ...] = Field(description="The first rows that were not put back, and why.")
    not_undone_count: int
    error: JobError | None = Field(description="Why it stopped.")

    @classmethod
    def of(cls, undo: JobUndo) -> "JobUndoView":
        """The caller's view."""
        return cls(
            status=undo.status,
            change_set_ids=undo.change_set_ids,
            not_undone=undo.not_undone,
            not_undone_count=undo.not_undone_count,
            error=undo.error,
        )


class JobView(Frozen):
    """A job, as callers see it."""

    id: JobId
    type: str
    sheet_id: SheetId
    status: JobStatus
    control: Control = Field(description="What its owner wants; a job that is being cancelled goes on for a moment.")
    run: int = Field(description="Rises with each retry and rerun.")
    paused: Paused | None = Field(description="Set while the job waits: for its owner to sign in, or to resume it.")
    progress: int = Field(description="Rows that have an outcome.")
    total: int
    failed_rows: int
    skipped_rows: int
    written_rows: int
    parameters: JobParameters
    error: JobError | None
    result: JobResult | None
    undo: JobUndoView | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, job: Job) -> "JobView":
        """The caller's view of a job."""
        return cls(
            id=job.job_id,
            type=job.type,
            sheet_id=job.sheet_id,
            status=job.status,
            control=job.control,
            run=job.run,
            paused=job.paused,
            progress=job.progress,
            total=job.total,
            failed_rows=job.failed_rows,
            skipped_rows=job.skipped_rows,
            written_rows=job.written_rows,
            parameters=JobParameters(source_columns=job.source_column_ids, target_column=job.target_column_id),
            error=job.error,
            result=job.result,
            undo=None if job.undo is None else JobUndoView.of(job.undo),
            created_at=job.created_at,
            updated_at=job.updated_at,
        )


class JobPage(Frozen):
    """A page of jobs, newest first."""

    items: tuple[JobView, ...]
    next_cursor: str | None


class RowOutcomeView(Frozen):
    """What became of one row."""

    row_id: RowId
    status: OutcomeStatus
    code: str | None
    message: str | None
    value: str | None
    note: str | None
    write_state: str


class RowOutcomePage(Frozen):
    """A page of outcomes, in the order of the plan."""

    items: tuple[RowOutcomeView, ...]
    next_cursor: str | None
