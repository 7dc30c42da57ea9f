"""What callers send and get about signing in."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from shared.identity.models import ApiToken, User
from shared.ids import UserId
from shared.records import Frozen


def _sendable(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ValueError("must be printable ASCII without spaces, as Smartsheet shows it")
    return token


AccessToken = Annotated[SecretStr, Field(min_length=1, max_length=500), AfterValidator(_sendable)]


class SignIn(Frozen):
    """`POST /api/auth/smartsheet`."""

    access_token: AccessToken = Field(description="A Smartsheet API token. It is stored encrypted.")


class UserView(Frozen):
    """A person, as they see themselves."""

    id: UserId
    name: str
    email: str | None

    @classmethod
    def of(cls, user: User) -> "UserView":
        """The person's view of themselves."""
        return cls(id=user.user_id, name=user.name, email=user.email)


class SignedIn(Frozen):
    """Who has signed in."""

    user: UserView


class Me(Frozen):
    """`GET /api/auth/me`. Without `accountConnected`, Smartsheet takes no token of this person: sign in again."""

    user: UserView
    time_zone: str | None
    locale: str | None
    auth_mode: Literal["single", "token"]
    may_approve: bool
    account_connected: bool


class SignedOut(Frozen):
    """The login is over."""

    signed_out: Literal[True] = True


class Disconnected(Frozen):
    """The Smartsheet token is forgotten."""

    account_connected: Literal[False] = False


class CreateApiToken(Frozen):
    """`POST /api/auth/tokens`."""

    name: str = Field(min_length=1, max_length=100, description="What the token is for.")
    expires_in_days: int | None = Field(default=None, ge=1, le=3650, description="Without it, until it is revoked.")


class ApiTokenView(Frozen):
    """An API token, without the token."""

    id: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the hour.")

    @classmethod
    def of(cls, token: ApiToken) -> "ApiTokenView":
        """The owner's view."""
        return cls(
            id=token.id,
            name=token.name,
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.used_at,
        )


class NewApiToken(ApiTokenView):
    """An API token with the token itself, which is shown this once."""

    token: str

    @classmethod
    def shown(cls, token: ApiToken, secret: SecretStr) -> "NewApiToken":
        """The one view that holds the token."""
        return cls(**ApiTokenView.of(token).model_dump(), token=secret.get_secret_value())


class ApiTokenPage(Frozen):
    """All of the caller's API tokens, oldest first."""

    items: tuple[ApiTokenView, ...]
    next_cursor: None = None


class ApiTokenRevoked(Frozen):
    """Which API token no longer works."""

    id: str
