"""Durations as .NET writes them (`hh:mm:ss`), because host.json does."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_PATTERN = re.compile(r"(-?)(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?")
MAX_HOURS, MAX_SIXTY = 23, 59


def parse_time_span(text: object) -> timedelta:
    """`[-][d.]hh:mm[:ss[.fffffff]]`, or a whole number of days. Raises ValueError."""
    if isinstance(text, timedelta):
        return text
    if isinstance(text, str) and re.fullmatch(r"-?\d+", text):
        return timedelta(days=int(text))
    match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write hh:mm:ss")
    sign, days, hours, minutes, seconds, fraction = match.groups(default="0")
    if int(hours) > MAX_HOURS or int(minutes) > MAX_SIXTY or int(seconds) > MAX_SIXTY:
        raise ValueError(
            f"{text!r} is not a duration: at most 23 hours, 59 minutes and 59 seconds; days go before a '.'"
        )
    span = timedelta(
        days=int(days),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int(fraction.ljust(7, "0")) // 10,
    )
    return -span if sign == "-" else span


TimeSpan = Annotated[timedelta, BeforeValidator(parse_time_span)]
