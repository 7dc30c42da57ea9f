"""Durations and predecessors: what project sheets add to cells."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.smartsheet.cells import display_number

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_PART = re.compile(r"(-?\d+(?:\.\d+)?)\s*([wdhms]?)")
_DURATION = re.compile(rf"~|e?\s*(?:{_PART.pattern}\s*)+")
_LINK = re.compile(r"(\d+)\s*(FS|FF|SS|SF)?\s*([+-]\s*\d+(?:\.\d+)?[wdhms])?", re.IGNORECASE)
_DAYS = {"w": 5.0, "d": 1.0, "": 1.0, "h": 1 / 8, "m": 1 / 480, "s": 1 / 28800}


@dataclass(frozen=True, slots=True)
class RowFinder:
    """Finds rows of the sheet: the id at a row number, the number of a row id; `None` where there is none."""

    row_at: Callable[[int], int | None]
    number_of: Callable[[int], int | None]


NO_ROWS = RowFinder(lambda number: None, lambda row_id: None)


def read_duration(text: str) -> str | None:
    """A duration as Smartsheet shows it (`5d`, `~`, `1w 2d`); a bare number means days. `None` for other text."""
    text = text.strip()
    if not _DURATION.fullmatch(text):
        return None
    return f"{text}d" if re.fullmatch(r"-?\d+(\.\d+)?", text) else text


def working_days(text: str) -> float:
    """A duration in working days of eight hours; `~` (unknown) is none."""
    return sum(float(amount) * _DAYS[unit] for amount, unit in _PART.findall(text))


def duration_text(value: dict[str, Any]) -> str:
    """The text of a DURATION object value."""
    parts = [f"{display_number(value[name])}{unit}" for unit, name in _UNITS.items() if value.get(name)]
    return " ".join(parts) or "0d"


def duration_object(text: str) -> dict[str, Any]:
    """The DURATION object value of a text."""
    parts = {_UNITS[unit or "d"]: float(amount) for amount, unit in _PART.findall(text.replace(" ", ""))}
    return {"objectType": "DURATION", **parts}


def read_links(text: str, rows: RowFinder) -> list[dict[str, Any]] | None:
    """Predecessors from text such as `3FS +2d, 7`; `None` where a part is not one or names no row."""
    links: list[dict[str, Any]] = []
    for part in text.split(","):
        match = _LINK.fullmatch(part.strip())
        row_id = rows.row_at(int(match[1])) if match else None
        if match is None or row_id is None:
            return None
        link: dict[str, Any] = {"rowId": row_id, "rowNumber": int(match[1]), "type": (match[2] or "FS").upper()}
        if match[3]:
            link["lag"] = duration_object(match[3])
        links.append(link)
    return links


def link_text(link: dict[str, Any]) -> str:
    """One predecessor as Smartsheet shows it: `3`, `3SS`, `3FS +2d`."""
    kind, lag = link["type"], link.get("lag")
    if not lag:
        return f"{link['rowNumber']}{'' if kind == 'FS' else kind}"
    text = duration_text(lag)
    return f"{link['rowNumber']}{kind} {text if text.startswith('-') else '+' + text}"
