"""Merged cells of a worksheet: shown as one, with one value, which is stored in the first of them."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.tables.table import Problem, Value

_AREA = re.compile(r"([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Area:
    reference: str
    first_row: int
    last_row: int
    first_column: int


class MergedCells:
    """Says of merged cells with a value where it went, after all rows were taken."""

    def __init__(self, references: Iterable[str]) -> None:
        self._by_row: dict[int, list[_Area]] = {}
        for reference in references:
            match = _AREA.fullmatch(reference)
            if match is not None:
                area = _Area(reference, int(match[2]), int(match[4]), _number_of(match[1]))
                self._by_row.setdefault(area.first_row, []).append(area)
        self._filled: list[_Area] = []
        self._rows: list[int] = []

    def take(self, row: int, fields: Sequence[Value]) -> None:
        """The next row that has values."""
        self._rows.append(row)
        for area in self._by_row.pop(row, ()):
            if area.first_column <= len(fields) and fields[area.first_column - 1] is not None:
                self._filled.append(area)

    def notes(self) -> Iterator[Problem]:
        """Of each area with a value, where the value is, and how many rows below it have no other."""
        for area in self._filled:
            column = letters_of(area.first_column)
            text = f"{area.reference} are merged: the value is that of {column}{area.first_row} only"
            with_values = bisect_right(self._rows, area.last_row) - bisect_right(self._rows, area.first_row)
            left_out = area.last_row - area.first_row - with_values
            if left_out > 0:
                text += f"; rows below it that hold nothing else are left out: {left_out:,}"
            yield Problem(text, line=area.first_row, column=column)


def letters_of(column: int) -> str:
    """The letters by which worksheets name a column, which counts from 1."""
    letters = ""
    while column > 0:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _number_of(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
