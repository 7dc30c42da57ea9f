"""`AUTH_MODE=token`: callers are found by a login cookie or an API token, and work with their own Smartsheet token."""

from shared.errors import Forbidden, Unauthorized
from shared.identity.allow_list import AllowList
from shared.identity.api_tokens import ApiTokens
from shared.identity.connections import Connections
from shared.identity.logins import Logins
from shared.identity.models import Caller, Credentials, Person, Profile, User
from shared.identity.ports import UserStore
from shared.ids import UserId


class TokenIdentity:
    """Implements `Identity`. The allow-list is asked on every request: who is taken off it is out at once."""

    def __init__(
        self,
        users: UserStore,
        logins: Logins,
        api_tokens: ApiTokens,
        connections: Connections,
        allow_list: AllowList,
    ) -> None:
        self._users = users
        self._logins = logins
        self._api_tokens = api_tokens
        self._connections = connections
        self._allow_list = allow_list

    async def person_of_request(self, credentials: Credentials) -> Person:
        """See `Identity.person_of_request`."""
        person, _ = await self._found(credentials)
        return person

    async def caller_of_request(self, credentials: Credentials) -> Caller:
        """See `Identity.caller_of_request`."""
        person, user = await self._found(credentials)
        token = await self._connections.token(user)
        return Caller(person.user_id, token, person.via, person.credential_id)

    async def is_signed_in(self, person: Person) -> bool:
        """See `Identity.is_signed_in`."""
        if person.credential_id is None:
            return False
        match person.via:
            case "login":
                return await self._logins.is_live(person.user_id, person.credential_id)
            case "api_token":
                return await self._api_tokens.is_live(person.user_id, person.credential_id)
            case "single" | "background":
                return False

    async def caller_of_user(self, user_id: UserId) -> Caller:
        """See `Identity.caller_of_user`. Who may no longer sign in has no background work either."""
        user = await self._users.find(user_id)
        if user is None or not self._is_allowed(user):
            raise Unauthorized("This work belongs to somebody who is not signed in.", code="needs_sign_in")
        return Caller(user_id, await self._connections.token(user))

    async def token_refused(self, caller: Caller) -> bool:
        """See `Identity.token_refused`."""
        return await self._connections.refused(caller.user_id, caller.token_fingerprint)

    async def profile(self, person: Person) -> Profile:
        """See `Identity.profile`."""
        user = await self._users.find(person.user_id)
        if user is None:
            raise _not_signed_in()
        return Profile(user.name, user.email, user.locale, user.time_zone, user.status == "connected")

    async def _found(self, credentials: Credentials) -> tuple[Person, User]:
        """A bearer that does not work is an error, whatever cookie comes with it."""
        person = await self._by_bearer(credentials) or await self._by_cookie(credentials)
        user = await self._users.find(person.user_id)
        if user is None:
            raise _not_signed_in()
        if not self._is_allowed(user):
            raise Forbidden("You are not among those who may use this service.", code="not_allowed")
        return person, user

    async def _by_bearer(self, credentials: Credentials) -> Person | None:
        if credentials.bearer is None:
            return None
        token = await self._api_tokens.find(credentials.bearer)
        if token is None:
            raise Unauthorized("This API token does not work: it is wrong, over or revoked.", code="invalid_token")
        return Person(token.owner, "api_token", token.id)

    async def _by_cookie(self, credentials: Credentials) -> Person:
        login = None if credentials.cookie is None else await self._logins.find(credentials.cookie)
        if login is None:
            raise _not_signed_in()
        return Person(login.owner, "login", login.id)

    def _is_allowed(self, user: User) -> bool:
        return self._allow_list.allows(smartsheet_user_id=user.smartsheet_user_id, email=user.email)


def _not_signed_in() -> Unauthorized:
    return Unauthorized("Nobody is signed in, or the login is over.")
