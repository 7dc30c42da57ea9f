"""The Smartsheet tokens of users: encrypted, renewed before they expire, dropped when Smartsheet refuses them."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from shared.errors import (
    AppError,
    PreconditionFailed,
    StorageFull,
    Unauthorized,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.identity.models import Connection, User, fingerprint
from shared.identity.oauth import OAuthProvider
from shared.identity.ports import UserStore
from shared.identity.vault import TokenVault, WrappedKey
from shared.ids import UserId
from shared.records import utc_now
from shared.resilience.leases import LeaseStore, leased
from shared.telemetry import get_logger

log = get_logger(__name__)

RENEW_BEFORE = timedelta(minutes=10)
_LEASE_SECONDS = 120.0
_LOOKS, _LOOK_EVERY_SECONDS = 20, 0.25
_ATTEMPTS = 10


class Connections:
    """Seals tokens for users, and gives them out again. `provider` is None where OAuth is not set up."""

    def __init__(
        self,
        users: UserStore,
        vault: TokenVault,
        leases: LeaseStore,
        provider: OAuthProvider | None,
        *,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._users = users
        self._vault = vault
        self._leases = leases
        self._provider = provider
        self._clock = clock
        self._sleep = sleep

    async def seal(
        self,
        user_id: UserId,
        access: SecretStr,
        *,
        known: WrappedKey | None,
        refresh: SecretStr | None = None,
        expires_in: int | None = None,
    ) -> Connection:
        """Tokens as they are stored, under the user's `known` data key or, at the first time, a new one.

        `expires_in` (seconds) is None for a token that does not expire.
        """
        key = known or await self._vault.new_key()
        key = await self._vault.rewrapped(key) or key
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

    async def token(self, user: User) -> SecretStr:
        """A Smartsheet token that works, as far as we know.

        Raises `Unauthorized` (`needs_sign_in`), and `UpstreamUnavailable` when the key, the provider or the database
        cannot serve: itself and none of its kinds, because callers are found on every route.
        """
        try:
            user = await self._renewed_in_time(user)
            connection = _connected(user)
            key, user_id = connection.data_key, user.user_id
            token = await self._vault.open(key, connection.access, user_id=user_id, purpose="access")
        except (UpstreamFault, UpstreamTimeout, StorageFull) as error:
            raise UpstreamUnavailable(error.detail, code=error.code) from error
        await self._keep_wrapped(user_id, connection)
        return token

    async def refused(self, user_id: UserId, token_fingerprint: str) -> None:
        """Smartsheet refused the token with this fingerprint. A newer one, from a sign-in meanwhile, stays."""
        await self._change(user_id, token_fingerprint, {"status": "needs_sign_in"})

    async def forget(self, user_id: UserId) -> None:
        """Forget the tokens, and make the provider forget them too as far as it can be reached."""
        for _ in range(_ATTEMPTS):
            user = await self._users.find(user_id)
            connection = None if user is None else user.connection
            if connection is None:
                return
            token = await self._opened(user_id, connection)
            changes = {"status": "disconnected", "connection": None}
            changed = await self._change(user_id, connection.fingerprint, changes)
            if changed.connection is None:
                await self._revoke(connection, token)
                return
        raise UpstreamUnavailable("Too many sign-ins at once; try again.")

    async def _revoke(self, connection: Connection, token: SecretStr | None) -> None:
        """A token that the person made in Smartsheet is theirs to revoke: only what OAuth gave is taken back."""
        if token is None or connection.refresh is None or self._provider is None:
            return
        try:
            await self._provider.revoke(token)
        except UpstreamUnavailable as error:
            log.warning("a forgotten token was not revoked (%s)", error.code)

    async def _keep_wrapped(self, user_id: UserId, connection: Connection) -> None:
        """Wrap the user's data key anew when the vault's key has a newer version; another time will do, too."""
        try:
            newer = await self._vault.rewrapped(connection.data_key)
            if newer is not None:
                changed = connection.model_copy(update={"data_key": newer})
                await self._change(user_id, connection.fingerprint, {"connection": changed})
                log.info("the data key of user %s is wrapped with %s now", user_id, newer.key_id)
        except AppError as error:
            log.warning("the data key of user %s was not wrapped anew (%s)", user_id, error.code)

    async def _opened(self, user_id: UserId, connection: Connection) -> SecretStr | None:
        try:
            return await self._vault.open(connection.data_key, connection.access, user_id=user_id, purpose="access")
        except (Unauthorized, UpstreamUnavailable) as error:
            log.warning("a token cannot be opened to revoke it (%s)", error.code)
            return None

    def _is_due(self, user: User) -> bool:
        """Whether the token has to be renewed, and can be."""
        connection = user.connection
        if user.status != "connected" or connection is None or connection.expires_at is None:
            return False
        return connection.expires_at - RENEW_BEFORE <= self._clock()

    def _is_over(self, user: User) -> bool:
        connection = user.connection
        expires_at = None if connection is None else connection.expires_at
        return expires_at is not None and expires_at <= self._clock()

    async def _renewed_in_time(self, user: User) -> User:
        """The user, with a renewed token if it ends soon. While that cannot be done, one that still is good is used."""
        if not self._is_due(user):
            return user
        try:
            return await self._renewed(user)
        except (UpstreamUnavailable, StorageFull):
            if self._is_over(user):
                raise
            return user

    async def _renewed(self, user: User) -> User:
        """The user with a renewed token; by one instance only, since a refresh token works once."""
        holder = uuid.uuid4().hex
        async with leased(self._leases, f"token:{user.id}", holder, seconds=_LEASE_SECONDS) as held:
            if not held:
                return await self._renewed_by_another(user)
            user = await self._again(user)
            return await self._renew(user) if self._is_due(user) else user

    async def _renewed_by_another(self, user: User) -> User:
        for _ in range(_LOOKS):
            await self._sleep(_LOOK_EVERY_SECONDS)
            user = await self._again(user)
            if not self._is_due(user):
                return user
        raise UpstreamUnavailable("Your Smartsheet token is being renewed; try again in a moment.")

    async def _renew(self, user: User) -> User:
        connection = _connected(user)
        if connection.refresh is None or self._provider is None:
            if not self._is_over(user):
                return user
            await self.refused(user.user_id, connection.fingerprint)
            raise _needs_sign_in()
        refresh = await self._vault.open(
            connection.data_key, connection.refresh, user_id=user.user_id, purpose="refresh"
        )
        try:
            tokens = await self._provider.refresh(refresh)
        except Unauthorized:
            await self.refused(user.user_id, connection.fingerprint)
            raise _needs_sign_in() from None
        renewed = await self.seal(
            user.user_id,
            tokens.access_token,
            known=connection.data_key,
            refresh=tokens.refresh_token or refresh,
            expires_in=tokens.expires_in,
        )
        log.info("the token of user %s was renewed", user.id)
        return await self._change(user.user_id, connection.fingerprint, {"connection": renewed})

    async def _change(self, user_id: UserId, token_fingerprint: str, update: dict[str, Any]) -> User:
        """Change the user, unless their token is another by now."""
        for _ in range(_ATTEMPTS):
            user = await self._users.find(user_id)
            if user is None:
                raise _needs_sign_in()
            if user.connection is None or user.connection.fingerprint != token_fingerprint:
                return user
            try:
                return await self._users.replace(user.model_copy(update={**update, "updated_at": self._clock()}))
            except PreconditionFailed:
                continue
        raise UpstreamUnavailable("Too many writers work on one user; try again.")

    async def _again(self, user: User) -> User:
        found = await self._users.find(user.user_id)
        if found is None:
            raise _needs_sign_in()
        return found


def _connected(user: User) -> Connection:
    if user.status != "connected" or user.connection is None:
        raise _needs_sign_in()
    return user.connection


def _needs_sign_in() -> Unauthorized:
    return Unauthorized("Smartsheet no longer takes your token; sign in again.", code="needs_sign_in")
