"""Schedules of timer triggers: NCRONTAB expressions, in UTC.

Syntax and meaning of https://github.com/atifaziz/NCrontab: six fields `second minute hour day month
day-of-week`, or five without seconds. Day and day-of-week must both fit. Azure Functions on Linux runs in UTC.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
# The calendar repeats after 400 years, but 29 February of a weekday comes within 40.
HORIZON_DAYS = 40 * 366
FIELDS_WITHOUT_SECONDS = 5


class Field(NamedTuple):
    """One field's name, bounds, and the names of its values."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()


FIELDS = (
    Field("second", 0, 59),
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day of week", 0, 6, WEEKDAYS),
)


class Schedule:
    """A parsed expression."""

    def __init__(self, expression: str) -> None:
        """Raises ValueError that names the field that is wrong."""
        fields = expression.split()
        if len(fields) == FIELDS_WITHOUT_SECONDS:
            fields = ["0", *fields]
        if len(fields) != len(FIELDS):
            hint = "; a TimeSpan runs on App Service plans only" if ":" in expression else ""
            raise ValueError(f"the schedule {expression!r} is not an NCRONTAB expression of six fields{hint}")
        self.expression = expression
        self._fields = fields
        self._values = tuple(_parse_field(text, field) for text, field in zip(fields, FIELDS, strict=True))
        if self.next_after(datetime(2024, 1, 1, tzinfo=UTC)) is None:
            raise ValueError(f"the schedule {expression!r} never occurs")

    def next_after(self, time: datetime) -> datetime | None:
        """The first occurrence later than `time`, in UTC; None if there is none within 40 years."""
        seconds, minutes, hours, days, months, weekdays = self._values
        earliest = time.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        date = earliest.date()
        for _ in range(HORIZON_DAYS):
            if date.month in months and date.day in days and date.isoweekday() % 7 in weekdays:
                start = (earliest.hour, earliest.minute, earliest.second) if date == earliest.date() else (0, 0, 0)
                for hour in (each for each in hours if each >= start[0]):
                    for minute in (each for each in minutes if (hour, each) >= start[:2]):
                        for second in (each for each in seconds if (hour, minute, each) >= start):
                            return datetime(date.year, date.month, date.day, hour, minute, second, tzinfo=UTC)
            date += timedelta(days=1)
        return None

    def is_sub_minute(self, time: datetime) -> bool:
        """Whether it occurs more than once a minute; the real host keeps no record of such timers."""
        if any(text != "*" for text in self._fields[1:]):
            return False
        first = self.next_after(time)
        second = None if first is None else self.next_after(first)
        return second is not None and second <= time + timedelta(minutes=1)


def _parse_field(text: str, field: Field) -> tuple[int, ...]:
    values: set[int] = set()
    for part in text.split(","):
        values.update(_parse_part(part, field))
    return tuple(sorted(values))


def _parse_part(part: str, field: Field) -> range:
    bounds, slash, step_text = part.partition("/")
    step = 1
    if slash:
        if not step_text.isdecimal() or int(step_text) < 1:
            raise ValueError(f"{field.name} {part!r}: the step must be a number from 1")
        step = int(step_text)
    if bounds == "*":
        return range(field.lowest, field.highest + 1, step)
    first_text, dash, last_text = bounds.partition("-")
    first = _parse_value(first_text, field, part)
    last = field.highest if slash else first  # `5/15` goes on to the end of the field
    if dash:
        last = _parse_value(last_text, field, part)
    return range(min(first, last), max(first, last) + 1, step)


def _parse_value(text: str, field: Field, part: str) -> int:
    if text.isdecimal():
        if not field.lowest <= int(text) <= field.highest:
            raise ValueError(f"{field.name} {part!r}: must be from {field.lowest} to {field.highest}")
        return int(text)
    # NCrontab takes any beginning of a name: `Mon`, `monday`, `M`.
    for index, name in enumerate(field.names):
        if text and name.startswith(text.lower()):
            return index + field.lowest
    raise ValueError(f"{field.name} {part!r} cannot be read")
