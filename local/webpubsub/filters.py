"""The `filter` parameter of the send operations: the OData subset that Azure Web PubSub publishes.

Grammar, from weakest to strongest binding: `or`, `and`, comparisons and `in`, `not`, then literals, functions,
`userId`, `connectionId`, `groups` and parentheses. As in the service, `not` wants its operand in parentheses
unless it is a boolean function or literal.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from local.webpubsub.connection import Connection

Kind = Literal["string", "int", "bool", "groups", "null"]
Predicate = Callable[[Connection], bool]

_TOKEN = re.compile(r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<int>[+-]?\d+)|(?P<word>[A-Za-z]+)|(?P<mark>[(),]))")
_MAX_DEPTH = 40


class FilterRefused(ValueError):
    """A filter that is not in the grammar, or compares what cannot be compared."""


@dataclass(frozen=True)
class _Term:
    kind: Kind
    value: Callable[[Connection], Any]


@dataclass(frozen=True)
class _Function:
    takes: tuple[tuple[Kind, ...], ...]
    gives: Kind
    call: Callable[..., Any]
    optional: int = 0


_TEXT: tuple[Kind, ...] = ("string", "null")
_NUMBER: tuple[Kind, ...] = ("int",)

_FUNCTIONS = {
    "tolower": _Function((_TEXT,), "string", str.lower),
    "toupper": _Function((_TEXT,), "string", str.upper),
    "trim": _Function((_TEXT,), "string", str.strip),
    "concat": _Function((_TEXT, _TEXT), "string", operator.add),
    "substring": _Function(
        (_TEXT, _NUMBER, _NUMBER), "string", lambda s, i, n=None: s[i:][:n] if i >= 0 else None, optional=1
    ),
    "indexof": _Function((_TEXT, _TEXT), "int", str.find),
    "length": _Function((("string", "null", "groups"),), "int", len),
    "contains": _Function((_TEXT, _TEXT), "bool", lambda s, part: part in s),
    "startswith": _Function((_TEXT, _TEXT), "bool", str.startswith),
    "endswith": _Function((_TEXT, _TEXT), "bool", str.endswith),
}

_IDENTIFIERS = {
    "userid": _Term("string", lambda connection: connection.user_id),
    "connectionid": _Term("string", lambda connection: connection.id),
    "groups": _Term("groups", lambda connection: connection.groups),
    "true": _Term("bool", lambda _: True),
    "false": _Term("bool", lambda _: False),
    "null": _Term("null", lambda _: None),
}

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


def parse_filter(text: str) -> Predicate:
    """Read a filter expression. Raises `FilterRefused` saying what is wrong and where."""
    parser = _Parser(text)
    term = parser.disjunction()
    parser.end()
    _require(term, "bool", "the filter")
    return lambda connection: bool(term.value(connection))


def _require(term: _Term, kind: Kind, what: str) -> None:
    if term.kind != kind:
        raise FilterRefused(f"{what} is of type {term.kind}, expected {kind}")


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def disjunction(self) -> _Term:
        term = self._conjunction()
        while self._take("or"):
            term = _logical(any, "or", term, self._conjunction())
        return term

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise FilterRefused(f"unexpected {self._tokens[self._at]!r}")

    def _conjunction(self) -> _Term:
        term = self._comparison()
        while self._take("and"):
            term = _logical(all, "and", term, self._comparison())
        return term

    def _comparison(self) -> _Term:
        left = self._negation()
        if self._take("in"):
            return self._membership(left)
        for name, compare in _COMPARISONS.items():
            if self._take(name):
                return _comparison(name, compare, left, self._negation())
        return left

    def _membership(self, left: _Term) -> _Term:
        if not self._take("("):
            right = self._primary()
            _require(right, "groups", "the right side of in")
            return _Term("bool", lambda c: left.value(c) in right.value(c))
        options = [self._primary()]
        if options[0].kind == "groups":
            self._expect(")")
            return _Term("bool", lambda c: left.value(c) in options[0].value(c))
        while self._take(","):
            options.append(self._primary())
        self._expect(")")
        return _Term("bool", lambda c: left.value(c) in [option.value(c) for option in options])

    def _negation(self) -> _Term:
        if not self._take("not"):
            return self._primary()
        self._deeper()
        operand = self._negation()
        self._depth -= 1
        _require(operand, "bool", "the operand of not")
        return _Term("bool", lambda c: not operand.value(c))

    def _primary(self) -> _Term:
        symbol = self._next()
        if symbol == "(":
            self._deeper()
            term = self.disjunction()
            self._expect(")")
            self._depth -= 1
            return term
        if symbol.startswith("'"):
            literal = symbol[1:-1].replace("''", "'")
            return _Term("string", lambda _: literal)
        if symbol.lstrip("+-").isdigit():
            number = int(symbol)
            return _Term("int", lambda _: number)
        if symbol.lower() in _FUNCTIONS:
            return self._call(symbol.lower())
        if symbol.lower() in _IDENTIFIERS:
            return _IDENTIFIERS[symbol.lower()]
        raise FilterRefused(f"unexpected {symbol!r}")

    def _call(self, name: str) -> _Term:
        function = _FUNCTIONS[name]
        self._expect("(")
        self._deeper()
        arguments = [self._primary()]
        while self._take(","):
            arguments.append(self._primary())
        self._depth -= 1
        self._expect(")")
        if not len(function.takes) - function.optional <= len(arguments) <= len(function.takes):
            raise FilterRefused(f"{name} takes {len(function.takes)} arguments, not {len(arguments)}")
        for argument, kinds in zip(arguments, function.takes, strict=False):
            if argument.kind not in kinds:
                raise FilterRefused(f"an argument of {name} is of type {argument.kind}, expected {kinds[0]}")

        def value(connection: Connection) -> Any:
            given = [argument.value(connection) for argument in arguments]
            return None if None in given else function.call(*given)

        return _Term(function.gives, value)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise FilterRefused(f"the filter is nested deeper than {_MAX_DEPTH}")

    def _next(self) -> str:
        if self._at == len(self._tokens):
            raise FilterRefused("unexpected end")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].lower() == token:
            self._at += 1
            return True
        return False

    def _expect(self, token: str) -> None:
        found = self._next()
        if found != token:
            raise FilterRefused(f"unexpected {found!r}, expected {token!r}")


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise FilterRefused(f"unexpected {text[at:].strip()[:20]!r}")
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


def _logical(combine: Callable[..., bool], name: str, left: _Term, right: _Term) -> _Term:
    for side in (left, right):
        _require(side, "bool", f"a side of {name}")
    return _Term("bool", lambda c: combine(bool(side.value(c)) for side in (left, right)))


def _comparison(name: str, compare: Callable[[Any, Any], bool], left: _Term, right: _Term) -> _Term:
    kinds = {left.kind, right.kind} - {"null"}
    if len(kinds) > 1 or "groups" in kinds:
        raise FilterRefused(f"{name} cannot compare {left.kind} with {right.kind}")

    def value(connection: Connection) -> bool:
        first, second = left.value(connection), right.value(connection)
        if name not in ("eq", "ne") and (first is None or second is None):
            return False
        return compare(first, second)

    return _Term("bool", value)
