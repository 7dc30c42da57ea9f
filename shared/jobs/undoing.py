"""Undoing what a job wrote: its change-sets one after the other, from the last to the first.

The job says how far the undo has come, and the keys of the inverse change-sets follow from that; so one that was
killed, or is delivered twice, goes on with what it began. The guard message is sent before anything is saved.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from shared.changes.requests import UndoChange
from shared.changes.timeline import Timeline
from shared.changes.views import NotUndone
from shared.errors import (
    AppError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    StorageFull,
    Unauthorized,
    UpstreamUnavailable,
)
from shared.events.ports import MessageQueue
from shared.idempotency import resource_id
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.identity.refusals import noting_refusal
from shared.ids import ChangeSetId, JobId
from shared.jobs.models import Job, JobError, JobUndo, RowNotUndone
from shared.jobs.ports import JobStore, Ledger
from shared.jobs.requests import JobView
from shared.jobs.states import JobStates
from shared.jobs.steps import UndoRun
from shared.jobs.writing import change_set_of_batch
from shared.records import utc_now
from shared.sheets.checking import require_sheet_writable
from shared.sheets.service import SheetService
from shared.telemetry import current_correlation_id, get_logger, new_correlation_id

log = get_logger(__name__)

UNDO_QUEUE = "job-undo"
GUARD_SECONDS = 60
INLINE = timedelta(seconds=15)
"""For how long a request begins further change-sets; each may take as long as any undo does."""
RUN = timedelta(seconds=240)
"""For how long one message does; the host ends a function after ten minutes."""

_PAUSE_SECONDS = 5
_NOT_UNDONE_KEPT = 20
_TRANSIENT = (UpstreamUnavailable, RateLimited, StorageFull)
_UNDER_WAY = frozenset({"undo_in_progress", "change_set_not_applied"})


class JobUndoing:
    """Undoes jobs, at once where that is quick, else in the background."""

    def __init__(
        self,
        sheets: SheetService,
        store: JobStore,
        ledger: Ledger,
        states: JobStates,
        timeline: Timeline,
        identity: Identity,
        queue: MessageQueue,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sheets = sheets
        self._store = store
        self._ledger = ledger
        self._states = states
        self._timeline = timeline
        self._identity = identity
        self._queue = queue
        self._clock = clock

    async def undo(self, caller: Caller, job_id: JobId, *, idempotency_key: str | None = None) -> JobView:
        """Put back what the job wrote, except what somebody changed since.

        Raises `NotFound` (`job_not_found`), `Conflict` (`job_not_finished`, `undo_in_progress`), `InvalidInput`
        (`nothing_to_undo`), and what makes the sheet one that cannot be written to.
        """
        job = await self._store.get(caller.user_id, job_id)
        undo_id = resource_id(caller.user_id, f"jobs/{job_id}/undo", idempotency_key)
        if job.undo is not None and job.undo.id == undo_id:
            return JobView.of(job)
        _require_undoable(job)
        batches = (await self._ledger.get_cursor(job_id)).batch
        if not batches:
            raise InvalidInput("The job has written nothing.", code="nothing_to_undo")
        await self._require_writable(caller, job)
        message = UndoRun(
            owner=job.owner,
            job_id=job_id,
            undo_id=undo_id,
            correlation_id=current_correlation_id() or new_correlation_id(),
        )
        await self._queue.send(UNDO_QUEUE, message, delay_seconds=GUARD_SECONDS)

        def begin(job: Job) -> Mapping[str, Any]:
            _require_undoable(job)
            return {"undo": JobUndo(id=undo_id, status="undoing", batch=batches)}

        await self._states.change(caller.user_id, job_id, begin)
        try:
            await self._work(caller, message, self._clock() + INLINE)
        except (Unauthorized, Forbidden, NotFound) as error:
            await self._stop(message, error)
            raise
        return JobView.of(await self._store.get(caller.user_id, job_id))

    async def carry_on(self, message: UndoRun) -> None:
        """Bring an undo to its end that whoever began it may have left, or say when to come back."""
        if await self._left(message) is None:
            return
        try:
            caller = await self._identity.caller_of_user(message.owner)
            async with noting_refusal(self._identity, caller):
                await self._work(caller, message, self._clock() + RUN)
        except (Unauthorized, Forbidden, NotFound) as error:
            log.warning("undo of job %s cannot go on: %s", message.job_id, error.code)
            await self._stop(message, error)

    async def _work(self, caller: Caller, message: UndoRun, until: datetime) -> None:
        """Undo one batch after the other; what is left then, goes on in the background."""
        delay = 0
        try:
            while self._clock() < until:
                undo = await self._left(message)
                if undo is None:
                    return
                if not await self._undo_batch(caller, message, undo):
                    delay = _PAUSE_SECONDS
                    break
        except _TRANSIENT as error:
            log.warning("undo of job %s waits: %s", message.job_id, error.code)
            delay = _PAUSE_SECONDS
        await self._queue.send(UNDO_QUEUE, message, delay_seconds=delay)

    async def _undo_batch(self, caller: Caller, message: UndoRun, undo: JobUndo) -> bool:
        """Undo the batch that is next; False while that is under way."""
        job = await self._store.get(message.owner, message.job_id)
        await self._require_writable(caller, job)
        change_set_id = change_set_of_batch(message.job_id, undo.batch)
        try:
            undone = await self._timeline.undo(caller, change_set_id, UndoChange(), key=f"{undo.id}/{undo.batch}")
        except Conflict as error:
            if error.code not in _UNDER_WAY:
                raise
            return False
        except (InvalidInput, NotFound) as error:
            if error.code not in ("nothing_to_undo", "change_set_not_found"):
                raise
            await self._save(message, undo, None, ())
            return True
        if undone.change_set.status != "applied":
            return False
        await self._save(message, undo, undone.change_set.id, undone.not_undone)
        return True

    async def _save(
        self, message: UndoRun, done: JobUndo, inverse_id: ChangeSetId | None, left: tuple[NotUndone, ...]
    ) -> None:
        rows = tuple(RowNotUndone(row_id=each.row_id, code=each.code, message=each.message) for each in left)

        def save(job: Job) -> Mapping[str, Any] | None:
            undo = job.undo
            if undo is None or undo.id != message.undo_id or undo.batch != done.batch:
                return None  # somebody else has saved it
            change = {
                "batch": undo.batch - 1,
                "status": "undone" if undo.batch == 1 else "undoing",
                "change_set_ids": (*undo.change_set_ids, *([inverse_id] if inverse_id else [])),
                "not_undone": (*undo.not_undone, *rows)[:_NOT_UNDONE_KEPT],
                "not_undone_count": undo.not_undone_count + len(left),
            }
            return {"undo": undo.model_copy(update=change)}

        await self._states.change(message.owner, message.job_id, save)

    async def _stop(self, message: UndoRun, error: AppError) -> None:
        def stop(job: Job) -> Mapping[str, Any] | None:
            undo = job.undo
            if undo is None or undo.id != message.undo_id or undo.status != "undoing":
                return None
            change = {"status": "stopped", "error": JobError(code=error.code, message=error.detail)}
            return {"undo": undo.model_copy(update=change)}

        await self._states.change(message.owner, message.job_id, stop)

    async def _left(self, message: UndoRun) -> JobUndo | None:
        """The undo as far as it has come; None when nothing is left of it, or it was never saved."""
        undo = (await self._store.get(message.owner, message.job_id)).undo
        return undo if undo is not None and undo.id == message.undo_id and undo.status == "undoing" else None

    async def _require_writable(self, caller: Caller, job: Job) -> None:
        require_sheet_writable(await self._sheets.open(caller, job.sheet_id))


def _require_undoable(job: Job) -> None:
    if not job.finished:
        raise Conflict("The job has not ended yet; cancel it first.", code="job_not_finished")
    job.require_no_undo()
