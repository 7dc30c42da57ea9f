"""What is known of who may see which sheet: confirmed by calls with their own token, remembered for a while."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from shared.ids import SheetId
from shared.sheets.models import AccessLevel


@dataclass(frozen=True, slots=True)
class Access:
    """When a call with this token last worked on this sheet, and which level was seen when."""

    confirmed_at: datetime
    level: AccessLevel | None = None
    level_seen_at: datetime | None = None

    def level_since(self, moment: datetime) -> AccessLevel | None:
        """The level, when it was seen at `moment` or later: sharing changes without the version rising."""
        return self.level if self.level_seen_at is not None and self.level_seen_at >= moment else None


class AccessBook:
    """Access by token fingerprint and sheet; the least recently confirmed entries go first when it is full."""

    def __init__(self, max_entries: int = 10_000) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[tuple[str, SheetId], Access] = OrderedDict()

    def find(self, fingerprint: str, sheet_id: SheetId) -> Access | None:
        """What is known; None when nothing is."""
        return self._entries.get((fingerprint, sheet_id))

    def confirm(self, fingerprint: str, sheet_id: SheetId, at: datetime, level: AccessLevel | None = None) -> None:
        """A call sent at `at` worked; `level` when its answer told."""
        key = (fingerprint, sheet_id)
        known = self._entries.pop(key, None)
        if level is not None:
            self._entries[key] = Access(at, level, at)
        elif known is not None:
            self._entries[key] = Access(at, known.level, known.level_seen_at)
        else:
            self._entries[key] = Access(at)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def refuse(self, fingerprint: str, sheet_id: SheetId) -> None:
        """A call was refused: nothing is confirmed any more."""
        self._entries.pop((fingerprint, sheet_id), None)
