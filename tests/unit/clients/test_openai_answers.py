"""What comes back from the model service, and what it means to a row."""

import asyncio
import logging
from typing import Any

import httpx2
import pytest

from shared.ai.ports import ModelAnswer, ModelDeferred, ModelRefusal
from shared.errors import AppError, InvalidInput, Unauthorized
from tests.fakes.timers import FakeTimers
from tests.unit.clients.openai_http import REQUEST, ScriptedService, completion, model_on, refused


async def test_an_answer_comes_with_its_usage_and_the_model_that_gave_it():
    async with model_on(ScriptedService()) as model:
        answer = await model.complete(REQUEST)
    assert answer == ModelAnswer({"summary": "A leak."}, input_tokens=40, output_tokens=7, model="gpt-4o-2024-08-06")


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (completion('{"summary": "A l', finish="length"), "truncated"),
        (completion(None, refusal="I can't help with that."), "refused"),
        (completion(None, finish="content_filter"), "content_filtered"),
        (completion("A leak."), "invalid_answer"),
        (completion('["A leak."]'), "invalid_answer"),
        (completion(None), "invalid_answer"),
    ],
)
async def test_an_answer_that_cannot_be_used_is_the_rows_outcome_with_its_tokens(reply: httpx2.Response, code: str):
    async with model_on(ScriptedService(reply)) as model:
        with pytest.raises(ModelRefusal) as raised:
            await model.complete(REQUEST)
    refusal = raised.value
    assert (refusal.code, refusal.input_tokens, refusal.output_tokens) == (code, 40, 7)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (refused(400, "content_filter", param="prompt"), "content_filtered"),
        (refused(400, "context_length_exceeded", param="messages"), "input_too_long"),
        (refused(413), "input_too_long"),
    ],
)
async def test_a_text_that_the_service_does_not_take_is_the_rows_outcome(reply: httpx2.Response, code: str):
    async with model_on(ScriptedService(reply)) as model:
        with pytest.raises(ModelRefusal) as raised:
            await model.complete(REQUEST)
    assert raised.value.code == code
    assert "SECRET" not in raised.value.message


@pytest.mark.parametrize(
    ("reply", "kind", "code", "named"),
    [
        (refused(401, "401"), Unauthorized, "model_unauthorized", "AZURE_OPENAI_API_KEY"),
        (refused(403), Unauthorized, "model_unauthorized", "AZURE_OPENAI_API_KEY"),
        (refused(404, "DeploymentNotFound"), InvalidInput, "model_deployment_not_found", "AZURE_OPENAI_DEPLOYMENT"),
        (httpx2.Response(404, text="<html>"), InvalidInput, "model_deployment_not_found", "AZURE_OPENAI_API_BASE"),
        (
            refused(400, "unsupported_parameter", param="max_tokens"),
            InvalidInput,
            "model_request_refused",
            "max_tokens",
        ),
        (refused(400, param="x y <script>"), InvalidInput, "model_request_refused", "AZURE_OPENAI_MODEL"),
    ],
)
async def test_wrong_settings_are_said_by_their_names_without_the_vendors_text(
    reply: httpx2.Response, kind: type[AppError], code: str, named: str
):
    async with model_on(ScriptedService(reply)) as model:
        with pytest.raises(kind) as raised:
            await model.complete(REQUEST)
    assert raised.value.code == code
    assert named in raised.value.detail
    assert "SECRET" not in raised.value.detail
    assert "script" not in raised.value.detail


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "7", "retry_after_ms": "6500"}, 6.5),
        ({}, 0.5),
    ],
)
async def test_a_429_closes_the_gate_and_defers_until_the_service_says(headers: dict[str, str], seconds: float):
    service, timers = ScriptedService(refused(429, "RateLimitReached", **headers), completion()), FakeTimers()
    async with model_on(service, timers) as model:
        with pytest.raises(ModelDeferred) as raised:
            await model.complete(REQUEST)
        assert raised.value.seconds == seconds
        assert model.gate.state().closed_seconds == seconds
        if seconds > 2:
            with pytest.raises(ModelDeferred):
                await model.complete(REQUEST)
        assert len(service.requests) == 1
        await timers.advance(seconds)
        assert await model.complete(REQUEST)


async def test_a_429_never_breaks_the_circuit():
    service, timers = ScriptedService(refused(429, retry_after="1")), FakeTimers()
    async with model_on(service, timers) as model:
        for _ in range(5):
            with pytest.raises(ModelDeferred):
                await model.complete(REQUEST)
            await timers.advance(1)
    assert len(service.requests) == 5


