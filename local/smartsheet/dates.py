"""Dates and working days."""

import re
from datetime import date, datetime, timedelta

_LENIENT_FORMATS = ("%m/%d/%y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%b %d, %Y", "%d %b %Y")
_WEEK = 5
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T|$)")


def read_date(text: str, *, lenient: bool = False) -> str | None:
    """An ISO date, or `None` where the text is none. Lenient reading knows the common local notations."""
    try:
        if _ISO.match(text):
            return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        pass
    if not lenient:
        return None
    for pattern in _LENIENT_FORMATS:
        try:
            return datetime.strptime(text.strip(), pattern).date().isoformat()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            continue
    return None


def end_of_work(start: date, days: float) -> date:
    """The last working day of work that starts on `start` and takes `days` working days (Monday to Friday)."""
    day = start
    while day.weekday() >= _WEEK:
        day += timedelta(days=1)
    left = max(0, -int(-days // 1) - 1)
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < _WEEK
    return day
