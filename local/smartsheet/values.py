"""From what a client sends for a cell to what the cell holds, by column type."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.smartsheet.accounts import contact_name
from local.smartsheet.cells import Cell, Scalar, display_number
from local.smartsheet.columns import Column
from local.smartsheet.dates import read_date
from local.smartsheet.errors import ApiError
from local.smartsheet.project import NO_ROWS, RowFinder, duration_text, link_text, read_duration, read_links

MAX_TEXT = 4000
MAX_NUMBER = 9007199254740992
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_OBJECT_TYPES = {
    "CONTACT_LIST": ("CONTACT",),
    "MULTI_CONTACT_LIST": ("MULTI_CONTACT", "CONTACT"),
    "MULTI_PICKLIST": ("MULTI_PICKLIST",),
    "PREDECESSOR": ("PREDECESSOR_LIST",),
    "DURATION": ("DURATION",),
    "DATE": ("DATE",),
    "ABSTRACT_DATETIME": ("ABSTRACT_DATETIME", "DATETIME"),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """How one cell is to be read.

    `strict` refuses what does not fit the column's type (else it becomes text); `override` lets a value
    outside a picklist's options through; `rows` finds the rows that a predecessor names.
    """

    strict: bool = True
    override: bool = False
    rows: RowFinder = NO_ROWS


def read_value(column: Column, value: Scalar, rules: Rules) -> Cell:
    """The cell for a plain `value`. Raises 1042 where a strict value does not fit, 1148 for a huge number."""
    if value is None or value == "":
        return Cell()
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) > MAX_NUMBER:
        raise ApiError(1148, -MAX_NUMBER, MAX_NUMBER)
    if isinstance(value, str):
        value = value[:MAX_TEXT]  # longer text is cut without a word, as the vendor does
    cell = _READERS[column.type](column, value, rules)
    if cell is not None:
        return cell
    if rules.strict:
        raise ApiError(1042, column.id, column.title, column.type)
    return text_cell(_as_text(value))


def read_object(column: Column, value: Any, rules: Rules) -> Cell:
    """The cell for an `objectValue`. Raises 1131 where its `objectType` does not belong to the column's type."""
    if value is None or isinstance(value, str | int | float | bool):
        return read_value(column, value, rules)
    kind = value.get("objectType") if isinstance(value, dict) else None
    allowed = _OBJECT_TYPES.get(column.type, ())
    if kind not in allowed:
        raise ApiError(1131, "objectValue", column.id, ", ".join(allowed) or "none")
    match kind:
        case "CONTACT" if column.type == "CONTACT_LIST":
            _check_contact(column, value.get("email"), rules)
            return (
                _contact(value.get("email"), value.get("name")) if value.get("email") else text_cell(value.get("name"))
            )
        case "CONTACT":
            return _contacts(column, [value], rules)
        case "MULTI_CONTACT":
            return _contacts(column, value.get("values") or [], rules)
        case "MULTI_PICKLIST":
            return _picks(column, value.get("values") or [], rules)
        case "PREDECESSOR_LIST":
            return _links(value.get("predecessors") or [], rules)
        case "DURATION":
            return read_value(column, duration_text(value), rules)
        case _:
            return read_value(column, value.get("value"), rules)


def text_cell(text: str | None) -> Cell:
    """A text cell; empty for no text."""
    return Cell(text, text) if text else Cell()


def number_cell(number: int | float) -> Cell:
    """A number cell."""
    return Cell(number, display_number(number))


def _text_number(_: Column, value: Scalar, rules: Rules) -> Cell | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return number_cell(value)
    assert isinstance(value, str)
    if not rules.strict and _NUMBER.fullmatch(value):
        return number_cell(float(value) if "." in value else int(value))
    return text_cell(value)


def _date(_: Column, value: Scalar, rules: Rules) -> Cell | None:
    day = read_date(value, lenient=not rules.strict) if isinstance(value, str) else None
    return Cell(day) if day else None


def _datetime(_: Column, value: Scalar, rules: Rules) -> Cell | None:
    day = read_date(value, lenient=not rules.strict) if isinstance(value, str) else None
    if day is None or not isinstance(value, str):
        return None
    return Cell(value if "T" in value else f"{day}T08:00:00")


def _checkbox(_: Column, value: Scalar, rules: Rules) -> Cell | None:
    if isinstance(value, bool):
        return Cell(value)
    if not rules.strict and str(value).lower() in ("true", "false", "1", "0"):
        return Cell(str(value).lower() in ("true", "1"))
    return None


