"""Listeners: people as the gateway knows them, together with the login or API token that asked for the URL.

The URL outlives a sign-out by minutes, and connections last longer: so whoever comes with it is known by what was
signed in then. The name holds no secret; what it names opens nothing.
"""

from shared.identity.models import Caller, Person, Via
from shared.ids import UserId

_SEPARATOR = "."
_KNOWN_BY: tuple[Via, ...] = ("login", "api_token")


def listener_of(caller: Caller) -> str:
    """The name of this caller's connections; the user's id alone where nobody signs in."""
    if caller.credential_id is None:
        return caller.user_id
    return _SEPARATOR.join((caller.user_id, caller.via, caller.credential_id))


def person_of(listener: str) -> Person:
    """Who was signed in when the URL was given out. A name that we did not make is nobody's login."""
    user_id, _, rest = listener.partition(_SEPARATOR)
    via, _, credential_id = rest.partition(_SEPARATOR)
    if via not in _KNOWN_BY or not credential_id:
        return Person(UserId(listener), "single")
    return Person(UserId(user_id), via, credential_id)
