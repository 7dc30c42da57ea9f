"""`AUTH_MODE=single`: the one built-in user, who needs no sign-in because only this machine reaches the service."""

from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import SecretStr

from shared.errors import AppError, Unauthorized
from shared.identity.models import Caller, Credentials, Person, Profile
from shared.identity.ports import Accounts
from shared.ids import UserId
from shared.records import utc_now
from shared.telemetry import get_logger

log = get_logger(__name__)

SINGLE_USER = UserId("single")
_PROFILE_AGE = timedelta(minutes=10)


class SingleUserIdentity:
    """Implements `Identity`: everybody who reaches the loopback address is the one built-in user."""

    def __init__(
        self, token: SecretStr, accounts: Accounts | None = None, *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._token = token
        self._accounts = accounts
        self._clock = clock
        self._profile: tuple[datetime, Profile] | None = None

    async def person_of_request(self, credentials: Credentials) -> Person:
        """See `Identity.person_of_request`. Credentials are not looked at."""
        return Person(SINGLE_USER, "single")

    async def caller_of_request(self, credentials: Credentials) -> Caller:
        """See `Identity.caller_of_request`. Credentials are not looked at."""
        return Caller(SINGLE_USER, self._token, "single")

    async def is_signed_in(self, person: Person) -> bool:
        """See `Identity.is_signed_in`. Nobody signs in or out."""
        return True

    async def caller_of_user(self, user_id: UserId) -> Caller:
        """See `Identity.caller_of_user`."""
        if user_id != SINGLE_USER:
            raise Unauthorized("This work belongs to a user who is not signed in.", code="needs_sign_in")
        return Caller(SINGLE_USER, self._token)

    async def token_refused(self, caller: Caller) -> bool:
        """See `Identity.token_refused`. The token comes from the settings, and nobody can sign in anew."""
        log.warning("Smartsheet refused the token of the settings")
        self._profile = None
        return True

    async def profile(self, person: Person) -> Profile:
        """See `Identity.profile`: what Smartsheet says, at most ten minutes old; little while it says nothing."""
        if self._profile is not None and self._clock() - self._profile[0] < _PROFILE_AGE:
            return self._profile[1]
        if self._accounts is None:
            return _unknown(connected=True)
        try:
            account = await self._accounts.get_user(self._token)
        except Unauthorized:
            return _unknown(connected=False)
        except AppError as error:
            log.warning("the built-in user's profile cannot be read (%s)", error.code)
            return _unknown(connected=True)
        profile = Profile(account.name, account.email, account.locale, account.time_zone, account_connected=True)
        self._profile = (self._clock(), profile)
        return profile


def _unknown(*, connected: bool) -> Profile:
    return Profile("The built-in user", None, None, None, account_connected=connected)
