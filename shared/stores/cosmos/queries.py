"""Lists as queries: parameters only, one partition, ordered by one field and the id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.stores.cursors import Position
from shared.stores.documents import Where


@dataclass(frozen=True, slots=True)
class Query:
    """A query and its parameters, as the SDK takes them."""

    text: str
    parameters: list[dict[str, Any]]


def list_query(where: Sequence[Where], *, order_by: str, descending: bool, after: Position | None) -> Query:
    """Documents that have the ordering field, from behind `after` on.

    It goes on by the last item's values and not by the service's continuation token: that one has no bounded
    length, and cursors travel in URLs.
    """
    key = "c.id" if order_by == "id" else _path(order_by)
    parameters: list[dict[str, Any]] = []
    conditions = [] if order_by == "id" else [f"IS_DEFINED({key})", f"NOT IS_NULL({key})"]
    for number, clause in enumerate(where):
        conditions.append(f"{_path(clause.field)} {clause.op} @p{number}")
        parameters.append({"name": f"@p{number}", "value": clause.value})
    if after is not None:
        conditions.append(_behind(key, "<" if descending else ">"))
        parameters += [{"name": "@id", "value": after[1]}]
        if order_by != "id":
            parameters += [{"name": "@value", "value": after[0]}]
    direction = "DESC" if descending else "ASC"
    order = f"{key} {direction}" if order_by == "id" else f"{key} {direction}, c.id {direction}"
    matching = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return Query(f"SELECT * FROM c{matching} ORDER BY {order}", parameters)  # noqa: S608 - names are checked


def _behind(key: str, op: str) -> str:
    if key == "c.id":
        return f"c.id {op} @id"
    # The first comparison says nothing new; with it the index is entered at the right place.
    return f"{key} {op}= @value AND ({key} {op} @value OR ({key} = @value AND c.id {op} @id))"


def _path(field: str) -> str:
    if not (field.isidentifier() and field.isascii()):
        raise ValueError(f"{field!r} is not a field name")
    return f"c.body.{field}"
