"""Starting jobs and looking at them."""

from collections.abc import Sequence

from shared.errors import Conflict
from shared.idempotency import require_same_request, resource_id
from shared.identity.models import Caller
from shared.ids import JobId, RowId, SheetId
from shared.jobs.checking import JobChecker
from shared.jobs.guarding import JobGuard
from shared.jobs.launching import JobLauncher
from shared.jobs.models import JobPlan, JobStatus, OutcomeStatus
from shared.jobs.planning import plan_rows
from shared.jobs.ports import JobRunner, JobStore, Ledger
from shared.jobs.requests import JobPage, JobView, RowOutcomePage, RowOutcomeView, StartJob
from shared.jobs.states import run_of
from shared.telemetry import get_logger

log = get_logger(__name__)


class JobService:
    """Use cases of callers."""

    def __init__(
        self,
        checker: JobChecker,
        store: JobStore,
        ledger: Ledger,
        guard: JobGuard,
        launcher: JobLauncher,
    ) -> None:
        self._checker = checker
        self._store = store
        self._ledger = ledger
        self._guard = guard
        self._launcher = launcher

    async def start(
        self, caller: Caller, request: StartJob, runner: JobRunner, *, idempotency_key: str | None = None
    ) -> JobView:
        """Check, save and start a job.

        Raises what `JobChecker.check` raises, and `StorageFull` (the job did not start).
        """
        job_id = JobId(resource_id(caller.user_id, "jobs", idempotency_key))
        checked = await self._checker.check(caller, request, job_id)
        job = checked.job
        if request.rows is not None:
            plan = await self._plan_chosen(job_id, checked.rows)
            job = job.model_copy(update={"plan": plan, "all_rows": plan})
        await self._guard.watch(run_of(job))
        try:
            job = await self._store.create(job)
        except Conflict:
            stored = await self._store.get(caller.user_id, job_id)
            require_same_request(stored.request_hash, request)
            return JobView.of(stored)
        log.info("job %s: %s over %d rows, queued", job.id, job.type, job.total)
        await self._launcher.launch(job, runner)
        return JobView.of(job)

    async def get(self, caller: Caller, job_id: JobId) -> JobView:
        """One of the caller's jobs. Raises `NotFound` (`job_not_found`)."""
        return JobView.of(await self._store.get(caller.user_id, job_id))

    async def list(
        self,
        caller: Caller,
        *,
        status: JobStatus | None = None,
        sheet_id: SheetId | None = None,
        limit: int,
        cursor: str | None,
    ) -> JobPage:
        """The caller's jobs with this status and over this sheet, newest first."""
        owner = caller.user_id
        jobs, next_cursor = await self._store.list(owner, status=status, sheet_id=sheet_id, limit=limit, cursor=cursor)
        return JobPage(items=tuple(JobView.of(job) for job in jobs), next_cursor=next_cursor)

    async def rows(
        self, caller: Caller, job_id: JobId, *, status: OutcomeStatus | None = None, limit: int, cursor: str | None
    ) -> RowOutcomePage:
        """What became of each row, or of those with this status, in the order of the plan."""
        await self._store.get(caller.user_id, job_id)
        outcomes, next_cursor = await self._ledger.list(job_id, status=status, limit=limit, cursor=cursor)
        items = tuple(
            RowOutcomeView(
                row_id=outcome.row_id,
                status=outcome.counted_as,
                code=outcome.code,
                message=outcome.message,
                value=outcome.value,
                note=outcome.note,
                write_state=outcome.write_state,
            )
            for outcome in outcomes
        )
        return RowOutcomePage(items=items, next_cursor=next_cursor)

    async def _plan_chosen(self, job_id: JobId, rows: Sequence[RowId]) -> JobPlan:
        """Rows chosen by id are planned at once: ids of thousands of rows have no place in the job itself."""
        plan, parts = plan_rows("run1", rows)
        await self._ledger.save_plan(job_id, parts)
        return plan
