"""Smartsheet's authorization server as an `OAuthProvider`.

A code and a refresh token are good once: a request that may have been received is never sent again. Source of paths
and parameters: the vendor's API reference of `POST /token` and its OAuth guide.
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from shared.errors import (
    AppError,
    RateLimited,
    Unauthorized,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.identity.oauth import OAuthTokens
from shared.resilience.circuit import CircuitBreaker
from shared.telemetry import get_logger

log = get_logger(__name__)

SCOPES = "READ_SHEETS WRITE_SHEETS CREATE_SHEETS DELETE_SHEETS ADMIN_WEBHOOKS READ_USERS"

_TIMEOUT_SECONDS = 20.0
_REFUSED_GRANT = frozenset({1069, 1071, 1132})
"""A code that has expired, a code or refresh token that is not valid, one that was revoked."""
_AUTHORIZE_HOSTS = {
    "api.smartsheet.com": "https://app.smartsheet.com",
    "api.smartsheet.eu": "https://app.smartsheet.eu",
    "api.smartsheetgov.com": "https://app.smartsheetgov.com",
}


class _Tokens(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    access_token: SecretStr
    refresh_token: SecretStr | None = None
    expires_in: int


class _Refusal(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    errorCode: int = 0


class SmartsheetOAuth:
    """An `OAuthProvider`. Without `authorize_base`, people are sent to the page that belongs to the API's address."""

    def __init__(
        self,
        api_base: str,
        client_id: str,
        client_secret: SecretStr,
        *,
        breaker: CircuitBreaker,
        authorize_base: str | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        base = api_base.rstrip("/").removesuffix("/2.0")
        self._token_url = f"{base}/2.0/token"
        host = urlsplit(base).hostname or ""
        self._authorize_url = f"{authorize_base or _AUTHORIZE_HOSTS.get(host, base)}/b/authorize"
        self._client_id = client_id
        self._client_secret = client_secret
        self._breaker = breaker
        self._transport = transport
        self._client: httpx2.AsyncClient | None = None

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def authorize_url(self, *, state: str, redirect_uri: str, code_challenge: str) -> str:
        """See `OAuthProvider.authorize_url`."""
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "scope": SCOPES,
            "state": state,
            "redirect_uri": redirect_uri,
            "code_challenge": code_challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._authorize_url}?{urlencode(query)}"

    async def exchange(self, code: SecretStr, *, redirect_uri: str, code_verifier: SecretStr) -> OAuthTokens:
        """See `OAuthProvider.exchange`."""
        return await self._tokens(
            {
                "grant_type": "authorization_code",
                "code": code.get_secret_value(),
                "redirect_uri": redirect_uri,
                "code_verifier": code_verifier.get_secret_value(),
            }
        )

    async def refresh(self, refresh_token: SecretStr) -> OAuthTokens:
        """See `OAuthProvider.refresh`."""
        return await self._tokens({"grant_type": "refresh_token", "refresh_token": refresh_token.get_secret_value()})

    async def revoke(self, access_token: SecretStr, *, everything: bool) -> None:
        """See `OAuthProvider.revoke`. A token that is not known any more is as good as revoked.

        The vendor's reference: `deleteAllForApiClient` deletes all tokens of the token's client and user.
        """
        headers = {"Authorization": f"Bearer {access_token.get_secret_value()}"}
        params = {"deleteAllForApiClient": "true"} if everything else {}
        response = await self._send("DELETE", headers=headers, params=params)
        if response.status_code not in (200, 401):
            raise _failure(response)

    async def _tokens(self, form: Mapping[str, str]) -> OAuthTokens:
        body = {"client_id": self._client_id, "client_secret": self._client_secret.get_secret_value(), **form}
        response = await self._send("POST", data=body)
        if response.status_code != 200:
            raise _failure(response)
        try:
            tokens = _Tokens.model_validate_json(response.content)
        except ValidationError:
            raise UpstreamFault("Smartsheet gave an answer that cannot be read.") from None
        return OAuthTokens(tokens.access_token, tokens.refresh_token, tokens.expires_in)

    async def _send(self, method: str, **request: Any) -> httpx2.Response:
        """One attempt. What goes wrong is told without the request, which holds secrets."""
        with self._breaker.guard(lambda failure: isinstance(failure, UpstreamUnavailable)):
            try:
                async with asyncio.timeout(_TIMEOUT_SECONDS):
                    response = await self._opened().request(method, self._token_url, **request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                raise UpstreamUnavailable("Smartsheet's sign-in cannot be reached.") from None
            except (httpx2.HTTPError, TimeoutError):
                raise UpstreamTimeout("Smartsheet's sign-in gave no answer.") from None
            log.info("smartsheet %s /token: %d", method, response.status_code)
            if response.status_code >= 500:
                raise UpstreamUnavailable("Smartsheet's sign-in is not available.")
            return response

    def _opened(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS, transport=self._transport)
        return self._client


def _failure(response: httpx2.Response) -> AppError:
    """What a refusal means. The vendor's words are not read: they could repeat what was sent."""
    try:
        code = _Refusal.model_validate_json(response.content).errorCode
    except ValidationError:
        code = 0
    log.warning("smartsheet refused a grant: status %d, error %d", response.status_code, code)
    if code in _REFUSED_GRANT:
        return Unauthorized("Smartsheet no longer accepts this sign-in; begin again.", code="invalid_grant")
    if response.status_code == 429:
        return RateLimited("Smartsheet takes no more sign-ins for now.", retry_after_seconds=60)
    return UpstreamFault("Smartsheet refused the sign-in as this service is set up; its log says with which error.")
