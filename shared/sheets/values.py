"""Cell values in a form that can be compared, and as text to be read.

Smartsheet gives back what it was given in another spelling: `1` for `1.0`, an absent cell for an empty
text, a contact's address for the contact. Whether somebody changed a cell is decided on canonical forms.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, cast

from shared.sheets.models import Cell, CellValue, Column, ColumnType

# What a number looks like when nothing but a number can be meant. `007` and `1e5` are codes; above 15 digits
# Smartsheet's double-precision numbers are no longer exact, so longer digits are only text.
_NUMBER_TEXT = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_EXACT_DIGITS = 15
_LIST_SEPARATOR = re.compile(r"[,\n]")


def canonical(column: Column, held: Cell | CellValue) -> Hashable:
    """The canonical form of what a cell of this column holds: equal forms are the same to a person.

    None for an empty cell (a missing cell, an empty or blank text). Numbers compare by value, also when
    spelled as text; dates by day; times by moment; lists without regard to order; contacts by address; texts
    without surrounding white space and with `\\n` for every line end. An unchecked box is an empty one. A cell
    with its own formula equals only a cell with the same formula: its value is computed, not set. Values that
    do not fit the column's type are compared as text.
    """
    if isinstance(held, Cell):
        if held.formula is not None:
            return ("formula", held.formula.strip())
        return shown(column, held)
    return _of_value(column, held)


def shown(column: Column, cell: Cell) -> Hashable:
    """The canonical form of what the cell shows: as `canonical`, but a formula counts as its result."""
    if cell.object_value:
        return _of_object(column, cell)
    return _of_value(column, cell.value)


def contact_names(column: Column, cell: Cell) -> frozenset[str]:
    """Every address and every name of the contacts in a cell, in lower case."""
    names: list[object] = [cell.value, cell.display_value]
    if column.type == ColumnType.MULTI_CONTACT_LIST:
        names = [name for text in names if isinstance(text, str) for name in _LIST_SEPARATOR.split(text)]
    thing = cell.object_value or {}
    for contact in _items(thing) if thing.get("objectType") == "MULTI_CONTACT" else [thing]:
        if isinstance(contact, Mapping):
            known = cast("Mapping[str, Any]", contact)
            names += [known.get("email"), known.get("name")]
    return frozenset(name.strip().casefold() for name in names if isinstance(name, str) and name.strip())


def several_of(cell: Cell) -> tuple[str, ...]:
    """The choices, or the contacts by address, of a cell that can hold several; none for other cells."""
    thing = cell.object_value or {}
    match thing.get("objectType"):
        case "MULTI_PICKLIST":
            return tuple(str(item) for item in _items(thing))
        case "MULTI_CONTACT":
            return tuple(_contact_name(item) for item in _items(thing))
        case _:
            return ()


def cell_text(cell: Cell) -> str:
    """What a person reads in the cell: the display value, else the value; empty when there is none."""
    if cell.display_value is not None:
        return cell.display_value
    value = cell.value
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def text_length(text: str) -> int:
    """How long Smartsheet takes a text to be, in UTF-16 units.

    The API reference says 4,000 "characters" and no more; this is the larger of the counts that can be
    meant, so that what passes is never cut.
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _of_value(column: Column, value: CellValue) -> Hashable:
    if isinstance(value, str):
        value = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if value is None or value == "":
        return None
    read = _READERS.get(column.type, _plain)
    return read(value)


def _of_object(column: Column, cell: Cell) -> Hashable:
    thing = cast("Mapping[str, Any]", cell.object_value)
    match thing.get("objectType"):
        case "MULTI_PICKLIST":
            return _choices(str(item) for item in _items(thing))
        case "MULTI_CONTACT":
            return _choices(_contact_name(item).casefold() for item in _items(thing))
        case "CONTACT":
            return _contact(_contact_name(thing))
        case _:
            return _of_value(column, cell.value)


def _items(thing: Mapping[str, Any]) -> list[Any]:
    values = thing.get("values")
    return cast("list[Any]", values) if isinstance(values, list) else []


def _contact_name(contact: object) -> str:
    if not isinstance(contact, Mapping):
        return str(contact)
    known = cast("Mapping[str, Any]", contact)
    return str(known.get("email") or known.get("name") or "")


def _plain(value: CellValue) -> Hashable:
    if isinstance(value, bool):
        return ("text", "true" if value else "false")
    if isinstance(value, int | float):
        return _number(value)
    text = str(value)
    if _NUMBER_TEXT.fullmatch(text) and sum(character.isdigit() for character in text) <= _EXACT_DIGITS:
        return ("number", Decimal(text))
    return ("text", text)


def _number(value: float) -> Hashable:
    if not isfinite(value):
        return ("text", str(value))
    # Through double precision, as Smartsheet keeps numbers; `repr` is the shortest text that means it.
    try:
        return ("number", Decimal(repr(float(value))))
    except OverflowError:
        return ("text", str(value))


def _checkbox(value: CellValue) -> Hashable:
    word = str(value).casefold()
    if word in ("true", "1", "1.0"):
        return ("checked",)
    return None if word in ("false", "0", "0.0") else _plain(value)


def _date(value: CellValue) -> Hashable:
    moment = _moment(value)
    return _plain(value) if moment is None else ("date", date(moment.year, moment.month, moment.day))


def _time(value: CellValue) -> Hashable:
    moment = _moment(value)
    if moment is None:
        return _plain(value)
    if not moment.tzinfo:
        return ("local time", moment)
    try:
        return ("time", moment.astimezone(UTC))
    except OverflowError:  # in the first or last hours of the calendar
        return _plain(value)


def _moment(value: CellValue) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _contact(value: CellValue) -> Hashable:
    text = str(value).strip().casefold()
    return ("text", text) if text else None


def _choice_list(value: CellValue) -> Hashable:
    return _choices(_LIST_SEPARATOR.split(str(value)))


def _contact_list(value: CellValue) -> Hashable:
    return _choices(_LIST_SEPARATOR.split(str(value).casefold()))


def _choices(items: Iterable[str]) -> Hashable:
    chosen = frozenset(item.strip() for item in items if item.strip())
    return ("choices", chosen) if chosen else None


def _duration(value: CellValue) -> Hashable:
    """A duration without a unit is in days."""
    plain = _plain(value)
    if isinstance(value, int | float):
        return ("text", f"{value:g}d")
    text = re.sub(r"\s+", "", str(value).casefold())
    return ("text", f"{float(text):g}d") if plain != ("text", text) and _NUMBER_TEXT.fullmatch(text) else ("text", text)


def _predecessors(value: CellValue) -> Hashable:
    return ("text", re.sub(r"\s+", "", str(value).upper()))


_READERS: Mapping[str, Callable[[CellValue], Hashable]] = {
    ColumnType.CHECKBOX: _checkbox,
    ColumnType.DATE: _date,
    ColumnType.DATETIME: _time,
    ColumnType.ABSTRACT_DATETIME: _time,
    ColumnType.CONTACT_LIST: _contact,
    ColumnType.MULTI_CONTACT_LIST: _contact_list,
    ColumnType.MULTI_PICKLIST: _choice_list,
    ColumnType.DURATION: _duration,
    ColumnType.PREDECESSOR: _predecessors,
}
