"""The official clients against the running stand-in: what they ask, they get."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import jsonschema
import openai
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI

from local.openai.deployments import API_KEY, DEFAULT_DEPLOYMENT, MODEL, REASONING_DEPLOYMENT
from tests.local.openai_prompts import ROW, SUMMARY_FORMAT, row_messages, strict_format
from tests.local.openai_stand_in import OpenAiStandIn, azure_client, running_stand_in, v1_client

HELLO: Any = [{"role": "user", "content": "Hello"}]
FIND_ROWS: Any = {
    "type": "function",
    "function": {
        "name": "find_rows",
        "description": "Find rows of the sheet by owner",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {
                "owner": {"type": "string"},
                "limit": {"type": ["integer", "null"]},
                "state": {"type": "string", "enum": ["open", "done"]},
            },
            "required": ["owner", "limit", "state"],
            "additionalProperties": False,
        },
    },
}
DELETE_SHEET: Any = {"type": "function", "function": {"name": "delete_sheet", "description": "Delete the whole sheet"}}


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


@pytest.fixture
async def v1(stand_in: OpenAiStandIn) -> AsyncIterator[AsyncOpenAI]:
    async with v1_client(stand_in.url) as client:
        yield client


async def test_a_row_is_summarised_under_a_strict_schema(azure: AsyncAzureOpenAI) -> None:
    messages = row_messages("Summarise the row in at most 25 words.", ROW)
    reply = await azure.chat.completions.create(
        model=DEFAULT_DEPLOYMENT, messages=messages, response_format=SUMMARY_FORMAT, temperature=0.7, max_tokens=200
    )
    summary = json.loads(reply.choices[0].message.content or "")["summary"]
    assert "Migrate billing database" in summary and "in progress" in summary
    assert len(summary.split()) <= 25
    assert (reply.model, reply.choices[0].finish_reason) == (MODEL, "stop")
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.model_dump()["prompt_filter_results"][0]["content_filter_results"]["hate"]["filtered"] is False
    assert reply.choices[0].model_dump()["content_filter_results"]["violence"]["severity"] == "safe"


async def test_the_version_less_api_gives_the_same_answer(azure: AsyncAzureOpenAI, v1: AsyncOpenAI) -> None:
    messages = row_messages("Extract the key terms.", ROW)
    terms = strict_format("row_terms", {"terms": {"type": "array", "items": {"type": "string"}}})
    first = await azure.chat.completions.create(model=DEFAULT_DEPLOYMENT, messages=messages, response_format=terms)
    second = await v1.chat.completions.create(model=DEFAULT_DEPLOYMENT, messages=messages, response_format=terms)
    assert first.choices[0].message.content == second.choices[0].message.content
    assert "import scripts" in json.loads(second.choices[0].message.content or "")["terms"]


async def test_the_models_are_listed(v1: AsyncOpenAI) -> None:
    assert [model.id async for model in v1.models.list()] == [DEFAULT_DEPLOYMENT, REASONING_DEPLOYMENT]


async def test_an_entra_token_for_the_service_is_accepted(stand_in: OpenAiStandIn) -> None:
    async def current() -> str:
        return _jwt({"aud": "https://cognitiveservices.azure.com", "exp": time.time() + 60})

    async with azure_client(stand_in.url, api_key=None, azure_ad_token_provider=current) as client:
        reply = await client.chat.completions.create(model=DEFAULT_DEPLOYMENT, messages=HELLO)
    assert "offline rules" in (reply.choices[0].message.content or "")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://management.azure.com", "exp": 4102444800},
        {"aud": "https://cognitiveservices.azure.com", "exp": 1},
        {},
    ],
)
async def test_an_entra_token_that_is_expired_or_for_others_is_refused(
    stand_in: OpenAiStandIn, claims: dict[str, Any]
) -> None:
    async def stale() -> str:
        return _jwt(claims)

    async with azure_client(stand_in.url, api_key=None, azure_ad_token_provider=stale) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model=DEFAULT_DEPLOYMENT, messages=HELLO)


async def test_a_wrong_key_is_refused(stand_in: OpenAiStandIn) -> None:
    async with azure_client(stand_in.url, api_key="wrong") as client:
        with pytest.raises(openai.AuthenticationError, match="invalid subscription key"):
            await client.chat.completions.create(model=DEFAULT_DEPLOYMENT, messages=HELLO)


async def test_an_unknown_deployment_is_not_found(azure: AsyncAzureOpenAI, v1: AsyncOpenAI) -> None:
    for client in (azure, v1):
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(model="gpt-4", messages=HELLO)
        assert caught.value.code == "DeploymentNotFound"


async def test_content_streams_in_pieces_that_make_up_the_whole(azure: AsyncAzureOpenAI) -> None:
    messages = row_messages("Summarise the row.", ROW)
    whole = await azure.chat.completions.create(model=DEFAULT_DEPLOYMENT, messages=messages)
    stream = await azure.chat.completions.create(
        model=DEFAULT_DEPLOYMENT, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    deltas = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert len(deltas) > 5
    assert "".join(deltas) == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].usage == whole.usage
    assert not chunks[0].choices


async def test_a_stream_has_no_usage_unless_asked(azure: AsyncAzureOpenAI) -> None:
    stream = await azure.chat.completions.create(model=DEFAULT_DEPLOYMENT, messages=HELLO, stream=True)
    assert [chunk.usage async for chunk in stream if chunk.usage] == []


async def test_a_required_tool_is_called_with_arguments_from_the_text(azure: AsyncAzureOpenAI) -> None:
    reply = await azure.chat.completions.create(
        model=DEFAULT_DEPLOYMENT,
        messages=[{"role": "user", "content": "Please find rows, owner: Ana Lopez, limit: 12"}],
        tools=[DELETE_SHEET, FIND_ROWS],
        tool_choice="required",
    )
    assert reply.choices[0].finish_reason == "tool_calls"
    call: Any = (reply.choices[0].message.tool_calls or [])[0]
    arguments = json.loads(call.function.arguments)
    assert call.function.name == "find_rows"
    assert (arguments["owner"], arguments["limit"]) == ("Ana Lopez", 12)
    jsonschema.validate(arguments, FIND_ROWS["function"]["parameters"])


async def test_a_named_tool_streams_its_arguments(azure: AsyncAzureOpenAI) -> None:
    stream = await azure.chat.completions.create(
        model=DEFAULT_DEPLOYMENT,
        messages=[{"role": "user", "content": "Who is late? owner: Ben Okafor"}],
        tools=[DELETE_SHEET, FIND_ROWS],
        tool_choice={"type": "function", "function": {"name": "find_rows"}},
        stream=True,
    )
    parts = [call async for chunk in stream for c in chunk.choices for call in c.delta.tool_calls or []]
    assert parts[0].id and parts[0].function and parts[0].function.name == "find_rows"
    pieces = [part.function.arguments or "" for part in parts if part.function]
    assert len([piece for piece in pieces if piece]) > 1
    assert json.loads("".join(pieces))["owner"] == "Ben Okafor"


async def test_a_tool_is_called_on_its_own_only_where_the_user_names_it(azure: AsyncAzureOpenAI) -> None:
    async def finish(content: str) -> str:
        reply = await azure.chat.completions.create(
            model=DEFAULT_DEPLOYMENT, messages=[{"role": "user", "content": content}], tools=[DELETE_SHEET, FIND_ROWS]
        )
        return reply.choices[0].finish_reason

    assert await finish("Find all rows of Ana") == "tool_calls"
    assert await finish("Good morning!") == "stop"


async def test_a_tool_result_is_answered_with_text(azure: AsyncAzureOpenAI) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "find_rows", "arguments": "{}"}}
    messages: Any = [
        {"role": "user", "content": "Find rows"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "3 rows are open"},
    ]
    reply = await azure.chat.completions.create(model=DEFAULT_DEPLOYMENT, messages=messages, tools=[FIND_ROWS])
    assert "3 rows are open" in (reply.choices[0].message.content or "")


async def test_a_cap_cuts_the_text_and_says_so(azure: AsyncAzureOpenAI) -> None:
    messages = row_messages("Summarise the row.", ROW)
    reply = await azure.chat.completions.create(
        model=DEFAULT_DEPLOYMENT, messages=messages, response_format=SUMMARY_FORMAT, max_tokens=5
    )
    assert reply.choices[0].finish_reason == "length"
    assert len(reply.choices[0].message.content or "") == 20
    with pytest.raises(openai.LengthFinishReasonError):
        await azure.chat.completions.parse(
            model=DEFAULT_DEPLOYMENT, messages=messages, response_format=SUMMARY_FORMAT, max_tokens=5
        )


async def test_what_the_rules_cannot_do_is_a_refusal(azure: AsyncAzureOpenAI) -> None:
    value = strict_format("custom", {"value": {"type": "string"}})
    messages = row_messages("Translate the notes to French.", ROW)
    reply = await azure.chat.completions.create(model=DEFAULT_DEPLOYMENT, messages=messages, response_format=value)
    assert "translate" in (reply.choices[0].message.refusal or "")
    assert reply.choices[0].message.content is None


async def test_a_stop_sequence_ends_the_text(azure: AsyncAzureOpenAI) -> None:
    reply = await azure.chat.completions.create(model=DEFAULT_DEPLOYMENT, messages=HELLO, stop=[" rules"], n=2)
    assert [choice.message.content for choice in reply.choices] == ["I am a set of offline"] * 2
    assert [choice.index for choice in reply.choices] == [0, 1]


async def test_the_answer_carries_the_services_headers(azure: AsyncAzureOpenAI) -> None:
    raw = await azure.chat.completions.with_raw_response.create(
        model=DEFAULT_DEPLOYMENT, messages=HELLO, extra_headers={"x-ms-client-request-id": "row-7"}
    )
    assert raw.headers["x-ms-client-request-id"] == "row-7"
    assert {"apim-request-id", "x-ms-region", "x-ratelimit-limit-tokens", "x-ratelimit-remaining-requests"} <= set(
        raw.headers
    )


async def test_the_log_tells_each_call_apart(azure: AsyncAzureOpenAI, stand_in: OpenAiStandIn) -> None:
    await azure.chat.completions.create(
        model=DEFAULT_DEPLOYMENT,
        messages=row_messages("Summarise the row.", ROW),
        max_tokens=100,
        extra_headers={"x-ms-client-request-id": "row-8"},
    )
    call = stand_in.calls()[-1]
    assert (call["deployment"], call["stream"], call["clientRequestId"]) == (DEFAULT_DEPLOYMENT, False, "row-8")
    assert call["reservedTokens"] == call["promptTokens"] + 100
    assert 0 < call["completionTokens"] <= 100
    assert call["documentSha256"] == hashlib.sha256(json.dumps(ROW, ensure_ascii=False).encode()).hexdigest()


async def test_many_calls_at_once_all_get_their_own_answer(azure: AsyncAzureOpenAI) -> None:
    async def summary(number: int) -> str:
        reply = await azure.chat.completions.create(
            model=DEFAULT_DEPLOYMENT,
            messages=row_messages("Summarise the row.", {"Task": f"Ticket {number}", "Status": "Open"}),
        )
        return reply.choices[0].message.content or ""

    answers = await asyncio.gather(*(summary(number) for number in range(40)))
    assert answers == [f"Ticket {number}: open." for number in range(40)]


def _jwt(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none"}, claims)
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.{API_KEY}"
