"""Adding, changing, moving and deleting rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.smartsheet.access import save_columns
from local.smartsheet.change import SheetChange
from local.smartsheet.errors import ApiError
from local.smartsheet.rows.cell_input import CellReader
from local.smartsheet.rows.derived import Recalculation, stamp_changed, stamp_new
from local.smartsheet.rows.outline import Outline
from local.smartsheet.rows.records import (
    Row,
    count_rows,
    delete_rows,
    insert_rows,
    load_outline,
    load_rows,
    save_outline,
    update_rows,
)
from local.smartsheet.rows.requests import RowIn, place_of, shared_location
from local.smartsheet.wire import new_id

MAX_ROWS = 20_000
MAX_CELLS = 500_000
MAX_COLUMNS = 400


@dataclass(slots=True)
class Outcome:
    """What became of the rows of a call: ids in the order of the request, and failures by index."""

    row_ids: list[int] = field(default_factory=list)
    failures: list[ApiError] = field(default_factory=list)


class RowWriter:
    """The rows of one call. With `partial`, rows that fail are left out; without, the first failure is raised."""

    def __init__(self, change: SheetChange, *, partial: bool = False, override: bool = False) -> None:
        change.sheet.require("EDITOR")
        self._change = change
        self._partial = partial
        self._outline: Outline = load_outline(change.connection, change.sheet.id)
        self._cells = CellReader(change, self._outline, override=override)
        self._rows: dict[int, Row] = {}
        self._outcome = Outcome()

    def add(self, given: list[RowIn]) -> Outcome:
        """Add rows at their common location, the bottom where none is given."""
        location = shared_location(given)
        if location.keys() & {"indent", "outdent"}:
            raise ApiError(1062)
        self._check_anchor(location, moved=())
        self._check_size(len(given))
        new = self._each(given, self._new_row)
        self._outline.insert([row.id for row in new], place_of(location))
        self._number(new)
        self._tell_new(new)
        recalculated = self._recalculate([row.id for row in new])
        insert_rows(self._change.connection, self._change.sheet.id, new)
        if any(column.auto for column in self._change.columns):
            save_columns(self._change.connection, self._change.sheet.id, self._change.columns)
        if new and new[-1].number < len(self._outline):
            save_outline(self._change.connection, self._change.sheet.id, self._outline)
        new_ids = set(self._outcome.row_ids)
        update_rows(self._change.connection, [row for row in recalculated if row.id not in new_ids])
        return self._outcome

    def update(self, given: list[RowIn]) -> Outcome:
        """Change cells, locks and expansion of rows, and move them to their common location."""
        location = shared_location(given)
        ids = [row.id for row in given if row.id is not None]
        if len(set(ids)) < len(ids):
            raise ApiError(1137)
        self._rows = load_rows(self._change.connection, self._change.sheet.id, ids)
        self._check_anchor(location, moved=[row_id for row_id in ids if row_id in self._rows])
        changed = self._each(given, self._changed_row)
        touched = {row.id for row in changed}
        if location and changed:
            touched |= self._move([row.id for row in changed], location)
        recalculated = self._recalculate(touched)
        update_rows(self._change.connection, {row.id: row for row in (*changed, *recalculated)}.values())
        return self._outcome

    def delete(self, row_ids: Sequence[int], *, ignore_missing: bool) -> list[int]:
        """Delete rows with all below them; gives the ids that went.

        Raises 1006 where one is missing, 1092 where the caller may not delete a locked one.
        """
        missing = [row_id for row_id in row_ids if row_id not in self._outline]
        if missing and not ignore_missing:
            raise ApiError(1006)
        parents = {self._outline.parent(row_id) for row_id in row_ids if row_id in self._outline}
        gone = self._outline.remove(row_ids)
        rows = load_rows(self._change.connection, self._change.sheet.id, gone)
        if any(row.locked for row in rows.values()) and not self._change.sheet.allows("ADMIN"):
            raise ApiError(1092)
        for row_id in gone:
            self._change.event("row", "deleted", id=row_id)
            for column_id, fragment in rows[row_id].cells.items():
                self._change.cell(row_id, column_id, fragment, None, told=False)
        delete_rows(self._change.connection, gone)
        save_outline(self._change.connection, self._change.sheet.id, self._outline)
        update_rows(self._change.connection, self._recalculate(parent for parent in parents if parent is not None))
        return gone

    def _each(self, given: list[RowIn], build: Callable[[RowIn], Row]) -> list[Row]:
        built: list[Row] = []
        for index, row_in in enumerate(given):
            try:
                built.append(build(row_in))
            except ApiError as error:
                failure = error.at(index, row_in.id)
                if not self._partial:
                    raise failure from None
                self._outcome.failures.append(failure)
        self._outcome.row_ids = [row.id for row in built]
        return built

    def _new_row(self, given: RowIn) -> Row:
        change = self._change
        if given.id is not None:
            raise ApiError(1032, "row.id")
        if given.locked and not change.sheet.allows("ADMIN"):
            raise ApiError(1004)
        fragments = self._cells.read(given.cells)
        cells = {column_id: fragment for column_id, fragment in fragments.items() if fragment is not None}
        expanded = given.expanded if given.expanded is not None else True
        row = Row(
            new_id(), 0, None, expanded, bool(given.locked), change.at, change.user.id, change.at, change.user.id, cells
        )
        change.columns = stamp_new(change.columns, row, change.user, change.at)
        return row

    def _number(self, new: Iterable[Row]) -> None:
        numbers = {row_id: number for number, (row_id, _) in enumerate(self._outline.entries, start=1)}
        for row in new:
            row.number, row.parent_id = numbers[row.id], self._outline.parent(row.id)
            self._rows[row.id] = row

    def _tell_new(self, new: Iterable[Row]) -> None:
        written = {column.id for column in self._change.columns if not column.computed}
        for row in new:
            self._change.event("row", "created", id=row.id)
            for column_id in row.cells.keys() & written:
                self._change.cell(row.id, column_id, None, row.cells[column_id])

    def _changed_row(self, given: RowIn) -> Row:
        change = self._change
        if given.id is None:
            raise ApiError(1012, "row.id")
        row = self._rows.get(given.id)
        if row is None:
            raise ApiError(1006)
        admin = change.sheet.allows("ADMIN")
        if row.locked and not admin:
            raise ApiError(1050)
        if given.locked is not None and not admin:
            raise ApiError(1004)
        changes = {
            column_id: fragment
            for column_id, fragment in self._cells.read(given.cells).items()
            if row.cells.get(column_id) != fragment
        }
        flags = _flags(given)
        if not changes and all(getattr(row, name) == value for name, value in flags.items()):
            return row
        change.event("row", "updated", id=row.id)
        for column_id, fragment in changes.items():
            change.cell(row.id, column_id, row.cells.pop(column_id, None), fragment)
            if fragment is not None:
                row.cells[column_id] = fragment
        for name, value in flags.items():
            setattr(row, name, value)
        stamp_changed(change.columns, row, change.user, change.at)
        return row

    def _move(self, row_ids: list[int], location: dict[str, Any]) -> set[int]:
        """Move rows; gives the ids of parents whose children changed."""
        before = {parent for row_id in row_ids if (parent := self._outline.parent(row_id)) is not None}
        if "indent" in location or "outdent" in location:
            step = self._outline.indent if "indent" in location else self._outline.outdent
            for row_id in row_ids:
                if not step(row_id):
                    raise ApiError(1062)
        else:
            self._outline.move(row_ids, place_of(location))
        for row_id in row_ids:
            self._rows[row_id].parent_id = self._outline.parent(row_id)
            stamp_changed(self._change.columns, self._rows[row_id], self._change.user, self._change.at)
            self._change.event("row", "updated", id=row_id)
        save_outline(self._change.connection, self._change.sheet.id, self._outline)
        return before

    def _recalculate(self, row_ids: Iterable[int]) -> list[Row]:
        recalculation = Recalculation(self._change, self._outline, self._rows)
        recalculation.run(list(row_ids))
        return recalculation.rows()

    def _check_anchor(self, location: dict[str, Any], moved: Sequence[int]) -> None:
        for name, code in (("parent_id", 1063), ("sibling_id", 1064)):
            anchor = location.get(name)
            if anchor is None:
                continue
            if anchor not in self._outline or {anchor, *self._outline.ancestors(anchor)} & set(moved):
                raise ApiError(code, anchor)
            if name == "parent_id":
                parent = load_rows(self._change.connection, self._change.sheet.id, [anchor])[anchor]
                if not any(column.id in parent.cells for column in self._change.columns if column.system is None):
                    raise ApiError(1185)

    def _check_size(self, more: int) -> None:
        rows = count_rows(self._change.connection, self._change.sheet.id) + more
        if rows > MAX_ROWS:
            raise ApiError(1061, f"sheet.rows ({rows}, at most {MAX_ROWS})")
        if rows * len(self._change.columns) > MAX_CELLS:
            raise ApiError(1061, f"sheet cells ({rows * len(self._change.columns)}, at most {MAX_CELLS})")


def _flags(given: RowIn) -> dict[str, bool]:
    return {name: value for name in ("locked", "expanded") if (value := getattr(given, name)) is not None}
