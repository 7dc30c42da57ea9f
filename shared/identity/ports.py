"""What other domains ask of identity."""

from typing import Protocol

from shared.identity.models import Caller
from shared.ids import UserId


class Identity(Protocol):
    """Finds callers."""

    async def caller_of_request(self) -> Caller:
        """The person who sent the request. Raises `Unauthorized`."""
        ...

    async def caller_of_user(self, user_id: UserId) -> Caller:
        """The person with this id, for background work. Raises `Unauthorized` (code `needs_sign_in`)."""
        ...
