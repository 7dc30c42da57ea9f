"""One call's changes to one sheet: a transaction, a version, a log of cell changes, events for webhooks."""

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from local.smartsheet.access import Sheet, load_columns
from local.smartsheet.accounts import User
from local.smartsheet.cells import read_fragment
from local.smartsheet.columns import Column
from local.smartsheet.wire import encode, now


@dataclass(slots=True)
class SheetChange:
    """Collects what a call changes; `finish` stores it beside the change, in the same transaction."""

    connection: sqlite3.Connection
    sheet: Sheet
    user: User
    request_id: str
    agent: str | None = None
    at: str = field(default_factory=now)
    columns: list[Column] = field(default_factory=list)
    _events: list[dict[str, Any]] = field(default_factory=list)
    _cells: dict[int, list[tuple[int, Any, Any]]] = field(default_factory=dict)
    _changed: bool = False

    def __post_init__(self) -> None:
        self.columns = load_columns(self.connection, self.sheet.id)

    def touch(self) -> None:
        """Count the call as a change even where no event tells of it (a row was expanded, locked or moved)."""
        self._changed = True

    def event(self, object_type: str, event_type: str, **ids: int) -> None:
        """Something webhooks tell of (`id`, or `rowId` and `columnId`)."""
        self._changed = True
        event: dict[str, Any] = {"objectType": object_type, "eventType": event_type, **ids}
        event |= {"userId": self.user.id, "timestamp": self.at}
        if self.agent:
            event["changeAgent"] = self.agent
        self._events.append(event)

    def cell(self, row_id: int, column_id: int, before: str | None, after: str | None, *, told: bool = True) -> None:
        """A cell's stored fragment became another one. `told` false keeps it from webhooks (its row was deleted)."""
        if before == after:
            return
        old, new = read_fragment(before).plain(), read_fragment(after).plain()
        self._cells.setdefault(row_id, []).append((column_id, old, new))
        if told:
            self.event("cell", "created" if before is None else "updated", rowId=row_id, columnId=column_id)

    def finish(self) -> int:
        """Store version, log and events; gives the sheet's version, which is the old one where nothing changed."""
        if not self._changed and not self._cells:
            return self.sheet.version
        version = self.sheet.version + 1
        self.connection.execute(
            "UPDATE sheets SET version = ?, modified_at = ? WHERE id = ?", (version, self.at, self.sheet.id)
        )
        self._log_writes()
        queue_events(self.connection, self.sheet.id, self._events)
        return version

    def _log_writes(self) -> None:
        (first,) = self.connection.execute("SELECT coalesce(max(first_seq + count), 1) FROM writes").fetchone()
        records: list[tuple[int, int, str, int, int, str, str]] = []
        for row_id, changes in self._cells.items():
            records.append((first, len(changes), self.request_id, self.sheet.id, row_id, self.at, encode(changes)))
            first += len(changes)
        self.connection.executemany("INSERT INTO writes VALUES (?, ?, ?, ?, ?, ?, ?)", records)


def queue_events(connection: sqlite3.Connection, sheet_id: int, events: list[dict[str, Any]]) -> None:
    """Keep events for the enabled webhooks of a sheet until they were delivered.

    With a subscope, only events of its columns and deletions of rows are told.
    """
    for webhook_id, body in connection.execute(
        "SELECT id, body FROM webhooks WHERE sheet_id = ?", (sheet_id,)
    ).fetchall():
        webhook = json.loads(body)
        wanted = webhook.get("subscope", {}).get("columnIds")
        told = [event for event in events if wanted is None or _in_scope(event, wanted)]
        if webhook["enabled"] and told:
            connection.execute(
                "INSERT INTO callbacks_due (webhook_id, events) VALUES (?, ?)", (webhook_id, encode(told))
            )


def list_writes(connection: sqlite3.Connection, after: int) -> list[dict[str, Any]]:
    """Committed cell changes with a number above `after`, oldest first; ids are strings."""
    writes: list[dict[str, Any]] = []
    query = "SELECT * FROM writes WHERE first_seq + count - 1 > ? ORDER BY first_seq"
    for first, _, request_id, sheet_id, row_id, at, changes in connection.execute(query, (after,)):
        for seq, (column_id, before, value) in enumerate(json.loads(changes), start=first):
            if seq > after:
                writes.append(
                    {
                        "seq": seq,
                        "requestId": request_id,
                        "sheetId": str(sheet_id),
                        "rowId": str(row_id),
                        "columnId": str(column_id),
                        "before": before,
                        "after": value,
                        "at": at,
                    }
                )
    return writes


def _in_scope(event: dict[str, Any], column_ids: list[int]) -> bool:
    if event["objectType"] == "row":
        return event["eventType"] == "deleted"
    return event.get("columnId", event.get("id")) in column_ids
