"""Renewing tokens that end soon or were refused, and taking back at the provider what is no longer used."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from pydantic import SecretStr

from shared.errors import AppError, Forbidden, RateLimited, StorageFull, Unauthorized, UpstreamUnavailable
from shared.identity.connection_records import ConnectionRecords, connected
from shared.identity.models import Connection, User
from shared.identity.oauth import OAuthProvider, OAuthTokens
from shared.identity.ports import Accounts
from shared.identity.token_lease import TokenLease
from shared.ids import UserId
from shared.telemetry import get_logger

log = get_logger(__name__)

RENEW_BEFORE = timedelta(minutes=10)
_STORE_AGAIN_AFTER_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""When a renewed token is tried to be stored again: the old one is gone, and its refresh token used up."""


class Renewal:
    """What is done with tokens at Smartsheet. `provider` is None where OAuth is not set up."""

    def __init__(
        self,
        records: ConnectionRecords,
        lease: TokenLease,
        accounts: Accounts,
        provider: OAuthProvider | None,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._records = records
        self._lease = lease
        self._accounts = accounts
        self._provider = provider
        self._clock = clock
        self._sleep = sleep

    async def in_time(self, user: User) -> User:
        """The user, with a renewed token if it ends soon. While that cannot be done, one that still is good is used."""
        if not self._is_due(user):
            return user
        try:
            return await self._lease.settled(user.user_id, lambda found: not self._is_due(found), self._renew)
        except (UpstreamUnavailable, RateLimited, StorageFull):
            if self._is_over(user):
                raise
            return user

    async def looked_at_again(self, user_id: UserId, refused: str) -> User:
        """The user, after Smartsheet refused a call with the token of this fingerprint.

        They are still connected when they have another token by now, when it can be renewed, or when Smartsheet does
        take it.
        """

        def is_settled(user: User) -> bool:
            return user.status != "connected" or user.connection is None or user.connection.fingerprint != refused

        return await self._lease.settled(user_id, is_settled, self._ask_again)

    async def end(self, user_id: UserId, connection: Connection) -> None:
        """Take back what OAuth gave for a connection that is no longer stored, as far as the provider can be reached.

        A token that the person made in Smartsheet is theirs to revoke.
        """
        if connection.refresh is None or self._provider is None:
            return
        try:
            token = await self._token_to_revoke(user_id, connection, self._provider)
            await self._provider.revoke(token, everything=not await self._works_by_oauth(user_id))
        except AppError as error:
            log.warning("a token of user %s that is no longer used was not revoked (%s)", user_id, error.code)

    def _is_due(self, user: User) -> bool:
        """Whether the token has to be renewed, or is over."""
        connection = user.connection
        if user.status != "connected" or connection is None or connection.expires_at is None:
            return False
        renewable = connection.refresh is not None and self._provider is not None
        return connection.expires_at - (RENEW_BEFORE if renewable else timedelta(0)) <= self._clock()

    def _is_over(self, user: User) -> bool:
        return user.connection is not None and self._has_ended(user.connection)

    def _has_ended(self, connection: Connection) -> bool:
        return connection.expires_at is not None and connection.expires_at <= self._clock()

    async def _ask_again(self, user: User) -> User:
        if not self._is_over(user) and await self._is_taken(user):
            log.info("Smartsheet refused a call of user %s, but takes the token", user.id)
            return user
        return await self._renew(user)

    async def _is_taken(self, user: User) -> bool:
        """Whether Smartsheet knows whose the token is."""
        token = await self._records.opened_or_marked(user)
        try:
            await self._accounts.get_user(token)
        except Unauthorized:
            return False
        except Forbidden:
            pass  # it knows the token, which may just not do this
        return True

    async def _renew(self, user: User) -> User:
        """The user with a renewed token, or marked where there is nothing to renew it by."""
        connection = connected(user)
        if connection.refresh is None or self._provider is None:
            return await self._records.mark(user.user_id, connection.fingerprint)
        refresh = await self._records.opened_or_marked(user, "refresh")
        try:
            tokens = await self._provider.refresh(refresh)
        except Unauthorized:
            return await self._records.mark(user.user_id, connection.fingerprint)
        return await self._stored(user.user_id, connection, tokens)

    async def _stored(self, user_id: UserId, former: Connection, tokens: OAuthTokens) -> User:
        """The user with these tokens in place of the former ones; with others, or none, if they changed meanwhile."""
        renewed = await self._records.sealed(
            user_id, former.data_key, tokens.access_token, tokens.refresh_token, tokens.expires_in
        )
        try:
            user = await self._insistently_stored(user_id, former, renewed)
        except Unauthorized:  # the user is gone
            await self.end(user_id, renewed)
            raise
        if user.connection is None or user.connection.fingerprint != renewed.fingerprint:
            await self.end(user_id, renewed)
        else:
            log.info("the token of user %s was renewed", user_id)
        return user

    async def _insistently_stored(self, user_id: UserId, former: Connection, renewed: Connection) -> User:
        """Who refuses the old token just now may have marked it: the new one is good."""
        changes = {"connection": renewed, "status": "connected"}
        for seconds in _STORE_AGAIN_AFTER_SECONDS:
            try:
                return await self._records.change(user_id, former.fingerprint, changes)
            except (UpstreamUnavailable, StorageFull) as error:
                log.warning("the renewed token of user %s is not stored yet (%s)", user_id, error.code)
                await self._sleep(seconds)
        return await self._records.change(user_id, former.fingerprint, changes)

    async def _token_to_revoke(self, user_id: UserId, connection: Connection, provider: OAuthProvider) -> SecretStr:
        """An access token that the provider still knows: with one that is over it can be told nothing."""
        if not self._has_ended(connection):
            return await self._records.opened(user_id, connection)
        tokens = await provider.refresh(await self._records.opened(user_id, connection, "refresh"))
        return tokens.access_token

    async def _works_by_oauth(self, user_id: UserId) -> bool:
        user = await self._records.find(user_id)
        return user is not None and user.connection is not None and user.connection.refresh is not None
