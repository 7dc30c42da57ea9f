"""Rows in another order: `Status,-Due`."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from shared.errors import FieldError, InvalidInput
from shared.sheets.columns import resolve_column
from shared.sheets.models import Cell, Column, ColumnType, Row, Sheet
from shared.sheets.moments import day_of, moment_of
from shared.sheets.searching import folded
from shared.sheets.values import cell_text, shown

MAX_SORT_COLUMNS = 10

_PART = re.compile(r'\s*(-?)\s*(?:"((?:[^"]|"")*)"|([^",]*))\s*(,|$)')
_PIECE_OF_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)\s*([a-z]+)", re.ASCII)
# A working week has 5 days of 8 hours. Elapsed units (e…) are counted alike: this is an order, not a calendar.
_HOURS = {"w": 40.0, "d": 8.0, "h": 1.0, "m": 1 / 60, "s": 1 / 3600, "ms": 1 / 3_600_000}


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column to sort by."""

    column: Column
    descending: bool = False


def parse_sort(sheet: Sheet, text: str, field: str = "sort") -> tuple[SortKey, ...]:
    """The columns of `Status,-Due`: titles or ids, `-` for descending; empty for none.

    A title with a comma, a quotation mark or a leading `-` goes in quotation marks (`-"Due, final"`, doubled
    inside). A JSON array (`["Status", "-Due, final"]`) serves as well. Raises `InvalidInput`
    (`unknown_column`, `ambiguous_column`, `invalid_input`).
    """
    parts = _parts_of_json(text, field) if text.lstrip().startswith("[") else _parts_of_text(text, field)
    if len(parts) > MAX_SORT_COLUMNS:
        raise _invalid(field, f"has {len(parts)} columns; at most {MAX_SORT_COLUMNS} are allowed")
    return tuple(
        SortKey(resolve_column(sheet, name, f"{field}.{place}"), descending)
        for place, (name, descending) in enumerate(parts)
    )


def sort_rows(rows: Sequence[Row], keys: Sequence[SortKey]) -> list[Row]:
    """The rows by the first key, ties by the next one, at last in the order in which they came.

    Numbers come before texts, dates go by time, picklists by their options, durations by length, texts and
    contacts by name without regard to case and accents, unchecked boxes before checked ones. Empty cells come
    last in either direction.
    """
    ordered = list(rows)
    for key in reversed(keys):
        ordered = _sorted_by(ordered, key)
    return ordered


def _parts_of_json(text: str, field: str) -> list[tuple[str, bool]]:
    try:
        parts: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid(field, "begins like a JSON array, but cannot be read as one") from None
    if not all(isinstance(part, str) for part in parts):
        raise _invalid(field, "must be an array of texts")
    return [(part.removeprefix("-"), part.startswith("-")) for part in cast("list[str]", parts)]


def _parts_of_text(text: str, field: str) -> list[tuple[str, bool]]:
    parts: list[tuple[str, bool]] = []
    at, more = 0, bool(text.strip())
    while more:
        match = _PART.match(text, at)
        if match is None:
            raise _invalid(field, "has a quotation mark in the wrong place")
        quoted, plain = match[2], match[3]
        name = plain.strip() if quoted is None else quoted.replace('""', '"')
        parts.append((name, match[1] == "-"))
        at, more = match.end(), match[4] == ","
    return parts


def _sorted_by(rows: Sequence[Row], key: SortKey) -> list[Row]:
    """Stable in both directions: Python keeps the order of equal items also when it reverses."""
    rank, column_id = _rank_of(key.column), key.column.id
    ranked: list[tuple[Any, Row]] = []
    empty: list[Row] = []
    for row in rows:
        place = rank(row.cells.get(column_id, _EMPTY))
        if place is None:
            empty.append(row)
        else:
            ranked.append((place, row))
    ranked.sort(key=lambda item: item[0], reverse=key.descending)
    return [row for _, row in ranked] + empty


_EMPTY = Cell()
_Rank = Callable[[Cell], tuple[int, Any] | None]


def _rank_of(column: Column) -> _Rank:
    """Where a cell of the column belongs; None for an empty one. The first number keeps kinds apart."""
    match column.type:
        case ColumnType.CHECKBOX:
            return lambda cell: (0, shown(column, cell) == ("checked",))
        case ColumnType.DATE:
            return lambda cell: _first(day_of(cell), cell)
        case ColumnType.DATETIME | ColumnType.ABSTRACT_DATETIME:
            return lambda cell: _first(moment_of(cell), cell)
        case ColumnType.DURATION:
            return lambda cell: _first(_hours(cell), cell)
        case ColumnType.PICKLIST | ColumnType.MULTI_PICKLIST:
            return partial(_by_options, column, {folded(option): at for at, option in enumerate(column.options)})
        case ColumnType.TEXT_NUMBER:
            return partial(_by_number, column)
        case _:
            return lambda cell: _first(None, cell)


def _first(value: Any, cell: Cell) -> tuple[int, Any] | None:
    """By the value, or after all those that have one by the text."""
    if value is not None:
        return 0, value
    text = cell_text(cell).strip()
    return (1, folded(text)) if text else None


def _by_number(column: Column, cell: Cell) -> tuple[int, Any] | None:
    value = cell.value
    if type(value) is int:
        return 0, value
    form: Any = shown(column, cell)
    return _first(form[1] if form is not None and form[0] == "number" else None, cell)


def _by_options(column: Column, places: dict[str, int], cell: Cell) -> tuple[int, Any] | None:
    form: Any = shown(column, cell)
    if form is not None and form[0] == "choices":
        return 0, sorted(places.get(folded(choice), len(places)) for choice in form[1])
    text = folded(cell_text(cell).strip())
    place = places.get(text)
    return _first(None if place is None else [place], cell)


def _hours(cell: Cell) -> float | None:
    pieces = _PIECE_OF_DURATION.findall(cell_text(cell).casefold())
    hours = [
        float(number) * _HOURS[unit.removeprefix("e")] for number, unit in pieces if unit.removeprefix("e") in _HOURS
    ]
    return sum(hours) if hours and len(hours) == len(pieces) else None


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(f"{field}: {message}.", errors=(FieldError(field, message),))
