"""The inverse of a change-set: what would put back what it changed, and touch nothing that somebody changed since."""

from collections.abc import Collection, Iterable, Sequence

from shared.changes.content import is_empty, restorable
from shared.changes.models import (
    EMPTY,
    CellChange,
    ColumnAdd,
    ColumnCell,
    ColumnDelete,
    ColumnEdit,
    ColumnShape,
    Item,
    RowAdd,
    RowDelete,
    RowImage,
    RowMove,
    RowPlace,
    Step,
)
from shared.changes.target import replaced_columns, replaced_rows
from shared.changes.views import NotUndone, reason
from shared.changes.work import Work
from shared.ids import ColumnId, RowId


class Inversion:
    """Makes the inverse items of a change-set, of all rows and columns or of some.

    `restored` are deleted rows and columns that an earlier undo put back: they are not put back twice.
    """

    def __init__(
        self,
        work: Work,
        *,
        row_ids: Collection[RowId] | None,
        column_ids: Collection[ColumnId] | None,
        restored: Collection[str],
    ) -> None:
        self._work = work
        self._row_ids = row_ids
        self._column_ids = column_ids
        self._restored = restored
        self._rows = replaced_rows(work.items)
        self._columns = replaced_columns(work.items)
        self.items: list[Item] = []
        self.not_undone: list[NotUndone] = []

    async def build(self) -> None:
        """Fill `items` and `not_undone`, the last step first."""
        for step in reversed(self._work.header.steps):
            for item in self._work.items_of(step):
                if item.state in ("unknown", "pending"):
                    self._skip("unknown", item)
                elif item.state == "written":
                    self._invert(item)
            if step.images:
                chunks = await self._work.image_chunks(step)
                self._put_back(step, [image for chunk in chunks for image in chunk.images])
            self._validate_again(step)

    def _invert(self, item: Item) -> None:
        match item:
            case CellChange():
                self._invert_cell(item)
            case RowAdd(row_id=row_id) if row_id is not None and self._is_chosen(row_id):
                self.items.append(RowDelete(row_id=row_id, expected=self._cells(item.cells)))
            case RowMove(before=RowPlace() as before) if self._is_chosen(self._row(item.row_id)):
                row_id = self._row(item.row_id)
                self.items.append(RowMove(row_id=row_id, place=before, expected=item.after))
            case ColumnAdd(column_id=column_id) if column_id is not None and self._is_chosen(None, column_id):
                self.items.append(ColumnDelete(column_id=column_id, empty_only=True))
            case ColumnEdit(before=before) if before is not None:
                column_id = self._column(item.column_id)
                if self._is_chosen(None, column_id):
                    after = before.model_copy(update={"validation": None}) if _loses_validation(item) else before
                    self.items.append(ColumnEdit(column_id=column_id, after=after, expected=item.after))
            case ColumnDelete(before=before) if before is not None:
                self._put_column_back(item)
            case _:
                pass  # deleted rows come back from their images; others were not chosen

    def _invert_cell(self, cell: CellChange) -> None:
        row_id, column_id = self._row(cell.row_id), self._column(cell.column_id)
        if not self._is_chosen(row_id, column_id):
            return
        self.items.append(
            CellChange(row_id=row_id, column_id=column_id, expected=cell.after, after=cell.before or EMPTY)
        )
        if cell.was_linked:
            self._skip("link_lost", cell)

    def _put_column_back(self, delete: ColumnDelete) -> None:
        if not self._is_chosen(None, delete.column_id):
            return
        if delete.column_id in self._restored:
            self._skip("already_undone", delete)
        elif delete.before is not None:
            self.items.append(ColumnAdd(column=restorable(delete.before), replaces=delete.column_id))

    def _put_back(self, step: Step, images: Sequence[RowImage]) -> None:
        (first, *_) = self._work.items_of(step)
        if step.kind == "deleteRow":
            self._put_rows_back(self._work.items_of(step), images)
        elif first.state == "written" and isinstance(first, ColumnDelete):
            self._put_cells_back(first.column_id, images)
        elif first.state == "written" and isinstance(first, ColumnEdit):
            self._convert_back(first, images)

    def _put_rows_back(self, deletes: Sequence[Item], images: Sequence[RowImage]) -> None:
        """Parents first, and rows beside each other together: that takes the fewest calls."""
        if self._column_ids is not None:
            return
        gone = {item.row_id for item in deletes if isinstance(item, RowDelete) and item.state == "written"}
        chosen: set[RowId] = set()
        depths: dict[RowId, int] = {}
        adds: dict[RowId, RowAdd] = {}
        rest: list[CellChange] = []  # of big rows, which are kept in pieces
        for image in images:
            parent = None if image.place is None else image.place.parent_id
            if image.row_id not in gone and parent not in gone:
                continue
            gone.add(image.row_id)  # children go with their parents
            if self._row_ids is not None and image.row_id not in self._row_ids and parent not in chosen:
                continue
            chosen.add(image.row_id)
            if image.row_id in self._restored:
                self._note("already_undone", image.row_id, None)
            elif image.row_id in adds:
                rest += [
                    CellChange(row_id=image.row_id, column_id=cell.column_id, expected=EMPTY, after=cell.content)
                    for cell in image.cells
                ]
            else:
                depths[image.row_id] = depths.get(parent, -1) + 1 if parent else 0
                adds[image.row_id] = RowAdd(cells=image.cells, place=image.place, replaces=image.row_id)
        self.items += sorted(adds.values(), key=lambda add: depths[add.replaces or RowId("")])
        self.items += rest

    def _put_cells_back(self, column_id: ColumnId, images: Iterable[RowImage]) -> None:
        """The cells of a column that was deleted; it comes back empty."""
        if column_id in self._restored:
            return
        for image in images:
            if self._is_chosen(image.row_id, column_id):
                self.items += [
                    CellChange(row_id=image.row_id, column_id=column_id, expected=EMPTY, after=cell.content)
                    for cell in image.cells
                ]

    def _convert_back(self, edit: ColumnEdit, images: Iterable[RowImage]) -> None:
        """The cells that another type or a column formula changed, unless a column formula fills them again."""
        if edit.before is not None and edit.before.formula:
            return
        column_id = self._column(edit.column_id)
        for image in images:
            row_id = self._row(image.row_id)
            if not self._is_chosen(row_id, column_id):
                continue
            if not image.after:  # the row was gone before anybody saw what became of the cell
                self._note("changed_since", row_id, column_id)
            self.items += [
                CellChange(row_id=row_id, column_id=column_id, expected=became.content, after=cell.content)
                for cell, became in zip(image.cells, image.after, strict=False)
            ]

    def _validate_again(self, step: Step) -> None:
        """A restriction that went with a column's type, once type and cells are back: Smartsheet wants it after."""
        for item in self._work.items_of(step):
            if isinstance(item, ColumnEdit) and item.state == "written" and _loses_validation(item):
                column_id = self._column(item.column_id)
                if self._is_chosen(None, column_id):
                    self.items.append(ColumnEdit(column_id=column_id, after=ColumnShape(validation=True)))

    def _is_chosen(self, row_id: RowId | None, column_id: ColumnId | None = None) -> bool:
        """Whether it was asked for; what belongs to no single row is undone only when no rows were named."""
        by_row = self._row_ids is None or (row_id is not None and row_id in self._row_ids)
        by_column = self._column_ids is None or (column_id is not None and column_id in self._column_ids)
        return by_row and by_column

    def _skip(self, code: str, item: Item) -> None:
        self._note(code, getattr(item, "row_id", None), getattr(item, "column_id", None))

    def _note(self, code: str, row_id: RowId | None, column_id: ColumnId | None) -> None:
        self.not_undone.append(NotUndone(row_id=row_id, column_id=column_id, code=code, message=reason(code)))

    def _cells(self, cells: Iterable[ColumnCell]) -> tuple[ColumnCell, ...]:
        named = [ColumnCell(column_id=self._column(cell.column_id), content=cell.content) for cell in cells]
        return tuple(cell for cell in named if not is_empty(cell.content))

    def _row(self, row_id: RowId) -> RowId:
        return self._rows.get(row_id, row_id)

    def _column(self, column_id: ColumnId) -> ColumnId:
        return self._columns.get(column_id, column_id)


def _loses_validation(edit: ColumnEdit) -> bool:
    """Whether the column was restricted, and another type ended that."""
    return edit.before is not None and edit.before.type != edit.after.type and bool(edit.before.validation)


def restored_by(items: Iterable[Item]) -> set[str]:
    """The deleted rows and columns that these items of an inverse put back."""
    adds = [item for item in items if isinstance(item, RowAdd | ColumnAdd) and item.state == "written"]
    return {add.replaces for add in adds if add.replaces is not None}


def left_undone(items: Iterable[Item]) -> list[NotUndone]:
    """What an applied inverse could not put back, and what it put back only in part."""
    found: list[NotUndone] = []
    for item in items:
        lost = item.state in ("conflict", "refused", "unknown")
        code = item.code or item.state
        if lost or (item.state == "written" and item.code):
            row_id = getattr(item, "replaces", None) if isinstance(item, RowAdd) else getattr(item, "row_id", None)
            column_id = getattr(item, "column_id", None)
            found.append(NotUndone(row_id=row_id, column_id=column_id, code=code, message=reason(code)))
    return found
