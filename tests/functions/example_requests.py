"""Requests made from the API's own description: valid ones, in which every id is one that was told."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.functions.routes import ROUTES

_FILE = b"Title\nAdded from a file\n"
_IDS_OF_NOBODY = frozenset({"id", "correlationId"})


class UnknownId(Exception):
    """The description names an id that the test was told nothing about."""


class ExampleRequests:
    """Makes requests. `known` holds a value for the ids and topics of bodies and queries, by name; `guids` are all ids
    that a path may end in.
    """

    def __init__(self, document: Mapping[str, Any], known: Mapping[str, Any], guids: list[str]) -> None:
        self._components = document["components"]["schemas"]
        self._operations = {each["operationId"]: each for path in document["paths"].values() for each in path.values()}
        self._known = known
        self._guids = guids

    def of(self, name: str) -> Iterator[dict[str, Any]]:
        """The requests of a route, as `Functions.request` takes them: one, or one for each id its path may hold."""
        operation = self._operations[name]
        parameters = [each for each in operation["parameters"] if each["in"] in ("path", "query")]
        guid_names = [each["name"] for each in parameters if each["in"] == "path" and _is_guid(each["schema"])]
        for guid in self._guids if guid_names else [""]:
            path = {
                each["name"]: guid if each["name"] in guid_names else self._id(each["name"])
                for each in parameters
                if each["in"] == "path"
            }
            query = {
                each["name"]: str(self._value(each["name"], each["schema"]))
                for each in parameters
                if each["in"] == "query" and (each["required"] or self._names_something(each["name"]))
            }
            yield {"path": path, "query": query, **self._body(name, operation)}

    def names_ids(self, request: Mapping[str, Any]) -> bool:
        """Whether the request names any of the ids."""
        text = repr(request)
        return any(str(value) in text for value in [*self._guids, *_leaves(self._known)])

    def _body(self, name: str, operation: Mapping[str, Any]) -> dict[str, Any]:
        if ROUTES[name].uploads:
            return {"raw": _FILE, "headers": {"Content-Type": ROUTES[name].uploads[0]}}
        if "requestBody" not in operation:
            return {}
        return {"body": self._value("", operation["requestBody"]["content"]["application/json"]["schema"])}

    def _value(self, name: str, schema: Mapping[str, Any]) -> Any:
        while "$ref" in schema:
            schema = self._components[schema["$ref"].rpartition("/")[2]]
        if self._names_something(name):
            return self._id(name)
        if "examples" in schema:
            return self._with_ids(schema["examples"][0])
        if "anyOf" in schema:
            return self._value(name, next(each for each in schema["anyOf"] if each.get("type") != "null"))
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        match schema.get("type"):
            case "object":
                needed = set(schema.get("required", ()))
                members = schema.get("properties", {}).items()
                return {
                    key: self._value(key, each) for key, each in members if key in needed or self._names_something(key)
                }
            case "array":
                return [self._value(name, schema["items"])] * schema.get("minItems", 0)
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return False
            case _:
                return "x" * max(1, schema.get("minLength", 0))

    def _with_ids(self, value: Any) -> Any:
        """An example of the description, with the ids that were told in place of its own."""
        if isinstance(value, Mapping):
            return {
                key: self._id(key) if self._names_something(key) else self._with_ids(each)
                for key, each in value.items()
            }
        return [self._with_ids(each) for each in value] if isinstance(value, list) else value

    def _names_something(self, name: str) -> bool:
        is_id = name.endswith(("Id", "Ids", "topic", "topics")) and name not in _IDS_OF_NOBODY
        return is_id or name in self._known

    def _id(self, name: str) -> Any:
        if name not in self._known:
            raise UnknownId(f"an example for {name} is missing: say in this test which of them are whose")
        return self._known[name]


def _is_guid(schema: Mapping[str, Any]) -> bool:
    return schema.get("format") == "uuid"


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)
    else:
        yield value
