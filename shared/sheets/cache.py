"""The in-process cache of parsed sheets: immutable snapshots, bounded by cells, least recently used out first."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.ids import SheetId
from shared.sheets.models import (
    AccessLevel,
    AddAnswer,
    Column,
    ColumnType,
    DeleteAnswer,
    NewRow,
    Row,
    RowWrite,
    Sheet,
)
from shared.sheets.patching import with_cells_written, with_rows_added, with_rows_deleted

_RECALCULATED_TYPES = frozenset({ColumnType.DURATION, ColumnType.PREDECESSOR})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A sheet at one version, without anybody's personal attributes (`locked_for_user` is as for an editor).

    `sheet.fetched_at` is when the check that this version is current was sent. `outdated_at` is when it
    became known that there is a newer version, or that there may be one.
    """

    sheet: Sheet
    cells: int
    recalculates: bool
    outdated_at: datetime | None = None
    _views: dict[AccessLevel, Sheet] = field(default_factory=dict[AccessLevel, Sheet], repr=False, compare=False)

    @classmethod
    def of(cls, sheet: Sheet) -> "Snapshot":
        """The snapshot of a whole sheet that was just read with somebody's token."""
        shared = _seen_with(sheet, AccessLevel.VIEWER)
        cells = sum(len(row.cells) for row in sheet.rows)
        return cls(shared, cells, recalculates=_recalculates(sheet))

    def checked_at(self, moment: datetime) -> "Snapshot":
        """The same version, found to be current by a question sent at `moment`."""
        return replace(self, sheet=replace(self.sheet, fetched_at=moment), outdated_at=None, _views={})

    def outdated(self, moment: datetime) -> "Snapshot":
        """The same version, of which is known that it may no longer be the current one."""
        return replace(self, outdated_at=moment)

    def is_fresh(self, since: datetime) -> bool:
        """Whether this version was found current at `since` or later, and nothing newer is known."""
        return self.outdated_at is None and self.sheet.fetched_at is not None and self.sheet.fetched_at >= since

    def seen_with(self, level: AccessLevel) -> Sheet:
        """The sheet as a person with this access sees it."""
        if level not in self._views:
            self._views[level] = _seen_with(self.sheet, level)
        return self._views[level]

    def patched(
        self, sent: Iterable[RowWrite], answered: Iterable[Row], version: int, moment: datetime
    ) -> "Snapshot | None":
        """The next version, made by our own write of cells; None when the answer does not tell all that changed.

        That is so when other cells are computed from the written ones (formulas, links, dependencies), and
        whenever `patching.py` says so.
        """
        return self._next(
            None if self.recalculates else with_cells_written(self.sheet, sent, answered), version, moment
        )

    def with_rows_added(self, sent: Sequence[NewRow], answer: AddAnswer, moment: datetime) -> "Snapshot | None":
        """The next version, made by our own adding of rows; None as in `patched`."""
        after = None if self.recalculates else with_rows_added(self.sheet, sent, answer.rows)
        return self._next(after, answer.version, moment)

    def with_rows_deleted(self, answer: DeleteAnswer, moment: datetime) -> "Snapshot | None":
        """The next version, made by our own deleting of rows; None as in `patched`."""
        after = None if self.recalculates else with_rows_deleted(self.sheet, answer.row_ids)
        return self._next(after, answer.version, moment)

    def _next(self, sheet: Sheet | None, version: int, moment: datetime) -> "Snapshot | None":
        if sheet is None or version != self.sheet.version + 1:
            return None
        sheet = replace(sheet, version=version, fetched_at=moment)
        cells = sum(len(row.cells) for row in sheet.rows)
        return Snapshot(sheet, cells, recalculates=False, outdated_at=self.outdated_at)


class SheetCache:
    """Bounded by the cells of all sheets together; the sheet put last always stays.

    A cell with text takes about 300 bytes, so the default of 1.5 million is some 450 MB.
    """

    def __init__(self, max_cells: int = 1_500_000) -> None:
        self._max_cells = max_cells
        self._snapshots: OrderedDict[SheetId, Snapshot] = OrderedDict()
        self._cells = 0

    @property
    def cells(self) -> int:
        """The cells of all sheets held."""
        return self._cells

    def get(self, sheet_id: SheetId) -> Snapshot | None:
        """The snapshot, which thereby is the most recently used one."""
        if sheet_id in self._snapshots:
            self._snapshots.move_to_end(sheet_id)
        return self._snapshots.get(sheet_id)

    def put(self, snapshot: Snapshot) -> None:
        """Hold this snapshot in place of the sheet's former one."""
        self.drop(snapshot.sheet.id)
        self._snapshots[snapshot.sheet.id] = snapshot
        self._cells += snapshot.cells
        while self._cells > self._max_cells and len(self._snapshots) > 1:
            self.drop(next(iter(self._snapshots)))

    def drop(self, sheet_id: SheetId) -> None:
        """Hold nothing of this sheet."""
        snapshot = self._snapshots.pop(sheet_id, None)
        if snapshot is not None:
            self._cells -= snapshot.cells

    def snapshots(self) -> tuple[Snapshot, ...]:
        """All that is held, least recently used first."""
        return tuple(self._snapshots.values())


def _seen_with(sheet: Sheet, level: AccessLevel) -> Sheet:
    """Locks bind everybody but administrators and the owner: so `locked_for_user` follows from `locked`."""
    passes = level.passes_locks

    def column_seen(column: Column) -> Column:
        bound = column.locked and not passes
        return column if column.locked_for_user == bound else replace(column, locked_for_user=bound)

    def row_seen(row: Row) -> Row:
        bound = row.locked and not passes
        return row if row.locked_for_user == bound else replace(row, locked_for_user=bound)

    columns = tuple(column_seen(column) for column in sheet.columns)
    rows = tuple(row_seen(row) for row in sheet.rows)
    return replace(sheet, access_level=level, columns=columns, rows=rows)


def _recalculates(sheet: Sheet) -> bool:
    """Whether writing one cell can change others."""
    if any(column.formula is not None or column.type in _RECALCULATED_TYPES for column in sheet.columns):
        return True
    return any(cell.formula is not None or cell.linked for row in sheet.rows for cell in row.cells.values())
