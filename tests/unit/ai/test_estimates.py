"""Token estimates and prices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ai.estimates import TokenEstimator, parse_prices, prompt_characters
from shared.ai.ports import ModelMessage, ModelRequest


def test_without_experience_a_token_is_four_characters():
    assert TokenEstimator().tokens(4_001) == 1_001


def test_the_ratio_follows_what_the_service_counted():
    estimator = TokenEstimator()
    for _ in range(50):
        estimator.learn(1_000, 800)
    assert estimator.tokens(1_000) == pytest.approx(800, rel=0.05)
    for _ in range(1_500):
        estimator.learn(1_000, 200)
    assert estimator.tokens(1_000) == pytest.approx(200, rel=0.05)


@given(st.lists(st.tuples(st.integers(-5, 10**7), st.integers(-5, 10**7)), max_size=30))
def test_the_ratio_stays_sane_whatever_the_service_says(answers: list[tuple[int, int]]):
    estimator = TokenEstimator()
    for characters, tokens in answers:
        estimator.learn(characters, tokens)
    assert 0.1 <= estimator.tokens_per_character <= 2


def test_messages_and_schema_count_as_prompt():
    messages = (ModelMessage("system", "abc"), ModelMessage("user", "defg"))
    assert prompt_characters(ModelRequest(messages, "s", {"type": "object"}, 10, "r")) == 7 + len('{"type": "object"}')


PRICES = '{"gpt-4o": {"input": 2.5, "output": 10, "currency": "EUR"}, "gpt-4o-mini": {"input": 0.15, "output": 0.6}}'


def test_cost_is_per_million_tokens():
    assert parse_prices(PRICES).amount("gpt-4o", 1_000_000, 100_000) == 3.5


def test_many_small_calls_cost_what_they_cost_together():
    assert parse_prices(PRICES).amount("gpt-4o-mini", 1, 1) == 0.000001


def test_a_dated_model_has_the_price_of_its_family_and_another_family_has_not():
    prices = parse_prices(PRICES)
    assert prices.find("gpt-4o-2024-08-06") == prices.find("gpt-4o")
    assert prices.find("gpt-4o-mini-2024-07-18") == prices.find("gpt-4o-mini")
    assert prices.amount("gpt-4", 10, 10) is None


def test_no_prices_means_no_amounts():
    assert parse_prices("  ").amount("gpt-4o", 10, 10) is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "JSON"),
        ("[]", "the whole"),
        ('{"gpt-4o": {"input": 1}}', "gpt-4o.output: Field required"),
        ('{"gpt-4o": {"input": -1, "output": 1}}', "gpt-4o.input"),
        ('{"gpt-4o": {"input": 1, "output": 1, "currency": "euro"}}', "gpt-4o.currency"),
        ('{"gpt-4o": {"input": 1, "output": 1, "cached": 1}}', "gpt-4o.cached"),
    ],
)
def test_wrong_prices_are_refused_with_the_model_and_the_field(text: str, named: str):
    with pytest.raises(ValueError, match="per million tokens") as raised:
        parse_prices(text)
    assert named in str(raised.value)
