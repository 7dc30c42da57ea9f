"""What the sheets domain needs from the outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import RowWrite, Sheet, SheetSummary, SmartsheetUser, Unchanged, WriteAnswer


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

    async def update_rows(
        self, token: SecretStr, sheet_id: SheetId, rows: Sequence[RowWrite], *, change_agent: str
    ) -> WriteAnswer:
        """Set cells of at most 500 rows in one call, with partial success.

        Never retried after the request may have been received: a lost answer raises `UpstreamTimeout`, an
        unusable one `UpstreamFault`, and whoever called decides by re-reading; after any other error nothing
        was written. What Smartsheet certainly refused (4003, 4004, 4001) is retried.
        """
        ...
