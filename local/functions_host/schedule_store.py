"""What timers remember between runs of the host: when they ran last, and when they should run next."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

FILE_NAME = "schedule.db"


@dataclass(frozen=True, slots=True)
class TimerStatus:
    """`last` is None until the timer has run; `updated` is the time from which `next` was computed."""

    last: datetime | None
    next: datetime
    updated: datetime


class ScheduleStore:
    """One row per timer, in SQLite."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS timer"
            " (name TEXT PRIMARY KEY, last TEXT, next TEXT NOT NULL, updated TEXT NOT NULL)"
        )

    def find(self, name: str) -> TimerStatus | None:
        """A timer's status, if it has one."""
        row = self._connection.execute("SELECT last, next, updated FROM timer WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        last, following, updated = row
        return TimerStatus(
            last=datetime.fromisoformat(last) if last else None,
            next=datetime.fromisoformat(following),
            updated=datetime.fromisoformat(updated),
        )

    def save(self, name: str, status: TimerStatus) -> None:
        """Put a timer's status in place of the former one."""
        self._connection.execute(
            "INSERT OR REPLACE INTO timer VALUES (?, ?, ?, ?)",
            (
                name,
                status.last.isoformat() if status.last else None,
                status.next.isoformat(),
                status.updated.isoformat(),
            ),
        )

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
