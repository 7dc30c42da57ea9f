"""The tests that a filter can make on one cell: which operators a column's type has, and what they mean.

Every operator is a question or the opposite of one: an empty cell answers no to `eq` and therefore yes to `ne`.

- Texts compare without regard to case; `contains`, `startsWith` and `endsWith` look at what a person reads.
- A cell of text or numbers compares as a number when both sides are numbers (also spelled as text), as text
  when both are texts; a number is neither below nor above a text.
- A date asks for days, also of columns with times (in UTC); a date with a time asks for moments. Times
  without a zone are taken for UTC.
- Contacts are known by address and by name.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from operator import ge, gt, le, lt
from typing import Any

from shared.sheets.models import Cell, Column, ColumnType
from shared.sheets.moments import day_of, moment_of, utc
from shared.sheets.operands import (
    FilterValue,
    WrongValue,
    bounds,
    caseless,
    comparable,
    in_order,
    no_value,
    several,
    some_text,
    text_or_number,
)
from shared.sheets.values import cell_text, contact_names, shown

CellTest = Callable[[Cell | None], bool]

_EMPTY = Cell()

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)


class Operator(StrEnum):
    """What is asked of a cell."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    CONTAINS = "contains"
    NOT_CONTAINS = "notContains"
    STARTS_WITH = "startsWith"
    ENDS_WITH = "endsWith"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    ON = "on"
    BEFORE = "before"
    AFTER = "after"
    IS_TRUE = "isTrue"
    IS_FALSE = "isFalse"
    HAS_ANY = "hasAny"
    HAS_ALL = "hasAll"
    HAS_NONE = "hasNone"
    IS_EMPTY = "isEmpty"
    IS_NOT_EMPTY = "isNotEmpty"


@dataclass(frozen=True, slots=True)
class _Question:
    """The column, what is asked, and of which value."""

    column: Column
    op: Operator
    value: FilterValue


_Ask = Callable[[_Question], Callable[[Cell], bool]]

_OPPOSITES = {
    Operator.NE: Operator.EQ,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.HAS_NONE: Operator.HAS_ANY,
    Operator.IS_EMPTY: Operator.IS_NOT_EMPTY,
    Operator.IS_FALSE: Operator.IS_TRUE,
}


def operators_of(column: Column) -> list[Operator]:
    """The operators that the column's type has."""
    asks = _asks(column)
    return [op for op in Operator if _OPPOSITES.get(op, op) in asks]


def cell_test(column: Column, op: Operator, value: FilterValue) -> CellTest:
    """The test of a cell of this column. `op` is one of `operators_of`. Raises `WrongValue`."""
    asked = _OPPOSITES.get(op, op)
    holds = _asks(column)[asked](_Question(column, asked, value))
    of_empty = holds(_EMPTY)
    if asked is op:
        return lambda cell: of_empty if cell is None else holds(cell)
    return lambda cell: not (of_empty if cell is None else holds(cell))


def _asks(column: Column) -> Mapping[Operator, _Ask]:
    return _ASKS_BY_TYPE.get(column.type, _TEXT)


# What is asked of any column.


def _filled(question: _Question) -> Callable[[Cell], bool]:
    no_value(question.value)
    column = question.column
    return lambda cell: shown(column, cell) is not None


def _contains(question: _Question) -> Callable[[Cell], bool]:
    part = some_text(question.value)
    return lambda cell: part in caseless(cell_text(cell))


def _starts(question: _Question) -> Callable[[Cell], bool]:
    part = some_text(question.value)
    return lambda cell: caseless(cell_text(cell)).startswith(part)


def _ends(question: _Question) -> Callable[[Cell], bool]:
    part = some_text(question.value)
    return lambda cell: caseless(cell_text(cell)).endswith(part)


# Texts and numbers: ("number", 5) and ("text", "five") are never equal, and neither is above the other.


def _equals(question: _Question) -> Callable[[Cell], bool]:
    column, wanted = question.column, text_or_number(question.column, question.value)
    return lambda cell: comparable(shown(column, cell)) == wanted


def _one_of(question: _Question) -> Callable[[Cell], bool]:
    column = question.column
    wanted = frozenset(text_or_number(column, value) for value in several(question.value))
    return lambda cell: comparable(shown(column, cell)) in wanted


def _compares(question: _Question) -> Callable[[Cell], bool]:
    column, compare = question.column, _COMPARISONS[question.op]
    kind, limit = text_or_number(column, question.value)

    def holds(cell: Cell) -> bool:
        found = comparable(shown(column, cell))
        return found is not None and found[0] == kind and compare(found[1], limit)

    return holds


def _within(question: _Question) -> Callable[[Cell], bool]:
    column = question.column
    low, high = bounds(question.value, partial(text_or_number, column))
    if low[0] != high[0]:
        raise WrongValue("must be two numbers, or two texts")
    in_order(low[1], high[1])

    def holds(cell: Cell) -> bool:
        found = comparable(shown(column, cell))
        return found is not None and found[0] == low[0] and low[1] <= found[1] <= high[1]

    return holds


# Dates and times.


def _equals_date(question: _Question) -> Callable[[Cell], bool]:
    read, wanted = _date_reader(question, question.value)
    return lambda cell: read(cell) == wanted


