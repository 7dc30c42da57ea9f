"""Trying a job out: a few rows are worked on, and nothing is saved or written."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence

from shared.ai.estimates import PriceTable
from shared.ai.ports import ModelDeferred
from shared.errors import UpstreamUnavailable
from shared.identity.models import Caller
from shared.ids import JobId, RowId
from shared.jobs.checking import CheckedJob, JobChecker
from shared.jobs.forecasting import Forecast, Pace, Tried, forecast
from shared.jobs.models import OutcomeStatus, RowOutcome
from shared.jobs.processing import RowProcessor
from shared.jobs.requests import StartJob
from shared.records import Frozen

MAX_ROWS = 5
PREVIEW_SECONDS = 25.0
"""How long the tried rows may take; a static web app's linked API ends calls after 45 s."""


class PreviewRow(Frozen):
    """What would become of one row."""

    row_id: RowId
    status: OutcomeStatus
    code: str | None
    message: str | None
    value: str | None
    note: str | None


class JobPreview(Frozen):
    """Rows that were tried, and what the whole job would take."""

    rows: tuple[PreviewRow, ...]
    forecast: Forecast


class JobPreviewer:
    """Tries jobs out. `pace` is what the forecast of time is made with; `seconds` is a clock that never goes back."""

    def __init__(
        self,
        checker: JobChecker,
        processor: RowProcessor,
        prices: PriceTable,
        pace: Pace,
        *,
        model_name: str,
        wait_seconds: float = PREVIEW_SECONDS,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checker = checker
        self._processor = processor
        self._prices = prices
        self._pace = pace
        self._model_name = model_name
        self._wait_seconds = wait_seconds
        self._seconds = seconds

    async def preview(self, caller: Caller, request: StartJob) -> JobPreview:
        """Try up to 5 rows, spread over all; a row for which the model has no room now is left out.

        Raises what starting the job would, and `UpstreamUnavailable` (`model_busy`) when there is no room for any.
        """
        checked = await self._checker.check(caller, request, JobId(str(uuid.uuid4())))
        tried = await self._try_rows(checked)
        outcomes = [outcome for outcome, _ in tried]
        return JobPreview(
            rows=tuple(map(_row, outcomes)),
            forecast=forecast(
                [Tried(outcome.input_tokens, outcome.output_tokens, seconds) for outcome, seconds in tried],
                rows=len(checked.filled),
                skipped_rows=len(checked.rows) - len(checked.filled),
                max_output_tokens=checked.kind.max_output_tokens,
                pace=self._pace,
                prices=self._prices,
                model_name=self._model_name,
            ),
        )

    async def _try_rows(self, checked: CheckedJob) -> list[tuple[RowOutcome, float]]:
        tasks = [asyncio.create_task(self._try(checked, row_id)) for row_id in _spread(checked.filled)]
        try:
            await asyncio.wait(tasks, timeout=self._wait_seconds)
        finally:
            for task in tasks:
                task.cancel()  # nothing happens to those that are done
        results = await asyncio.gather(*tasks, return_exceptions=True)
        done = [result for result in results if isinstance(result, tuple)]
        waits = [result.seconds for result in results if isinstance(result, ModelDeferred)]
        expected = (tuple, ModelDeferred, asyncio.CancelledError)
        broken = next((result for result in results if not isinstance(result, expected)), None)
        if isinstance(broken, BaseException):
            raise broken
        if not done:
            raise UpstreamUnavailable(
                "The model has no room for a preview now; try again later.",
                code="model_busy",
                retry_after_seconds=max(waits, default=self._wait_seconds),
            )
        return done

    async def _try(self, checked: CheckedJob, row_id: RowId) -> tuple[RowOutcome, float]:
        started = self._seconds()
        outcome = await self._processor.try_row(checked.sheet, checked.job, checked.kind, row_id)
        return outcome, self._seconds() - started


def _spread(rows: Sequence[RowId]) -> list[RowId]:
    """At most `MAX_ROWS` rows, at equal distances: neighbours are often alike."""
    count = min(MAX_ROWS, len(rows))
    return [rows[at * len(rows) // count] for at in range(count)]


def _row(outcome: RowOutcome) -> PreviewRow:
    return PreviewRow(
        row_id=outcome.row_id,
        status=outcome.status,
        code=outcome.code,
        message=outcome.message,
        value=outcome.value,
        note=outcome.note,
    )
