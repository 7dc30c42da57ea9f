"""Deleting a user: everything that identity holds of them. Other domains delete what is theirs."""

from shared.errors import AppError
from shared.identity.api_tokens import ApiTokens
from shared.identity.connections import Connections
from shared.identity.logins import Logins
from shared.identity.ports import Departures, LiveConnections, UserStore
from shared.ids import UserId
from shared.telemetry import get_logger

log = get_logger(__name__)


class UserDeletion:
    """Can be repeated: what is gone is gone, and the user's record goes last."""

    def __init__(
        self,
        users: UserStore,
        logins: Logins,
        api_tokens: ApiTokens,
        connections: Connections,
        sockets: LiveConnections,
        departures: Departures | None = None,
    ) -> None:
        self._departures = departures
        self._users = users
        self._logins = logins
        self._api_tokens = api_tokens
        self._connections = connections
        self._sockets = sockets

    async def delete(self, user_id: UserId) -> None:
        """End logins and API tokens, forget the Smartsheet token, close sockets, delete the record."""
        await self._logins.end_all(user_id)
        await self._api_tokens.revoke_all(user_id)
        if self._departures is not None:
            await self._departures.owner_leaves(user_id)
        await self._connections.forget(user_id)
        try:
            await self._sockets.close_user(user_id, reason="deleted")
        except AppError as error:
            log.warning("the sockets of user %s were not closed (%s)", user_id, error.code)
        await self._users.delete(user_id)
        log.info("user %s is deleted", user_id)
