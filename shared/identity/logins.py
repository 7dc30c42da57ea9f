"""Logins of browsers: a random id in a cookie, of which only the hash is stored."""

import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from pydantic import SecretStr

from shared.errors import AppError
from shared.identity.models import Login, hashed
from shared.identity.ports import LoginStore
from shared.ids import UserId
from shared.records import utc_now

_BYTES = 32
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_SEEN_EVERY = timedelta(minutes=5)


def new_secret() -> SecretStr:
    """256 random bits, as 43 characters that cookies and URLs can hold."""
    return SecretStr(secrets.token_urlsafe(_BYTES))


def is_secret(secret: SecretStr) -> bool:
    """Whether `new_secret` can have made it: nothing else is worth a look into the database."""
    return _SECRET.fullmatch(secret.get_secret_value()) is not None


class Logins:
    """A login is over when nobody used it for `idle`, and `absolute` after it began."""

    def __init__(
        self, store: LoginStore, *, idle: timedelta, absolute: timedelta, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._store = store
        self._idle = idle
        self.absolute = absolute
        self._clock = clock

    async def start(self, owner: UserId, *, former: SecretStr | None) -> SecretStr:
        """A new login's cookie. The login of the `former` cookie, which the browser had till now, is ended."""
        cookie = new_secret()
        now = self._clock()
        await self._store.create(Login(id=hashed(cookie), owner=owner, created_at=now, seen_at=now))
        if former is not None and is_secret(former):
            ended = await self._store.find(hashed(former))
            if ended is not None:
                await self._store.end(ended.owner, ended.id)
        return cookie

    async def find(self, cookie: SecretStr) -> Login | None:
        """The live login of this cookie, or None."""
        login = await self._store.find(hashed(cookie)) if is_secret(cookie) else None
        if login is None:
            return None
        now = self._clock()
        if self._is_over(login, now):
            with suppress(AppError):  # it is over, whether or not it can be removed now
                await self._store.end(login.owner, login.id)
            return None
        if now - login.seen_at >= min(_SEEN_EVERY, self._idle / 4):
            await self._note_seen(login, now)
        return login

    async def is_live(self, owner: UserId, login_id: str) -> bool:
        """Whether this login of the user's is not over. Looking does not make it last longer."""
        login = await self._store.find(login_id)
        return login is not None and login.owner == owner and not self._is_over(login, self._clock())

    async def end(self, owner: UserId, login_id: str) -> None:
        """End a login; nothing happens when it has ended."""
        await self._store.end(owner, login_id)

    async def end_all(self, owner: UserId) -> None:
        """End every login of a user."""
        await self._store.end_all(owner)

    def _is_over(self, login: Login, now: datetime) -> bool:
        return now >= min(login.seen_at + self._idle, login.created_at + self.absolute)

    async def _note_seen(self, login: Login, now: datetime) -> None:
        """Another request may have noted it, and a full database must not lock people out."""
        with suppress(AppError):
            await self._store.replace(login.model_copy(update={"seen_at": now}))
