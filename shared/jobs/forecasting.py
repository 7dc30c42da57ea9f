"""What a job would take, extrapolated from a few rows that were tried."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from pydantic import Field

from shared.ai.estimates import PriceTable
from shared.jobs.finishing import cost_of
from shared.jobs.models import Cost, TokenCount
from shared.jobs.orchestrator import WRITE_EVERY
from shared.records import Frozen
from shared.sheets.models import MAX_ROWS_PER_CALL

_SECONDS_A_MINUTE = 60.0


class Forecast(Frozen):
    """What a job over all chosen rows would take, as far as the tried ones tell."""

    rows: int = Field(description="Rows that would be worked on.")
    skipped_rows: int = Field(description="Rows whose source cells are empty.")
    sampled_rows: int = Field(description="Rows that the forecast is made from.")
    tokens: TokenCount
    cost: Cost = Field(description="By `MODEL_PRICES`; `amount` is null for a model without a price.")
    seconds: float = Field(description="With the whole quota to itself.")
    smartsheet_calls: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the model may be asked by one instance."""

    rows_at_once: int
    tokens_per_minute: int
    requests_per_minute: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What one tried row took."""

    input_tokens: int
    output_tokens: int
    seconds: float


def forecast(
    tried: Sequence[Tried],
    *,
    rows: int,
    skipped_rows: int,
    max_output_tokens: int,
    pace: Pace,
    prices: PriceTable,
    model_name: str,
) -> Forecast:
    """The mean of the tried rows, of which there must be one, times the number of rows.

    Time is what limits most: rows at once, calls a minute, or reserved tokens a minute (prompt and the output's cap).
    Each batch of rows is read again and written: full ones of 500 rows, or what there is every 15 s.
    """
    mean_input = sum(each.input_tokens for each in tried) / len(tried)
    mean_output = sum(each.output_tokens for each in tried) / len(tried)
    mean_seconds = sum(each.seconds for each in tried) / len(tried)
    tokens = TokenCount(input=round(mean_input * rows), output=round(mean_output * rows))
    seconds = max(
        mean_seconds * ceil(rows / pace.rows_at_once),
        rows / pace.requests_per_minute * _SECONDS_A_MINUTE,
        rows * (mean_input + max_output_tokens) / pace.tokens_per_minute * _SECONDS_A_MINUTE,
    )
    batches = max(ceil(rows / MAX_ROWS_PER_CALL), min(rows, ceil(seconds / WRITE_EVERY.total_seconds())))
    return Forecast(
        rows=rows,
        skipped_rows=skipped_rows,
        sampled_rows=len(tried),
        tokens=tokens,
        cost=cost_of(prices, model_name, tokens),
        seconds=round(seconds, 1),
        smartsheet_calls=1 + 2 * batches,
    )
