"""Guessing column types. In doubt a column stays text, so that nothing is changed by the import."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from shared.tables.notations import (
    MAX_NUMBER,
    are_written_alike,
    day_comes_first,
    is_number,
    iso_date,
    local_date,
    read_number,
)
from shared.tables.table import Table, Value

WireValue = str | int | float | bool | None

_MAX_OPTIONS = 20
_MAX_OPTION_LENGTH = 50
_MIN_REPEATS = 3
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """A column to create, and how its values are sent."""

    title: str
    type: str
    send: Callable[[Value], WireValue]
    options: list[str] = field(default_factory=list)


def plan_columns(table: Table) -> list[ColumnPlan]:
    """One plan per column. The first column is the primary one, which must be text and numbers."""
    plans: list[ColumnPlan] = []
    for index, title in enumerate(table.titles):
        values = [record.fields[index] for record in table.records if record.fields[index] is not None]
        plans.append(_plan(title, values, primary=index == 0))
    return plans


def _plan(title: str, values: Sequence[Value], *, primary: bool) -> ColumnPlan:
    if _all_numbers(values):
        return ColumnPlan(title, "TEXT_NUMBER", _send_number)
    if primary or not values:
        return ColumnPlan(title, "TEXT_NUMBER", _send_text)
    read_date = _date_reader(values)
    if read_date is not None:
        return ColumnPlan(title, "DATE", lambda value: None if value is None else read_date(value))
    if all(_text(value).lower() in ("true", "false") for value in values):
        return ColumnPlan(title, "CHECKBOX", lambda value: None if value is None else _text(value).lower() == "true")
    texts = [_text(value) for value in values]
    if all(_EMAIL.fullmatch(text) for text in texts):
        return ColumnPlan(title, "CONTACT_LIST", _send_text)
    options = list(dict.fromkeys(texts))
    if _looks_like_choices(options, len(texts)):
        return ColumnPlan(title, "PICKLIST", _send_text, options)
    return ColumnPlan(title, "TEXT_NUMBER", _send_text)


def _looks_like_choices(options: list[str], count: int) -> bool:
    """Few short values, each used several times on average, and not numbers."""
    if not 2 <= len(options) <= _MAX_OPTIONS or count < _MIN_REPEATS * len(options):
        return False
    return all(
        len(option) <= _MAX_OPTION_LENGTH
        and option.isprintable()
        and option == option.strip()
        and not is_number(option)
        for option in options
    )


def _all_numbers(values: Sequence[Value]) -> bool:
    """Whether all values are numbers that come back as they are written."""
    texts = [value for value in values if isinstance(value, str)]
    if not values or any(isinstance(value, bool | date) for value in values):
        return False
    if any(isinstance(value, int | float) and abs(value) > MAX_NUMBER for value in values):
        return False
    return all(map(is_number, texts)) and are_written_alike(texts)


def _date_reader(values: Sequence[Value]) -> Callable[[Value], str] | None:
    """How to read the column's dates, where all values are dates in one notation that cannot be misread."""
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) + sum(isinstance(value, date) for value in values) < len(values):
        return None
    found = [local_date(text) for text in texts]
    local = [each for each in found if each is not None]
    day_first = day_comes_first(local)
    if local and (len(local) < len(texts) or day_first is None):
        return None

    def read(text: str) -> date | None:
        parts = local_date(text)
        return iso_date(text) if parts is None else parts.on_calendar(day_first=bool(day_first))

    try:
        days = {text: read(text) for text in texts}
    except ValueError:
        return None
    if None in days.values():
        return None
    return lambda value: str(value if isinstance(value, date) else read(_text(value)))


def _send_text(value: Value) -> WireValue:
    return None if value is None else _text(value)


def _send_number(value: Value) -> WireValue:
    if isinstance(value, str):
        return read_number(value)
    assert not isinstance(value, date)
    return value


def _text(value: Value) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
