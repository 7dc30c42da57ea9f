"""What a filter compares cells with: the values that a condition may name, and what is wrong with others."""

from collections.abc import Callable
from math import isfinite
from typing import Any, cast
from unicodedata import normalize

from shared.sheets.models import CellValue, Column
from shared.sheets.values import canonical

Scalar = str | int | float | bool
FilterValue = Scalar | tuple[Scalar, ...] | None

MAX_LISTED_VALUES = 500


class WrongValue(ValueError):
    """The value does not fit the operator and the column's type; the text says what would."""


def caseless(text: str) -> str:
    """The text as it compares with others."""
    return text.lower() if text.isascii() else normalize("NFC", text.casefold())


def comparable(form: Any) -> tuple[str, Any] | None:
    """A canonical form with its text, if it is one, without regard to case."""
    return ("text", caseless(form[1])) if form is not None and form[0] == "text" else form


def text_or_number(column: Column, value: FilterValue) -> tuple[str, Any]:
    """The operand as a form that `comparable` gives."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongValue("must be a text or a number")
    if not isinstance(value, str):
        _finite(value)
    form = comparable(canonical(column, cast(CellValue, value)))
    if form is None:
        raise WrongValue("must not be empty; use isEmpty")
    return form


def _finite(value: float) -> None:
    try:
        if isfinite(value):
            return
    except OverflowError:
        pass
    raise WrongValue("must be a number that double precision can hold")


def some_text(value: FilterValue) -> str:
    """The operand as a text that is not empty, without its case."""
    if not isinstance(value, str) or not value.strip():
        raise WrongValue("must be a text that is not empty")
    return caseless(value)


def no_value(value: FilterValue) -> None:
    """There must be no operand."""
    if value is not None:
        raise WrongValue("must be left out: this operator takes no value")


def several(value: FilterValue) -> tuple[Scalar, ...]:
    """The operand as a list."""
    if not isinstance(value, tuple) or not 1 <= len(value) <= MAX_LISTED_VALUES:
        raise WrongValue(f"must be a list of 1 to {MAX_LISTED_VALUES} values")
    return value


def bounds(value: FilterValue, read: Callable[[FilterValue], Any]) -> tuple[Any, Any]:
    """The two values of the operand, each as `read` understands it."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise WrongValue("must be a list of two values, the lower one first")
    return read(value[0]), read(value[1])


def in_order(low: Any, high: Any) -> None:
    """The lower bound must not be above the other."""
    if low > high:
        raise WrongValue("must have the lower value first")
