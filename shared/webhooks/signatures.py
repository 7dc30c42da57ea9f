"""Who sent a callback: Smartsheet signs its raw bytes with the webhook's shared secret."""

import hashlib
import hmac

from pydantic import SecretStr


def verify_signature(body: bytes, signature: str, secret: SecretStr) -> bool:
    """Whether `Smartsheet-Hmac-SHA256` is the hex HMAC-SHA256 of the body. Takes the same time for every wrong one."""
    expected = hmac.new(secret.get_secret_value().encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())
