"""Our cookies: what browsers are told to keep, and what they send back.

Where the service is reached by https, names begin with `__Host-`: then only this very host can have set them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

CookieName = Literal["login", "oauth"]

_NAMES: dict[CookieName, str] = {"login": "chatsheet", "oauth": "chatsheet-oauth"}
_VALUE = re.compile(r"[A-Za-z0-9_-]{1,200}")


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie to set; with `max_age_seconds` 0, to delete."""

    name: CookieName
    value: SecretStr = field(repr=False)
    max_age_seconds: int

    @classmethod
    def gone(cls, name: CookieName) -> "Cookie":
        """Let the browser forget it."""
        return cls(name, SecretStr("none"), 0)


def name_of(name: CookieName, *, https: bool) -> str:
    """The name on the wire."""
    return f"__Host-{_NAMES[name]}" if https else _NAMES[name]


def set_cookie(cookie: Cookie, *, https: bool) -> str:
    """The value of a `Set-Cookie` header. Lax: a page of others may lead here, but not send anything in our name."""
    secure = "; Secure" if https else ""
    wire = f"{name_of(cookie.name, https=https)}={cookie.value.get_secret_value()}"
    return f"{wire}; Path=/; Max-Age={cookie.max_age_seconds}; HttpOnly; SameSite=Lax{secure}"


def read_cookies(header: str, *, https: bool) -> Mapping[CookieName, SecretStr]:
    """Our cookies in a `Cookie` header; the first of each name counts, and odd values do not.

    Only semicolons part cookies: a comma within the value of a foreign one must not begin one of ours.
    """
    sent: dict[str, str] = {}
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        sent.setdefault(name, value)
    ours: dict[CookieName, str] = {name: sent.get(name_of(name, https=https), "") for name in _NAMES}
    return {name: SecretStr(value) for name, value in ours.items() if _VALUE.fullmatch(value)}
