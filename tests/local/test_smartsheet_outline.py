"""The order and hierarchy of rows, whatever is done to it."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from local.smartsheet.rows.outline import Outline, Place

PLACES: list[Callable[[int], Place]] = [
    lambda anchor: Place("top"),
    lambda anchor: Place("bottom"),
    lambda anchor: Place("first_child", anchor),
    lambda anchor: Place("last_child", anchor),
    lambda anchor: Place("above", anchor),
    lambda anchor: Place("below", anchor),
]


def assert_sound(outline: Outline, ids: set[int]) -> None:
    """Every row once, and each one directly below its parent's earlier descendants."""
    entries = list(outline.entries)
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


def draw_place(data: st.DataObject, ids: list[int]) -> Place:
    return data.draw(st.sampled_from(PLACES))(data.draw(st.sampled_from(ids)))


def step(outline: Outline, ids: list[int], data: st.DataObject) -> None:
    """Do one random thing that a request could ask for."""
    row_id = data.draw(st.sampled_from(ids))
    place = draw_place(data, ids)
    allowed = place.anchor is None or row_id not in (place.anchor, *outline.ancestors(place.anchor))
    actions: list[Callable[[], object]] = [lambda: outline.indent(row_id), lambda: outline.outdent(row_id)]
    if allowed:
        actions.append(lambda: outline.move([row_id], place))
    data.draw(st.sampled_from(actions))()


@given(st.data())
def test_rows_stay_in_a_sound_order_whatever_moves(data: st.DataObject) -> None:
    outline = Outline([])
    ids: list[int] = []
    for row_id in range(1, data.draw(st.integers(2, 12))):
        outline.insert([row_id], draw_place(data, ids) if ids else Place("bottom"))
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


def test_a_child_that_is_named_beside_its_parent_moves_on_its_own():
    outline = Outline([(1, None), (2, 1), (3, 2), (4, None)])
    outline.move([1, 2], Place("bottom"))
    assert list(outline.entries) == [(4, None), (1, None), (2, None), (3, 2)]
