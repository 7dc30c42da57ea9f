"""Cuts a job's rows into slots: the rows of one activity."""

from collections.abc import Sequence
from math import ceil

from shared.ids import RowId
from shared.jobs.models import JobPlan, PlanPart

ROWS_WITH_OWN_ACTIVITY = 500
MAX_ROWS_PER_SLOT = 25
SLOTS_PER_PART = 100


def plan_rows(
    key: str, row_ids: Sequence[RowId], positions: Sequence[int] | None = None
) -> tuple[JobPlan, list[PlanPart]]:
    """One row per slot up to 500 rows; above, ⌈rows/500⌉ rows, at most 25. The ids go into parts of 100 slots.

    `key` tells this plan from others of the same job; `positions` are the rows' places among all rows of the job.
    """
    size = min(MAX_ROWS_PER_SLOT, max(1, ceil(len(row_ids) / ROWS_WITH_OWN_ACTIVITY)))
    places = range(len(row_ids)) if positions is None else positions
    starts = range(0, len(row_ids), size)
    slots = [tuple(row_ids[start : start + size]) for start in starts]
    slot_places = [tuple(places[start : start + size]) for start in starts]
    parts = [
        PlanPart(
            id=part_id(key, start),
            slots=tuple(slots[start : start + SLOTS_PER_PART]),
            positions=tuple(slot_places[start : start + SLOTS_PER_PART]),
        )
        for start in range(0, len(slots), SLOTS_PER_PART)
    ]
    return JobPlan(key=key, slots=len(slots), rows_per_slot=size, total=len(row_ids)), parts


def parts_of(plan: JobPlan) -> list[str]:
    """The ids of the plan's parts, in order."""
    return [part_id(plan.key, start) for start in range(0, plan.slots, SLOTS_PER_PART)]


def part_id(key: str, slot: int) -> str:
    """The id of the part of the plan that holds a slot."""
    return f"{key}-{slot // SLOTS_PER_PART:05d}"
