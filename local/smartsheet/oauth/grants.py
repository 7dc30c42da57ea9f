"""Codes and tokens: what was given to whom, until when. Only digests are stored; tokens stay in memory, for tests."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from local.smartsheet.accounts import USERS, User
from local.smartsheet.database import Database
from local.smartsheet.errors import ApiError
from local.smartsheet.limits import Limits

CODE_SECONDS = 240
"""The vendor's redirect says that a code is good for some four minutes (`expires_in`, in milliseconds)."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS grants (
    digest TEXT PRIMARY KEY, kind TEXT NOT NULL, family TEXT NOT NULL, user_id INTEGER NOT NULL,
    expires REAL NOT NULL, challenge TEXT, used INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a grant gives."""

    access: str
    refresh: str
    seconds: int


class Grants:
    """The grants in the sandbox's database. A family is what one consent led to: its tokens fall together."""

    def __init__(self, database: Database, limits: Limits, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock
        self.given: list[tuple[User, Tokens]] = []
        """The tokens that were given since the start, oldest first."""
        with database.write() as connection:
            connection.execute(_SCHEMA)

    def clear(self) -> None:
        """Forget all of them."""
        self.given.clear()
        with self._database.write() as connection:
            connection.execute("DELETE FROM grants")

    def code_for(self, user: User, challenge: str | None) -> str:
        """A code for somebody who has consented; with PKCE's challenge, only its verifier can use it."""
        code = secrets.token_urlsafe(24)
        self._store(code, "code", secrets.token_hex(8), user.id, CODE_SECONDS, challenge)
        return code

    def exchange(self, code: str, verifier: str | None) -> Tokens:
        """The tokens for a code, once. Raises 1069 when it has expired, and 1071.

        A code that comes twice also ends what it gave before.
        """
        family, user_id, challenge = self._use(code, "code")
        if challenge is not None and challenge != _challenge(verifier or ""):
            raise ApiError(1071)
        return self._tokens(family, user_id)

    def renew(self, refresh_token: str) -> Tokens:
        """New tokens for a refresh token, which is used up thereby. Raises 1071."""
        family, user_id, _ = self._use(refresh_token, "refresh")
        with self._database.write() as connection:
            connection.execute("DELETE FROM grants WHERE family = ? AND kind = 'access'", (family,))
        return self._tokens(family, user_id)

    def user_of(self, token: str) -> User | None:
        """Whose access token this is; None for one that was never given, or revoked. Raises 1003 for an expired one."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT user_id, expires FROM grants WHERE digest = ? AND kind = 'access'", (_digest(token),)
            ).fetchone()
        if found is None:
            return None
        if found[1] <= self._clock():
            raise ApiError(1003)
        return USERS[found[0]]

    def revoke(self, token: str, *, everything: bool) -> None:
        """End an access token, or everything that its person has let the application have. Raises 1002, 1003."""
        user = self.user_of(token)
        if user is None:
            raise ApiError(1002)
        with self._database.write() as connection:
            if everything:
                connection.execute("DELETE FROM grants WHERE user_id = ?", (user.id,))
            else:
                connection.execute("DELETE FROM grants WHERE digest = ?", (_digest(token),))

    def _tokens(self, family: str, user_id: int) -> Tokens:
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        seconds = self._limits.access_token_seconds
        self._store(access, "access", family, user_id, seconds, None)
        self._store(refresh, "refresh", family, user_id, 10 * 365 * 86_400, None)
        tokens = Tokens(access, refresh, seconds)
        self.given.append((USERS[user_id], tokens))
        return tokens

    def _store(self, text: str, kind: str, family: str, user_id: int, seconds: float, challenge: str | None) -> None:
        values = (_digest(text), kind, family, user_id, self._clock() + seconds, challenge)
        with self._database.write() as connection:
            connection.execute("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, 0)", values)

    def _use(self, text: str, kind: str) -> tuple[str, int, str | None]:
        with self._database.write() as connection:
            found = connection.execute(
                "SELECT family, user_id, challenge, expires, used FROM grants WHERE digest = ? AND kind = ?",
                (_digest(text), kind),
            ).fetchone()
            if found is not None and found[4]:
                connection.execute("DELETE FROM grants WHERE family = ?", (found[0],))
            connection.execute("UPDATE grants SET used = 1 WHERE digest = ?", (_digest(text),))
        if found is None or found[4]:
            raise ApiError(1071)
        if found[3] <= self._clock():
            raise ApiError(1069 if kind == "code" else 1071)
        return found[0], found[1], found[2]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _challenge(verifier: str) -> str:
    """PKCE's S256 (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
