"""Rows to be deleted: with their children, and only after what they held was kept."""

from collections.abc import Iterable, Sequence

from shared.changes.content import column_of, content_of, is_computed, is_empty, kept_cells, shows
from shared.changes.kinds import Sent, StepKind, refused, settled
from shared.changes.models import Item, RowDelete, RowImage, WriteIntent
from shared.changes.target import Target, places_of
from shared.ids import RowId
from shared.sheets.models import Row, Sheet
from shared.sheets.outline import with_descendants


class RowDeleteStep(StepKind):
    """See `StepKind`. Deleting what is gone changes nothing, so it can be sent again."""

    async def look(self, target: Target, items: Sequence[Item], intent: WriteIntent | None) -> Sheet:
        """The whole sheet: the rows, what lies below them, and where they stand."""
        return await target.sheets.reread_whole(target.caller, target.sheet_id)

    def settle(self, target: Target, items: Sequence[Item], truth: Sheet, intent: WriteIntent | None) -> list[Item]:
        """A row that is gone is deleted; one that somebody filled meanwhile stays, where that was asked for."""
        deletes = _deletes(items)
        going = {target.row(delete.row_id) for delete in deletes if delete.state == "pending"}
        parents = {row.parent_id for row in truth.rows if row.id not in going}
        blocked = _with_ancestors(truth, [row for row in truth.rows if row.locked_for_user])
        done: dict[RowId, RowDelete] = {}
        for delete in sorted(deletes, key=lambda each: _position(truth, target.row(each.row_id)), reverse=True):
            row = truth.rows_by_id.get(target.row(delete.row_id))
            if delete.state == "pending":
                if row is None:
                    delete = settled(delete, "written" if intent else "unchanged", code=None if intent else "gone")
                elif row.id in blocked:
                    delete = refused(delete, "row_locked")
                elif not _as_expected(target, truth, delete, row, has_children=row.id in parents):
                    delete = settled(delete, "conflict", code="changed_since")
            if row is not None and delete.state != "pending":
                parents.add(row.parent_id)  # it stays, and so has what it lies below
            done[delete.row_id] = delete
        return [done[delete.row_id] for delete in deletes]

    def images(self, target: Target, items: Sequence[Item], truth: Sheet) -> list[RowImage]:
        """The rows and all below them, in the sheet's order."""
        pending = [target.row(delete.row_id) for delete in _deletes(items) if delete.state == "pending"]
        going, places = with_descendants(truth.rows, pending), places_of(truth)
        return [
            RowImage(row_id=row.id, place=places[row.id], cells=kept_cells(truth, row))
            for row in truth.rows
            if row.id in going
        ]

    async def send(self, target: Target, items: Sequence[Item], truth: Sheet) -> Sent:
        """One call; Smartsheet takes all of them or none."""
        ids = [target.row(delete.row_id) for delete in _deletes(items) if delete.state == "pending"]
        answer = await target.sheets.delete_rows(target.caller, target.sheet_id, ids, change_agent=target.change_agent)
        done = [settled(delete, "written") if delete.state == "pending" else delete for delete in _deletes(items)]
        return Sent(answer.version, [*done])


def _with_ancestors(truth: Sheet, rows: Iterable[Row]) -> set[RowId]:
    found: set[RowId] = set()
    for row in rows:
        above: Row | None = row
        while above is not None and above.id not in found:
            found.add(above.id)
            above = None if above.parent_id is None else truth.rows_by_id.get(above.parent_id)
    return found


def _position(truth: Sheet, row_id: RowId) -> int:
    """Children stand behind their parents."""
    row = truth.rows_by_id.get(row_id)
    return -1 if row is None else row.number


def _as_expected(target: Target, truth: Sheet, delete: RowDelete, row: Row, *, has_children: bool) -> bool:
    """Whether the row still holds what was expected, if anything was, and nothing that somebody put in besides.

    `has_children`: some that are not deleted, too.
    """
    if delete.expected is None:
        return True
    expected = {target.column(cell.column_id): cell.content for cell in delete.expected}
    for column_id, content in expected.items():
        column = column_of(truth, column_id)
        if column is not None and not is_computed(column) and not shows(column, row.cells.get(column.id), content):
            return False
    strange = row.cells.keys() - expected.keys()
    filled = [column for column in truth.columns if column.id in strange and not is_computed(column)]
    return not has_children and all(is_empty(content_of(row.cells[column.id])) for column in filled)


def _deletes(items: Sequence[Item]) -> list[RowDelete]:
    return [item for item in items if isinstance(item, RowDelete)]
