"""Who calls, what they bring to prove it, and what is kept about them."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import SecretStr

from shared.identity.vault import Sealed, WrappedKey
from shared.ids import UserId
from shared.records import Frozen, Record

Via = Literal["single", "login", "api_token", "background"]
"""How a caller is known: the one built-in user, a login cookie, an API token, or no request at all."""

_MAY_APPROVE: frozenset[Via] = frozenset({"single", "login"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brings to say who sends it, unchecked. Below the edge nothing knows more about HTTP."""

    cookie: SecretStr | None = None
    bearer: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in, whether or not Smartsheet still takes their token.

    `credential_id` names the login or the API token by which they are known.
    """

    user_id: UserId
    via: Via
    credential_id: str | None = None

    @property
    def may_approve(self) -> bool:
        """Whether they are there in person: approval is nothing for scripts and background work."""
        return self.via in _MAY_APPROVE


@dataclass(frozen=True, slots=True)
class Caller:
    """The person on whose behalf something is done, with their Smartsheet token.

    `token_fingerprint` stands for the token where a key is needed (caches, access confirmations).
    """

    user_id: UserId
    token: SecretStr = field(repr=False)
    via: Via = "background"
    credential_id: str | None = None
    token_fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "token_fingerprint", fingerprint(self.token))

    @property
    def may_approve(self) -> bool:
        """See `Person.may_approve`."""
        return self.via in _MAY_APPROVE


def fingerprint(token: SecretStr) -> str:
    """Differs from token to token, and does not lead back to it."""
    return hashlib.sha256(token.get_secret_value().encode()).hexdigest()[:16]


def hashed(secret: SecretStr) -> str:
    """SHA-256: what is stored in place of a random secret of ours."""
    return hashlib.sha256(secret.get_secret_value().encode()).hexdigest()


class Connection(Frozen):
    """A user's Smartsheet tokens, encrypted with the user's data key. Without `expires_at` they do not expire."""

    data_key: WrappedKey
    access: Sealed
    refresh: Sealed | None = None
    expires_at: datetime | None = None
    fingerprint: str


UserStatus = Literal["connected", "needs_sign_in", "disconnected"]


class User(Record):
    """A person, known by their Smartsheet account at one API base.

    `needs_sign_in`: Smartsheet no longer takes the token; `disconnected`: it was forgotten on demand.
    """

    smartsheet_user_id: str
    email: str
    name: str
    locale: str | None = None
    time_zone: str | None = None
    status: UserStatus
    connection: Connection | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def user_id(self) -> UserId:
        """The id, as what it is."""
        return UserId(self.id)


class Login(Record):
    """A browser that is signed in; `id` is the SHA-256 of its cookie. `seen_at` is coarse."""

    owner: UserId
    created_at: datetime
    seen_at: datetime


class ApiToken(Record):
    """A script's right to call for its owner; the token itself is known by its SHA-256 only. `used_at` is coarse."""

    owner: UserId
    name: str
    secret_hash: str
    request_hash: str
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None


class OAuthState(Record):
    """A sign-in under way at the provider; `id` is the SHA-256 of the state. It is used once, by one browser."""

    browser_hash: str
    expires_at: datetime
    used: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What a signed-in person is told about themselves."""

    name: str
    email: str | None
    locale: str | None
    time_zone: str | None
    account_connected: bool
