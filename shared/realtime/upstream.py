"""Who sent an upstream event: Web PubSub signs the connection's id, with each of its access keys."""

import hashlib
import hmac
from collections.abc import Iterable


def verify_signature(connection_id: str, signature_header: str, keys: Iterable[str]) -> bool:
    """Whether `ce-signature` (`sha256=hex`, one per key, separated by commas) was made with one of our keys.

    It covers the connection's id only: it says who speaks about which connection, and nothing about the body.
    """
    offered = [part.strip().lower().encode() for part in signature_header.split(",")]
    valid = False
    for key in keys:
        digest = hmac.new(key.encode(), connection_id.encode(), hashlib.sha256).hexdigest()
        expected = f"sha256={digest}".encode()
        for signature in offered:
            valid |= hmac.compare_digest(expected, signature)
    return valid
