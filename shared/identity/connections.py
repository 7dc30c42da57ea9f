"""The Smartsheet tokens of users: encrypted, renewed before they expire, dropped when Smartsheet refuses them."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import datetime

from pydantic import SecretStr

from shared.errors import RateLimited, StorageFull, UpstreamFault, UpstreamTimeout, UpstreamUnavailable
from shared.identity.connection_records import ConnectionRecords, connected
from shared.identity.models import Connection, User
from shared.identity.oauth import OAuthProvider
from shared.identity.ports import Accounts, UserStore
from shared.identity.renewal import Renewal
from shared.identity.token_lease import TokenLease
from shared.identity.vault import TokenVault, WrappedKey
from shared.ids import UserId
from shared.records import utc_now
from shared.resilience.leases import LeaseStore


class Connections:
    """Seals tokens for users, and gives them out again. `provider` is None where OAuth is not set up."""

    def __init__(
        self,
        users: UserStore,
        vault: TokenVault,
        leases: LeaseStore,
        accounts: Accounts,
        provider: OAuthProvider | None,
        *,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._vault = vault
        self._records = ConnectionRecords(users, vault, clock)
        self._lease = TokenLease(leases, self._records.get, sleep)
        self._renewal = Renewal(self._records, self._lease, accounts, provider, clock, sleep)

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
        return await self._records.sealed(user_id, key, access, refresh, expires_in)

    async def token(self, user: User) -> SecretStr:
        """A Smartsheet token that works, as far as we know.

        Raises `Unauthorized` (`needs_sign_in`), and `UpstreamUnavailable` when the key, the provider or the database
        cannot serve: itself and none of its kinds, because callers are found on every route.
        """
        with _told_as_unavailable():
            user = await self._renewal.in_time(user)
            token = await self._records.opened_or_marked(user)
        await self._records.keep_wrapped(user.user_id, connected(user))
        return token

    async def refused(self, user_id: UserId, token_fingerprint: str) -> bool:
        """Whether a refusal of the token with this fingerprint stands, which then is noted.

        It does not when the user has a newer token, from a sign-in or a renewal meanwhile, when the token can be
        renewed, and when Smartsheet takes it after all. Raises `Unauthorized` (`needs_sign_in`), and
        `UpstreamUnavailable` when it cannot be found out.
        """
        with _told_as_unavailable():
            user = await self._renewal.looked_at_again(user_id, token_fingerprint)
        return user.status != "connected"

    async def forget(self, user_id: UserId) -> None:
        """Forget the tokens, and make the provider forget them too as far as it can be reached."""
        async with self._lease.if_possible(user_id):
            connection = await self._records.take(user_id)
        if connection is not None:
            await self._renewal.end(user_id, connection)

    async def end(self, user_id: UserId, connection: Connection) -> None:
        """Make the provider forget a connection that is no longer stored, as far as it can be reached."""
        await self._renewal.end(user_id, connection)


@contextmanager
def _told_as_unavailable() -> Generator[None, None, None]:
    """Whatever cannot serve is told as one kind."""
    try:
        yield
    except (UpstreamFault, UpstreamTimeout, StorageFull) as error:
        raise UpstreamUnavailable(error.detail, code=error.code) from error
    except RateLimited as error:
        seconds = error.retry_after_seconds
        raise UpstreamUnavailable(error.detail, code=error.code, retry_after_seconds=seconds) from error
