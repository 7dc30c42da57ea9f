"""Columns: added, changed, deleted, one by one. Titles are unique in a sheet, so a column is known by its title."""

from collections.abc import Iterable, Sequence

from shared.changes.content import (
    column_of,
    column_write,
    content_of,
    is_computed,
    is_empty,
    shape_before,
    shape_in,
    shape_of,
)
from shared.changes.kinds import Sent, StepKind, refused, settled
from shared.changes.models import (
    CellChange,
    ColumnAdd,
    ColumnCell,
    ColumnDelete,
    ColumnEdit,
    ColumnShape,
    Item,
    RowImage,
    WriteIntent,
)
from shared.changes.target import Target
from shared.sheets.models import Column, Sheet


class ColumnAddStep(StepKind):
    """See `StepKind`."""

    async def look(self, target: Target, items: Sequence[Item], intent: WriteIntent | None) -> Sheet:
        """The sheet's head has all columns."""
        return await target.sheets.probe(target.caller, target.sheet_id)

    def settle(self, target: Target, items: Sequence[Item], truth: Sheet, intent: WriteIntent | None) -> list[Item]:
        """A column with the title is ours after a call went out, and another's before."""
        add = _add(items[0])
        there = _titled(truth, add.column.title)
        if add.state != "pending" or there is None:
            return [add]
        if intent is None or truth.version == intent.sheet_version:
            return [refused(add, "column_title_taken")]
        return [settled(add, "written", column_id=there.id)]

    async def send(self, target: Target, items: Sequence[Item], truth: Sheet) -> Sent:
        """One call."""
        add = _add(items[0])
        last = len(truth.columns)
        index = last if add.column.index is None else min(add.column.index, last)
        write = column_write(add.column.model_copy(update={"index": index}))
        answer = await target.sheets.add_columns(
            target.caller, target.sheet_id, [write], change_agent=target.change_agent
        )
        return Sent(answer.version, [settled(add, "written", column_id=answer.columns[0].id)])


class ColumnEditStep(StepKind):
    """See `StepKind`. What a new type makes of the cells is kept beside what they held."""

    looks_again = True

    async def look(self, target: Target, items: Sequence[Item], intent: WriteIntent | None) -> Sheet:
        """The head, or the whole sheet where cells may be converted."""
        edit = _edit(items[0])
        if converts(edit.after):
            return await target.sheets.reread_whole(target.caller, target.sheet_id)
        return await target.sheets.probe(target.caller, target.sheet_id)

    def settle(self, target: Target, items: Sequence[Item], truth: Sheet, intent: WriteIntent | None) -> list[Item]:
        """A column that has all the wanted properties was changed."""
        edit = _edit(items[0])
        column = column_of(truth, target.column(edit.column_id))
        if edit.state != "pending":
            return [edit]
        if column is None:
            return [refused(edit, "column_not_found")]
        before = shape_before(column, edit.after)
        if shape_in(column, edit.after) == edit.after:
            return [settled(edit, "written" if intent else "unchanged", before=edit.before or before)]
        if intent is not None:
            return [edit]
        if edit.expected is not None and shape_in(column, edit.expected) != edit.expected:
            return [settled(edit, "conflict", code="changed_since", before=before)]
        return [edit.model_copy(update={"before": before})]

    def images(self, target: Target, items: Sequence[Item], truth: Sheet) -> list[RowImage]:
        """The column's cells, where they may be converted; of a column formula, the cells' formulas."""
        edit = _edit(items[0])
        column = column_of(truth, target.column(edit.column_id))
        if column is None or not converts(edit.after) or column.system_type is not None:
            return []
        return list(_images(truth, column, with_empty=bool(edit.after.formula)))  # a formula fills every cell

    async def send(self, target: Target, items: Sequence[Item], truth: Sheet) -> Sent:
        """One call."""
        edit = _edit(items[0])
        column_id = target.column(edit.column_id)
        answer = await target.sheets.update_column(
            target.caller, target.sheet_id, column_id, column_write(edit.after), change_agent=target.change_agent
        )
        return Sent(answer.version, [settled(edit, "written")])

    def converted(
        self, target: Target, items: Sequence[Item], images: Sequence[RowImage], now: Sheet
    ) -> list[RowImage]:
        """What the new type, or the column formula, made of the cells."""
        edit = _edit(items[0])
        column = column_of(now, target.column(edit.column_id))
        if column is None or edit.state != "written":
            return list(images)
        return [_with_outcome(image, now, column) for image in images]

    def compare(self, target: Target, items: Sequence[Item], now: Sheet, *, overlap: bool) -> list[Item]:
        """A changed property that is different by now was changed by somebody else."""
        edit = _edit(items[0])
        column = column_of(now, target.column(edit.column_id))
        if edit.state != "written" or (column is not None and shape_in(column, edit.after) == edit.after):
            return [edit]
        return [settled(edit, "conflict", code="changed_since")]


