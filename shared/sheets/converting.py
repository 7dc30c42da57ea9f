"""From what a table holds to cells as callers send them, by the column's type.

A value is read only where nothing else can be meant: `Unfit` says what is wrong and what would be right. A text that
begins with `=` stays a text; nothing in a table becomes a formula.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from typing import Any

from shared.sheets.input import CellInput
from shared.sheets.models import MAX_CELL_CHARACTERS, CellValue, Column, ColumnType
from shared.sheets.values import text_length
from shared.tables.harmless import restored
from shared.tables.notations import (
    MAX_NUMBER,
    LocalDate,
    are_written_alike,
    day_comes_first,
    is_number,
    iso_date,
    local_date,
    read_number,
)
from shared.tables.table import Value

Convert = Callable[[Value], CellInput | None]

_CHECKED = frozenset({"true", "yes", "x", "1"})
_UNCHECKED = frozenset({"false", "no", "0"})
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")
_NAMED = re.compile(r"\s*\"?([^<>\"]*)\"?\s*<([^<>]*)>\s*")
_DURATION = re.compile(r"~|e?(?:\d+(?:\.\d+)?\s*[wdhms]\s*)+|\d+(?:\.\d+)?", re.ASCII)
_SEPARATORS = ("\n", ";", ",")
_OPTIONS_SHOWN = 10


class Unfit(Exception):
    """The column does not take the value; the text, for people, says why."""


def converter(column: Column, values: Iterable[Value]) -> Convert:
    """How to convert the values of this column, all of which are given: they tell how dates and numbers are meant.

    What it returns gives None for an empty value, and raises `Unfit`.
    """
    texts = [value.strip() for value in values if isinstance(value, str)]
    convert = _content(column, texts)

    def cell(value: Value) -> CellInput | None:
        if isinstance(value, str):
            value = restored(value)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        content = convert(value)
        if isinstance(content, dict):
            return CellInput(column_id=column.id, object_value=content)
        return CellInput(column_id=column.id, value=content)

    return cell


def _content(column: Column, texts: Sequence[str]) -> Callable[[Any], CellValue | dict[str, Any]]:
    match column.type:
        case ColumnType.TEXT_NUMBER:
            alike = are_written_alike(text for text in texts if is_number(text))
            return lambda value: _text_or_number(value, alike=alike)
        case ColumnType.CHECKBOX:
            return _checkbox
        case ColumnType.DATE:
            return _Dates(texts).day
        case ColumnType.DATETIME | ColumnType.ABSTRACT_DATETIME:
            return _Dates(texts).moment
        case ColumnType.PICKLIST:
            return _Options(column).one
        case ColumnType.MULTI_PICKLIST:
            return _Options(column).several
        case ColumnType.CONTACT_LIST:
            return _Contacts(column).one
        case ColumnType.MULTI_CONTACT_LIST:
            return _Contacts(column).several
        case ColumnType.DURATION:
            return _duration
        case _:
            return _refuse_type


def _refuse_type(_: Value) -> CellValue:
    raise Unfit("columns of this type cannot be filled from a table")


def _text_or_number(value: Value, *, alike: bool) -> CellValue:
    if isinstance(value, str):
        number = value.strip()
        if is_number(number) and (alike or "." not in number):
            return read_number(number)
        return _short(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER:
        return value
    return _short(_text(value))


def _checkbox(value: Value) -> CellValue:
    word = _text(value).strip().casefold()
    if word in _CHECKED:
        return True
    if word in _UNCHECKED:
        return False
    raise Unfit(f"{_quoted(word)} is neither checked (true, yes, x, 1) nor unchecked (false, no, 0)")


def _duration(value: Value) -> CellValue:
    text = _text(value).strip().casefold()
    if not _DURATION.fullmatch(text):
        raise Unfit(f"{_quoted(text)} is no duration such as 5d, 1w 2d or 4h")
    return _short(text)


class _Dates:
    """Dates and times; slashes and dashes as the other dates of the column are meant."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._day_first = day_comes_first(parts for text in texts if (parts := local_date(text)) is not None)

    def day(self, value: Value) -> str:
        moment = self._moment(value)
        if isinstance(moment, datetime):
            if moment.time() != time():
                raise Unfit(f"{_quoted(_text(value))} has a time of day; the column takes dates")
            return moment.date().isoformat()
        return moment.isoformat()

    def moment(self, value: Value) -> str:
        moment = self._moment(value)
        return moment.isoformat(timespec="seconds") if isinstance(moment, datetime) else moment.isoformat()

    def _moment(self, value: Value) -> date | datetime:
        if isinstance(value, date):
            return value
        text = _text(value).strip()
        try:
            parts = local_date(text)
            found = _iso(text) if parts is None else self._local(text, parts)
        except ValueError:
            raise Unfit(f"there is no day {_quoted(text)}") from None
        if found is None:
            raise Unfit(f"{_quoted(text)} is no date such as 2026-03-31")
        if isinstance(found, datetime) and found.tzinfo is not None:
            raise Unfit(f"{_quoted(text)} has a time zone; give the time without")
        return found

    def _local(self, text: str, parts: LocalDate) -> date:
        day_first = parts.day_first
        if day_first is None:
            day_first = True if parts.first == parts.second else self._day_first
        if day_first is None:
            one, other = parts.on_calendar(day_first=True), parts.on_calendar(day_first=False)
            raise Unfit(f"{_quoted(text)} can be {one} or {other}; write it in that way")
        return parts.on_calendar(day_first=day_first)


