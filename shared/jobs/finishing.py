"""The end of a run: sums up the ledger and closes the job."""

from collections.abc import Mapping
from typing import Any

from shared.ai.estimates import PriceTable
from shared.ids import JobId
from shared.jobs.models import Cost, Counts, Job, JobError, JobResult, RowOutcome, SampleResult, TokenCount
from shared.jobs.ports import JobStore, Ledger
from shared.jobs.states import JobStates, is_over
from shared.jobs.steps import JobEnd
from shared.jobs.writing import OutcomeWriter

_SAMPLES = 5


class JobFinisher:
    """Ends runs, whatever became of them. Everything here may be repeated."""

    def __init__(
        self,
        store: JobStore,
        ledger: Ledger,
        writer: OutcomeWriter,
        states: JobStates,
        prices: PriceTable,
        *,
        model_name: str,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._writer = writer
        self._states = states
        self._prices = prices
        self._model_name = model_name

    async def finish(self, end: JobEnd) -> None:
        """Close the job of this run; nothing happens when the run is over."""
        job = await self._store.get(end.job.owner, end.job.job_id)
        if is_over(job, end.job):
            return
        if end.error is not None:
            await self._writer.abandon(job, end.error)
        outcomes = await self.outcomes(job.job_id)
        if end.error is not None:
            outcomes = await self._give_up_writing(job.job_id, outcomes, end.error)
        counts = self.summary(outcomes)

        def close(job: Job) -> Mapping[str, Any]:
            if job.control == "cancel":
                return {**counts, "status": "cancelled", "error": None, "paused": None}
            error = end.error or _nothing_done(outcomes, counts["result"])
            return {**counts, "status": "failed" if error else "completed", "error": error, "paused": None}

        await self._states.change_run(end.job, close)

    async def outcomes(self, job_id: JobId) -> list[RowOutcome]:
        """All outcomes of a job, in the order of its rows."""
        outcomes: list[RowOutcome] = []
        cursor: str | None = None
        while True:
            page, cursor = await self._ledger.list(job_id, limit=500, cursor=cursor)
            outcomes += page
            if cursor is None:
                return outcomes

    def summary(self, outcomes: list[RowOutcome]) -> dict[str, Any]:
        """The job's counts and result, as these outcomes give them."""
        result = self._sum_up(outcomes)
        return {
            "result": result,
            "progress": len(outcomes),
            "failed_rows": result.failed_rows,
            "skipped_rows": result.skipped_rows,
            "written_rows": sum(outcome.write_state == "written" for outcome in outcomes),
        }

    async def _give_up_writing(self, job_id: JobId, outcomes: list[RowOutcome], error: JobError) -> list[RowOutcome]:
        """What waits to be written never will be: the rows fail, with the reason why the run could not go on."""
        refusal = {"write_state": "refused", "code": error.code, "message": error.message}
        settled = [o.model_copy(update=refusal) if o.write_state == "pending" else o for o in outcomes]
        await self._ledger.save(job_id, [o for o, was in zip(settled, outcomes, strict=True) if o is not was])
        return settled

    def _sum_up(self, outcomes: list[RowOutcome]) -> JobResult:
        counts = count(outcomes)
        tokens = TokenCount(
            input=sum(outcome.input_tokens for outcome in outcomes),
            output=sum(outcome.output_tokens for outcome in outcomes),
        )
        samples = [outcome for outcome in outcomes if outcome.counted_as == "done" and outcome.value][:_SAMPLES]
        return JobResult(
            processed_rows=counts.done,
            failed_rows=counts.failed,
            skipped_rows=counts.skipped,
            sample_results=tuple(SampleResult(row_id=o.row_id, value=o.value or "") for o in samples),
            tokens=tokens,
            cost=cost_of(self._prices, self._model_name, tokens),
        )


def count(outcomes: list[RowOutcome]) -> Counts:
    """Rows by what they count as."""
    counted = [outcome.counted_as for outcome in outcomes]
    return Counts(done=counted.count("done"), failed=counted.count("failed"), skipped=counted.count("skipped"))


def cost_of(prices: PriceTable, model_name: str, tokens: TokenCount) -> Cost:
    """What tokens cost; the amount is None for a model without a price."""
    price = prices.find(model_name)
    if price is None:
        return Cost()
    return Cost(amount=prices.amount(model_name, tokens.input, tokens.output), currency=price.currency)


def _nothing_done(outcomes: list[RowOutcome], result: JobResult) -> JobError | None:
    if result.processed_rows or not result.failed_rows:
        return None
    first = next(outcome for outcome in outcomes if outcome.counted_as == "failed")
    return JobError(code=first.code or "no_row_succeeded", message=first.message or "No row could be done.")
