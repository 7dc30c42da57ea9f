"""What has to be looked at later: entries that a timer finds when their time has come.

Whoever starts something that may get stuck writes an entry first, so that nothing is missed when the process dies
right behind it. An entry says that something *may* need help; who finds it looks at the thing itself, so entries
are removed lazily, and an unneeded one does no harm.
"""

from datetime import datetime
from typing import Protocol

from shared.ids import UserId
from shared.records import Record


class DueEntry(Record):
    """Look at this owner's `subject` from `due_at` on. `kind` is a word such as `session`."""

    kind: str
    due_at: datetime
    owner: UserId
    subject: str


class DueStore(Protocol):
    """The entries of all kinds. Every write may be repeated."""

    async def add(self, kind: str, owner: UserId, subject: str, *, due_at: datetime) -> None:
        """Note that `subject` (an id) is to be looked at; `due_at` may not lie more than an hour in the past."""
        ...

    async def list_due(self, kind: str, now: datetime, *, limit: int) -> list[DueEntry]:
        """Entries whose time has come, the oldest first; the rest is found once these have been removed."""
        ...

    async def remove(self, entry: DueEntry) -> None:
        """Forget an entry; nothing happens when it is gone already."""
        ...
