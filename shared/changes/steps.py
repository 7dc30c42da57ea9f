"""Cuts the items of a change-set into steps: one call to Smartsheet each."""

from collections.abc import Callable, Sequence
from itertools import groupby

from shared.changes.models import CellChange, Item, ItemKind, RowAdd, RowMove, Step
from shared.ids import ColumnId, RowId
from shared.sheets.models import MAX_ROWS_PER_CALL

MAX_DELETES_PER_CALL = 300
"""Their ids go into a URL."""

ORDER: tuple[ItemKind, ...] = ("addColumn", "editColumn", "addRow", "cell", "moveRow", "deleteRow", "deleteColumn")
"""What is made comes before what may need it, what is taken away comes last."""


def in_order(items: Sequence[Item]) -> list[Item]:
    """The items by kind, cells by row; otherwise in the order in which they were given."""
    rows = {row_id: at for at, row_id in enumerate(dict.fromkeys(i.row_id for i in items if isinstance(i, CellChange)))}
    return sorted(
        items, key=lambda item: (ORDER.index(item.kind), rows[item.row_id] if isinstance(item, CellChange) else 0)
    )


def plan_steps(items: Sequence[Item]) -> tuple[Step, ...]:
    """The steps of items that are `in_order`, or follow each other as they are to be done."""
    steps: list[Step] = []
    start = 0
    for kind, group in groupby(items, key=_kind):
        count = sum(1 for _ in group)
        steps += _CUTS[kind](items, start, count)
        start += count
    return tuple(steps)


def _one_each(items: Sequence[Item], start: int, count: int) -> list[Step]:
    return [Step(kind=items[at].kind, start=at, count=1) for at in range(start, start + count)]


def _by_rows(items: Sequence[Item], start: int, count: int) -> list[Step]:
    """Cells of at most 500 rows, each cell once."""
    steps: list[Step] = []
    begin, rows, cells = start, set[RowId](), set[tuple[RowId, ColumnId]]()
    for at in range(start, start + count):
        cell = _cell(items[at])
        is_full = cell.row_id not in rows and len(rows) == MAX_ROWS_PER_CALL
        if is_full or (cell.row_id, cell.column_id) in cells:
            steps.append(Step(kind="cell", start=begin, count=at - begin))
            begin, rows, cells = at, set[RowId](), set[tuple[RowId, ColumnId]]()
        rows.add(cell.row_id)
        cells.add((cell.row_id, cell.column_id))
    return [*steps, Step(kind="cell", start=begin, count=start + count - begin)]


def _deletes(items: Sequence[Item], start: int, count: int) -> list[Step]:
    return _blocks(items, start, count, MAX_DELETES_PER_CALL)


def _by_location(items: Sequence[Item], start: int, count: int) -> list[Step]:
    """Rows that follow each other at one location.

    Of more than a call takes, the last ones come first where each call pushes the former rows down.
    """
    steps: list[Step] = []
    begin = start
    for at in range(start + 1, start + count + 1):
        if at == start + count or not _follows(_row(items[at - 1]), _row(items[at])):
            blocks = _blocks(items, begin, at - begin, MAX_ROWS_PER_CALL)
            steps += reversed(blocks) if _pushes_down(_row(items[begin])) else blocks
            begin = at
    return steps


def _blocks(items: Sequence[Item], start: int, count: int, most: int) -> list[Step]:
    end = start + count
    return [Step(kind=items[at].kind, start=at, count=min(most, end - at)) for at in range(start, end, most)]


def _follows(one: RowAdd | RowMove, next_one: RowAdd | RowMove) -> bool:
    if next_one.place is None or one.place is None:
        return one.placement == next_one.placement and one.place == next_one.place
    stood = one.replaces if isinstance(one, RowAdd) else one.row_id
    return stood is not None and next_one.place.after_id == stood and next_one.place.parent_id == one.place.parent_id


def _pushes_down(item: RowAdd | RowMove) -> bool:
    to = item.placement
    if to is None:
        return False
    return to.to_top or (to.sibling_id is not None and not to.above) or (to.parent_id is not None and not to.to_bottom)


def _kind(item: Item) -> ItemKind:
    return item.kind


def _row(item: Item) -> RowAdd | RowMove:
    assert isinstance(item, RowAdd | RowMove)
    return item


def _cell(item: Item) -> CellChange:
    assert isinstance(item, CellChange)
    return item


_CUTS: dict[ItemKind, Callable[[Sequence[Item], int, int], list[Step]]] = {
    "addColumn": _one_each,
    "editColumn": _one_each,
    "cell": _by_rows,
    "addRow": _by_location,
    "moveRow": _by_location,
    "deleteRow": _deletes,
    "deleteColumn": _one_each,
}
