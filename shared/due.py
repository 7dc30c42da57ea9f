"""What has to be looked at later: entries that a timer finds when their time has come.

Whoever starts something that may get stuck writes an entry first, so that nothing is missed when the process dies
right behind it. An entry says that something *may* need help; who finds it looks at the thing itself, so entries
are removed lazily, and an unneeded one does no harm.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from shared.errors import AppError
from shared.ids import UserId
from shared.records import Record
from shared.telemetry import get_logger

log = get_logger(__name__)

_ENTRIES_PER_PAGE = 100
_PAGES_AT_ONCE = 20


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


async def look_at_due(
    due: DueStore,
    kind: str,
    now: datetime,
    look_at: Callable[[DueEntry, datetime], Awaitable[None]],
    *,
    again_after: timedelta,
) -> None:
    """Look at everything of a kind whose time has come; a timer's work.

    What cannot be looked at (`AppError`) is logged and noted again, `again_after` later: it does not keep the others
    from being looked at.
    """
    for _ in range(_PAGES_AT_ONCE):
        entries = await due.list_due(kind, now, limit=_ENTRIES_PER_PAGE)
        for entry in entries:
            try:
                await look_at(entry, now)
            except AppError as error:
                log.warning("%s %s could not be looked after: %s", kind, entry.subject, error.code)
                await due.add(kind, entry.owner, entry.subject, due_at=now + again_after)
            await due.remove(entry)
        if len(entries) < _ENTRIES_PER_PAGE:
            return
