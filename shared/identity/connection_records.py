"""Users' connections as they are stored: sealed, opened, and changed only while they are the same."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from shared.errors import AppError, PreconditionFailed, Unauthorized, UpstreamUnavailable
from shared.identity.models import Connection, User, fingerprint
from shared.identity.ports import UserStore
from shared.identity.vault import Purpose, TokenVault, WrappedKey
from shared.ids import UserId
from shared.telemetry import get_logger

log = get_logger(__name__)

_ATTEMPTS = 10


class ConnectionRecords:
    """Users, and the vault that their tokens are sealed by."""

    def __init__(self, users: UserStore, vault: TokenVault, clock: Callable[[], datetime]) -> None:
        self._users = users
        self._vault = vault
        self._clock = clock

    async def find(self, user_id: UserId) -> User | None:
        """The user as stored now, or None."""
        return await self._users.find(user_id)

    async def get(self, user_id: UserId) -> User:
        """The user as stored now. Raises `Unauthorized` (`needs_sign_in`) when there is none."""
        user = await self._users.find(user_id)
        if user is None:
            raise needs_sign_in()
        return user

    async def sealed(
        self, user_id: UserId, key: WrappedKey, access: SecretStr, refresh: SecretStr | None, expires_in: int | None
    ) -> Connection:
        """Tokens as they are stored, under the user's data key. `expires_in` (seconds) is None: they do not expire."""
        sealed = None
        if refresh is not None:
            sealed = await self._vault.seal(key, refresh, user_id=user_id, purpose="refresh")
        return Connection(
            data_key=key,
            access=await self._vault.seal(key, access, user_id=user_id, purpose="access"),
            refresh=sealed,
            expires_at=None if expires_in is None else self._clock() + timedelta(seconds=expires_in),
            fingerprint=fingerprint(access),
        )

    async def opened(self, user_id: UserId, connection: Connection, purpose: Purpose = "access") -> SecretStr:
        """A token of this connection. Raises `Unauthorized` (`needs_sign_in`), also when it has no such token."""
        sealed = connection.access if purpose == "access" else connection.refresh
        if sealed is None:
            raise needs_sign_in()
        return await self._vault.open(connection.data_key, sealed, user_id=user_id, purpose=purpose)

    async def opened_or_marked(self, user: User, purpose: Purpose = "access") -> SecretStr:
        """As `opened`; a connection that cannot be opened any more is marked, since only a sign-in mends it."""
        connection = connected(user)
        try:
            return await self.opened(user.user_id, connection, purpose)
        except Unauthorized:
            try:
                await self.mark(user.user_id, connection.fingerprint)
            except AppError as error:
                log.warning("that the token of user %s is lost is not noted (%s)", user.id, error.code)
            raise

    async def change(self, user_id: UserId, token_fingerprint: str, update: dict[str, Any]) -> User:
        """Change the user, unless their token is another by now. Raises `Unauthorized` when there is no such user."""
        for _ in range(_ATTEMPTS):
            user = await self.get(user_id)
            if user.connection is None or user.connection.fingerprint != token_fingerprint:
                return user
            try:
                return await self._users.replace(user.model_copy(update={**update, "updated_at": self._clock()}))
            except PreconditionFailed:
                continue
        raise UpstreamUnavailable("Too many writers work on one user; try again.")

    async def mark(self, user_id: UserId, token_fingerprint: str) -> User:
        """Note that the token with this fingerprint is of no use any more. A newer one stays."""
        return await self.change(user_id, token_fingerprint, {"status": "needs_sign_in"})

    async def take(self, user_id: UserId) -> Connection | None:
        """Remove the user's connection; what it was, or None when there is none."""
        for _ in range(_ATTEMPTS):
            user = await self._users.find(user_id)
            connection = None if user is None else user.connection
            if connection is None:
                return None
            changes = {"status": "disconnected", "connection": None}
            changed = await self.change(user_id, connection.fingerprint, changes)
            if changed.connection is None:
                return connection
        raise UpstreamUnavailable("Too many sign-ins at once; try again.")

    async def keep_wrapped(self, user_id: UserId, connection: Connection) -> None:
        """Wrap the user's data key anew when the vault's key has a newer version; another time will do, too."""
        try:
            newer = await self._vault.rewrapped(connection.data_key)
            if newer is not None:
                changed = connection.model_copy(update={"data_key": newer})
                await self.change(user_id, connection.fingerprint, {"connection": changed})
                log.info("the data key of user %s is wrapped with %s now", user_id, newer.key_id)
        except AppError as error:
            log.warning("the data key of user %s was not wrapped anew (%s)", user_id, error.code)


def connected(user: User) -> Connection:
    """The connection that the user works with. Raises `Unauthorized` (`needs_sign_in`)."""
    if user.status != "connected" or user.connection is None:
        raise needs_sign_in()
    return user.connection


def needs_sign_in() -> Unauthorized:
    """The error for a token that is of no use any more."""
    return Unauthorized("Smartsheet no longer takes your token; sign in again.", code="needs_sign_in")
