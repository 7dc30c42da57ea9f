"""Finds the caller of a request, and the caller on whose behalf background work is done."""

from pydantic import SecretStr

from shared.errors import Unauthorized
from shared.identity.models import Caller
from shared.ids import UserId

SINGLE_USER = UserId("single")


class SingleUserIdentity:
    """`AUTH_MODE=single`: everybody who reaches the loopback address is the one built-in user."""

    def __init__(self, token: SecretStr) -> None:
        self._caller = Caller(SINGLE_USER, token)

    async def caller_of_request(self) -> Caller:
        """The person who sent the request."""
        return self._caller

    async def caller_of_user(self, user_id: UserId) -> Caller:
        """The person with this id, for background work. Raises `Unauthorized` (code `needs_sign_in`)."""
        if user_id != SINGLE_USER:
            raise Unauthorized("This work belongs to a user who is not signed in.", code="needs_sign_in")
        return self._caller
