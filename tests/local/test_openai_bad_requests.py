"""Requests that the real service refuses, and how it says so."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.openai.deployments import API_KEY, REASONING_DEPLOYMENT
from tests.local.openai_prompts import strict_format
from tests.local.openai_stand_in import OpenAiStandIn, running_stand_in

HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
TEXT = {"type": "string"}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAiStandIn]:
    with running_stand_in(tmp_path_factory.mktemp("openai")) as running:
        yield running


@pytest.fixture
def stand_in(process: OpenAiStandIn) -> OpenAiStandIn:
    process.reset()
    return process


def loose(schema: Any) -> Any:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        ({}, "messages", "Missing required parameter: 'messages'"),
        ({"messages": []}, "messages", "empty array"),
        ({"messages": "Hello"}, "messages", "expected an array of objects, but got a string"),
        ({"messages": [{"role": "boss", "content": "x"}]}, "messages[0].role", "Invalid value: 'boss'"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "expected a string, got null"),
        ({"messages": [{"role": "user", "content": "x", "mood": 1}]}, "messages[0].mood", "Unknown parameter"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content[0].type",
            "image_url is only supported by certain models",
        ),
        (
            {"messages": [{"role": "tool", "tool_call_id": "c1", "content": "x"}]},
            "messages.[0].role",
            "must be a response to a preceeding message",
        ),
        (
            {"messages": [*HELLO, {"role": "assistant", "tool_calls": [CALL]}]},
            "messages.[2].role",
            "did not have response messages: c1",
        ),
        ({"messages": HELLO, "max_token": 5}, "max_token", "Unknown parameter: 'max_token'"),
        ({"messages": HELLO, "functions": []}, "functions", "not supported"),
        ({"messages": HELLO, "temperature": 3}, "temperature", "Expected a value <= 2, but got 3"),
        ({"messages": HELLO, "temperature": "hot"}, "temperature", "expected a decimal, but got a string"),
        ({"messages": HELLO, "top_p": -0.5}, "top_p", "decimal below minimum value"),
        ({"messages": HELLO, "n": 0}, "n", "integer below minimum value"),
        ({"messages": HELLO, "n": 129}, "n", "integer above maximum value"),
        ({"messages": HELLO, "max_tokens": 0}, "max_tokens", "integer below minimum value"),
        ({"messages": HELLO, "max_tokens": 99_999}, "max_tokens", "at most 16384 completion tokens"),
        ({"messages": HELLO, "max_tokens": 5, "max_completion_tokens": 5}, "max_tokens", "at the same time"),
        ({"messages": HELLO, "stop": ["a", "b", "c", "d", "e"]}, "stop", "array too long"),
        ({"messages": HELLO, "logprobs": True}, "logprobs", "does not support"),
        ({"messages": HELLO, "reasoning_effort": "low"}, "reasoning_effort", "Unrecognized request argument"),
        (
            {"messages": HELLO, "stream_options": {"include_usage": True}},
            "stream_options",
            "only allowed when 'stream'",
        ),
        ({"messages": HELLO, "tool_choice": "auto"}, "tool_choice", "only allowed when 'tools' are specified"),
        (
            {"messages": HELLO, "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "lose"}}},
            "tool_choice",
            "'lose' not found in 'tools'",
        ),
        ({"messages": HELLO, "tools": []}, "tools", "array of 1 to 128"),
        (
            {"messages": HELLO, "tools": [{"type": "function", "function": {"name": "no spaces"}}]},
            "tools[0].function.name",
            "does not match pattern",
        ),
        (
            {
                "messages": HELLO,
                "tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "array"}}}],
            },
            "tools[0].function.parameters",
            "got 'type: \"array\"'",
        ),
        ({"messages": HELLO, "response_format": {"type": "json_object"}}, "messages", "must contain the word 'json'"),
        ({"messages": HELLO, "response_format": {"type": "xml"}}, "response_format.type", "Invalid value: 'xml'"),
        ({"messages": HELLO, "response_format": loose({"type": "string"})}, "response_format", "schema must be"),
    ],
)
def test_a_bad_request_is_refused_by_name(stand_in: OpenAiStandIn, body: dict[str, Any], param: str, said: str) -> None:
    answer = stand_in.post(body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("properties", "extra", "said"),
    [
        (
            {"a": TEXT},
            {"additionalProperties": True},
            "'additionalProperties' is required to be supplied and to be false",
        ),
        ({"a": TEXT, "b": TEXT}, {"required": ["a"]}, "Missing 'b'"),
        ({"a": {"type": "string", "minLength": 2}}, {}, "'minLength' is not permitted"),
        ({"a": {"type": "integer", "maximum": 5}}, {}, "'maximum' is not permitted"),
        ({"a": {"type": "array"}}, {}, "array schema missing items"),
        ({"a": {"type": "text"}}, {}, "'text' is not a type"),
        ({"a": {"description": "x"}}, {}, "schema must have a 'type' key"),
        ({"a": {"$ref": "#/$defs/nowhere"}}, {}, "can not be resolved"),
        ({"a": {"type": "object", "properties": {"b": TEXT}, "required": ["b"]}}, {}, "('properties', 'a')"),
        ({f"p{n}": TEXT for n in range(101)}, {}, "at most 100 object properties"),
    ],
)
def test_a_schema_outside_the_strict_subset_is_refused(
    stand_in: OpenAiStandIn, properties: dict[str, Any], extra: dict[str, Any], said: str
) -> None:
    answer = stand_in.post({"messages": HELLO, "response_format": strict_format("row", properties, **extra)})
    assert answer.status_code == 400
    assert "Invalid schema for response_format 'row'" in answer.json()["error"]["message"]
    assert said in answer.json()["error"]["message"]


def test_a_reasoning_deployment_refuses_sampling_and_max_tokens(stand_in: OpenAiStandIn) -> None:
    for name, value in (("temperature", 0.7), ("top_p", 1), ("presence_penalty", 0), ("max_tokens", 50)):
        answer = stand_in.post({"messages": HELLO, name: value}, REASONING_DEPLOYMENT)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_parameter")
    accepted = {"messages": HELLO, "max_completion_tokens": 50, "reasoning_effort": "low"}
    assert stand_in.post(accepted, REASONING_DEPLOYMENT).status_code == 200


@pytest.mark.parametrize("params", [{}, {"api-version": "latest"}])
def test_a_path_with_a_deployment_needs_a_dated_version(stand_in: OpenAiStandIn, params: dict[str, str]) -> None:
    answer = stand_in.post({"messages": HELLO}, params=params)
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Resource not found")


def test_schemas_need_a_version_that_knows_them(stand_in: OpenAiStandIn) -> None:
    body = {"messages": HELLO, "response_format": strict_format("row", {"a": TEXT})}
    answer = stand_in.post(body, params={"api-version": "2024-06-01"})
    assert (answer.status_code, "2024-08-01-preview" in answer.text) == (400, True)


def test_text_completions_are_retired(stand_in: OpenAiStandIn) -> None:
    answer = stand_in.http.post(
        "/openai/deployments/offline-rules/completions?api-version=2024-10-21",
        headers={"api-key": API_KEY},
        json={"prompt": "x"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "OperationNotSupported")


def test_a_body_that_is_no_json_is_refused(stand_in: OpenAiStandIn) -> None:
    answer = stand_in.http.post(
        "/openai/v1/chat/completions", headers={"authorization": f"Bearer {API_KEY}"}, content=b'{"model": '
    )
    assert (answer.status_code, "parse the JSON body" in answer.text) == (400, True)


def test_a_prompt_beyond_the_context_is_refused(stand_in: OpenAiStandIn) -> None:
    answer = stand_in.post({"messages": [{"role": "user", "content": "word " * 110_000}]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_a_call_without_credentials_is_refused(stand_in: OpenAiStandIn) -> None:
    answer = stand_in.post({"messages": HELLO}, headers={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "401")


def test_an_unknown_path_is_not_found(stand_in: OpenAiStandIn) -> None:
    answer = stand_in.http.get("/openai/v1/assistants", headers={"api-key": API_KEY})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "404")
