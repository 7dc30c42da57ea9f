"""Faults on demand: what a stand-in does to a request instead of, before, or after serving it."""

import random
import re
from fnmatch import translate
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from pydantic.alias_generators import to_camel


class Fault(BaseModel):
    """One rule of `PUT /_control/faults`.

    `match` is `METHOD path-glob` or `path-glob` (`PUT /2.0/sheets/*/rows`; `*` also crosses slashes).
    A rule fires `count` times, or with `probability`, or always. `phase: after` lets the request take
    effect first, so that the caller loses only the answer.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    match: str = "*"
    status: int | None = Field(default=None, ge=400, le=599)
    error_code: int | str | None = None
    retry_after_ms: int | None = Field(default=None, ge=0)
    latency_ms: int = Field(default=0, ge=0)
    drop: bool = False
    probability: float | None = Field(default=None, gt=0, le=1)
    count: int | None = Field(default=None, ge=1)
    phase: Literal["before", "after"] = "before"

    @model_validator(mode="after")
    def _one_trigger(self) -> "Fault":
        if self.probability is not None and self.count is not None:
            raise ValueError("give probability or count, not both")
        if self.status is None and not self.drop and not self.latency_ms:
            raise ValueError("a fault needs status, drop or latencyMs")
        return self


FaultList = TypeAdapter(list[Fault])


class Faults:
    """The rules in force. The first rule that matches and fires wins."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self._rules: list[tuple[Fault, str | None, re.Pattern[str]]] = []
        self._left: list[int | None] = []

    def replace(self, faults: list[Fault]) -> None:
        """Put these rules in place of the former ones."""
        self._rules = [(fault, *_compile(fault.match)) for fault in faults]
        self._left = [fault.count for fault in faults]

    def clear(self) -> None:
        """Serve everything normally again."""
        self.replace([])

    def current(self) -> list[Fault]:
        """The rules as given."""
        return [rule[0] for rule in self._rules]

    def pick(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets, if any; uses up one of its `count`."""
        for index, (fault, wanted_method, pattern) in enumerate(self._rules):
            if wanted_method not in (None, method) or not pattern.match(path):
                continue
            left = self._left[index]
            if left == 0:
                continue
            if fault.probability is not None and self._random.random() >= fault.probability:
                continue
            if left is not None:
                self._left[index] = left - 1
            return fault
        return None


def _compile(match: str) -> tuple[str | None, re.Pattern[str]]:
    method, _, path = match.rpartition(" ")
    return (method.upper() or None, re.compile(translate(path)))
