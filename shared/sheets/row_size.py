"""How big a row may be, so that the change-set that adds it can be stored.

A row is one document of a database that takes 2 MB at once, in JSON that is sent with every character beyond ASCII
written as `\\uXXXX`.
"""

import json
from collections.abc import Iterable

from shared.sheets.input import CellContent

MAX_ROW_BYTES = 1_500_000

_BESIDE_TEXT = 200  # bytes of a cell: names, ids, punctuation
_PER_CHARACTER = 12  # at most: an emoji is two of six


def find_oversize(cells: Iterable[CellContent]) -> str | None:
    """What is wrong with a row of too many bytes, in words; None for one that fits."""
    cells = list(cells)
    if sum(map(_at_most, cells)) <= MAX_ROW_BYTES:
        return None
    size = sum(_BESIDE_TEXT + len(json.dumps(cell.model_dump(mode="json", exclude_none=True))) for cell in cells)
    if size <= MAX_ROW_BYTES:
        return None
    limit = f"at most {MAX_ROW_BYTES:,} are taken"
    return f"has {size:,} bytes as JSON, in which a letter beyond ASCII takes six; {limit}"


def _at_most(cell: CellContent) -> int:
    """A bound that is quick to find."""
    bound = _BESIDE_TEXT
    if isinstance(cell.value, str):
        bound += _PER_CHARACTER * len(cell.value)
    if cell.formula is not None:
        bound += _PER_CHARACTER * len(cell.formula)
    for each in (cell.object_value, cell.hyperlink):
        if each is not None:
            bound += len(json.dumps(each))
    return bound
