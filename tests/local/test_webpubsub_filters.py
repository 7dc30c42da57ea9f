"""The filter language of the send operations."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.webpubsub.connection import Connection
from local.webpubsub.filters import FilterRefused, parse_filter
from local.webpubsub.limits import Limits


def connection(user_id: str | None = "user-ab-de", groups: tuple[str, ...] = ("g1", "g'2")) -> Connection:
    made = Connection("hub", user_id, [], Limits())
    made.groups.update(groups)
    return made


@pytest.mark.parametrize(
    "expression",
    [
        "userId eq 'user-ab-de'",
        "USERID ne 'x' and connectionId ne null",
        "'g1' in groups",
        "'g''2' in groups",
        "'g1' in (groups)",
        "userId in ('x', 'user-ab-de')",
        "not ('x' in groups)",
        "not startswith(userId, 'x')",
        "not (length(userId) gt 10)",
        "length(groups) eq 2",
        "tolower(userId) eq toupper('x') or trim(' x ') eq 'x'",
        "substring(userId, 5, 2) eq 'ab'",
        "substring(userId, 5) eq 'ab-de'",
        "indexof(userId, '-ab-') ge 0 and indexof(userId, 'z') eq -1",
        "endswith(userId, concat('-', 'de')) and contains(userId, 'ab')",
        "false or true and true",
        "((userId gt 'user'))",
    ],
)
def test_a_filter_that_holds(expression: str) -> None:
    assert parse_filter(expression)(connection())


@pytest.mark.parametrize(
    "expression",
    [
        "userId eq null",
        "userId eq 'USER-AB-DE'",
        "'g3' in groups",
        "userId in ('x')",
        "length(userId) le 3",
        "true and false or false",
        "not true",
    ],
)
def test_a_filter_that_does_not_hold(expression: str) -> None:
    assert not parse_filter(expression)(connection())


@pytest.mark.parametrize("expression", ["userId eq null", "not startswith(userId, 'a')", "not (length(userId) gt 0)"])
def test_nobody_in_particular_is_null(expression: str) -> None:
    assert parse_filter(expression)(connection(user_id=None))


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("", "unexpected end"),
        ("userId", "of type string, expected bool"),
        ("userId eq", "unexpected end"),
        ("userId eq 5", "cannot compare string with int"),
        ("groups eq 'a'", "cannot compare groups"),
        ("'a' in userId", "expected groups"),
        ("not length(userId) gt 5", "expected bool"),
        ("length(1) gt 5", "argument of length"),
        ("length(userId, 'x') gt 5", "takes 1"),
        ("userId eq 'open", "unexpected"),
        ("true true", "unexpected 'true'"),
        ("email eq 'x'", "unexpected 'email'"),
        ("userId = 'x'", "unexpected"),
        ("(" * 100 + "true" + ")" * 100, "nested deeper"),
        ("not " * 100 + "true", "nested deeper"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused_by_name(expression: str, named: str) -> None:
    with pytest.raises(FilterRefused, match=named.replace("(", r"\(")):
        parse_filter(expression)


@settings(max_examples=50)
@given(st.text())
def test_any_user_can_be_named_with_quotes_doubled(user_id: str) -> None:
    quoted = user_id.replace("'", "''")
    assert parse_filter(f"userId eq '{quoted}'")(connection(user_id=user_id))
    assert not parse_filter(f"userId ne '{quoted}'")(connection(user_id=user_id))


@settings(max_examples=50)
@given(st.text(alphabet="userId groups'()eqnot,and1length ", max_size=40))
def test_any_text_is_a_filter_or_is_refused(expression: str) -> None:
    try:
        parse_filter(expression)(connection())
    except FilterRefused as refused:
        assert str(refused)
