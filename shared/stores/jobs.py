"""Jobs and their ledgers."""

from collections.abc import Sequence

from shared.ids import JobId, RowId, SheetId, UserId
from shared.jobs.models import ChunkProgress, Job, JobStatus, OutcomeStatus, PlanPart, RowOutcome, WriteCursor
from shared.stores.collection import Collection
from shared.stores.documents import MAX_BATCH, DocumentStore, Upsert, Where

_CURSOR = "cursor"
_BATCH_BYTES_PER_OUTCOME = 20_000  # a 4,000-character value in JSON; Cosmos DB takes 2 MB a batch
_OUTCOMES_PER_BATCH = min(MAX_BATCH, 2_000_000 // _BATCH_BYTES_PER_OUTCOME)


class DocumentJobStore:
    """`JobStore` on documents: one partition per owner."""

    def __init__(self, documents: DocumentStore) -> None:
        self._jobs = Collection(documents, "jobs", Job)

    async def get(self, owner: UserId, job_id: JobId) -> Job:
        """See `JobStore.get`."""
        return await self._jobs.get(owner, job_id, code="job_not_found", detail="There is no such job.")

    async def create(self, job: Job) -> Job:
        """See `JobStore.create`."""
        return await self._jobs.create(job.owner, job)

    async def replace(self, job: Job) -> Job:
        """See `JobStore.replace`."""
        return await self._jobs.replace(job.owner, job)

    async def list(
        self,
        owner: UserId,
        *,
        status: JobStatus | None = None,
        sheet_id: SheetId | None = None,
        limit: int,
        cursor: str | None,
    ) -> tuple[list[Job], str | None]:
        """See `JobStore.list`."""
        wanted = {"status": status, "sheetId": sheet_id}
        where = [Where(field, "=", value) for field, value in wanted.items() if value is not None]
        return await self._jobs.list(
            owner, where=where, order_by="createdAt", descending=True, limit=limit, cursor=cursor
        )


class DocumentLedger:
    """`Ledger` on documents: one partition per job."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._outcomes = Collection(documents, "ledger", RowOutcome)
        self._plans = Collection(documents, "plans", PlanPart)
        self._progress = Collection(documents, "progress", ChunkProgress)
        self._cursors = Collection(documents, "write-cursors", WriteCursor)

    async def save_plan(self, job_id: JobId, parts: Sequence[PlanPart]) -> None:
        """See `Ledger.save_plan`."""
        for part in parts:
            await self._plans.upsert(job_id, part)

    async def get_part(self, job_id: JobId, part_id: str) -> PlanPart:
        """See `Ledger.get_part`."""
        return await self._plans.get(job_id, part_id, code="plan_not_found", detail="The job has no such plan.")

    async def save_progress(self, job_id: JobId, progress: ChunkProgress) -> list[ChunkProgress]:
        """See `Ledger.save_progress`."""
        await self._progress.upsert(job_id, progress)
        wave, _ = await self._progress.list(
            job_id, where=[Where("run", "=", progress.run), Where("wave", "=", progress.wave)]
        )
        return wave

    async def find(self, job_id: JobId, row_id: RowId) -> RowOutcome | None:
        """See `Ledger.find`."""
        return await self._outcomes.find(job_id, row_id)

    async def save(self, job_id: JobId, outcomes: Sequence[RowOutcome]) -> None:
        """See `Ledger.save`."""
        for start in range(0, len(outcomes), _OUTCOMES_PER_BATCH):
            part = outcomes[start : start + _OUTCOMES_PER_BATCH]
            operations = [Upsert(outcome.id, self._outcomes.dump(outcome)) for outcome in part]
            await self._documents.batch("ledger", job_id, operations)

    async def list_unwritten(self, job_id: JobId, *, limit: int) -> list[RowOutcome]:
        """See `Ledger.list_unwritten`."""
        pending = [Where("writeState", "=", "pending")]
        outcomes, _ = await self._outcomes.list(job_id, where=pending, order_by="position", limit=limit)
        return outcomes

    async def list(
        self, job_id: JobId, *, status: OutcomeStatus | None = None, limit: int, cursor: str | None
    ) -> tuple[list[RowOutcome], str | None]:
        """See `Ledger.list`."""
        where = [] if status is None else [Where("countedAs", "=", status)]
        return await self._outcomes.list(job_id, where=where, order_by="position", limit=limit, cursor=cursor)

    async def get_cursor(self, job_id: JobId) -> WriteCursor:
        """See `Ledger.get_cursor`."""
        return await self._cursors.find(job_id, _CURSOR) or WriteCursor(id=_CURSOR, batch=0)

    async def save_cursor(self, job_id: JobId, cursor: WriteCursor) -> None:
        """See `Ledger.save_cursor`."""
        if cursor.etag:
            await self._cursors.replace(job_id, cursor)
        else:
            await self._cursors.create(job_id, cursor)
