"""The table of HTTP routes: what each takes and answers. Functions and OpenAPI are both made from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from shared.container import Container
from shared.errors import AppError
from shared.identity.models import Caller
from shared.jobs.ports import JobRunner
from shared.records import Frozen

B = TypeVar("B", bound=BaseModel | None)
Q = TypeVar("Q", bound=BaseModel | None)

MAX_KEY_CHARACTERS = 200


class NoQuery(Frozen):
    """A route without query parameters."""

    model_config = ConfigDict(extra="ignore")


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """One authorised, parsed request. `runner` is there on routes that start orchestrations."""

    container: Container
    caller: Caller
    path: dict[str, str]
    query: Q
    body: B
    idempotency_key: str | None
    runner: JobRunner | None


Handler = Callable[[Call[Any, Any]], Awaitable[BaseModel]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API."""

    name: str
    method: str
    path: str
    summary: str
    answers: type[BaseModel]
    status: int
    body: type[BaseModel] | None
    query: type[BaseModel]
    errors: tuple[type[AppError], ...]
    tag: str
    handler: Handler = field(repr=False)
    starts_jobs: bool = False

    @property
    def creates(self) -> bool:
        """Whether each call makes something new, unless an `Idempotency-Key` says that it is the same call."""
        return self.status in (201, 202)


ROUTES: dict[str, Route] = {}
