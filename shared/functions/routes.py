"""The table of HTTP routes: what each takes and answers. Functions and OpenAPI are both made from it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field, SecretStr

from shared.container import Container
from shared.errors import AppError
from shared.functions.cookies import Cookie, CookieName
from shared.identity.models import Caller, Person
from shared.jobs.ports import JobRunner
from shared.records import Frozen

B = TypeVar("B", bound=BaseModel | None)
Q = TypeVar("Q", bound=BaseModel | None)

MAX_KEY_CHARACTERS = 200
JSON_TYPE = "application/json"

Access = Literal["connected", "person", "public"]
"""Who may call a route: who is signed in and whose Smartsheet token works; who is signed in at all; everybody."""

_ETAG = re.compile(r'(?:W/)?"[^"]*"')


class NoQuery(Frozen):
    """A route without query parameters."""


class Upload(Frozen):
    """A file as the body of a request; the content type is one of the route's `uploads`."""

    content_type: str
    content: bytes = Field(repr=False)


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """One authorised, parsed request. `runner` is there on routes that start or wake orchestrations."""

    container: Container
    signed_in: Caller | Person | None
    path: dict[str, str]
    query: Q
    body: B
    idempotency_key: str | None
    runner: JobRunner | None
    if_none_match: str | None = None
    cookies: Mapping[CookieName, SecretStr] = field(default_factory=dict[CookieName, SecretStr], repr=False)

    @property
    def caller(self) -> Caller:
        """Who calls, on a route for the connected."""
        assert isinstance(self.signed_in, Caller)
        return self.signed_in

    @property
    def person(self) -> Person:
        """Who is signed in, on a route for persons."""
        assert isinstance(self.signed_in, Person)
        return self.signed_in

    def has(self, etag: str) -> bool:
        """Whether the caller says that they hold the answer with this tag (RFC 9110, weak comparison)."""
        held = (self.if_none_match or "").strip()
        return held == "*" or _opaque(etag) in map(_opaque, _ETAG.findall(held))


def _opaque(etag: str) -> str:
    return etag.removeprefix("W/")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose body is made already, or that sets cookies; `body` is None with `not_modified`.

    `status` None is the route's.
    """

    body: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    cookies: tuple[Cookie, ...] = ()
    status: int | None = None

    @classmethod
    def of(cls, result: BaseModel, *cookies: Cookie) -> "Reply":
        """A model as JSON, and cookies."""
        return cls(result.model_dump_json(by_alias=True).encode(), cookies=cookies)

    @classmethod
    def redirect(cls, url: str, *cookies: Cookie) -> "Reply":
        """Send the browser elsewhere, without telling there where it comes from."""
        return cls(b"", {"Location": url, "Referrer-Policy": "no-referrer"}, cookies)

    @property
    def not_modified(self) -> bool:
        """Whether the caller holds this answer."""
        return self.body is None


Handler = Callable[[Call[Any, Any]], Awaitable[BaseModel | Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API.

    `answers` is the model of the JSON answer, None for another `media_type`. A `conditional` one has an ETag,
    and answers 304 to whoever holds it. `uploads` are the content types of a file that is the body, in place of a
    JSON `body`. `other_status` is one that a `Reply` may have instead, with the same form of answer. Whoever forgets
    `access` has made a route for the connected. With `any_host`, requests for other host names are served,
    too. `asks_model`: a request costs what a small job costs.
    """

    name: str
    method: str
    path: str
    summary: str
    answers: type[BaseModel] | None
    status: int
    body: type[BaseModel] | None
    query: type[BaseModel]
    errors: tuple[type[AppError], ...]
    tag: str
    handler: Handler = field(repr=False)
    starts_jobs: bool = False
    conditional: bool = False
    media_type: str = JSON_TYPE
    uploads: tuple[str, ...] = ()
    other_status: int | None = None
    access: Access = "connected"
    any_host: bool = False
    asks_model: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """What it is registered for. `HEAD` belongs to `GET` (RFC 9110, 9.1); Front Door's probes use it.

        Not where a browser is sent elsewhere: those have effects, and nothing to say to who only asks for headers.
        """
        return ("GET", "HEAD") if self.method == "GET" and not self.redirects else (self.method,)

    @property
    def redirects(self) -> bool:
        """Whether it sends browsers elsewhere."""
        return self.status == 302

    @property
    def creates(self) -> bool:
        """Whether each call makes something new, unless an `Idempotency-Key` says that it is the same call."""
        return self.status in (201, 202)


@dataclass(frozen=True, slots=True)
class Callback:
    """How another service calls us: trusted by its signature, neither signed in nor counted, and from any page.

    `answers` says what each status of success means. Every error is a problem document. `body` is the JSON schema of
    what is sent, as far as it has to be so.
    """

    name: str
    path: str
    methods: tuple[str, ...]
    summary: str
    description: str
    tag: str
    headers: tuple[str, ...]
    answers: Mapping[int, str]
    body: Mapping[str, Any] | None


CALLBACKS: dict[str, Callback] = {}
ROUTES: dict[str, Route] = {}
