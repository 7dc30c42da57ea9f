"""How many tokens a prompt has, before the service counts them; what tokens cost."""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.ai.ports import ModelRequest

CHARACTERS_PER_TOKEN = 4
MEMORY_CHARACTERS = 200_000
"""Older observations fade: the ratio follows about this many of the latest characters."""

_PRIOR_CHARACTERS = 4_000
_MIN_RATIO, _MAX_RATIO = 0.1, 2.0
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def prompt_characters(request: ModelRequest) -> int:
    """What the service counts as the prompt, in characters: the messages and the schema."""
    return sum(len(message.content) for message in request.messages) + len(json.dumps(request.schema))


class TokenEstimator:
    """Tokens from characters: a quarter of them, corrected by what the service counted so far.

    Exact counts need tables that are fetched at run time; texts in other scripts need up to four times as many
    tokens per character, which the running ratio learns after a few calls.
    """

    def __init__(self) -> None:
        self._characters = float(_PRIOR_CHARACTERS)
        self._tokens = _PRIOR_CHARACTERS / CHARACTERS_PER_TOKEN

    @property
    def tokens_per_character(self) -> float:
        """The running ratio, within 0.1 to 2."""
        return min(_MAX_RATIO, max(_MIN_RATIO, self._tokens / self._characters))

    def tokens(self, characters: int) -> int:
        """The estimate for a text of this length, rounded up."""
        return math.ceil(characters * self.tokens_per_character)

    def learn(self, characters: int, tokens: int) -> None:
        """Correct the ratio by one answer's usage; an answer without usage (0) teaches nothing."""
        if characters <= 0 or tokens <= 0:
            return
        fading = max(0.0, 1 - characters / MEMORY_CHARACTERS)
        self._characters = self._characters * fading + characters
        self._tokens = self._tokens * fading + tokens


class Price(BaseModel):
    """What a model costs, per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    input: Annotated[Decimal, Field(ge=0)]
    output: Annotated[Decimal, Field(ge=0)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"


_PRICES = TypeAdapter(dict[str, Price])


class PriceTable:
    """The prices of `MODEL_PRICES`, by model."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)

    def find(self, model: str) -> Price | None:
        """The price of a model; a dated name (`gpt-4o-2024-08-06`) falls back to its undated one."""
        return self._prices.get(model) or self._prices.get(_DATED.sub("", model))

    def amount(self, model: str, input_tokens: int, output_tokens: int) -> float | None:
        """The cost in the currency of the model's price, to 6 decimals; None for a model without a price."""
        price = self.find(model)
        if price is None:
            return None
        cost = (price.input * input_tokens + price.output * output_tokens) / 1_000_000
        return float(round(cost, 6))


def parse_prices(text: str) -> PriceTable:
    """Read `MODEL_PRICES`: `{"gpt-4o": {"input": 2.5, "output": 10, "currency": "USD"}}`, per million tokens.

    An empty text is an empty table. Raises `ValueError` that names each model and field at fault.
    """
    if not text.strip():
        return PriceTable({})
    try:
        return PriceTable(_PRICES.validate_json(text))
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        raise ValueError(
            'give JSON such as {"gpt-4o": {"input": 2.5, "output": 10, "currency": "USD"}} '
            f"(prices per million tokens); {'; '.join(faults)}"
        ) from None
