"""What is known of sheets and of who may see them; what each answer of Smartsheet's adds to it."""

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta

from shared.errors import Forbidden, NotFound, Unauthorized
from shared.ids import SheetId
from shared.sheets.access import AccessBook
from shared.sheets.cache import SheetCache, Snapshot
from shared.sheets.models import AccessLevel, Sheet, Unchanged
from shared.sheets.ports import SheetCaller

_CONFIRMED_FOR = timedelta(seconds=60)
_LEVEL_KNOWN_FOR = timedelta(minutes=15)
_STALE_FOR = timedelta(minutes=15)


class SheetKnowledge:
    """Shared by those who read and those who write. `counts` are the counters of `SheetService.metrics`."""

    def __init__(self, cache: SheetCache, clock: Callable[[], datetime]) -> None:
        self.counts = Counter[str]()
        self._cache = cache
        self._clock = clock
        self._access = AccessBook()

    def held(self, sheet_id: SheetId) -> Snapshot | None:
        """The snapshot in the cache."""
        return self._cache.get(sheet_id)

    def adopt(self, snapshot: Snapshot) -> Snapshot:
        """Put the snapshot into the cache unless a newer version is there already.

        What was heard after the snapshot's question was sent (a write of which the effect is unknown, a newer
        version) still holds for it.
        """
        held = self._cache.get(snapshot.sheet.id)
        if held is not None:
            if held.sheet.version > snapshot.sheet.version:
                return held
            if held.outdated_at is not None and not snapshot.is_fresh(held.outdated_at):
                snapshot = snapshot.outdated(held.outdated_at)
        self._cache.put(snapshot)
        return snapshot

    def adopt_write(self, sheet_id: SheetId, version: int, patch: Callable[[Snapshot], Snapshot | None]) -> None:
        """Our own write made this version: patch it in, or know that what is held is outdated."""
        held = self._cache.get(sheet_id)
        if held is None or version <= held.sheet.version:
            return
        patched = patch(held)
        if patched is None:
            self.mark_outdated(sheet_id)
        else:
            self._cache.put(patched)
            self.counts["patches"] += 1

    def heard(self, sheet_id: SheetId, version: int) -> None:
        """An answer told the sheet's version."""
        held = self._cache.get(sheet_id)
        if held is not None and version > held.sheet.version:
            self.mark_outdated(sheet_id)

    def mark_outdated(self, sheet_id: SheetId) -> None:
        """There is, or may be, a newer version than the one held."""
        held = self._cache.get(sheet_id)
        if held is not None:
            self._cache.put(held.outdated(self._clock()))

    def confirm(
        self, caller: SheetCaller, sheet_id: SheetId, at: datetime, answer: Sheet | Unchanged | None = None
    ) -> None:
        """A call of this person's, sent at `at`, worked; an answer with a sheet tells their level."""
        level = answer.access_level if isinstance(answer, Sheet) else None
        self._access.confirm(caller.token_fingerprint, sheet_id, at, level)

    def is_confirmed(self, caller: SheetCaller, sheet_id: SheetId, at: datetime) -> bool:
        """Whether a call of this person's worked within the last 60 s."""
        access = self._access.find(caller.token_fingerprint, sheet_id)
        return access is not None and access.confirmed_at >= at - _CONFIRMED_FOR

    def level(self, caller: SheetCaller, sheet_id: SheetId, at: datetime) -> AccessLevel | None:
        """What this person may do with the sheet, as far as that was seen lately."""
        access = self._access.find(caller.token_fingerprint, sheet_id)
        return None if access is None else access.level_since(at - _LEVEL_KNOWN_FOR)

    def stale(self, caller: SheetCaller, sheet_id: SheetId, at: datetime) -> Sheet | None:
        """The sheet as held, however old, for persons whose access was confirmed lately."""
        held = self._cache.get(sheet_id)
        access = self._access.find(caller.token_fingerprint, sheet_id)
        if held is None or access is None or access.level is None or access.confirmed_at < at - _STALE_FOR:
            return None
        return held.seen_with(access.level)

    @contextmanager
    def refusals(self, caller: SheetCaller, sheet_id: SheetId) -> Generator[None, None, None]:
        """Forget a confirmed access as soon as Smartsheet refuses the caller."""
        try:
            yield
        except (Unauthorized, Forbidden, NotFound):
            self._access.refuse(caller.token_fingerprint, sheet_id)
            raise
