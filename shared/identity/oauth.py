"""OAuth 2.0 with Smartsheet, as identity sees it."""

from dataclasses import dataclass, field
from typing import Protocol

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class OAuthTokens:
    """What the provider gave: the access token is good for `expires_in` seconds from now on."""

    access_token: SecretStr = field(repr=False)
    refresh_token: SecretStr | None = field(repr=False)
    expires_in: int


class OAuthProvider(Protocol):
    """Smartsheet's authorization server. May raise `UpstreamUnavailable` and its kinds."""

    def authorize_url(self, *, state: str, redirect_uri: str, code_challenge: str) -> str:
        """Where to send the browser. `code_challenge` is PKCE's (S256); a provider without PKCE ignores it."""
        ...

    async def exchange(self, code: SecretStr, *, redirect_uri: str, code_verifier: SecretStr) -> OAuthTokens:
        """The tokens for an authorization code. Raises `Unauthorized` (code `invalid_grant`)."""
        ...

    async def refresh(self, refresh_token: SecretStr) -> OAuthTokens:
        """New tokens; the old refresh token no longer works. Raises `Unauthorized` (code `invalid_grant`)."""
        ...

    async def revoke(self, access_token: SecretStr, *, everything: bool) -> None:
        """Make this token invalid, or everything that its person let this application have.

        Nothing happens when it is already.
        """
        ...
