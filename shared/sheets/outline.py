"""The order of a sheet's rows and who is whose parent. Pure; rows are in the sheet's order, parents before children."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from shared.ids import RowId
from shared.sheets.models import Row, RowLocation


def with_descendants(rows: Sequence[Row], row_ids: Collection[RowId]) -> set[RowId]:
    """These rows, as far as they are there, and all that is below them."""
    named = set(row_ids)
    found: set[RowId] = set()
    for row in rows:
        if row.id in named or row.parent_id in found:
            found.add(row.id)
    return found


def is_within(rows_by_id: Mapping[RowId, Row], row_id: RowId, ancestor_id: RowId) -> bool:
    """Whether a row is another one, or below it."""
    above: RowId | None = row_id
    while above is not None and above != ancestor_id:
        row = rows_by_id.get(above)
        above = None if row is None else row.parent_id
    return above is not None


def previous_sibling(rows: Sequence[Row], row: Row) -> Row | None:
    """The row directly above under the same parent; None when there is none."""
    siblings = [other for other in rows if other.parent_id == row.parent_id]
    place = next((at for at, other in enumerate(siblings) if other.id == row.id), 0)
    return siblings[place - 1] if place else None


def with_inserted(rows: Sequence[Row], new: Sequence[Row], location: RowLocation) -> tuple[Row, ...] | None:
    """All rows with new ones, in their order, at a location; None when it names no place for new rows."""
    target = _target(rows, location)
    if target is None:
        return None
    at, parent_id = target
    placed = [replace(row, parent_id=parent_id) for row in new]
    return numbered([*rows[:at], *placed, *rows[at:]])


def without(rows: Sequence[Row], gone: Collection[RowId]) -> tuple[Row, ...]:
    """All rows but these; name descendants too."""
    return numbered([row for row in rows if row.id not in gone])


def numbered(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with their numbers, from 1."""
    return tuple(row if row.number == at else replace(row, number=at) for at, row in enumerate(rows, 1))


def _target(rows: Sequence[Row], location: RowLocation) -> tuple[int, RowId | None] | None:
    """The index at which new rows are put, and their parent."""
    if location.indent or location.outdent:
        return None
    if location.to_top:
        return 0, None
    anchor = location.parent_id or location.sibling_id
    if anchor is None:
        return (len(rows), None) if location.to_bottom else None
    at = next((at for at, row in enumerate(rows) if row.id == anchor), None)
    if at is None:
        return None
    parent_id = location.parent_id or rows[at].parent_id
    if location.parent_id is not None and not location.to_bottom:
        return at + 1, parent_id
    if location.parent_id is None and location.above:
        return at, parent_id
    return at + len(with_descendants(rows, [anchor])), parent_id
