"""A small part of Smartsheet's formula language.

`=[Column]@row` and `Column@row`; numbers and "texts"; `+ - * /` and parentheses (`+` joins texts);
`= <> < <= > >=`; `IF(condition, then, else)`; `SUM, AVG, MIN, MAX, COUNT` over same-row references or
`CHILDREN()` / `CHILDREN([Column]@row)`. Everything else is `#UNPARSEABLE`, as Smartsheet shows a formula that
it cannot read.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from local.smartsheet.cells import Scalar, display_number

UNPARSEABLE = "#UNPARSEABLE"
DIVIDE_BY_ZERO = "#DIVIDE BY ZERO"
INVALID_OPERATION = "#INVALID OPERATION"
CIRCULAR = "#CIRCULAR REFERENCE"

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>"(?:[^"]|"")*")|\[(?P<column>[^\]]+)\]@row|(?P<plain>\w+)@row"""
    r"""|(?P<name>[A-Za-z]+)(?=\s*\()|(?P<symbol><>|<=|>=|[-+*/(),=<>]))"""
)
_AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "SUM": lambda numbers: sum(numbers),
    "AVG": lambda numbers: sum(numbers) / len(numbers) if numbers else _fail(DIVIDE_BY_ZERO),
    "MIN": lambda numbers: min(numbers, default=0),
    "MAX": lambda numbers: max(numbers, default=0),
    "COUNT": lambda numbers: len(numbers),
}
_COMPARE: dict[str, Callable[[float | str, float | str], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: _ordered(a, b) < 0,
    "<=": lambda a, b: _ordered(a, b) <= 0,
    ">": lambda a, b: _ordered(a, b) > 0,
    ">=": lambda a, b: _ordered(a, b) >= 0,
}

_ERRORS = (UNPARSEABLE, DIVIDE_BY_ZERO, INVALID_OPERATION, CIRCULAR)

Token = tuple[str, str]
Computation = Callable[[], Scalar]


class FormulaError(Exception):
    """The error text that the cell shows."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a formula may look at: cells of its row by column title, and one column's cells of the child rows.

    `cell` and `children` raise `FormulaError(UNPARSEABLE)` for an unknown title; `children(None)` means the
    formula's own column.
    """

    cell: Callable[[str], Scalar]
    children: Callable[[str | None], list[Scalar]]


def evaluate(formula: str, surroundings: Surroundings) -> Scalar:
    """The value of a formula, or its error text (`#UNPARSEABLE`, `#DIVIDE BY ZERO`, …)."""
    try:
        parser = _Parser(list(_tokens(formula.strip()[1:])), surroundings)
        computation = parser.comparison()
        parser.expect_end()
        value = computation()
    except FormulaError as error:
        return str(error)
    except RecursionError:
        return UNPARSEABLE
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return round(value, 10) if isinstance(value, float) else value


def rename_column(formula: str, old: str, new: str) -> str:
    """The formula after a column got another title."""
    bracketed = formula.replace(f"[{old}]@row", f"[{new}]@row")
    return re.sub(rf"(?<![\w\]]){re.escape(old)}@row", f"[{new}]@row", bracketed) if old.isalnum() else bracketed


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise FormulaError(UNPARSEABLE)
        kind = str(match.lastgroup)
        yield ("column" if kind == "plain" else kind, match[kind])
        at = match.end()


class _Parser:
    """Recursive descent. Each method reads a part and gives back its computation, so that `IF` runs one branch only."""

    def __init__(self, tokens: list[Token], surroundings: Surroundings) -> None:
        self._tokens = tokens
        self._at = 0
        self._around = surroundings

    def comparison(self) -> Computation:
        left = self._sum()
        if self._peek() not in _COMPARE:
            return left
        compare = _COMPARE[self._take()]
        right = self._sum()
        return lambda: compare(_comparable(left()), _comparable(right()))

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise FormulaError(UNPARSEABLE)

    def _sum(self) -> Computation:
        result = self._product()
        while self._peek() in ("+", "-"):
            combine = _add if self._take() == "+" else _subtract
            result = partial(_combine, combine, result, self._product())
        return result

    def _product(self) -> Computation:
        result = self._atom()
        while self._peek() in ("*", "/"):
            combine = _multiply if self._take() == "*" else _divide
            result = partial(_combine, combine, result, self._atom())
        return result

    def _atom(self) -> Computation:
        kind, text = self._next()
        match kind:
            case "number":
                return lambda: float(text)
            case "text":
                return lambda: text[1:-1].replace('""', '"')
            case "column":
                return partial(self._around.cell, text)
            case "name":
                return self._call(text.upper())
            case _ if text == "-":
                return partial(_combine, _subtract, lambda: 0.0, self._atom())
            case _ if text == "(":
                inner = self.comparison()
                self._expect(")")
                return inner
            case _:
                raise FormulaError(UNPARSEABLE)

    def _call(self, name: str) -> Computation:
        self._expect("(")
        if name == "IF":
            return self._if()
        if name not in _AGGREGATES:
            raise FormulaError(UNPARSEABLE)
        arguments: list[Callable[[], list[Scalar]]] = [self._argument()]
        while self._peek() == ",":
            self._take()
            arguments.append(self._argument())
        self._expect(")")
        aggregate = _AGGREGATES[name]
        return lambda: aggregate([_number(v) for values in arguments for v in values() if _counts(v)])

    def _argument(self) -> Callable[[], list[Scalar]]:
        """One argument of an aggregate: many values of children, or one value."""
        if self._tokens[self._at : self._at + 1] != [("name", "CHILDREN")]:
            single = self.comparison()
            return lambda: [single()]
        self._at += 1
        self._expect("(")
        title: str | None = None
        if self._peek() != ")":
            kind, title = self._next()
            if kind != "column":
                raise FormulaError(UNPARSEABLE)
        self._expect(")")
        return partial(self._around.children, title)

    def _if(self) -> Computation:
        condition = self.comparison()
        self._expect(",")
        then = self.comparison()
        otherwise: Computation = lambda: None  # noqa: E731 - a default, not a definition
        if self._peek() == ",":
            self._take()
            otherwise = self.comparison()
        self._expect(")")
        return lambda: then() if condition() else otherwise()

    def _next(self) -> Token:
        if self._at >= len(self._tokens):
            raise FormulaError(UNPARSEABLE)
        self._at += 1
        return self._tokens[self._at - 1]

    def _peek(self) -> str:
        kind, text = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        return text if kind == "symbol" else ""

    def _take(self) -> str:
        text = self._peek()
        self._at += 1
        return text

    def _expect(self, symbol: str) -> None:
        if self._take() != symbol:
            raise FormulaError(UNPARSEABLE)


def _combine(operation: Callable[[Scalar, Scalar], Scalar], left: Computation, right: Computation) -> Scalar:
    return operation(left(), right())


def _subtract(left: Scalar, right: Scalar) -> Scalar:
    return _number(left) - _number(right)


def _multiply(left: Scalar, right: Scalar) -> Scalar:
    return _number(left) * _number(right)


def _divide(left: Scalar, right: Scalar) -> Scalar:
    divisor = _number(right)
    return _number(left) / divisor if divisor else _fail(DIVIDE_BY_ZERO)


def _fail(error: str) -> float:
    raise FormulaError(error)


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _counts(value: Scalar) -> bool:
    """Whether an aggregate takes a value: numbers, and errors, which it passes on; texts and blanks are skipped."""
    return _is_number(value) or value in _ERRORS


def _number(value: Scalar) -> float:
    if value is None:
        return 0.0
    if isinstance(value, str):
        return _fail(value if value in _ERRORS else INVALID_OPERATION)
    return float(value)


def _add(left: Scalar, right: Scalar) -> Scalar:
    if isinstance(left, str) or isinstance(right, str):
        for value in (left, right):
            if value in _ERRORS:
                raise FormulaError(value)
        return _text(left) + _text(right)
    return _number(left) + _number(right)


def _text(value: Scalar) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else display_number(value)


def _comparable(value: Scalar) -> float | str:
    return "" if value is None else value if isinstance(value, str) else float(value)


def _ordered(left: float | str, right: float | str) -> int:
    if isinstance(left, str) != isinstance(right, str):
        raise FormulaError(INVALID_OPERATION)
    return (left > right) - (left < right)  # type: ignore[operator] - both are of one kind here
