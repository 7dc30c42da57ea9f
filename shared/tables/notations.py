"""Numbers and dates as people write them into tables; read only where nothing else can be meant."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

MAX_NUMBER = 2**53  # what Smartsheet takes as a number

_MAX_DIGITS = 15
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.(\d+))?", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LOCAL_DATE = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})", re.ASCII)


def is_number(text: str) -> bool:
    """Whether the text is a number that comes back as written: leading zeros and long digits are identifiers."""
    return _NUMBER.fullmatch(text) is not None and sum(map(str.isdigit, text)) <= _MAX_DIGITS and text != "-0"


def read_number(text: str) -> int | float:
    """The number that such a text is."""
    return float(text) if "." in text else int(text)


def are_written_alike(numbers: Iterable[str]) -> bool:
    """Whether the numbers of a column are numbers rather than names.

    Decimals that end in zero are numbers only where all values have as many decimals: prices, not version numbers.
    """
    decimals: set[int] = set()
    zeros = False
    for text in numbers:
        _, _, behind = text.partition(".")
        decimals.add(len(behind))
        zeros = zeros or behind.endswith("0")
    return len(decimals) <= 1 or not zeros


def iso_date(text: str) -> date | None:
    """The date of `2026-03-01`; None for other notations. Raises `ValueError` for a day that no calendar has."""
    return date.fromisoformat(text) if _ISO_DATE.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class LocalDate:
    """A date such as `1.3.2026` or `3/1/2026`, of which only the year is certain."""

    first: int
    mark: str
    second: int
    year: int

    @property
    def day_first(self) -> bool | None:
        """Whether the day comes before the month; None where the date alone does not tell."""
        if self.mark == ".":
            return True
        if (self.first > 12) == (self.second > 12):
            return None
        return self.first > 12

    def on_calendar(self, *, day_first: bool) -> date:
        """The date, read in this order. Raises `ValueError` where no calendar has it."""
        day, month = (self.first, self.second) if day_first else (self.second, self.first)
        return date(self.year, month, day)


def local_date(text: str) -> LocalDate | None:
    """The parts of a date that is written with dots, slashes or dashes, year last; None for other texts."""
    match = _LOCAL_DATE.fullmatch(text)
    return None if match is None else LocalDate(int(match[1]), match[2], int(match[3]), int(match[4]))


def day_comes_first(dates: Iterable[LocalDate]) -> bool | None:
    """Whether in these dates, of one hand, the day comes first; None where they do not tell or contradict.

    Dots tell nothing of slashes.
    """
    found = list(dates)
    if all(each.mark == "." for each in found):
        return True
    told = {each.day_first for each in found if each.mark != "."} - {None}
    return told.pop() if len(told) == 1 else None
