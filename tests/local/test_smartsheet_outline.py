"""The order and hierarchy of rows, whatever is done to it."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from local.smartsheet.rows.outline import Outline, Place

KINDS = st.sampled_from(["top", "bottom", "first_child", "last_child", "above", "below"])


def assert_sound(outline: Outline, ids: set[int]) -> None:
    """Every row once, and each one directly below its parent's earlier descendants."""
    entries = list(outline.entries)
    assert [row_id for row_id, _ in entries].count(0) <= 1
    assert {row_id for row_id, _ in entries} == ids
    assert len(entries) == len(ids)
    open_rows: list[int] = []
    for row_id, parent in entries:
        while open_rows and open_rows[-1] != parent:
            open_rows.pop()
        assert (parent is None) == (not open_rows)
        open_rows.append(row_id)
    previous: dict[int | None, int] = {}
    for row_id, parent in entries:
        assert outline.previous_siblings().get(row_id) == outline.previous_sibling(row_id) == previous.get(parent)
        previous[parent] = row_id


def step(outline: Outline, ids: list[int], data: st.DataObject) -> None:
    """Do one random thing that a request could ask for."""
    row_id = data.draw(st.sampled_from(ids))
    place = Place(data.draw(KINDS), data.draw(st.sampled_from(ids)))
    allowed = place.kind in ("top", "bottom") or row_id not in (place.anchor, *outline.ancestors(place.anchor or 0))
    actions: list[Callable[[], object]] = [lambda: outline.indent(row_id), lambda: outline.outdent(row_id)]
    if allowed:
        actions.append(lambda: outline.move([row_id], place))
    data.draw(st.sampled_from(actions))()


@given(st.data())
def test_rows_stay_in_a_sound_order_whatever_moves(data: st.DataObject) -> None:
    outline = Outline([])
    ids: list[int] = []
    for row_id in range(1, data.draw(st.integers(2, 12))):
        place = Place(data.draw(KINDS), data.draw(st.sampled_from(ids))) if ids else Place("bottom")
        outline.insert([row_id], place)
        ids.append(row_id)
    for _ in range(data.draw(st.integers(0, 8))):
        step(outline, ids, data)
        assert_sound(outline, set(ids))
    gone = outline.remove(data.draw(st.lists(st.sampled_from(ids), max_size=3)))
    assert_sound(outline, set(ids) - set(gone))


def test_rows_that_move_together_keep_the_order_of_the_request() -> None:
    outline = Outline([(1, None), (2, None), (3, 2), (4, None)])
    outline.move([4, 2], Place("top"))
    assert list(outline.entries) == [(4, None), (2, None), (3, 2), (1, None)]


def test_later_siblings_of_an_outdented_row_become_its_children() -> None:
    outline = Outline([(1, None), (2, 1), (3, 1), (4, 3), (5, 1)])
    assert outline.outdent(3)
    assert list(outline.entries) == [(1, None), (2, 1), (3, None), (4, 3), (5, 3)]
    assert not outline.outdent(1)
