"""The application that is registered with the sandbox."""

import hashlib
import hmac
from urllib.parse import urlsplit

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105 - public by design

_CALLBACK_PATH = "/api/auth/smartsheet/callback"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_registered(redirect_uri: str) -> bool:
    """Whether a browser may be sent there: the application's callback on this machine, whatever its port."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in _LOOPBACK and parts.path == _CALLBACK_PATH


def secret_matches(secret: str) -> bool:
    """Whether this is the client's secret."""
    return hmac.compare_digest(secret.encode(), CLIENT_SECRET.encode())


def hash_matches(hashed: str, code: str) -> bool:
    """Whether this is the SHA-256 of `secret|code`: a way to prove the secret without sending it.

    Source: the vendor's API reference of `POST /token`.
    """
    wanted = hashlib.sha256(f"{CLIENT_SECRET}|{code}".encode()).hexdigest()
    return hmac.compare_digest(hashed.lower().encode(), wanted.encode())
