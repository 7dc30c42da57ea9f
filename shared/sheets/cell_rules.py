"""What a cell of each column type takes, as strict as Smartsheet is where nothing else is asked of it.

Each rule gives what is to be written, or raises `InvalidInput` for the field with a stable code. Sources: the API
reference's error list (1042, 1131, 1148 …), and the sandbox, which was built from it.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from math import isfinite
from typing import Any, cast
from urllib.parse import urlsplit

from shared.sheets.columns import TEXT_TYPES, quoted, refuse
from shared.sheets.models import MAX_CELL_CHARACTERS, CellValue, Column, ColumnType
from shared.sheets.values import text_length

MAX_NUMBER = 2**53  # error 1148 names it
EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?")
_DURATION = re.compile(r"~|e?(?:[0-9]+(?:\.[0-9]+)?\s*[wdhms]\s*)+|[0-9]+(?:\.[0-9]+)?")
_LINK_TARGETS = ("sheetId", "reportId", "sightId")
_LINK_SCHEMES = frozenset({"http", "https", "mailto"})
_OPTIONS_SHOWN = 20


def fit_text(text: str, field: str) -> str:
    """A text that a cell holds without being cut (`value_too_long`)."""
    length = text_length(text)
    if length > MAX_CELL_CHARACTERS:
        refuse(field, "value_too_long", f"has {length} characters; a cell holds {MAX_CELL_CHARACTERS}")
    return text


def fit_formula(formula: str, field: str) -> str:
    """A formula (`not_a_formula`, `value_too_long`)."""
    if not formula.startswith("=") or len(formula) == 1:
        refuse(field, "not_a_formula", "is no formula: those start with =")
    return fit_text(formula, field)


def fit_value(column: Column, value: CellValue, field: str) -> CellValue:
    """A plain value that the column takes; nothing always fits, and clears the cell."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        fit_text(value, field)
    elif not isinstance(value, bool):
        _check_number(value, field)
    return _VALUE_RULES[column.type](column, value, field)


def fit_object(column: Column, thing: Mapping[str, Any], field: str) -> dict[str, Any]:
    """An object that the column takes: CONTACT, MULTI_CONTACT or MULTI_PICKLIST; others are given by `value`."""
    if column.type not in _OBJECT_SHAPES:
        refuse(field, "value_needed", f"{quoted(column.title)} is of type {column.type}: give a value")
    kind = _OBJECT_KINDS[column.type]
    if thing.get("objectType") != kind:
        refuse(f"{field}.objectType", "object_value_needed", f"must be {kind}: {_OBJECT_SHAPES[column.type]}")
    if kind == "CONTACT":
        return _contact(column, thing, field)
    values = thing.get("values")
    if thing.keys() - {"objectType", "values"} or not isinstance(values, list):
        refuse(field, "object_value_needed", f"must be {_OBJECT_SHAPES[column.type]}")
    items = cast("list[object]", values)
    if kind == "MULTI_PICKLIST":
        chosen = [_choice(column, item, f"{field}.values.{at}") for at, item in enumerate(items)]
        fit_text(", ".join(chosen), f"{field}.values")
        return {"objectType": kind, "values": chosen}
    people = [_person(column, item, f"{field}.values.{at}") for at, item in enumerate(items)]
    fit_text(", ".join(str(person.get("name") or person["email"]) for person in people), f"{field}.values")
    return {"objectType": kind, "values": people}


def fit_hyperlink(column: Column, value: CellValue, link: Mapping[str, Any], field: str) -> dict[str, Any]:
    """A link that goes along with a text (`invalid_hyperlink`): `{url}`, or `{sheetId}`, `{reportId}`, `{sightId}`.

    Smartsheet answers a link to a sheet with its address beside the id: the address is then left out.
    """
    code = "invalid_hyperlink"
    if column.type not in TEXT_TYPES or not isinstance(value, str) or not value.strip():
        refuse(field, code, "goes along with a text, in a column of text or of choices")
    targets = {name: link[name] for name in _LINK_TARGETS if link.get(name) is not None}
    if link.keys() - {"url", *_LINK_TARGETS} or len(targets) > 1:
        refuse(field, code, "must be {url}, {sheetId}, {reportId} or {sightId}")
    for name, target in targets.items():
        if isinstance(target, bool) or not re.fullmatch(r"[0-9]{1,19}", str(target), re.ASCII):
            refuse(f"{field}.{name}", code, "is not an id of Smartsheet: those are whole numbers")
        return {name: int(target)}
    url = link.get("url")
    if not isinstance(url, str) or not _is_link(url):
        refuse(f"{field}.url", code, "must be an address that starts with http://, https:// or mailto:")
    return {"url": fit_text(url, f"{field}.url")}


def is_email(text: object) -> bool:
    """Whether this can be a contact's address."""
    return isinstance(text, str) and len(text) <= 320 and EMAIL.fullmatch(text) is not None


def _check_number(number: float, field: str) -> None:
    if isinstance(number, float) and not isfinite(number):
        refuse(field, "not_a_number", "is no finite number")
    if abs(number) > MAX_NUMBER:
        refuse(field, "number_out_of_range", f"must be between -{MAX_NUMBER} and {MAX_NUMBER}")


def _text_number(column: Column, value: CellValue, field: str) -> CellValue:
    if isinstance(value, bool):
        refuse(field, "not_text_or_number", f"{quoted(column.title)} takes text or numbers")
    return value


def _picklist(column: Column, value: CellValue, field: str) -> CellValue:
    text = value if isinstance(value, str | bool) else _number_text(cast("float", value))
    _choice(column, text, field)
    return value


