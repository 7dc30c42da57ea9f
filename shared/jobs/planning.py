"""Cuts a job's rows into chunks of activities."""

from collections.abc import Sequence
from math import ceil

from shared.ids import RowId
from shared.jobs.models import PlanChunk

ACTIVITIES_PER_CHUNK = 50  # a chunk is replayed once per batch of its events: small ones keep that cheap
ROWS_WITH_OWN_ACTIVITY = 500
MAX_ROWS_PER_ACTIVITY = 25


def plan_rows(run: int, row_ids: Sequence[RowId]) -> list[PlanChunk]:
    """One row per activity up to 500 rows; above, ⌈rows/500⌉ rows, at most 25."""
    size = min(MAX_ROWS_PER_ACTIVITY, max(1, ceil(len(row_ids) / ROWS_WITH_OWN_ACTIVITY)))
    slots = [tuple(row_ids[start : start + size]) for start in range(0, len(row_ids), size)]
    return [
        PlanChunk(
            id=chunk_id(run, number),
            first_position=start * size,
            slots=tuple(slots[start : start + ACTIVITIES_PER_CHUNK]),
        )
        for number, start in enumerate(range(0, len(slots), ACTIVITIES_PER_CHUNK))
    ]


def chunk_id(run: int, number: int) -> str:
    """The id of a plan's chunk."""
    return f"run{run}-{number:05d}"
