"""Smartsheet's authorization server in memory."""

import base64
import hashlib
from urllib.parse import urlencode

from pydantic import SecretStr

from shared.errors import AppError, Unauthorized
from shared.identity.oauth import OAuthTokens


class FakeOAuthProvider:
    """`OAuthProvider`. `approve` is the person's yes: the code for the URL that their browser was sent to.

    Refresh tokens work once. The n-th tokens of `ada` are `ada-access-n` and `ada-refresh-n`.
    """

    def __init__(self, *, expires_in: int = 3600) -> None:
        self.expires_in = expires_in
        self.refreshes: list[str] = []
        self.revoked: list[str] = []
        self.errors: list[AppError] = []
        self._challenges: dict[str, tuple[str, str]] = {}
        self._codes: dict[str, tuple[str, str, str]] = {}
        self._live: dict[str, tuple[str, int]] = {}

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
        return self._grant(person, 1)

    async def refresh(self, refresh_token: SecretStr) -> OAuthTokens:
        token = refresh_token.get_secret_value()
        self.refreshes.append(token)
        if self.errors:
            raise self.errors.pop(0)
        if token not in self._live:
            raise Unauthorized("The refresh token is not valid.", code="invalid_grant")
        person, number = self._live.pop(token)
        return self._grant(person, number + 1)

    async def revoke(self, access_token: SecretStr) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.revoked.append(access_token.get_secret_value())

    def end(self, refresh_token: str) -> None:
        """The person takes the grant back."""
        self._live.pop(refresh_token)

    def _grant(self, person: str, number: int) -> OAuthTokens:
        refresh = f"{person}-refresh-{number}"
        self._live[refresh] = (person, number)
        return OAuthTokens(SecretStr(f"{person}-access-{number}"), SecretStr(refresh), self.expires_in)
