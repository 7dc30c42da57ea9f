"""Quotas, faults and pace: what an application must survive."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncAzureOpenAI

from local.openai.deployments import DEFAULT_DEPLOYMENT, REASONING_DEPLOYMENT
from tests.local.openai_prompts import ROW, SUMMARY_FORMAT, row_messages
from tests.local.openai_stand_in import OpenAiStandIn, azure_client, running_stand_in

HELLO: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAiStandIn]:
    with running_stand_in(tmp_path_factory.mktemp("openai")) as running:
        yield running


@pytest.fixture
def stand_in(process: OpenAiStandIn) -> OpenAiStandIn:
    process.reset()
    return process


@pytest.fixture
async def azure(stand_in: OpenAiStandIn) -> AsyncIterator[AsyncAzureOpenAI]:
    async with azure_client(stand_in.url) as client:
        yield client


async def ask(client: AsyncAzureOpenAI, deployment: str = DEFAULT_DEPLOYMENT, **options: Any) -> Any:
    return await client.chat.completions.create(model=deployment, messages=HELLO, **options)


async def test_reserved_tokens_not_used_ones_meet_the_quota(azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn) -> None:
    stand_in.limit({"tokensPerMinute": 10_000})
    await ask(azure, max_tokens=4000)
    await ask(azure, max_tokens=4000)
    with pytest.raises(openai.RateLimitError, match="token rate limit") as caught:
        await ask(azure, max_tokens=4000)
    headers = caught.value.response.headers
    assert caught.value.code == "RateLimitReached"
    assert 0 < int(headers["retry-after-ms"]) <= 60_000
    assert int(headers["retry-after"]) == -(-int(headers["retry-after-ms"]) // 1000)
    assert (headers["x-ratelimit-limit-tokens"], headers["x-ratelimit-remaining-tokens"]) == ("10000", "1996")
    await ask(azure, max_tokens=1000)


async def test_a_burst_is_refused_though_the_minute_would_hold_it(
    azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn
) -> None:
    stand_in.limit({"requestsPerMinute": 30})  # 5 in 10 s
    outcomes = await asyncio.gather(*(ask(azure) for _ in range(8)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, openai.RateLimitError)]
    assert len(refused) == 3
    assert all("call rate limit" in str(outcome) for outcome in refused)


async def test_the_window_opens_again_after_retry_after(azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn) -> None:
    stand_in.limit({"requestsPerMinute": 60, "requestWindowSeconds": 1})
    await ask(azure)
    with pytest.raises(openai.RateLimitError) as caught:
        await ask(azure)
    await asyncio.sleep(int(caught.value.response.headers["retry-after-ms"]) / 1000)
    await ask(azure)


async def test_each_deployment_has_its_own_quota(azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn) -> None:
    stand_in.limit({"requestsPerMinute": 6})
    await ask(azure)
    with pytest.raises(openai.RateLimitError):
        await ask(azure)
    await ask(azure, REASONING_DEPLOYMENT)


async def test_more_calls_at_once_than_there_is_capacity_for_are_refused(
    azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn
) -> None:
    stand_in.limit({"maxConcurrent": 2, "latencyMs": 300})
    outcomes = await asyncio.gather(*(ask(azure) for _ in range(5)), return_exceptions=True)
    codes = [outcome.code for outcome in outcomes if isinstance(outcome, openai.RateLimitError)]
    assert codes == ["NoCapacity"] * 3
    await ask(azure)


async def test_a_throttling_fault_says_when_to_come_back(azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn) -> None:
    stand_in.fault({"match": "POST */chat/completions", "status": 429, "retryAfterMs": 1500, "count": 1})
    with pytest.raises(openai.RateLimitError) as caught:
        await ask(azure)
    assert (caught.value.response.headers["retry-after-ms"], caught.value.response.headers["retry-after"]) == (
        "1500",
        "2",
    )
    await ask(azure)


async def test_a_server_error_comes_in_the_services_words(azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn) -> None:
    stand_in.fault({"status": 500, "count": 1})
    with pytest.raises(openai.InternalServerError, match="The server had an error") as caught:
        await ask(azure)
    assert caught.value.type == "server_error"


async def test_the_content_filter_answers_with_its_results(azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn) -> None:
    stand_in.fault({"status": 400, "errorCode": "content_filter", "count": 1})
    with pytest.raises(openai.BadRequestError) as caught:
        await ask(azure)
    assert caught.value.code == "content_filter"
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["innererror"]["code"] == "ResponsibleAIPolicyViolation"


async def test_a_dropped_connection_is_a_connection_error(azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn) -> None:
    stand_in.fault({"drop": True, "phase": "after", "count": 1})
    with pytest.raises(openai.APIConnectionError):
        await ask(azure)
    assert [(call["status"], call["deployment"]) for call in stand_in.calls()] == [(0, DEFAULT_DEPLOYMENT)]


async def test_a_slow_answer_runs_into_the_callers_timeout(azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn) -> None:
    stand_in.fault({"latencyMs": 2000, "count": 1})
    with pytest.raises(openai.APITimeoutError):
        await ask(azure, timeout=0.2)


async def test_a_stream_can_lose_its_connection_half_way(azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn) -> None:
    stand_in.limit({"cutStreamAfterTokens": 5})
    stream = await ask(azure, stream=True)
    received = []
    with pytest.raises(openai.APIConnectionError):
        async for chunk in stream:
            received += [choice.delta.content for choice in chunk.choices if choice.delta.content]
    assert received
    stand_in.limit({"cutStreamAfterTokens": 0})
    await ask(azure)


async def test_answers_can_be_cut_short_on_demand(azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn) -> None:
    stand_in.limit({"truncateAtTokens": 4})
    reply = await ask(azure, max_tokens=500)
    assert (reply.choices[0].finish_reason, len(reply.choices[0].message.content)) == ("length", 16)


async def test_the_same_prompts_are_refused_each_time(azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn) -> None:
    stand_in.limit({"refusalRate": 0.5})

    async def refused(number: int) -> bool:
        messages = row_messages("Summarise the row.", {**ROW, "Task": f"Task {number}"})
        reply = await azure.chat.completions.create(
            model=DEFAULT_DEPLOYMENT, messages=messages, response_format=SUMMARY_FORMAT
        )
        return reply.choices[0].message.refusal is not None

    first = [await refused(number) for number in range(20)]
    assert 3 <= sum(first) <= 17
    assert [await refused(number) for number in range(20)] == first


def test_a_limit_that_does_not_exist_is_refused(stand_in: OpenAiStandIn) -> None:
    answer = stand_in.http.put("/_control/limits", json={"tokensPerHour": 1})
    assert (answer.status_code, "tokensPerHour" in answer.text) == (422, True)
