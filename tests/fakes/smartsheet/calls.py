"""The calls that a source was asked, and how some of them fail."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import ColumnWrite, NewRow, RowWrite

Method = Literal[
    "get_user",
    "list_sheets",
    "get_sheet",
    "update_rows",
    "add_rows",
    "delete_rows",
    "add_columns",
    "update_column",
    "delete_column",
]


@dataclass(frozen=True, slots=True)
class SourceCall:
    """A call that was made, with what matters of its arguments."""

    method: Method
    token: str
    sheet_id: SheetId | None = None
    column_ids: tuple[ColumnId, ...] = ()
    row_ids: tuple[RowId, ...] = ()
    if_version_after: int | None = None
    rows_modified_since: datetime | None = None
    rows: tuple[RowWrite, ...] = ()
    new_rows: tuple[NewRow, ...] = ()
    columns: tuple[ColumnWrite, ...] = ()
    change_agent: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """How a call fails; `after_effect`: the write takes effect, the answer is lost."""

    error: Exception
    after_effect: bool
