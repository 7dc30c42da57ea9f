"""Rows to be deleted: with their children, and only after what they held was kept."""

from collections.abc import Sequence

from shared.changes.content import column_of, content_of, is_computed, is_empty, kept_cells, shows
from shared.changes.kinds import Sent, StepKind, refused, settled
from shared.changes.models import Item, RowDelete, RowImage, WriteIntent
from shared.changes.target import Target, places_of
from shared.sheets.models import Row, Sheet
from shared.sheets.outline import with_descendants


class RowDeleteStep(StepKind):
    """See `StepKind`. Deleting what is gone changes nothing, so it can be sent again."""

    async def look(self, target: Target, items: Sequence[Item], intent: WriteIntent | None) -> Sheet:
        """The whole sheet: the rows, what lies below them, and where they stand."""
        return await target.sheets.reread_whole(target.caller, target.sheet_id)

    def settle(self, target: Target, items: Sequence[Item], truth: Sheet, intent: WriteIntent | None) -> list[Item]:
        """A row that is gone is deleted; one that somebody filled meanwhile stays, where that was asked for."""
        parents = {row.parent_id for row in truth.rows}
        locked = {row.id for row in truth.rows if row.locked_for_user}
        done: list[Item] = []
        for delete in _deletes(items):
            row = truth.rows_by_id.get(target.row(delete.row_id))
            if delete.state != "pending":
                done.append(delete)
            elif row is None:
                done.append(settled(delete, "written" if intent else "unchanged", code=None if intent else "gone"))
            elif with_descendants(truth.rows, [row.id]) & locked:
                done.append(refused(delete, "row_locked"))
            elif delete.expected is not None and not _as_added(
                target, truth, delete, row, has_children=row.id in parents
            ):
                done.append(settled(delete, "conflict", code="changed_since"))
            else:
                done.append(delete)
        return done

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


def _as_added(target: Target, truth: Sheet, delete: RowDelete, row: Row, *, has_children: bool) -> bool:
    """Whether the row still holds what was expected, and nothing that somebody put in besides."""
    expected = {target.column(cell.column_id): cell.content for cell in delete.expected or ()}
    for column_id, content in expected.items():
        column = column_of(truth, column_id)
        if column is not None and not is_computed(column) and not shows(column, row.cells.get(column.id), content):
            return False
    strange = row.cells.keys() - expected.keys()
    filled = [column for column in truth.columns if column.id in strange and not is_computed(column)]
    return not has_children and all(is_empty(content_of(row.cells[column.id])) for column in filled)


def _deletes(items: Sequence[Item]) -> list[RowDelete]:
    return [item for item in items if isinstance(item, RowDelete)]
