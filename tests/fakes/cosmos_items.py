"""What the fake of Cosmos DB holds: items of one container, with ETags, TTL and atomic batches."""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

Item = dict[str, Any]

MAX_ITEM_BYTES = 2 * 1024 * 1024
_EXACT = 2**53


class Refused(Exception):
    """The status, and sub-status, with which one operation fails."""

    def __init__(self, status: int, message: str, *, sub_status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.sub_status = sub_status


class Container:
    """Items by partition. The service's clock counts whole seconds (`_ts`)."""

    def __init__(self, definition: Mapping[str, Any], clock: Callable[[], float]) -> None:
        self.definition = definition
        self.rid = uuid.uuid4().hex[:12]
        self._clock = clock
        self._partitions: dict[str, dict[str, Item]] = {}

    def items(self, pk: str) -> list[Item]:
        """What lives in a partition."""
        return [item for item in self._partitions.get(pk, {}).values() if not self._is_expired(item)]

    def read(self, pk: str, item_id: str) -> Item:
        """The item, or 404."""
        item = self._partitions.get(pk, {}).get(item_id)
        if item is None or self._is_expired(item):
            raise Refused(404, "Entity with the specified id does not exist in the system.")
        return item

    def create(self, pk: str, item: Item) -> Item:
        """409 when the id is taken."""
        if self._finds(pk, str(item.get("id"))):
            raise Refused(409, "Entity with the specified id already exists in the system.")
        return self._put(pk, item)

    def upsert(self, pk: str, item: Item) -> Item:
        """Create or replace."""
        return self._put(pk, item)

    def replace(self, pk: str, item_id: str, item: Item, if_match: str | None) -> Item:
        """404 without the item, 412 for another version of it."""
        self._match(self.read(pk, item_id), if_match)
        if item.get("id") != item_id:
            raise Refused(400, "the id of an item cannot be changed")
        return self._put(pk, item)

    def delete(self, pk: str, item_id: str, if_match: str | None) -> None:
        """404 without the item, 412 for another version of it."""
        self._match(self.read(pk, item_id), if_match)
        del self._partitions[pk][item_id]

    def batch(self, pk: str, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One answer per operation; when one fails nothing happened, and all others say 424."""
        before = dict(self._partitions.get(pk, {}))
        answers: list[dict[str, Any]] = []
        for number, operation in enumerate(operations):
            try:
                answers.append(self._apply(pk, operation))
            except Refused as refused:
                self._partitions[pk] = before
                failed = [{"statusCode": 424, "requestCharge": 0}] * len(operations)
                failed[number] = {"statusCode": refused.status, "subStatusCode": refused.sub_status, "requestCharge": 1}
                return failed
        return answers

    def _apply(self, pk: str, operation: dict[str, Any]) -> dict[str, Any]:
        shape = {name: type(part).__name__ for name, part in operation.items() if name != "operationType"}
        match operation["operationType"], shape:
            case "Create", {"resourceBody": "dict", **rest} if not rest:
                return _answer(201, self.create(pk, operation["resourceBody"]))
            case "Upsert", {"resourceBody": "dict", **rest} if not rest:
                status = 200 if self._finds(pk, operation["resourceBody"].get("id")) else 201
                return _answer(status, self.upsert(pk, operation["resourceBody"]))
            case "Replace", {"id": "str", "resourceBody": "dict", "ifMatch": "str", **rest} if not rest:
                stored = self.replace(pk, operation["id"], operation["resourceBody"], operation["ifMatch"])
                return _answer(200, stored)
            case "Delete", {"id": "str", **rest} if not rest:
                self.delete(pk, operation["id"], None)
                return {"statusCode": 204, "requestCharge": 1}
            case kind, _:
                raise Refused(400, f"operation {kind} of a batch with {shape}")

    def _put(self, pk: str, item: Item) -> Item:
        if len(json.dumps(item, ensure_ascii=False).encode(errors="surrogatepass")) > MAX_ITEM_BYTES:
            raise Refused(413, "Request size is too large")
        if item.get("pk") != pk:
            raise Refused(400, "the partition key of the header is not that of the item", sub_status=1001)
        if not isinstance(item.get("id"), str) or not 0 < len(item["id"]) <= 1023 or set(item["id"]) & set("/\\#?"):
            raise Refused(400, "the id is not valid")
        if set(item) - {"id", "pk", "body", "ttl", "expires"}:
            raise Refused(400, f"unlisted fields: {sorted(item)}")
        if not (item.get("ttl", 1) == -1 or (isinstance(item.get("ttl", 1), int) and item.get("ttl", 1) > 0)):
            raise Refused(400, "ttl must be a positive number, or -1")
        stored = _rounded(item) | {
            "_rid": uuid.uuid4().hex[:16],
            "_self": "",
            "_etag": f'"{uuid.uuid4()}"',
            "_attachments": "attachments/",
            "_ts": int(self._clock()),
        }
        self._partitions.setdefault(pk, {})[item["id"]] = stored
        return stored

    def _finds(self, pk: str, item_id: str) -> bool:
        return any(item["id"] == item_id for item in self.items(pk))

    def _match(self, item: Item, if_match: str | None) -> None:
        if if_match is not None and if_match != item["_etag"]:
            raise Refused(412, "One of the specified pre-condition is not met")

    def _is_expired(self, item: Item) -> bool:
        if "defaultTtl" not in self.definition:
            return False
        ttl = item.get("ttl", self.definition["defaultTtl"])
        return ttl != -1 and self._clock() >= item["_ts"] + ttl


def _answer(status: int, item: Item) -> dict[str, Any]:
    return {"statusCode": status, "requestCharge": 1, "eTag": item["_etag"], "resourceBody": item}


def _rounded(item: Item) -> Item:
    """The item as the service keeps it: every number is an IEEE 754 double."""

    def number(text: str) -> int:
        exact = int(text)
        return exact if abs(exact) <= _EXACT else int(float(exact))

    return json.loads(json.dumps(item), parse_int=number)
