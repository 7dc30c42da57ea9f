"""How documents lie in Cosmos DB: one container, partitioned by `/pk`.

    {"id": "…", "pk": "jobs/ada", "body": {…}, "ttl": 60, "expires": 1772442060.0}

All containers of the application share one container of Cosmos DB: throughput is bought per container, so many
nearly empty ones would cost many minimums, and one is created, indexed and granted once. `pk` is
`container/partition`; every operation stays within one of them, and each may hold 20 GB. The body is nested, so that
no field of ours meets one of Cosmos DB's.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from shared.stores.cursors import LARGEST_EXACT
from shared.stores.documents import Document, Json

CONTAINER = "documents"
PARTITION_KEY_PATH = "/pk"
ORDER_FIELDS = ("createdAt", "position", "seq")
"""Fields of bodies that lists are ordered by; ties go by id, for which Cosmos DB wants a composite index each."""
FILTER_FIELDS = ("countedAs", "run", "sheetId", "status", "wave", "writeState")
"""Further fields that lists compare."""
_LARGE_INTEGER = re.compile(r"\$+int")


def container_definition(
    order_fields: Sequence[str] = ORDER_FIELDS, filter_fields: Sequence[str] = FILTER_FIELDS
) -> dict[str, Any]:
    """The container as the service wants it described: partition key, TTL switched on without a default, indexes.

    Only what queries name is indexed: an index on whole bodies would make every write several times as dear.
    """
    indexed = sorted({*order_fields, *filter_fields})
    return {
        "id": CONTAINER,
        "partitionKey": {"paths": [PARTITION_KEY_PATH], "kind": "Hash", "version": 2},
        "defaultTtl": -1,
        "indexingPolicy": {
            "indexingMode": "consistent",
            "automatic": True,
            "includedPaths": [{"path": f"{PARTITION_KEY_PATH}/?"}, *({"path": f"/body/{name}/?"} for name in indexed)],
            "excludedPaths": [{"path": "/*"}],
            "compositeIndexes": [
                [{"path": f"/body/{name}", "order": "ascending"}, {"path": "/id", "order": "ascending"}]
                for name in order_fields
            ],
        },
    }


def partition_key(container: str, partition: str) -> str:
    """The value of `pk`. Names of containers have no slash, so no two pairs meet."""
    return f"{container}/{partition}"


def to_item(pk: str, document_id: str, body: Json, ttl_seconds: int | None, now: float) -> dict[str, Any]:
    """The item to store. `ttl` counts on the service's clock, `expires` (epoch seconds) on ours."""
    item = {"id": document_id, "pk": pk, "body": _encode(body)}
    if ttl_seconds is not None:
        item |= {"ttl": max(1, ttl_seconds), "expires": now + ttl_seconds}
    return item


def is_expired(item: Mapping[str, Any], now: float) -> bool:
    """Whether the document's time is over on our clock, whatever the service's says."""
    expires = item.get("expires")
    return expires is not None and expires <= now


def to_document(partition: str, item: Mapping[str, Any]) -> Document:
    """The document in a stored item, without the fields of the service."""
    return Document(partition, item["id"], _decode(item["body"]), item["_etag"])


def _encode(value: Any) -> Any:
    """JSON in which no number is rounded: Cosmos DB keeps numbers as IEEE 754 doubles, so larger integers are texts."""
    if isinstance(value, int) and abs(value) > LARGEST_EXACT:
        return {"$int": str(value)}
    if isinstance(value, Mapping):
        fields = {name: _encode(inner) for name, inner in cast(Mapping[str, Any], value).items()}
        return _renamed(fields, lambda name: f"${name}")
    if isinstance(value, list | tuple):
        return [_encode(inner) for inner in cast(Sequence[Any], value)]
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        if list(fields) == ["$int"]:
            return int(fields["$int"])
        return {name: _decode(inner) for name, inner in _renamed(fields, lambda name: name[1:]).items()}
    if isinstance(value, list):
        return [_decode(inner) for inner in cast(list[Any], value)]
    return value


def _renamed(fields: dict[str, Any], rename: Callable[[str], str]) -> dict[str, Any]:
    """An object that looks like a large integer, but is the application's own, carries one more dollar sign."""
    if len(fields) == 1 and _LARGE_INTEGER.fullmatch(name := next(iter(fields))):
        return {rename(name): fields[name]}
    return fields