def _picklist(column: Column, value: Scalar, rules: Rules) -> Cell | None:
    if isinstance(value, bool):
        return None
    cell = number_cell(value) if isinstance(value, int | float) else text_cell(_as_text(value))
    _check_option(column, cell.display or "", rules)
    return cell


def _multi_picklist(column: Column, value: Scalar, rules: Rules) -> Cell | None:
    if rules.strict or not isinstance(value, str):
        return None
    return _picks(column, [part.strip() for part in re.split(r"[,\n]", value) if part.strip()], rules)


def _contact_list(column: Column, value: Scalar, rules: Rules) -> Cell | None:
    if not isinstance(value, str) or not _EMAIL.fullmatch(value):
        return None
    _check_contact(column, value, rules)
    return _contact(value, None)


def _multi_contact_list(column: Column, value: Scalar, rules: Rules) -> Cell | None:
    if rules.strict or not isinstance(value, str):
        return None
    emails = [part.strip() for part in re.split(r"[,;\n]", value) if part.strip()]
    if not all(map(_EMAIL.fullmatch, emails)):
        return None
    return _contacts(column, [{"email": email} for email in emails], rules)


def _duration(_: Column, value: Scalar, rules: Rules) -> Cell | None:
    text = read_duration(_as_text(value))
    return None if text is None else text_cell(text)


def _predecessor(_: Column, value: Scalar, rules: Rules) -> Cell | None:
    links = read_links(_as_text(value), rules.rows)
    return None if links is None else _links(links, rules)


_READERS: dict[str, Callable[[Column, Scalar, Rules], Cell | None]] = {
    "TEXT_NUMBER": _text_number,
    "DATE": _date,
    "DATETIME": _datetime,
    "ABSTRACT_DATETIME": _datetime,
    "CHECKBOX": _checkbox,
    "PICKLIST": _picklist,
    "MULTI_PICKLIST": _multi_picklist,
    "CONTACT_LIST": _contact_list,
    "MULTI_CONTACT_LIST": _multi_contact_list,
    "DURATION": _duration,
    "PREDECESSOR": _predecessor,
}


def _check_option(column: Column, option: str, rules: Rules) -> None:
    """Raises 1042 for a value outside the options, where strictness or the column's validation asks for one of them."""
    outside = option not in column.options and (column.options or column.validation)
    if outside and not rules.override and (rules.strict or column.validation):
        raise ApiError(1042, column.id, column.title, column.type)


def _picks(column: Column, values: list[Any], rules: Rules) -> Cell:
    picks = list(dict.fromkeys(_as_text(value)[:MAX_TEXT] for value in values))
    for pick in picks:
        _check_option(column, pick, rules)
    if not picks:
        return Cell()
    text = ", ".join(picks)
    return Cell(text, text, {"objectType": "MULTI_PICKLIST", "values": picks})


def _contact(email: Any, name: Any) -> Cell:
    return Cell(str(email), str(name or contact_name(str(email)) or email))


def _check_contact(column: Column, email: Any, rules: Rules) -> None:
    """Raises 1042 for a person who is not offered by a column that is restricted to its contacts."""
    offered = {contact["email"].lower() for contact in column.contacts}
    if column.validation and offered and not rules.override and str(email).lower() not in offered:
        raise ApiError(1042, column.id, column.title, column.type)


def _contacts(column: Column, people: list[Any], rules: Rules) -> Cell:
    values: list[dict[str, Any]] = []
    for person in people:
        email = person.get("email") if isinstance(person, dict) else None
        if not isinstance(email, str) or not _EMAIL.fullmatch(email):
            raise ApiError(1031, email, "objectValue.values.email")
        _check_contact(column, email, rules)
        name = person.get("name") or contact_name(email) or email
        values.append({"objectType": "CONTACT", "email": email, "name": name})
    if not values:
        return Cell()
    text = ", ".join(value["name"] for value in values)
    return Cell(text, text, {"objectType": "MULTI_CONTACT", "values": values})


def _links(links: list[Any], rules: Rules) -> Cell:
    if not links:
        return Cell()
    known: list[dict[str, Any]] = []
    for link in links:
        number = rules.rows.number_of(link.get("rowId", 0)) if isinstance(link, dict) else None
        if number is None:
            raise ApiError(1034)
        known.append({"type": "FS", **link, "rowNumber": number})
    text = ", ".join(map(link_text, known))
    return Cell(text, text, {"objectType": "PREDECESSOR_LIST", "predecessors": known})


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return display_number(value) if isinstance(value, int | float) else str(value)