def _iso(text: str) -> date | datetime | None:
    found = iso_date(text)
    if found is None and re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:", text, re.ASCII):
        return datetime.fromisoformat(text)
    return found


class _Options:
    """Choices by the column's options; any text where it has none."""

    def __init__(self, column: Column) -> None:
        self._restricted = bool(column.options) or column.validation
        self._exact = frozenset(column.options)
        self._folded: dict[str, list[str]] = {}
        for option in column.options:
            self._folded.setdefault(_folded(option), []).append(option)
        shown = ", ".join(map(_quoted, column.options[:_OPTIONS_SHOWN])) or "none"
        self._shown = shown if len(column.options) <= _OPTIONS_SHOWN else f"{shown} and more"

    def one(self, value: Value) -> str:
        text = _text(value)
        found = self._find(text)
        if len(found) == 1:
            return found[0]
        if found:
            raise Unfit(f"{_quoted(text)} can be {' or '.join(map(_quoted, found))}; write it exactly")
        if self._restricted:
            raise Unfit(f"{_quoted(text)} is not one of the options: {self._shown}")
        return _short(text.strip())

    def several(self, value: Value) -> dict[str, Any]:
        chosen = list(dict.fromkeys(self.one(part) for part in self._parts(_text(value))))
        if not chosen:
            raise Unfit(f"{_quoted(_text(value))} names no choice")
        _short(", ".join(chosen))
        return {"objectType": "MULTI_PICKLIST", "values": chosen}

    def _parts(self, text: str) -> list[str]:
        """The whole, where it is an option; else as divided by the first mark that leaves options only."""
        if self._find(text):
            return [text]
        divisions = [_divided(text, mark) for mark in _SEPARATORS if mark in text]
        known = (parts for parts in divisions if all(map(self._find, parts)))
        return next(known, divisions[0] if divisions else [text])

    def _find(self, text: str) -> list[str]:
        stripped = text.strip()
        return [stripped] if stripped in self._exact else self._folded.get(_folded(text), [])


class _Contacts:
    """Contacts by address, `Name <address>`, or by the name of one that the column offers."""

    def __init__(self, column: Column) -> None:
        self._offered: dict[str, dict[str, Any]] = {}
        for contact in column.contact_options:
            person = {key: str(contact[key]) for key in ("email", "name") if contact.get(key)}
            for key in person.values():
                self._offered.setdefault(_folded(key), person)
        self._restricted = column.validation and bool(self._offered)

    def one(self, value: Value) -> CellValue | dict[str, Any]:
        person = self._person(_text(value))
        return person["email"] if len(person) == 1 else {"objectType": "CONTACT", **person}

    def several(self, value: Value) -> dict[str, Any]:
        text = _text(value)
        mark = next((mark for mark in _SEPARATORS if mark in text), "\n")
        people = [{"objectType": "CONTACT", **self._person(part)} for part in _divided(text, mark)]
        if not people:
            raise Unfit(f"{_quoted(text)} names nobody")
        _short(", ".join(str(person.get("name", person["email"])) for person in people))
        return {"objectType": "MULTI_CONTACT", "values": people}

    def _person(self, text: str) -> dict[str, Any]:
        match = _NAMED.fullmatch(text)
        name, email = (match[1].strip(), match[2].strip()) if match else ("", text.strip())
        offered = self._offered.get(_folded(email))
        if offered is not None and "email" in offered:
            return offered if not _EMAIL.fullmatch(email) else {**offered, "email": email}
        if not _EMAIL.fullmatch(email) or len(email) > 320:
            raise Unfit(f"{_quoted(text)} is no contact: give the e-mail address")
        if self._restricted:
            raise Unfit(f"{_quoted(text)} is not one of the contacts that the column offers")
        return {"email": email, "name": _short(name)} if name else {"email": email}


def _divided(text: str, mark: str) -> list[str]:
    return [part.strip() for part in text.split(mark) if part.strip()]


def _short(text: str) -> str:
    length = text_length(text)
    if length > MAX_CELL_CHARACTERS:
        raise Unfit(f"the text has {length:,} characters; a cell holds at most {MAX_CELL_CHARACTERS:,}")
    return text


def _text(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _quoted(text: str) -> str:
    return f"“{text if len(text) <= 60 else text[:59] + '…'}”"
