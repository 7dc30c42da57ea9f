"""Columns by what people call them, and whether text may be written into them."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import NoReturn

from shared.errors import FieldError, InvalidInput
from shared.sheets.models import Column, ColumnType, Sheet

TEXT_TYPES = frozenset({ColumnType.TEXT_NUMBER, ColumnType.PICKLIST})

_TITLES_SHOWN = 20


def resolve_columns(sheet: Sheet, names_or_ids: Sequence[str], field: str) -> list[Column]:
    """The columns that these ids or titles name, in their order.

    An id wins over a title, an exact title over one that differs in case or white space. `field` is the path
    of the list in the input (`parameters.sourceColumns`). Raises `InvalidInput`, naming every entry that
    fits no column (code `unknown_column`) or several (`ambiguous_column`).
    """
    columns: list[Column] = []
    errors: list[InvalidInput] = []
    for place, name in enumerate(names_or_ids):
        try:
            columns.append(resolve_column(sheet, name, f"{field}.{place}"))
        except InvalidInput as error:
            errors.append(error)
    if errors:
        faults = tuple(fault for error in errors for fault in error.errors)
        raise InvalidInput(errors[0].detail, code=errors[0].code, errors=faults)
    return columns


def resolve_column(sheet: Sheet, name_or_id: str, field: str) -> Column:
    """The column that an id or a title names; see `resolve_columns`. `field` is the path of the name itself."""
    found = _matches(sheet, name_or_id)
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(column.id for column in found)
        code = "ambiguous_column"
        message = f"{quoted(name_or_id)} fits {len(found)} columns; give one of their ids: {ids}"
    else:
        code, message = "unknown_column", _unknown(sheet, name_or_id)
    raise InvalidInput(f"{field}: {message}.", code=code, errors=(FieldError(field, message),))


def require_writable(column: Column, field: str, *, types: Collection[str] = TEXT_TYPES) -> None:
    """Raise `InvalidInput` when values of these column types cannot be written into the column.

    Codes: `system_column`, `column_formula`, `column_locked` (for this caller), `wrong_column_type`.
    `types` defaults to those that take any text.
    """
    title = quoted(column.title)
    if column.system_type is not None:
        refuse(field, "system_column", f"{title} is filled by Smartsheet itself ({column.system_type})")
    if column.formula is not None:
        refuse(field, "column_formula", f"{title} is filled by a column formula")
    if column.locked_for_user:
        refuse(field, "column_locked", f"{title} is locked for you")
    if column.type not in types:
        wanted = " or ".join(sorted(types))
        refuse(field, "wrong_column_type", f"{title} is of type {column.type}; a column of type {wanted} is needed")


def _matches(sheet: Sheet, name: str) -> list[Column]:
    columns = sheet.columns
    return (
        [column for column in columns if column.id == name]
        or [column for column in columns if column.title == name]
        or [column for column in columns if _folded(column.title) == _folded(name)]
    )


def _unknown(sheet: Sheet, name: str) -> str:
    titles = {_folded(column.title): column.title for column in sheet.columns}
    close = get_close_matches(_folded(name), titles, n=3)
    if close:
        return f"there is no column {quoted(name)}; close: {', '.join(quoted(titles[title]) for title in close)}"
    shown = [quoted(column.title) for column in sheet.columns[:_TITLES_SHOWN]]
    more = "" if len(sheet.columns) <= _TITLES_SHOWN else f" and {len(sheet.columns) - _TITLES_SHOWN} more"
    return f"there is no column {quoted(name)}; there are: {', '.join(shown)}{more}"


def _folded(title: str) -> str:
    return " ".join(title.split()).casefold()


def quoted(text: str) -> str:
    """A title or an option in a sentence."""
    return f"“{text if len(text) <= 60 else text[:59] + '…'}”"


def refuse(field: str, code: str, message: str) -> NoReturn:
    """Raise `InvalidInput` for one field; `message` says what is wrong with it, and what would be right."""
    raise InvalidInput(f"{field}: {message}.", code=code, errors=(FieldError(field, message),))