def _compares_date(question: _Question) -> Callable[[Cell], bool]:
    read, limit = _date_reader(question, question.value)
    compare = _COMPARISONS[question.op]

    def holds(cell: Cell) -> bool:
        found = read(cell)
        return found is not None and compare(found, limit)

    return holds


def _within_dates(question: _Question) -> Callable[[Cell], bool]:
    (read, low), (read_high, high) = bounds(question.value, partial(_date_reader, question))
    if read is not read_high:
        raise WrongValue("must be two dates, or two dates with times")
    in_order(low, high)

    def holds(cell: Cell) -> bool:
        found = read(cell)
        return found is not None and low <= found <= high

    return holds


def _date_reader(question: _Question, value: FilterValue) -> tuple[Callable[[Cell], Any], Any]:
    """How to read a cell so that it compares with the value, and the value."""
    times = question.column.type != ColumnType.DATE and question.op is not Operator.ON
    if isinstance(value, str):
        try:
            if _DATE.fullmatch(value):
                return day_of, date.fromisoformat(value)
            if times and _TIME.fullmatch(value):
                return moment_of, utc(datetime.fromisoformat(value))
        except (ValueError, OverflowError):
            raise WrongValue("is no date in the calendar") from None
    also = " or a time such as 2025-03-31T12:00:00Z" if times else ""
    raise WrongValue(f"must be a date such as 2025-03-31{also}")


# Check boxes, contacts, and columns of several values.


def _checked(question: _Question) -> Callable[[Cell], bool]:
    no_value(question.value)
    return partial(_is_checked, question.column)


def _equals_checked(question: _Question) -> Callable[[Cell], bool]:
    column, wanted = question.column, question.value
    if not isinstance(wanted, bool):
        raise WrongValue("must be true or false")
    return lambda cell: _is_checked(column, cell) == wanted


def _is_checked(column: Column, cell: Cell) -> bool:
    return shown(column, cell) == ("checked",)


def _equals_contact(question: _Question) -> Callable[[Cell], bool]:
    column, wanted = question.column, some_text(question.value).strip()
    return lambda cell: wanted in contact_names(column, cell)


def _has_any(question: _Question) -> Callable[[Cell], bool]:
    read, wanted = _choices_reader(question)
    return lambda cell: not wanted.isdisjoint(read(cell))


def _has_all(question: _Question) -> Callable[[Cell], bool]:
    read, wanted = _choices_reader(question)
    return lambda cell: wanted <= read(cell)


def _choices_reader(question: _Question) -> tuple[Callable[[Cell], frozenset[str]], frozenset[str]]:
    wanted = frozenset(some_text(value).strip() for value in several(question.value))
    read = _choices if question.column.type == ColumnType.MULTI_PICKLIST else contact_names
    return partial(read, question.column), wanted


def _choices(column: Column, cell: Cell) -> frozenset[str]:
    form: Any = shown(column, cell)
    return frozenset(map(caseless, form[1])) if form is not None and form[0] == "choices" else frozenset()


_COMPARISONS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.GT: gt,
    Operator.GTE: ge,
    Operator.LT: lt,
    Operator.LTE: le,
    Operator.BEFORE: lt,
    Operator.AFTER: gt,
}
_ORDER = (Operator.GT, Operator.GTE, Operator.LT, Operator.LTE)

_ANY: Mapping[Operator, _Ask] = {Operator.IS_NOT_EMPTY: _filled, Operator.CONTAINS: _contains}
_WORDS: Mapping[Operator, _Ask] = {**_ANY, Operator.STARTS_WITH: _starts, Operator.ENDS_WITH: _ends}
_TEXT: Mapping[Operator, _Ask] = {**_WORDS, Operator.EQ: _equals, Operator.IN: _one_of}
_TEXT_NUMBER: Mapping[Operator, _Ask] = {**_TEXT, **dict.fromkeys(_ORDER, _compares), Operator.BETWEEN: _within}
_DATES: Mapping[Operator, _Ask] = {
    Operator.IS_NOT_EMPTY: _filled,
    Operator.EQ: _equals_date,
    Operator.ON: _equals_date,
    **dict.fromkeys((*_ORDER, Operator.BEFORE, Operator.AFTER), _compares_date),
    Operator.BETWEEN: _within_dates,
}
_CONTACT: Mapping[Operator, _Ask] = {**_WORDS, Operator.EQ: _equals_contact, Operator.IN: _has_any}
_SEVERAL: Mapping[Operator, _Ask] = {**_ANY, Operator.HAS_ANY: _has_any, Operator.HAS_ALL: _has_all}

_ASKS_BY_TYPE: Mapping[str, Mapping[Operator, _Ask]] = {
    ColumnType.TEXT_NUMBER: _TEXT_NUMBER,
    ColumnType.DATE: _DATES,
    ColumnType.DATETIME: _DATES,
    ColumnType.ABSTRACT_DATETIME: _DATES,
    ColumnType.CHECKBOX: {Operator.IS_TRUE: _checked, Operator.EQ: _equals_checked},
    ColumnType.CONTACT_LIST: _CONTACT,
    ColumnType.MULTI_CONTACT_LIST: _SEVERAL,
    ColumnType.MULTI_PICKLIST: _SEVERAL,
}
