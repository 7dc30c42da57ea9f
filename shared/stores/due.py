"""Entries that timers look for: one partition per kind and hour, and a mark behind the hours that are done with."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from shared.due import DueEntry
from shared.errors import Conflict
from shared.ids import UserId
from shared.records import Record, utc_now
from shared.stores.collection import Collection
from shared.stores.documents import Delete, DocumentStore

_HOUR = timedelta(hours=1)
_OPEN_FOR = 2 * _HOUR
"""How long an hour that has passed may still get entries: clocks differ, and writers may be slow."""
_HOURS_AT_ONCE = 72
_MARK = "mark"


class Mark(Record):
    """Every hour before `hour` is empty, and gets no entries any more."""

    hour: datetime


class DocumentDueStore:
    """`DueStore` on documents."""

    def __init__(self, documents: DocumentStore, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._clock = clock
        self._documents = documents
        self._entries = Collection(documents, "due", DueEntry)
        self._marks = Collection(documents, "due-marks", Mark)

    async def add(self, kind: str, owner: UserId, subject: str, *, due_at: datetime) -> None:
        """See `DueStore.add`. The first entry of a kind sets its mark."""
        if await self._marks.find(kind, _MARK) is None:
            with suppress(Conflict):  # another writer was first
                await self._marks.create(kind, Mark(id=_MARK, hour=_hour(self._clock()) - _OPEN_FOR))
        entry = DueEntry(id=f"{due_at:%Y%m%dT%H%M%S}-{subject}", kind=kind, due_at=due_at, owner=owner, subject=subject)
        await self._entries.upsert(_partition(kind, _hour(due_at)), entry)

    async def list_due(self, kind: str, now: datetime, *, limit: int) -> list[DueEntry]:
        """See `DueStore.list_due`. After a long pause, some hours in each call.

        Entries that cannot be read are left behind, and do not keep their hour from passing.
        """
        mark = await self._marks.find(kind, _MARK)
        if mark is None:
            return []
        found: list[DueEntry] = []
        hour, empty_until = mark.hour, mark.hour
        for _ in range(_HOURS_AT_ONCE):
            if hour > now or len(found) >= limit:
                break
            entries = await self._first_of_hour(kind, hour, limit=limit - len(found))
            found += [entry for entry in entries if entry.due_at <= now]
            if not entries and empty_until == hour and hour + _OPEN_FOR + _HOUR <= now:
                empty_until = hour + _HOUR
            hour += _HOUR
        if empty_until != mark.hour:
            await self._marks.upsert(kind, mark.model_copy(update={"hour": empty_until}))
        return found

    async def remove(self, entry: DueEntry) -> None:
        """See `DueStore.remove`."""
        await self._documents.write("due", _partition(entry.kind, _hour(entry.due_at)), Delete(entry.id))

    async def _first_of_hour(self, kind: str, hour: datetime, *, limit: int) -> list[DueEntry]:
        found: list[DueEntry] = []
        cursor: str | None = None
        while True:
            entries, cursor = await self._entries.list(
                _partition(kind, hour), limit=limit - len(found), cursor=cursor, skip_unreadable=True
            )
            found += entries
            if cursor is None or len(found) >= limit:
                return found


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _partition(kind: str, hour: datetime) -> str:
    return f"{kind}:{hour:%Y-%m-%dT%H}"
