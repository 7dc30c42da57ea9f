"""What other domains ask of identity, and what identity needs from the outside."""

from typing import Protocol

from pydantic import SecretStr

from shared.identity.models import ApiToken, Caller, Credentials, Login, OAuthState, Person, Profile, User
from shared.ids import UserId


class Identity(Protocol):
    """Finds callers."""

    async def person_of_request(self, credentials: Credentials) -> Person:
        """Who sent the request, also when Smartsheet no longer takes their token. Raises `Unauthorized`, `Forbidden`.

        Codes: `unauthorized` (no or an ended login), `invalid_token` (no such API token), `not_allowed`.
        """
        ...

    async def caller_of_request(self, credentials: Credentials) -> Caller:
        """Who sent the request, with their Smartsheet token. Also raises `Unauthorized` with code `needs_sign_in`."""
        ...

    async def is_signed_in(self, person: Person) -> bool:
        """Whether the login or API token by which this person was known still works. Asking is no use of it."""
        ...

    async def caller_of_user(self, user_id: UserId) -> Caller:
        """The person with this id, for background work. Raises `Unauthorized` (code `needs_sign_in`)."""
        ...

    async def token_refused(self, caller: Caller) -> bool:
        """Smartsheet refused a call of this caller: whether it is so. Their token then is not used again.

        False when they are connected: work with the token that they have now. Raises `Unauthorized` (code
        `needs_sign_in`), and `UpstreamUnavailable` when it cannot be found out.
        """
        ...

    async def profile(self, person: Person) -> Profile:
        """What the person is told about themselves."""
        ...


class Account(Protocol):
    """The person that a Smartsheet token belongs to."""

    @property
    def id(self) -> str:
        """Smartsheet's number of the user."""
        ...

    @property
    def email(self) -> str:
        """Confirmed by Smartsheet."""
        ...

    @property
    def name(self) -> str:
        """First and last name."""
        ...

    @property
    def locale(self) -> str | None:
        """Such as `en_US`."""
        ...

    @property
    def time_zone(self) -> str | None:
        """Such as `Europe/Berlin`."""
        ...


class Accounts(Protocol):
    """Smartsheet's accounts."""

    async def get_user(self, token: SecretStr) -> Account:
        """Whose token it is. Raises `Unauthorized`, `Forbidden`, `RateLimited`, `UpstreamUnavailable` and its kinds."""
        ...


class LiveConnections(Protocol):
    """The WebSockets of browsers."""

    async def close_user(self, user_id: UserId, *, reason: str) -> None:
        """Close all of a user's. May raise `UpstreamUnavailable`."""
        ...


class Departures(Protocol):
    """Who has something to do with a user's token while it still works."""

    async def owner_leaves(self, user_id: UserId) -> None:
        """The user's token is about to be forgotten. May raise `StorageFull` and `UpstreamUnavailable`."""
        ...


class UserStore(Protocol):
    """Users by id."""

    async def find(self, user_id: UserId) -> User | None:
        """The user, or None."""
        ...

    async def create(self, user: User) -> User:
        """Raises `Conflict` (code `already_exists`)."""
        ...

    async def replace(self, user: User) -> User:
        """Raises `PreconditionFailed` when the user changed since they were read."""
        ...

    async def delete(self, user_id: UserId) -> None:
        """Forget the user; nothing happens when there is none."""
        ...


class LoginStore(Protocol):
    """Logins, found by the SHA-256 of their cookie, and by owner."""

    async def create(self, login: Login) -> None:
        """Store a new login."""
        ...

    async def find(self, login_id: str) -> Login | None:
        """The login, or None when there is none or it ended. It may be over by its times."""
        ...

    async def replace(self, login: Login) -> None:
        """Raises `PreconditionFailed` when it changed since it was read, or ended."""
        ...

    async def end(self, owner: UserId, login_id: str) -> None:
        """End a login; nothing happens when it has ended."""
        ...

    async def end_all(self, owner: UserId) -> None:
        """End every login of a user."""
        ...


class ApiTokenStore(Protocol):
    """API tokens, found by the SHA-256 of the token, and by owner."""

    async def create(self, token: ApiToken) -> ApiToken:
        """Raises `Conflict` (code `already_exists`)."""
        ...

    async def find(self, secret_hash: str) -> ApiToken | None:
        """The API token, or None when there is none or it was revoked. It may be over by its time."""
        ...

    async def find_by_id(self, owner: UserId, token_id: str) -> ApiToken | None:
        """The API token of this owner with this id, or None. It may be over by its time."""
        ...

    async def list(self, owner: UserId) -> list[ApiToken]:
        """All of a user's, oldest first."""
        ...

    async def replace(self, token: ApiToken) -> None:
        """Raises `PreconditionFailed` when it changed since it was read, or was revoked."""
        ...

    async def revoke(self, owner: UserId, token_id: str) -> None:
        """Raises `NotFound` (code `token_not_found`), also for another's."""
        ...

    async def revoke_all(self, owner: UserId) -> None:
        """Revoke every API token of a user."""
        ...


class OAuthStateStore(Protocol):
    """Sign-ins under way at the provider."""

    async def create(self, state: OAuthState) -> None:
        """Store a new one."""
        ...

    async def find(self, state_id: str) -> OAuthState | None:
        """The sign-in, or None. It may be over by its time."""
        ...

    async def use(self, state: OAuthState) -> None:
        """Mark it as used. Raises `PreconditionFailed` for all but the first."""
        ...
