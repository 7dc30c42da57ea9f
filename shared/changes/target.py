"""The sheet that a change-set is applied to: with whose token, and which new ids stand for deleted ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.changes.models import ColumnAdd, Item, RowAdd, RowPlace
from shared.identity.models import Caller
from shared.ids import ColumnId, RowId, SheetId
from shared.sheets.models import RowLocation, Sheet
from shared.sheets.service import SheetService


@dataclass(frozen=True, slots=True)
class Target:
    """What every step needs. `restores`: contents are put back that were there before.

    `lately`: rows that came since then are looked at before new ones are added, to know them from ours; None where
    that would be too many, after a step of our own.
    """

    sheets: SheetService
    caller: Caller
    sheet_id: SheetId
    change_agent: str
    row_ids: dict[RowId, RowId]
    column_ids: dict[ColumnId, ColumnId]
    restores: bool
    lately: datetime | None = None

    def row(self, row_id: RowId) -> RowId:
        """The row that this id means now."""
        return self.row_ids.get(row_id, row_id)

    def column(self, column_id: ColumnId) -> ColumnId:
        """The column that this id means now."""
        return self.column_ids.get(column_id, column_id)

    def place(self, place: RowPlace) -> RowPlace:
        """The place among the rows that its ids mean now."""
        return RowPlace(
            parent_id=None if place.parent_id is None else self.row(place.parent_id),
            after_id=None if place.after_id is None else self.row(place.after_id),
            before_id=None if place.before_id is None else self.row(place.before_id),
        )


def replaced_rows(items: Iterable[Item]) -> dict[RowId, RowId]:
    """For every deleted row that was added again, its new id."""
    adds = [item for item in items if isinstance(item, RowAdd)]
    return {add.replaces: add.row_id for add in adds if add.replaces is not None and add.row_id is not None}


def replaced_columns(items: Iterable[Item]) -> dict[ColumnId, ColumnId]:
    """For every deleted column that was added again, its new id."""
    adds = [item for item in items if isinstance(item, ColumnAdd)]
    return {add.replaces: add.column_id for add in adds if add.replaces is not None and add.column_id is not None}


def places_of(sheet: Sheet) -> dict[RowId, RowPlace]:
    """Where each row of a whole sheet stands."""
    families: dict[RowId | None, list[RowId]] = {}
    for row in sheet.rows:
        families.setdefault(row.parent_id, []).append(row.id)
    places: dict[RowId, RowPlace] = {}
    for parent_id, ids in families.items():
        for before, row_id, behind in zip([None, *ids], ids, [*ids[1:], None], strict=False):
            places[row_id] = RowPlace(parent_id=parent_id, after_id=before, before_id=behind)
    return places


def location_at(sheet: Sheet, place: RowPlace) -> RowLocation | None:
    """How to say where this place is now: beside a sibling that is still there, else at its parent's end.

    None when not even the parent is there.
    """
    rows = sheet.rows_by_id
    if place.parent_id is not None and place.parent_id not in rows:
        return None
    for sibling_id, above in ((place.after_id, False), (place.before_id, True)):
        if _is_sibling(sheet, place, sibling_id):
            return RowLocation(sibling_id=sibling_id, above=above)
    first = place.after_id is None
    if place.parent_id is None:
        return RowLocation(to_top=True) if first else RowLocation(to_bottom=True)
    return RowLocation(parent_id=place.parent_id, to_bottom=not first)


def is_lost(sheet: Sheet, place: RowPlace) -> bool:
    """Whether nothing tells where this place was: it was neither first nor last, and both its neighbours are gone."""
    neighbours = (place.after_id, place.before_id)
    return None not in neighbours and not any(_is_sibling(sheet, place, row_id) for row_id in neighbours)


def _is_sibling(sheet: Sheet, place: RowPlace, row_id: RowId | None) -> bool:
    row = None if row_id is None else sheet.rows_by_id.get(row_id)
    return row is not None and row.parent_id == place.parent_id


def anchors_of(place: RowPlace) -> list[RowId]:
    """The rows above and beside a place."""
    return [row_id for row_id in (place.parent_id, place.after_id, place.before_id) if row_id is not None]
