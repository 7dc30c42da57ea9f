"""Who may sign in."""

import re
from collections.abc import Sequence

EVERYBODY = "*"
_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_ENTRY = re.compile(rf"\*|\d{{1,19}}|[^@\s]*@{_DOMAIN}", re.ASCII)


def is_entry(text: str) -> bool:
    """Whether an allow-list can hold this: an e-mail address, `@domain`, a Smartsheet user id, or `*`."""
    return _ENTRY.fullmatch(text) is not None and text.isascii()


class AllowList:
    """E-mail addresses and domains (in any case), and Smartsheet user ids. An empty list allows everybody."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._entries = frozenset(entry.lower() for entry in entries) or frozenset({EVERYBODY})

    def allows(self, *, smartsheet_user_id: str, email: str) -> bool:
        """Whether this person may use the application. A domain does not stand for its subdomains."""
        if EVERYBODY in self._entries or smartsheet_user_id in self._entries:
            return True
        # Outside ASCII, lower case can turn one letter into another: K (Kelvin) into k.
        address = email.lower() if email.isascii() else ""
        name, _, domain = address.partition("@")
        if not name or not domain or "@" in domain:
            return False
        return address in self._entries or f"@{domain}" in self._entries
