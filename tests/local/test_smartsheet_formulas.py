"""The formula language, without a sandbox around it."""

import pytest

from local.smartsheet.cells import Scalar
from local.smartsheet.formulas import (
    CIRCULAR,
    DIVIDE_BY_ZERO,
    INVALID_OPERATION,
    UNPARSEABLE,
    FormulaError,
    Surroundings,
    evaluate,
    rename_column,
)

CELLS: dict[str, Scalar] = {"Cost": 12, "Paid": 5.5, "Zero": 0, "Name": "Fume hood", "Blank": None, "Bad": CIRCULAR}


def cell(title: str) -> Scalar:
    if title not in CELLS:
        raise FormulaError(UNPARSEABLE)
    return CELLS[title]


def value_of(formula: str) -> Scalar:
    return evaluate(formula, Surroundings(cell, lambda title: [1, 2.5, None, "text", True]))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("=[Cost]@row", 12),
        ("=Cost@row", 12),
        ("=[Cost]@row - [Paid]@row", 6.5),
        ("=2 + 3 * 4", 14),
        ("=(2 + 3) * 4 / 8", 2.5),
        ("=-Cost@row + 2", -10),
        ("=0.1 + 0.2", 0.3),
        ('=Name@row + ": " + Cost@row', "Fume hood: 12"),
        ('="say ""hi"""', 'say "hi"'),
        ("=Blank@row + 1", 1),
        ("=Cost@row > 10", True),
        ('=IF(Name@row = "Fume hood", "hood", "other")', "hood"),
        ("=IF(Cost@row < 10, 1)", None),
        ("=IF(Zero@row = 0, 0, Cost@row / Zero@row)", 0),
        ("=SUM(CHILDREN())", 3.5),
        ("=sum(CHILDREN([Cost]@row), 10)", 13.5),
        ("=AVG(CHILDREN())", 1.75),
        ("=MIN(3, Cost@row)", 3),
        ("=MAX(3, Cost@row)", 12),
        ("=COUNT(CHILDREN())", 2),
        ("=Cost@row / Zero@row", DIVIDE_BY_ZERO),
        ("=Name@row * 2", INVALID_OPERATION),
        ("=Name@row < 3", INVALID_OPERATION),
        ("=Bad@row + 1", CIRCULAR),
        ("=SUM(Bad@row, 1)", CIRCULAR),
        ("=[Unknown]@row", UNPARSEABLE),
        ("=VLOOKUP(1, 2)", UNPARSEABLE),
        ("=1 +", UNPARSEABLE),
        ("=1 2", UNPARSEABLE),
        ("=SUM(1", UNPARSEABLE),
        ("=", UNPARSEABLE),
        ("=[Cost]1", UNPARSEABLE),
        ("=" + "(" * 5000, UNPARSEABLE),
    ],
)
def test_a_formula_has_this_value(formula: str, expected: Scalar) -> None:
    assert value_of(formula) == expected


def test_a_formula_follows_the_new_title_of_a_column() -> None:
    assert rename_column("=[Cost]@row + Cost@row + [Cost more]@row", "Cost", "Net cost") == (
        "=[Net cost]@row + [Net cost]@row + [Cost more]@row"
    )
