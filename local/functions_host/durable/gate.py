"""What the host waits for before it goes on to the orchestrator's next action: a tree of task numbers.

A tree is a number (one task, timer or event), or a list `["all" | "any", part, …]`.
"""

from typing import Any

Tree = int | list[Any]


def settle(tree: Tree, done: set[int]) -> Tree | None:
    """The tree without what is `done`; None when nothing is left to wait for."""
    if isinstance(tree, int):
        return None if tree in done else tree
    kind, parts = tree[0], tree[1:]
    left = [part for part in (settle(part, done) for part in parts) if part is not None]
    if not left or (kind == "any" and len(left) < len(parts)):
        return None
    return [kind, *left]


def needed(tree: Tree) -> set[int]:
    """Numbers of which *every* one has to be done before the tree can be; empty where that cannot be said."""
    if isinstance(tree, int):
        return {tree}
    return set[int]().union(*map(needed, tree[1:])) if tree[0] == "all" else set()