def _choice(column: Column, choice: object, field: str) -> str:
    if not isinstance(choice, str) or not choice.strip():
        refuse(field, "not_an_option", "must be a text that is not blank")
    # Without `overrideValidation`, Smartsheet takes nothing else, whether the column is restricted or not.
    if (column.options or column.validation) and choice not in column.options:
        listed = ", ".join(quoted(option) for option in column.options[:_OPTIONS_SHOWN]) or "none"
        more = len(column.options) - _OPTIONS_SHOWN
        options = listed if more <= 0 else f"{listed} and {more} more"
        refuse(field, "not_an_option", f"is not one of the options of {quoted(column.title)}: {options}")
    return fit_text(choice, field)


def _contact_value(column: Column, value: CellValue, field: str) -> CellValue:
    if not is_email(value):
        refuse(field, "not_a_contact", "must be an e-mail address, or an objectValue " + _OBJECT_SHAPES[column.type])
    _check_offered(column, value, field)
    return value


def _contact(column: Column, thing: Mapping[str, Any], field: str) -> dict[str, Any]:
    email, name = thing.get("email"), thing.get("name")
    named = isinstance(name, str) and bool(name.strip())
    if thing.keys() - {"objectType", "email", "name"} or not (email or named) or not (name is None or named):
        refuse(field, "not_a_contact", f"must be {_OBJECT_SHAPES[column.type]}")
    if email is not None and not is_email(email):
        refuse(f"{field}.email", "not_a_contact", "must be an e-mail address")
    _check_offered(column, email, field)
    person = {"objectType": "CONTACT", "email": email, "name": None if name is None else fit_text(name, field)}
    return {key: part for key, part in person.items() if part is not None}


def _person(column: Column, thing: object, field: str) -> dict[str, Any]:
    if not isinstance(thing, Mapping) or not is_email(cast("Mapping[str, Any]", thing).get("email")):
        refuse(field, "not_a_contact", "must be {email, name}")
    return _contact(column, cast("Mapping[str, Any]", thing), field)


def _check_offered(column: Column, email: object, field: str) -> None:
    offered = [str(contact.get("email")) for contact in column.contact_options]
    if not column.validation or not offered or str(email).casefold() in {each.casefold() for each in offered}:
        return
    listed = ", ".join(offered[:_OPTIONS_SHOWN])
    refuse(field, "not_an_option", f"{quoted(column.title)} offers these contacts only: {listed}")


def _date(column: Column, value: CellValue, field: str) -> CellValue:
    if not isinstance(value, str) or not _DATE.fullmatch(value) or not _parses(date.fromisoformat, value):
        refuse(field, "not_a_date", "must be a date such as 2026-03-31")
    return value


def _time(column: Column, value: CellValue, field: str) -> CellValue:
    if not isinstance(value, str) or not _TIME.fullmatch(value) or not _parses(datetime.fromisoformat, value):
        refuse(field, "not_a_time", "must be a date or a time without zone, such as 2026-03-31T08:00:00")
    return value


def _checkbox(column: Column, value: CellValue, field: str) -> CellValue:
    if not isinstance(value, bool):
        refuse(field, "not_a_boolean", f"{quoted(column.title)} takes true or false")
    return value


def _duration(column: Column, value: CellValue, field: str) -> CellValue:
    text = value if isinstance(value, str) else _number_text(cast("float", value))
    if isinstance(value, bool) or not _DURATION.fullmatch(text):
        refuse(field, "not_a_duration", "must be a duration such as 5d, 1w 2d or 4h")
    return value


def _by_object(column: Column, value: CellValue, field: str) -> CellValue:
    refuse(field, "object_value_needed", f"give an objectValue instead: {_OBJECT_SHAPES[column.type]}")


_VALUE_RULES: Mapping[str, Callable[[Column, CellValue, str], CellValue]] = {
    ColumnType.TEXT_NUMBER: _text_number,
    ColumnType.PICKLIST: _picklist,
    ColumnType.MULTI_PICKLIST: _by_object,
    ColumnType.CONTACT_LIST: _contact_value,
    ColumnType.MULTI_CONTACT_LIST: _by_object,
    ColumnType.DATE: _date,
    ColumnType.DATETIME: _time,
    ColumnType.ABSTRACT_DATETIME: _time,
    ColumnType.CHECKBOX: _checkbox,
    ColumnType.DURATION: _duration,
}
WRITABLE_TYPES: frozenset[str] = frozenset(_VALUE_RULES)
"""The types whose cells are written; predecessors are set in Smartsheet."""

_OBJECT_KINDS: Mapping[str, str] = {
    ColumnType.CONTACT_LIST: "CONTACT",
    ColumnType.MULTI_CONTACT_LIST: "MULTI_CONTACT",
    ColumnType.MULTI_PICKLIST: "MULTI_PICKLIST",
}
_OBJECT_SHAPES: Mapping[str, str] = {
    ColumnType.CONTACT_LIST: '{"objectType": "CONTACT", "email": …, "name": …}',
    ColumnType.MULTI_CONTACT_LIST: '{"objectType": "MULTI_CONTACT", "values": [{"email": …, "name": …}]}',
    ColumnType.MULTI_PICKLIST: '{"objectType": "MULTI_PICKLIST", "values": ["…"]}',
}


def _number_text(number: float) -> str:
    """A number as Smartsheet shows it."""
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else repr(number)


def _parses(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _is_link(url: str) -> bool:
    if any(character.isspace() or not character.isprintable() for character in url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    whole = parts.path if parts.scheme == "mailto" else parts.hostname
    return parts.scheme in _LINK_SCHEMES and bool(whole)
