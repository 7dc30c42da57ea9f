"""Guessing column types. In doubt a column stays text, so that nothing is changed by the import."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from local.importing.table import Table, Value

WireValue = str | int | float | bool | None

_MAX_OPTIONS = 20
_MAX_OPTION_LENGTH = 50
_MIN_REPEATS = 3
_MAX_DIGITS = 15
_MAX_NUMBER = 2**53  # what Smartsheet takes as a number
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.(\d+))?", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LOCAL_DATE = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", re.ASCII)


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
        and not _is_number(option)
        for option in options
    )


def _all_numbers(values: Sequence[Value]) -> bool:
    """Whether all values are numbers that come back as they are written.

    Leading zeros and more than 15 digits are identifiers. Decimals that end in zero are numbers only where all values
    have as many decimals (prices, not version numbers).
    """
    texts = [value for value in values if isinstance(value, str)]
    if not values or any(isinstance(value, bool | date) for value in values):
        return False
    if any(isinstance(value, int | float) and abs(value) > _MAX_NUMBER for value in values):
        return False
    if not all(_is_number(text) for text in texts):
        return False
    decimals = {len(match[1] or "") for text in texts if (match := _NUMBER.fullmatch(text))}
    return len(decimals) == 1 or not any("." in text and text.endswith("0") for text in texts)


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and sum(map(str.isdigit, text)) <= _MAX_DIGITS and text != "-0"


def _date_reader(values: Sequence[Value]) -> Callable[[Value], str] | None:
    """How to read the column's dates, where all values are dates in one notation that cannot be misread."""
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) + sum(isinstance(value, date) for value in values) < len(values):
        return None
    if all(_ISO_DATE.fullmatch(text) for text in texts):
        reader: Callable[[str], date] = date.fromisoformat
    else:
        local = [_LOCAL_DATE.fullmatch(text) for text in texts]
        day_first = _day_first([(int(match[1]), match[2], int(match[3])) for match in local if match is not None])
        if None in local or day_first is None:
            return None
        reader = _local_reader(day_first=day_first)
    try:
        for text in texts:
            reader(text)
    except ValueError:
        return None
    return lambda value: (value if isinstance(value, date) else reader(_text(value))).isoformat()


def _day_first(parts: list[tuple[int, str, int]]) -> bool | None:
    """Whether the day comes before the month; `None` where the dates do not tell. A dot always means day first."""
    if all(mark == "." for _, mark, _ in parts):
        return True
    first, second = max(part[0] for part in parts), max(part[2] for part in parts)
    if (first > 12) == (second > 12):
        return None
    return first > 12


def _local_reader(*, day_first: bool) -> Callable[[str], date]:
    def read(text: str) -> date:
        match = _LOCAL_DATE.fullmatch(text)
        assert match is not None
        day, month = (match[1], match[3]) if day_first else (match[3], match[1])
        return date(int(match[4]), int(month), int(day))

    return read


def _send_text(value: Value) -> WireValue:
    return None if value is None else _text(value)


def _send_number(value: Value) -> WireValue:
    if isinstance(value, str):
        return float(value) if "." in value else int(value)
    assert not isinstance(value, date)
    return value


def _text(value: Value) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
