"""The order of a sheet's rows and who is whose parent. Pure: no database, no requests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Entry = tuple[int, int | None]
"""A row id and its parent's id."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows go. `anchor` is the parent of `first_child`/`last_child`, the sibling of `above`/`below`."""

    kind: Literal["top", "bottom", "first_child", "last_child", "above", "below"]
    anchor: int | None = None


class Outline:
    """Rows in display order: every parent directly before its children.

    The ids given to its methods must be in the outline; nothing may be placed relative to itself or to what
    lies below it.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries: list[Entry] = list(entries)
        self._parents = dict(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, row_id: int) -> bool:
        return row_id in self._parents

    @property
    def entries(self) -> Sequence[Entry]:
        """Rows in display order."""
        return self._entries

    def parent(self, row_id: int) -> int | None:
        """The parent of a row, `None` at the top level."""
        return self._parents[row_id]

    def row_at(self, number: int) -> int | None:
        """The id at a row number (from 1)."""
        return self._entries[number - 1][0] if 1 <= number <= len(self._entries) else None

    def number_of(self, row_id: int) -> int | None:
        """The row number (from 1) of an id."""
        return self._index(row_id) + 1 if row_id in self._parents else None

    def ancestors(self, row_id: int) -> list[int]:
        """Parent, grandparent, … of a row."""
        found: list[int] = []
        parent = self._parents.get(row_id)
        while parent is not None:
            found.append(parent)
            parent = self._parents[parent]
        return found

    def children(self, row_id: int) -> list[int]:
        """The direct children of a row, in order."""
        return [child for child, parent in self._subtree(row_id) if parent == row_id]

    def previous_sibling(self, row_id: int) -> int | None:
        """The row directly above under the same parent."""
        parent = self._parents[row_id]
        for candidate, its_parent in reversed(self._entries[: self._index(row_id)]):
            if its_parent == parent:
                return candidate
            if candidate == parent:
                return None
        return None

    def previous_siblings(self) -> dict[int, int]:
        """For every row that has one, the row before it under the same parent."""
        found: dict[int, int] = {}
        last: dict[int | None, int] = {}
        for row_id, parent in self._entries:
            if parent in last:
                found[row_id] = last[parent]
            last[parent] = row_id
        return found

    def insert(self, row_ids: Sequence[int], place: Place) -> None:
        """Put new rows, in the given order, at a place."""
        index, parent = self._target(place)
        self._put(index, [(row_id, parent) for row_id in row_ids])

    def move(self, row_ids: Sequence[int], place: Place) -> None:
        """Move rows with all that is below them, in the given order, to a place; a named child goes on its own."""
        taken = {row_id: self._take(row_id) for row_id in sorted(row_ids, key=self._index, reverse=True)}
        moved: list[Entry] = []
        for row_id in row_ids:
            moved += [(row_id, None), *taken[row_id][1:]]
        index, parent = self._target(place)
        roots = set(row_ids)
        self._put(index, [(row_id, parent if row_id in roots else its) for row_id, its in moved])

    def indent(self, row_id: int) -> bool:
        """Make a row the last child of the row above it at its level; false where there is none."""
        parent = self.previous_sibling(row_id)
        if parent is None:
            return False
        self._set_parent(row_id, parent)
        return True

    def outdent(self, row_id: int) -> bool:
        """Raise a row one level. Its later siblings stay where they are and so become its children."""
        parent = self._parents[row_id]
        if parent is None:
            return False
        siblings = self.children(parent)
        for later in siblings[siblings.index(row_id) + 1 :]:
            self._set_parent(later, row_id)
        self._set_parent(row_id, self._parents[parent])
        return True

    def remove(self, row_ids: Iterable[int]) -> list[int]:
        """Take rows out with all that is below them; gives the ids that went."""
        gone: list[int] = []
        for row_id in row_ids:
            if row_id in self._parents:
                gone += [entry[0] for entry in self._take(row_id)]
        return gone

    def _index(self, row_id: int) -> int:
        return self._entries.index((row_id, self._parents[row_id]))

    def _subtree(self, row_id: int) -> list[Entry]:
        start = self._index(row_id)
        inside = {row_id}
        end = start + 1
        while end < len(self._entries) and self._entries[end][1] in inside:
            inside.add(self._entries[end][0])
            end += 1
        return self._entries[start:end]

    def _take(self, row_id: int) -> list[Entry]:
        start, taken = self._index(row_id), self._subtree(row_id)
        del self._entries[start : start + len(taken)]
        for taken_id, _ in taken:
            del self._parents[taken_id]
        return taken

    def _put(self, index: int, entries: list[Entry]) -> None:
        self._entries[index:index] = entries
        self._parents.update(entries)

    def _set_parent(self, row_id: int, parent: int | None) -> None:
        self._entries[self._index(row_id)] = (row_id, parent)
        self._parents[row_id] = parent

    def _target(self, place: Place) -> tuple[int, int | None]:
        """The index at which rows are put, and their parent."""
        if place.kind == "top":
            return 0, None
        if place.kind == "bottom" or place.anchor is None:
            return len(self._entries), None
        at = self._index(place.anchor)
        match place.kind:
            case "first_child":
                return at + 1, place.anchor
            case "last_child":
                return at + len(self._subtree(place.anchor)), place.anchor
            case "above":
                return at, self._parents[place.anchor]
            case _:
                return at + len(self._subtree(place.anchor)), self._parents[place.anchor]
