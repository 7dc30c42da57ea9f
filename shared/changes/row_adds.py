"""New rows. Adding twice would be two rows, and nothing tells a row of ours from another's: so what is not certain
is said to be unknown, and never sent again.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence

from shared.changes.content import column_of, is_computed, write_of
from shared.changes.kinds import Sent, StepKind, refused, settled
from shared.changes.models import EMPTY, Item, RowAdd, WriteIntent
from shared.changes.target import Target, anchors_of, is_lost, location_at
from shared.ids import RowId
from shared.sheets.models import Cell, CellWrite, Column, NewRow, RowLocation, Sheet
from shared.sheets.values import canonical

PLACE_LOST = "place_lost"

Print = tuple[Hashable, ...]
"""What a row holds in every column that people fill: equal ones are the same to a person."""


class RowAddStep(StepKind):
    """See `StepKind`."""

    async def look(self, target: Target, items: Sequence[Item], intent: WriteIntent | None) -> Sheet:
        """The sheet's head, the rows beside which new ones go or that came lately, and since the call went out."""
        if intent is not None:
            since = intent.sheet_modified_at or intent.sent_at
            return await target.sheets.probe(target.caller, target.sheet_id, rows_modified_since=since)
        anchors = _anchors(target, items)
        if not anchors:
            return await target.sheets.probe(target.caller, target.sheet_id, rows_modified_since=target.lately)
        return await target.sheets.reread(target.caller, target.sheet_id, column_ids=(), row_ids=anchors)

    def settle(self, target: Target, items: Sequence[Item], truth: Sheet, intent: WriteIntent | None) -> list[Item]:
        """After a call without an answer: a new row with just these contents is ours if there are not too many."""
        if intent is not None:
            return [*self._found(target, _adds(items), truth, intent)]
        lost = _lost_columns(target, items, truth)
        return [refused(add, "column_not_found") if _column_ids(target, add) & lost else add for add in _adds(items)]

    def newest_rows(self, truth: Sheet) -> tuple[RowId, ...]:
        """See `StepKind.newest_rows`; as far as the look was for rows that came lately."""
        return tuple(row.id for row in truth.rows if row.created_at == truth.modified_at)

    def may_resend(self, truth: Sheet, intent: WriteIntent) -> bool:
        """Only when nothing at all has happened to the sheet."""
        return truth.version == intent.sheet_version

    async def send(self, target: Target, items: Sequence[Item], truth: Sheet) -> Sent:
        """One bulk call; all rows of a step stand together."""
        adds = _adds(items)
        pending = [at for at, add in enumerate(adds) if add.state == "pending"]
        location, code = _location(target, adds[pending[0]], truth)
        rows = [NewRow(_writes(target, adds[at], truth), location) for at in pending]
        answer = await target.sheets.add_rows(target.caller, target.sheet_id, rows, change_agent=target.change_agent)
        codes = {failure.index: failure.code for failure in answer.failures}
        for number, (at, row) in enumerate(zip(pending, answer.rows, strict=True)):
            if row is None:
                adds[at] = refused(adds[at], codes.get(number, "refused"))
            else:
                adds[at] = settled(adds[at], "written", row_id=row.id, code=code)
        return Sent(answer.version, [*adds])

    def _found(self, target: Target, adds: list[RowAdd], truth: Sheet, intent: WriteIntent) -> list[RowAdd]:
        """The adds, of which those that can be told from others' rows are written."""
        if truth.version == intent.sheet_version:
            return adds
        columns = [column for column in truth.columns if not is_computed(column)]
        since = intent.sheet_modified_at or intent.sent_at
        known = {*(add.row_id for add in adds), *intent.newest_rows}
        alike: defaultdict[Print, list[RowId]] = defaultdict(list)
        for row in truth.rows:
            if row.created_at is not None and row.created_at >= since and row.id not in known:
                alike[tuple(canonical(column, row.cells.get(column.id, Cell())) for column in columns)].append(row.id)
        wanted: defaultdict[Print, list[int]] = defaultdict(list)
        for at, add in enumerate(adds):
            if add.state == "pending":
                wanted[_print(target, columns, add)].append(at)
        for print_, places in wanted.items():
            if len(alike[print_]) <= len(places):  # more: some are another's, and nobody can tell which
                for at, row_id in zip(places, alike[print_], strict=False):
                    adds[at] = settled(adds[at], "written", row_id=row_id)
        return adds


def _anchors(target: Target, items: Sequence[Item]) -> list[RowId]:
    first = next(add for add in _adds(items) if add.state == "pending")
    return [] if first.place is None else anchors_of(target.place(first.place))


def _location(target: Target, add: RowAdd, truth: Sheet) -> tuple[RowLocation, str | None]:
    """Where the row goes, and `place_lost` when it cannot go where it stood."""
    if add.place is None:
        to = add.placement
        return (RowLocation(to_bottom=True) if to is None else RowLocation(**to.model_dump())), None
    place = target.place(add.place)
    location = location_at(truth, place)
    code = PLACE_LOST if location is None or is_lost(truth, place) else None
    return location or RowLocation(to_bottom=True), code


def _writes(target: Target, add: RowAdd, truth: Sheet) -> tuple[CellWrite, ...]:
    writes: list[CellWrite] = []
    for cell in add.cells:
        column = column_of(truth, target.column(cell.column_id))
        if column is not None and not is_computed(column):
            writes.append(write_of(column, cell.content, truth.access_level if target.restores else None))
    return tuple(writes)


def _column_ids(target: Target, add: RowAdd) -> set[str]:
    return {target.column(cell.column_id) for cell in add.cells}


def _lost_columns(target: Target, items: Sequence[Item], truth: Sheet) -> set[str]:
    """Columns that are gone; a row that is put back comes without them."""
    if target.restores:
        return set()
    return {id_ for add in _adds(items) for id_ in _column_ids(target, add)} - {column.id for column in truth.columns}


def _print(target: Target, columns: Sequence[Column], add: RowAdd) -> Print:
    held = {target.column(cell.column_id): cell.content for cell in add.cells}
    contents = [(column, held.get(column.id, EMPTY)) for column in columns]
    return tuple(
        canonical(column, Cell(content.value, formula=content.formula, object_value=content.object_value))
        for column, content in contents
    )


def _adds(items: Sequence[Item]) -> list[RowAdd]:
    return [item for item in items if isinstance(item, RowAdd)]
