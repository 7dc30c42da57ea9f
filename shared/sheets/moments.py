"""Dates and times that cells hold."""

from datetime import UTC, date, datetime

from shared.sheets.models import Cell


def moment_of(cell: Cell) -> datetime | None:
    """The moment that a cell holds (a date: its beginning); None when it holds none."""
    if not isinstance(cell.value, str):
        return None
    try:
        return utc(datetime.fromisoformat(cell.value.strip()))
    except (ValueError, OverflowError):
        return None


def day_of(cell: Cell) -> date | None:
    """The day that a cell holds; None when it holds none."""
    moment = moment_of(cell)
    return None if moment is None else moment.date()


def utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is taken to be in it."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
