"""The states of a session, and which may follow which.

INITIALIZING    its sheet is being loaded
ACTIVE          the sheet's data was loaded and found whole
ERROR           it could not be loaded; `stateReason` says why; loading again leads out
CLOSED          ended by its owner, for good; its messages can still be read
"""

from collections.abc import Mapping
from typing import Literal

from shared.errors import Conflict

SessionState = Literal["INITIALIZING", "ACTIVE", "ERROR", "CLOSED"]

TRANSITIONS: Mapping[SessionState, frozenset[SessionState]] = {
    "INITIALIZING": frozenset({"ACTIVE", "ERROR", "CLOSED"}),
    "ACTIVE": frozenset({"INITIALIZING", "ERROR", "CLOSED"}),
    "ERROR": frozenset({"INITIALIZING", "CLOSED"}),
    "CLOSED": frozenset(),
}


def require_transition(current: SessionState, following: SessionState) -> None:
    """Raises `Conflict` (code `invalid_transition`) for a step that the table does not have."""
    if following not in TRANSITIONS[current]:
        raise Conflict(f"The session is {current} and cannot become {following}.", code="invalid_transition")
