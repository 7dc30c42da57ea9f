"""Who may call: the `api-key` header, the key as a bearer token, or an Entra access token."""

import base64
import binascii
import hmac
import json
import time
from typing import Any

from starlette.datastructures import Headers

from local.openai.errors import key_refused, token_refused

AUDIENCES = ("https://cognitiveservices.azure.com", "https://ai.azure.com")


def authorise(headers: Headers, api_key: str) -> None:
    """Accept the call, or raise Azure's 401.

    An Entra token is checked for audience and expiry only: the stand-in has no directory to verify a signature with.
    """
    if (given := headers.get("api-key")) is not None:
        if not _same(given, api_key):
            raise key_refused()
        return
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise token_refused()
    if not _same(token, api_key) and not _current(_claims(token)):
        raise token_refused()


def _same(given: str, api_key: str) -> bool:
    return hmac.compare_digest(given.encode(), api_key.encode())


def _claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified; empty where the token is not one."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _current(claims: dict[str, Any]) -> bool:
    audience, expires = claims.get("aud"), claims.get("exp")
    if not isinstance(audience, str) or not isinstance(expires, int | float):
        return False
    return audience.rstrip("/") in AUDIENCES and expires > time.time()
