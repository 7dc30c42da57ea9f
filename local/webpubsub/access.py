"""Who may call: the two access keys, and the tokens signed with them."""

import hashlib
import hmac
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import jwt

# Fixed and public: whoever reaches the loopback interface of a developer's machine may use the gateway.
ACCESS_KEY = "bG9jYWwtZGV2ZWxvcG1lbnQtb25seS1wcmltYXJ5LWtleS1vZi1jaGF0c2hlZXQ="
SECONDARY_ACCESS_KEY = "bG9jYWwtZGV2ZWxvcG1lbnQtb25seS1zZWNvbmRhcnkta2V5LW9mLWNoYXRzaGVldA=="
_OWN_HOSTS = ("localhost", "127.0.0.1")

# The pattern that the REST API publishes for hub names.
HUB_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_`,.\[\]]{0,127}")


class TokenRefused(Exception):
    """A token that does not open this door; the text says why, and holds nothing secret."""


def connection_string(port: int) -> str:
    """What `WEBPUBSUB_CONNECTION` is while the gateway listens on this port."""
    return f"Endpoint=http://localhost:{port};AccessKey={ACCESS_KEY};Version=1.0"


def signature(connection_id: str) -> str:
    """The value of `ce-signature`: one HMAC-SHA256 of the connection id per key, primary first."""
    keys = (ACCESS_KEY, SECONDARY_ACCESS_KEY)
    return ",".join(f"sha256={hmac.new(k.encode(), connection_id.encode(), hashlib.sha256).hexdigest()}" for k in keys)


def verified_claims(token: str | None, *, raw_path: str, port: int) -> dict[str, Any]:
    """The claims of a token that was issued for `raw_path` (still percent-encoded) of this gateway.

    A token is HS256 with either access key and has `exp` and `aud`. Clients sign `{endpoint}/client/hubs/{hub}`,
    callers of the REST API the URL they call, with or without its query. Raises `TokenRefused`.
    """
    if not token:
        raise TokenRefused("a token is missing: give access_token in the query or a bearer token")
    claims = _decode(token)
    audiences = claims.get("aud")
    listed = audiences if isinstance(audiences, list) else [audiences]
    if not any(isinstance(audience, str) and _names(audience, raw_path, port) for audience in listed):
        raise TokenRefused(f"the token's audience is not {unquote(raw_path)} of this gateway")
    return claims


def _decode(token: str) -> dict[str, Any]:
    for key in (ACCESS_KEY, SECONDARY_ACCESS_KEY):
        try:
            return jwt.decode(
                token, key, algorithms=["HS256"], options={"verify_aud": False, "require": ["exp", "aud"]}
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.PyJWTError as error:
            raise TokenRefused(f"the token is not valid: {error}") from None
    raise TokenRefused("the token is not signed with an access key of this gateway")


def _names(audience: str, raw_path: str, port: int) -> bool:
    try:
        url = urlsplit(audience)
        own_host = url.hostname in _OWN_HOSTS and url.port == port
    except ValueError:
        return False
    return own_host and path_segments(url.path) == path_segments(raw_path)


def path_segments(raw_path: str) -> list[str]:
    """A path's decoded segments; a `%2F` inside a segment stays in it."""
    return [unquote(segment) for segment in raw_path.strip("/").split("/")]
