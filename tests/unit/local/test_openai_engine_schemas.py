"""Any schema of the strict subset is filled with a valid value."""

import json
from typing import Any

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.openai.chat_request import read_chat_request
from local.openai.deployments import Deployment
from local.openai.engine.engine import reply_to
from tests.local.openai_prompts import ROW, row_messages, strict_format

NAMES = st.sampled_from(
    [
        *("summary", "value", "terms", "label", "score", "rationale", "confidence", "dueDate", "owner", "is_urgent"),
        *("amount", "e-mail", "items", "id", "title", "status", "actions", "evidence", "language", "count", "x"),
    ]
)
DESCRIPTIONS = st.sampled_from(["", "0 to 100", "at most 5 words", "one of the words", "from 1 to 5", "ISO date"])
LEAVES = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["string", "number", "integer", "boolean", "null"])}),
    st.fixed_dictionaries({"type": st.sampled_from([["string", "null"], ["integer", "null"], ["null", "boolean"]])}),
    st.fixed_dictionaries({"type": st.just("string"), "enum": st.lists(st.text(min_size=1), min_size=1, max_size=4)}),
    st.fixed_dictionaries({"type": st.just("integer"), "enum": st.just([1, 3, 5])}),
    st.fixed_dictionaries({"const": st.sampled_from(["row", 7, None])}),
)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _described(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description} if description else schema


SCHEMAS = st.recursive(
    st.builds(_described, LEAVES, DESCRIPTIONS),
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(_object, st.dictionaries(NAMES, inner, max_size=4)),
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)
ROWS = st.one_of(
    st.just(ROW),
    st.dictionaries(st.text(max_size=12), st.text(max_size=60), max_size=4),
    st.lists(
        st.dictionaries(st.sampled_from(["id", "Task", "Notes"]), st.text(max_size=20), min_size=1),
        min_size=1,
        max_size=3,
    ),
)
INSTRUCTIONS = st.sampled_from(
    [
        "Summarise the row.",
        "Extract key terms.",
        'Score how well it aligns with "safety".',
        "Classify it.",
        "Who pays?",
        "",
    ]
)


def fill(instruction: str, row: object, properties: dict[str, Any], **extra: Any) -> tuple[Any, dict[str, Any]]:
    """The answer, and the schema that it was asked to follow."""
    form = strict_format("row", properties, **extra)
    body = {"messages": row_messages(instruction, row), "response_format": form}
    reply = reply_to(read_chat_request(body, Deployment("d"), "v1"))
    return json.loads(reply.text), form["json_schema"]["schema"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(INSTRUCTIONS, ROWS, st.dictionaries(NAMES, SCHEMAS, min_size=1, max_size=4))
def test_the_answer_is_valid_whatever_the_schema(instruction: str, row: object, properties: dict[str, Any]) -> None:
    answer, schema = fill(instruction, row, properties)
    jsonschema.validate(answer, schema)
    assert list(answer) == list(properties)


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    node = _object({"text": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}})
    answer, schema = fill("Outline the row.", ROW, {"root": {"$ref": "#/$defs/node"}}, **{"$defs": {"node": node}})
    jsonschema.validate(answer, schema)


def test_a_reference_that_only_names_itself_comes_to_an_end() -> None:
    answer, _ = fill("Outline the row.", ROW, {"a": {"$ref": "#/$defs/b"}}, **{"$defs": {"b": {"$ref": "#/$defs/b"}}})
    assert answer == {"a": None}


def test_properties_that_are_columns_take_their_cells() -> None:
    answer, _ = fill("Read the row.", ROW, {"status": {"type": "string"}, "due": {"type": ["string", "null"]}})
    assert answer == {"status": "In Progress", "due": "2026-02-14"}


def test_what_is_not_found_is_null_where_null_is_allowed() -> None:
    answer, _ = fill(
        "Read the row.",
        ROW,
        {"e-mail": {"type": ["string", "null"]}, "phone": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
    )
    assert answer == {"e-mail": None, "phone": None}
