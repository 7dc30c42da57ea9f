"""What the sheets domain needs from the outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import (
    AddAnswer,
    ColumnAnswer,
    ColumnWrite,
    DeleteAnswer,
    NewRow,
    RowWrite,
    Sheet,
    SheetSummary,
    SmartsheetUser,
    Unchanged,
    WriteAnswer,
)

CHANGE_AGENT_PREFIX = "chatsheet:"
"""How the change agent of every write of this application begins: webhooks so tell our own changes from others."""


@dataclass(frozen=True, slots=True)
class SheetMark:
    """What is known of a sheet by all instances together.

    `number` counts how often the sheet was heard to have changed; `is_read` says that somebody has asked Smartsheet
    since, and got `version`. While `is_watched`, changes are told within seconds.
    """

    number: int
    is_read: bool
    version: int | None
    is_watched: bool


class SheetMarks(Protocol):
    """What is heard of sheets. Neither method raises an `AppError`: sheets can be read without."""

    async def look(self, sheet_id: SheetId) -> SheetMark | None:
        """The mark as it is now; None when nothing is heard of the sheet. At most one point read."""
        ...

    async def settle(self, sheet_id: SheetId, mark: SheetMark, version: int) -> None:
        """The sheet had this version when Smartsheet was asked after `mark` was looked at."""
        ...


class SheetCaller(Protocol):
    """Whose token a sheet is read or written with. The fingerprint stands for the token in keys."""

    @property
    def token(self) -> SecretStr:
        """The person's Smartsheet token."""
        ...

    @property
    def token_fingerprint(self) -> str:
        """A digest that differs from token to token."""
        ...


class SheetSource(Protocol):
    """Smartsheet, as seen with one person's token.

    Every method raises `Unauthorized` (1001–1003; code `needs_sign_in`), `Forbidden` (1004, 1045 …), `NotFound`
    (1006; code `sheet_not_found`), `RateLimited` (4003, after retries), `UpstreamUnavailable` and its kinds.
    """

    async def get_user(self, token: SecretStr) -> SmartsheetUser:
        """The person the token belongs to."""
        ...

    async def list_sheets(self, token: SecretStr) -> list[SheetSummary]:
        """All sheets that the token opens, in one call."""
        ...

    async def get_sheet(
        self,
        token: SecretStr,
        sheet_id: SheetId,
        *,
        column_ids: Sequence[ColumnId] = (),
        row_ids: Sequence[RowId] = (),
        if_version_after: int | None = None,
        rows_modified_since: datetime | None = None,
    ) -> Sheet | Unchanged:
        """The sheet (or the asked part of it); `Unchanged` when it is not newer than `if_version_after`.

        `row_ids` are put into the URL: ask for at most 100. One HTTP call, whatever the size of the sheet.
        """
        ...

    # Writes are never retried after the request may have been received: a lost answer raises `UpstreamTimeout`, an
    # unusable one `UpstreamFault`, and whoever called decides by re-reading; after any other error nothing was
    # written. What Smartsheet certainly refused (4003, 4004, 4001) is retried. `change_agent` comes back in webhooks.

    async def update_rows(
        self, token: SecretStr, sheet_id: SheetId, rows: Sequence[RowWrite], *, change_agent: str
    ) -> WriteAnswer:
        """Set cells of, or move, at most 500 rows in one call, with partial success.

        The locations of all rows of a call name the same attributes.
        """
        ...

    async def add_rows(
        self, token: SecretStr, sheet_id: SheetId, rows: Sequence[NewRow], *, change_agent: str
    ) -> AddAnswer:
        """Add at most 500 rows in one call, with partial success; they follow each other at one location."""
        ...

    async def delete_rows(
        self, token: SecretStr, sheet_id: SheetId, row_ids: Sequence[RowId], *, change_agent: str
    ) -> DeleteAnswer:
        """Delete at most 300 rows, whose ids go into the URL, with all their children; missing ones are ignored."""
        ...

    async def add_columns(
        self, token: SecretStr, sheet_id: SheetId, columns: Sequence[ColumnWrite], *, change_agent: str
    ) -> ColumnAnswer:
        """Add columns, which stand together at the index of the first."""
        ...

    async def update_column(
        self, token: SecretStr, sheet_id: SheetId, column_id: ColumnId, column: ColumnWrite, *, change_agent: str
    ) -> ColumnAnswer:
        """Change properties of a column. Raises `NotFound` (`column_not_found`)."""
        ...

    async def delete_column(
        self, token: SecretStr, sheet_id: SheetId, column_id: ColumnId, *, change_agent: str
    ) -> ColumnAnswer:
        """Delete a column with all its cells. Raises `NotFound` (`column_not_found`)."""
        ...