@pytest.mark.parametrize(
    "step",
    [
        refused(500),
        refused(503, "ServiceUnavailable"),
        refused(408),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
        httpx2.Response(200, text="<html>a proxy</html>"),
        httpx2.Response(200, json={"choices": []}),
    ],
)
async def test_an_outage_defers_and_then_breaks_the_circuit_until_it_is_over(step: httpx2.Response | Exception):
    service, timers = ScriptedService(step, step, step, completion()), FakeTimers()
    async with model_on(service, timers) as model:
        for _ in range(4):
            with pytest.raises(ModelDeferred):
                await model.complete(REQUEST)
        assert len(service.requests) == 3
        reserved = model.gate.state().tokens_last_minute
        with pytest.raises(ModelDeferred):
            await model.complete(REQUEST)
        assert model.gate.state().tokens_last_minute == reserved  # what is not sent uses up no quota
        await timers.advance(30)
        assert await model.complete(REQUEST)


async def test_the_wait_doubles_with_every_wave_of_failures_and_starts_anew_after_a_success():
    failure = refused(500)
    service, timers = ScriptedService(failure, failure, failure, completion(), failure), FakeTimers()
    waits = list[float]()
    async with model_on(service, timers) as model:
        for _ in range(2):
            with pytest.raises(ModelDeferred) as raised:
                await model.complete(REQUEST)
            waits.append(raised.value.seconds)
        await timers.advance(1)
        with pytest.raises(ModelDeferred) as raised:
            await model.complete(REQUEST)
        waits.append(raised.value.seconds)
        await timers.advance(30)
        await model.complete(REQUEST)
        with pytest.raises(ModelDeferred) as raised:
            await model.complete(REQUEST)
        waits.append(raised.value.seconds)
    assert waits == [0.5, 0.5, 1, 0.5]


async def test_a_service_that_asks_for_time_with_a_503_gets_it():
    async with model_on(ScriptedService(refused(503, retry_after="11"))) as model:
        with pytest.raises(ModelDeferred) as raised:
            await model.complete(REQUEST)
    assert raised.value.seconds == 11


async def test_an_answer_that_takes_longer_than_the_timeout_in_all_is_lost():
    async with model_on(ScriptedService(delay_seconds=3600), timeout_seconds=0.01) as model:
        with pytest.raises(ModelDeferred):
            await model.complete(REQUEST)
        assert model.gate.state().in_flight == 0


async def test_a_cancelled_call_gives_its_slot_back():
    service = ScriptedService(delay_seconds=3600)
    async with model_on(service) as model:
        call = asyncio.create_task(model.complete(REQUEST))
        await service.called.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert model.gate.state().in_flight == 0


async def test_the_services_count_of_tokens_corrects_gate_and_estimate():
    headers = {
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "100",
        "x-ratelimit-reset-tokens": "20s",
    }
    async with model_on(ScriptedService(completion(headers=headers))) as model:
        before = model.estimator.tokens_per_character
        await model.complete(REQUEST)
        assert model.estimator.tokens_per_character > before / 2
        assert model.estimator.tokens_per_character != before
        assert model.gate.state().tokens_per_minute == 1000
        with pytest.raises(ModelDeferred) as raised:
            await model.complete(REQUEST)
    assert raised.value.seconds == 20


async def test_a_server_that_counts_no_tokens_is_counted_by_estimate():
    async with model_on(ScriptedService(completion(body={"usage": None, "model": ""}))) as model:
        answer = await model.complete(REQUEST)
    assert answer.input_tokens > 20
    assert answer.output_tokens > 0
    assert answer.model == "gpt-4o"


async def test_every_call_leaves_one_line_without_its_texts(caplog: pytest.LogCaptureFixture):
    steps: list[Any] = [completion(), refused(429, "RateLimitReached", retry_after="1"), httpx2.ReadTimeout("slow")]
    service, timers = ScriptedService(*steps), FakeTimers()
    with caplog.at_level(logging.DEBUG, logger="shared.clients.openai"):
        async with model_on(service, timers) as model:
            await model.complete(REQUEST)
            for _ in range(2):
                with pytest.raises(ModelDeferred):
                    await model.complete(REQUEST)
                await timers.advance(1)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("shared")]
    assert len(lines) == 3
    assert lines[0].startswith("model call job-1:row-1: 200 in ")
    assert lines[0].endswith("40+7 tokens")
    assert "429 RateLimitReached" in lines[1]
    assert "lost (APITimeoutError)" in lines[2]
    assert not any(word in line for line in lines for word in ("pump", "leak", "SECRET", "key-1"))
