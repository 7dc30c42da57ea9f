"""Which columns of a sheet the columns of a table go into."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import FieldError, InvalidInput
from shared.sheets.columns import resolve_column
from shared.sheets.models import Column, ColumnType, Sheet
from shared.tables.harmless import restored

_MAX_TITLE = 200  # longer ones are nobody's: Smartsheet's have at most 50 characters


@dataclass(frozen=True, slots=True)
class MatchedColumn:
    """A column of the table, counted from 0, and the sheet's column that it goes into."""

    index: int
    column: Column


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column of the table that is not imported, and why."""

    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class ColumnMatch:
    """What becomes of each column of a table. `faults` are titles that cannot be placed, with the reason."""

    columns: tuple[MatchedColumn, ...]
    left_out: tuple[LeftOut, ...]
    faults: tuple[LeftOut, ...]


def match_columns(sheet: Sheet, titles: Sequence[str], *, ignore_unknown: bool) -> ColumnMatch:
    """Match titles exactly, else without regard to case and white space; ids are known too.

    Columns that nobody can fill from a table are left out. Titles that fit no column are faults, or left out with
    `ignore_unknown`; those that fit several, or one that is taken, are faults always.
    """
    columns: list[MatchedColumn] = []
    left_out: list[LeftOut] = []
    faults: list[LeftOut] = []
    taken: dict[str, str] = {}
    for index, title in enumerate(titles):
        try:
            column = _column(sheet, title)
        except InvalidInput as error:
            unknown = LeftOut(_cut(title), error.errors[0].message)
            (left_out if ignore_unknown and error.code == "unknown_column" else faults).append(unknown)
            continue
        if column.id in taken:
            faults.append(LeftOut(title, f"the column “{taken[column.id]}” of the table goes into the same column"))
            continue
        taken[column.id] = title
        reason = _not_importable(column)
        if reason is None:
            columns.append(MatchedColumn(index, column))
        else:
            left_out.append(LeftOut(title, reason))
    return ColumnMatch(tuple(columns), tuple(left_out), tuple(faults))


def _column(sheet: Sheet, title: str) -> Column:
    if len(title) > _MAX_TITLE:
        message = "there is no column of so long a title"
        raise InvalidInput(message, code="unknown_column", errors=(FieldError("title", message),))
    try:
        return resolve_column(sheet, title, "title")
    except InvalidInput:
        if restored(title) == title:
            raise
        return resolve_column(sheet, restored(title), "title")


def _not_importable(column: Column) -> str | None:
    if column.system_type is not None:
        return f"it is filled by Smartsheet itself ({column.system_type})"
    if column.formula is not None:
        return "it is filled by a column formula"
    if column.type == ColumnType.PREDECESSOR:
        return "predecessors name rows by number, and new rows have other numbers"
    if column.locked_for_user:
        return "it is locked for you"
    return None


def _cut(title: str) -> str:
    return title if len(title) <= _MAX_TITLE else f"{title[: _MAX_TITLE - 1]}…"
