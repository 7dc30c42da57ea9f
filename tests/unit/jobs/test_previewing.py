"""Trying a job out: a few rows, spread over the sheet, nothing saved or written, and what the whole would take."""

import asyncio
from typing import Any

import pytest

from shared.ai.estimates import parse_prices
from shared.ai.ports import ModelAnswer, ModelDeferred, ModelRefusal, ModelRequest
from shared.errors import InvalidInput, Unauthorized, UpstreamUnavailable
from shared.jobs.forecasting import Pace, Tried, forecast
from shared.jobs.previewing import JobPreview
from shared.sheets.models import Cell
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.model import FakeModel
from tests.unit.jobs.world import CALLER, SHEET, TEXT, World, report_sheet


async def preview(world: World, **changes: Any) -> JobPreview:
    return await world.previewer.preview(CALLER, world.request(**changes))


async def test_five_rows_are_tried_and_nothing_is_saved_or_written(documents: SqliteDocuments):
    world = World(documents, report_sheet(100))
    shown = await preview(world)
    assert [row.row_id for row in shown.rows] == ["1", "21", "41", "61", "81"]
    assert all(row.status == "done" and row.value for row in shown.rows)
    assert (world.model.count, world.source.count("update_rows")) == (5, 0)
    assert not any(world.summaries())
    assert (await world.service.list(CALLER, limit=10, cursor=None)).items == ()
    assert world.queue.sent == [] and world.runner.started == []


async def test_the_forecast_is_what_the_job_then_takes(documents: SqliteDocuments):
    world = World(documents, report_sheet(60))
    expected = (await preview(world)).forecast
    await world.start()
    job = await world.run()
    assert job.result is not None
    assert (expected.rows, expected.sampled_rows) == (job.result.processed_rows, 5)
    assert expected.tokens.input == pytest.approx(job.result.tokens.input, rel=0.05)
    assert expected.tokens.output == pytest.approx(job.result.tokens.output, rel=0.05)
    assert expected.cost.amount == pytest.approx(job.result.cost.amount, rel=0.05)
    assert expected.cost.currency == "EUR"
    assert expected.smartsheet_calls == 1 + 2


async def test_rows_without_source_are_not_tried_and_counted_apart(documents: SqliteDocuments):
    world = World(documents, report_sheet(4))
    world.source.edit(SHEET, "2", TEXT, Cell())
    shown = await preview(world)
    assert [row.row_id for row in shown.rows] == ["1", "3", "4"]
    assert (shown.forecast.rows, shown.forecast.skipped_rows) == (3, 1)


async def test_only_chosen_rows_are_tried(documents: SqliteDocuments):
    world = World(documents, report_sheet(9))
    shown = await preview(world, rows={"ids": ["8", "3"]})
    assert ([row.row_id for row in shown.rows], shown.forecast.rows) == (["8", "3"], 2)


async def test_what_the_model_refuses_is_shown_as_it_would_be(documents: SqliteDocuments):
    world = World(documents, report_sheet(2))
    world.model.fail_when("station 2", ModelRefusal("content_filtered", "The service declined this text."))
    shown = await preview(world)
    assert [(row.status, row.code) for row in shown.rows] == [("done", None), ("failed", "content_filtered")]


async def test_what_cannot_be_started_cannot_be_tried(documents: SqliteDocuments):
    world = World(documents, report_sheet(2))
    with pytest.raises(InvalidInput) as raised:
        await preview(world, type="PAINT")
    assert raised.value.code == "unknown_job_type"
    assert world.model.count == 0


async def test_rows_for_which_there_is_no_room_are_left_out(documents: SqliteDocuments):
    world = World(documents, report_sheet(5))
    world.model.fail_next(ModelDeferred(40), times=3)
    shown = await preview(world)
    assert (len(shown.rows), shown.forecast.sampled_rows, shown.forecast.rows) == (2, 2, 5)


async def test_a_busy_model_is_told_with_when_to_come_back(documents: SqliteDocuments):
    world = World(documents, report_sheet(5))
    world.model.fail_next(ModelDeferred(40), times=5)
    with pytest.raises(UpstreamUnavailable) as raised:
        await preview(world)
    assert (raised.value.code, raised.value.retry_after_seconds) == ("model_busy", 40)


async def test_a_key_that_the_model_refuses_is_told_as_that(documents: SqliteDocuments):
    world = World(documents, report_sheet(5))
    world.model.fail_next(Unauthorized("The model's key is not accepted."))
    with pytest.raises(Unauthorized):
        await preview(world)


class SlowModel(FakeModel):
    """Answers about station 1 only."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled = 0

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        answer = await super().complete(request)
        if "station 1 " not in request.messages[-1].content:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return answer


async def test_rows_that_take_too_long_are_left_out_and_called_off(documents: SqliteDocuments):
    model = SlowModel()
    world = World(documents, report_sheet(3), model)
    world.preview_seconds = 0.5
    world.restart()
    shown = await preview(world)
    assert ([row.row_id for row in shown.rows], model.cancelled) == (["1"], 2)


def test_the_tightest_limit_decides_how_long_it_takes():
    def seconds(**limits: int) -> float:
        pace = Pace(**{"rows_at_once": 1000, "tokens_per_minute": 10**9, "requests_per_minute": 10**9, **limits})
        tried = [Tried(100, 10, 1.0), Tried(300, 30, 3.0)]
        made = forecast(
            tried,
            rows=600,
            skipped_rows=0,
            max_output_tokens=300,
            pace=pace,
            prices=parse_prices(""),
            model_name="unknown",
        )
        assert (made.tokens.input, made.tokens.output, made.cost.amount) == (120_000, 12_000, None)
        return made.seconds

    assert seconds() == 2.0
    assert seconds(rows_at_once=10) == 120.0
    assert seconds(requests_per_minute=60) == 600.0
    assert seconds(tokens_per_minute=60_000) == 600 * 500 / 1000
