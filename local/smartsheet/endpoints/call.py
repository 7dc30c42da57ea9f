"""One call of the API, as its operation sees it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from local.smartsheet.access import Sheet, open_sheet
from local.smartsheet.accounts import User
from local.smartsheet.change import SheetChange
from local.smartsheet.database import Database
from local.smartsheet.errors import ApiError
from local.smartsheet.rows.requests import refusal
from local.smartsheet.wire import Query

MAX_CHANGE_AGENT = 512

T = TypeVar("T")

Answer = dict[str, Any] | bytes
"""A body: JSON-able, or ready JSON text."""


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, and with what. `ids` are the ids in the path; `noted` goes into the log of calls."""

    database: Database
    user: User
    ids: dict[str, int]
    query: Query
    body: bytes
    request_id: str
    agent: str | None
    noted: dict[str, Any] = field(default_factory=dict)

    @property
    def sheet_id(self) -> int:
        """The sheet in the path."""
        return self.ids["sheetId"]

    @contextmanager
    def reading(self) -> Iterator[tuple[sqlite3.Connection, Sheet]]:
        """The sheet in the path, and a connection that sees one commit. Raises 1006."""
        with self.database.read() as connection:
            yield connection, open_sheet(connection, self.user, self.sheet_id)

    @contextmanager
    def changing(self, level: str) -> Iterator[SheetChange]:
        """A change of the sheet in the path; the caller of this method calls `finish`. Raises 1004, 1006 or 1045."""
        with self.database.write() as connection:
            sheet = open_sheet(connection, self.user, self.sheet_id)
            sheet.require(level)
            yield SheetChange(connection, sheet, self.user, self.request_id, self.agent)


def read_body(adapter: TypeAdapter[T], body: bytes) -> T:
    """The body, checked for form. Raises 1008 or 1024."""
    if not body.strip():
        raise ApiError(1024)
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise refusal(error) from None
