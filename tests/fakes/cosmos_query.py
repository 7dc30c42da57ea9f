"""The one shape of query that the fake of Cosmos DB answers; everything else is refused.

    SELECT * FROM c [WHERE condition AND …] ORDER BY c.id ASC|DESC
                                          | c.body.f ASC, c.id ASC | c.body.f DESC, c.id DESC

A comparison of two types, or with a field that is not there, is undefined, which counts as false.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Item = dict[str, Any]
Parameters = Mapping[str, Any]
Condition = Callable[[Item], bool]

_FIELD = r"c\.(?:id|body\.[A-Za-z_]\w*)"
_COMPARISON = rf"({_FIELD}) (=|>=|<=|>|<) (@\w+)"
_QUERY = re.compile(
    rf"SELECT \* FROM c(?: WHERE (?P<where>.+))? ORDER BY (?P<first>{_FIELD}) (?P<direction>ASC|DESC)"
    rf"(?:, (?P<second>{_FIELD}) (?P<again>ASC|DESC))?"
)
_DEFINED = re.compile(rf"IS_DEFINED\(({_FIELD})\)")
_NOT_NULL = re.compile(rf"NOT IS_NULL\(({_FIELD})\)")
_COMPARE = re.compile(_COMPARISON)
_EITHER = re.compile(rf"\({_COMPARISON} OR \({_COMPARISON} AND {_COMPARISON}\)\)")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


class Unlisted(Exception):
    """A request that the fake does not list."""


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """What to keep and how to order it."""

    conditions: tuple[Condition, ...]
    order: tuple[str, ...]
    descending: bool

    def run(self, items: Sequence[Item]) -> list[Item]:
        """The items that match, in order."""
        kept = [item for item in items if all(condition(item) for condition in self.conditions)]
        return sorted(kept, key=self.key, reverse=self.descending)

    def key(self, item: Item) -> list[Any]:
        """What the item is ordered by."""
        return [value(item, path) for path in self.order]


def parse_query(text: str, parameters: Parameters, policy: Mapping[str, Any]) -> ParsedQuery:
    """Raises `Unlisted` for another shape, for indexes that `policy` lacks, and for parameters that do not fit."""
    match = _QUERY.fullmatch(text)
    if match is None:
        raise Unlisted(f"query: {text}")
    order = tuple(path for path in (match["first"], match["second"]) if path)
    if match["second"] and match["direction"] != match["again"]:
        raise Unlisted("two directions in one ORDER BY")
    if set(re.findall(r"@\w+", text)) != set(parameters):
        raise Unlisted(f"parameters {sorted(parameters)} of {text}")
    conditions = _conditions(match["where"], parameters)
    _require_indexes(order, re.findall(_FIELD, match["where"] or ""), policy)
    return ParsedQuery(tuple(conditions), order, match["direction"] == "DESC")


def value(item: Item, path: str) -> Any:
    """The value at `c.id` or `c.body.f`; None when it is not there (null is told apart by IS_DEFINED)."""
    return item["id"] if path == "c.id" else item["body"].get(path.removeprefix("c.body."))


def _require_indexes(order: Sequence[str], filtered: Sequence[str], policy: Mapping[str, Any]) -> None:
    included = {path["path"] for path in policy["includedPaths"]} | {"/id/?"}
    for path in (*order, *filtered):
        if f"/{path.removeprefix('c.').replace('.', '/')}/?" not in included:
            raise Unlisted(f"no index on {path}")
    composite = [[path["path"] for path in index] for index in policy["compositeIndexes"]]
    wanted = [f"/{path.removeprefix('c.').replace('.', '/')}" for path in order]
    if len(order) > 1 and wanted not in composite:
        raise Unlisted(f"The order by query does not have a corresponding composite index: {wanted}")


def _conditions(text: str | None, parameters: Parameters) -> list[Condition]:
    conditions: list[Condition] = []
    rest = text
    while rest:
        condition, length = _first(rest, parameters)
        conditions.append(condition)
        rest = rest[length:]
        if rest:
            if not rest.startswith(" AND "):
                raise Unlisted(f"condition: {rest}")
            rest = rest.removeprefix(" AND ")
    return conditions


def _first(text: str, parameters: Parameters) -> tuple[Condition, int]:
    if match := _DEFINED.match(text):
        field = match[1].removeprefix("c.body.")
        return lambda item: field in item["body"], match.end()
    if match := _NOT_NULL.match(text):
        path = match[1]
        return lambda item: value(item, path) is not None, match.end()
    if match := _EITHER.match(text):
        one, two, three = (_comparison(match.groups()[at : at + 3], parameters) for at in (0, 3, 6))
        return lambda item: one(item) or (two(item) and three(item)), match.end()
    if match := _COMPARE.match(text):
        return _comparison(match.groups(), parameters), match.end()
    raise Unlisted(f"condition: {text}")


def _comparison(parts: Sequence[str], parameters: Parameters) -> Condition:
    path, op, name = parts
    wanted = parameters[name]
    if _kind(wanted) is None:
        raise Unlisted(f"the value of {name} is no text, number or truth value")

    def holds(item: Item) -> bool:
        stored = value(item, path)
        return _kind(stored) == _kind(wanted) and _OPERATORS[op](stored, wanted)

    return holds


def _kind(scalar: Any) -> str | None:
    if isinstance(scalar, bool):
        return "boolean"
    if isinstance(scalar, int | float):
        return "number"
    return "string" if isinstance(scalar, str) else None
