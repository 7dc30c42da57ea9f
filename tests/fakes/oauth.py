"""Smartsheet's authorization server in memory."""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from pydantic import SecretStr

from shared.errors import AppError, Unauthorized
from shared.identity.oauth import OAuthTokens


class FakeOAuthProvider:
    """`OAuthProvider`. `approve` is the person's yes: the code for the URL that their browser was sent to.

    Refresh tokens work once, and renewing ends the old access token. The n-th tokens of `ada` are `ada-access-n` and
    `ada-refresh-n`. `live` holds those that work; `errors` are raised by the next calls, before they take effect;
    `while_answering` happens between what a renewal does and its answer.
    """

    def __init__(self, *, expires_in: int = 3600) -> None:
        self.expires_in = expires_in
        self.refreshes: list[str] = []
        self.revoked: list[str] = []
        self.live: set[str] = set()
        self.errors: list[AppError] = []
        self.while_answering: Callable[[], Awaitable[None]] | None = None
        self._challenges: dict[str, tuple[str, str]] = {}
        self._codes: dict[str, tuple[str, str, str]] = {}
        self._given: dict[str, int] = {}

    def authorize_url(self, *, state: str, redirect_uri: str, code_challenge: str) -> str:
        self._challenges[state] = (code_challenge, redirect_uri)
        return "https://app.smartsheet.example/b/authorize?" + urlencode({"state": state, "challenge": code_challenge})

    def approve(self, state: str, person: str) -> str:
        """The code with which the browser comes back."""
        code = f"code-{len(self._codes)}"
        self._codes[code] = (person, *self._challenges[state])
        return code

    async def exchange(self, code: SecretStr, *, redirect_uri: str, code_verifier: SecretStr) -> OAuthTokens:
        person, challenge, expected_uri = self._codes.pop(code.get_secret_value(), ("", "", ""))
        digest = hashlib.sha256(code_verifier.get_secret_value().encode()).digest()
        given = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not person or (given, redirect_uri) != (challenge, expected_uri):
            raise Unauthorized("The code is not valid.", code="invalid_grant")
        return self._grant(person)

    async def refresh(self, refresh_token: SecretStr) -> OAuthTokens:
        token = refresh_token.get_secret_value()
        self.refreshes.append(token)
        if self.errors:
            raise self.errors.pop(0)
        if token not in self.live:
            raise Unauthorized("The refresh token is not valid.", code="invalid_grant")
        self.live -= {token, token.replace("-refresh-", "-access-")}
        tokens = self._grant(token.partition("-")[0])
        if self.while_answering is not None:
            await self.while_answering()
        return tokens

    async def revoke(self, access_token: SecretStr, *, everything: bool) -> None:
        if self.errors:
            raise self.errors.pop(0)
        token = access_token.get_secret_value()
        self.revoked.append(token)
        if everything and token in self.live:
            self.live -= {other for other in self.live if other.partition("-")[0] == token.partition("-")[0]}
        self.live.discard(token)

    def end(self, refresh_token: str) -> None:
        """The person takes the grant back."""
        self.live.remove(refresh_token)

    def has_ended(self, access_token: str) -> bool:
        """Whether this is one of its access tokens, and works no more."""
        return "-access-" in access_token and access_token not in self.live

    def _grant(self, person: str) -> OAuthTokens:
        number = self._given[person] = self._given.get(person, 0) + 1
        access, refresh = f"{person}-access-{number}", f"{person}-refresh-{number}"
        self.live |= {access, refresh}
        return OAuthTokens(SecretStr(access), SecretStr(refresh), self.expires_in)
