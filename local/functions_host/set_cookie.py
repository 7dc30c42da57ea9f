"""`Set-Cookie` headers as they leave the real host.

The worker parses a function's header with `SimpleCookie` and sends it on attribute by attribute
(`parse_to_rpc_http_cookie_list`); ASP.NET writes it anew: the value percent-encoded, `domain=` and `path=`
present even when empty, unknown attributes gone.
"""

import logging
from email.utils import format_datetime, parsedate_to_datetime
from http.cookies import Morsel, SimpleCookie
from urllib.parse import quote

logger = logging.getLogger("host.http")
SAME_SITE = ("lax", "strict", "none")


def set_cookie_headers(cookies: list[SimpleCookie] | None) -> list[str]:
    """One header value per cookie. Raises ValueError for a date or age that cannot be read."""
    headers: list[str] = []
    for cookie in cookies or []:
        if not cookie:  # `SimpleCookie` says nothing, and so the worker loses it
            logger.warning("a Set-Cookie header that cannot be parsed was dropped")
        headers += [_header(name, morsel) for name, morsel in cookie.items()]
    return headers


def _header(name: str, morsel: "Morsel[str]") -> str:
    parts = [f"{name}={quote(morsel.value, safe='')}"]
    if morsel["expires"]:
        parts.append(f"expires={format_datetime(parsedate_to_datetime(morsel['expires']), usegmt=True)}")
    if morsel["max-age"] != "":
        parts.append(f"max-age={_age(morsel['max-age'])}")
    parts += [f"domain={morsel['domain']}", f"path={morsel['path']}"]
    if morsel["secure"]:
        parts.append("secure")
    if morsel["samesite"].lower() in SAME_SITE:
        parts.append(f"samesite={morsel['samesite'].lower()}")
    if morsel["httponly"]:
        parts.append("httponly")
    return "; ".join(parts)


def _age(text: str) -> int:
    age = int(float(text))
    if age < 0:
        raise ValueError(f"Max-Age of a cookie must not be negative: {text}")
    return age