class ColumnDeleteStep(StepKind):
    """See `StepKind`."""

    async def look(self, target: Target, items: Sequence[Item], intent: WriteIntent | None) -> Sheet:
        """The whole sheet: all cells of the column go."""
        return await target.sheets.reread_whole(target.caller, target.sheet_id)

    def settle(self, target: Target, items: Sequence[Item], truth: Sheet, intent: WriteIntent | None) -> list[Item]:
        """A column that is gone is deleted; one that somebody filled stays, where that was asked for."""
        delete = _delete(items[0])
        column = column_of(truth, target.column(delete.column_id))
        if delete.state != "pending":
            return [delete]
        if column is None:
            return [settled(delete, "written" if intent else "unchanged", code=None if intent else "gone")]
        if delete.empty_only and not is_computed(column) and any(_images(truth, column)):
            return [settled(delete, "conflict", code="changed_since")]
        return [delete if intent else delete.model_copy(update={"before": shape_of(column)})]

    def images(self, target: Target, items: Sequence[Item], truth: Sheet) -> list[RowImage]:
        """The column's cells, unless Smartsheet computes them."""
        delete = _delete(items[0])
        column = column_of(truth, target.column(delete.column_id))
        return [] if column is None or is_computed(column) else list(_images(truth, column))

    async def send(self, target: Target, items: Sequence[Item], truth: Sheet) -> Sent:
        """One call."""
        delete = _delete(items[0])
        column_id = target.column(delete.column_id)
        answer = await target.sheets.delete_column(
            target.caller, target.sheet_id, column_id, change_agent=target.change_agent
        )
        return Sent(answer.version, [settled(delete, "written")])


def converts(shape: ColumnShape) -> bool:
    """Whether such a change of a column may change its cells."""
    return shape.type is not None or shape.formula is not None


def follow_conversion(target: Target, items: Sequence[Item], images: Iterable[RowImage]) -> list[Item]:
    """The items, of which cells that were expected to hold what was converted expect what became of it."""
    became = {
        (image.row_id, cell.column_id): (cell.content, after.content)
        for image in images
        for cell, after in zip(image.cells, image.after, strict=False)  # of a row that is gone, nothing became
    }
    followed: list[Item] = []
    for item in items:
        if isinstance(item, CellChange) and item.state == "pending":
            was, now = became.get((target.row(item.row_id), target.column(item.column_id)), (None, None))
            if was is not None and item.expected == was:
                item = item.model_copy(update={"expected": now})
        followed.append(item)
    return followed


def _with_outcome(image: RowImage, now: Sheet, column: Column) -> RowImage:
    row = now.rows_by_id.get(image.row_id)
    if row is None:
        return image
    became = ColumnCell(column_id=column.id, content=content_of(row.cells.get(column.id)))
    return image.model_copy(update={"after": (became,)})


def _images(sheet: Sheet, column: Column, *, with_empty: bool = False) -> Iterable[RowImage]:
    for row in sheet.rows:
        cell = row.cells.get(column.id)
        content = content_of(cell)
        if with_empty or not is_empty(content):
            yield RowImage(row_id=row.id, cells=(ColumnCell(column_id=column.id, content=content),))


def _titled(sheet: Sheet, title: str | None) -> Column | None:
    wanted = (title or "").casefold()
    return next((column for column in sheet.columns if column.title.casefold() == wanted), None)


def _add(item: Item) -> ColumnAdd:
    assert isinstance(item, ColumnAdd)
    return item


def _edit(item: Item) -> ColumnEdit:
    assert isinstance(item, ColumnEdit)
    return item


def _delete(item: Item) -> ColumnDelete:
    assert isinstance(item, ColumnDelete)
    return item
