"""`DocumentStore` on Azure Cosmos DB for NoSQL."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr

from shared.errors import AppError, Conflict, PreconditionFailed
from shared.resilience.circuit import CircuitBreaker
from shared.stores.cosmos.connection import CosmosConnection
from shared.stores.cosmos.failures import BatchFailed, Missing, cosmos_call
from shared.stores.cosmos.layout import (
    container_definition,
    is_expired,
    partition_key,
    to_document,
    to_item,
)
from shared.stores.cosmos.queries import list_query
from shared.stores.cursors import decode_cursor, encode_cursor
from shared.stores.documents import (
    Create,
    Delete,
    Document,
    Operation,
    Page,
    Replace,
    Upsert,
    Where,
    check_operations,
    is_storable,
)

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

_CHECK = ("health", "health", "probe")
_CHECK_SECONDS = 3600

_Item = dict[str, Any]


class CosmosDocuments:
    """Documents in the container `documents` of a database, which infrastructure has created (see `layout`).

    `account_url` is `https://<name>.documents.azure.com`; without `key`, `credential` or else the managed identity
    signs in. The account needs strong consistency: one instance must read what another one wrote. `clock` is in
    epoch seconds. Errors: see `failures.cosmos_call`.
    """

    def __init__(
        self,
        account_url: str,
        *,
        database: str = "chatsheet",
        key: SecretStr | None = None,
        credential: "AsyncTokenCredential | None" = None,
        breaker: CircuitBreaker,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection = CosmosConnection(
            account_url, database=database, key=key, credential=credential, breaker=breaker
        )
        self._breaker = breaker
        self._clock = clock

    async def find(self, container: str, partition: str, document_id: str) -> Document | None:
        """See `DocumentStore.find`."""
        item = await self._read(partition_key(container, partition), document_id)
        return None if item is None or is_expired(item, self._clock()) else to_document(partition, item)

    async def write(self, container: str, partition: str, operation: Operation) -> Document | None:
        """See `DocumentStore.write`."""
        check_operations([operation])
        pk = partition_key(container, partition)
        try:
            if isinstance(operation, Delete):
                await self._delete(pk, operation.id)
                return None
            stored = await self._store(pk, operation)
        except (Missing, Conflict, PreconditionFailed) as error:
            raise _meaning(container, error) from None
        return Document(partition, operation.id, operation.body, stored["_etag"])

    async def batch(self, container: str, partition: str, operations: Sequence[Operation]) -> None:
        """See `DocumentStore.batch`."""
        check_operations(operations)
        pk = partition_key(container, partition)
        left = [operation for operation in operations if not _is_idle(operation)]
        while left:
            try:
                await self._execute(pk, left)
            except BatchFailed as failed:
                operation = left[failed.index]
                if isinstance(operation, Delete) and failed.status == 404:
                    del left[failed.index]  # gone already, which is as good
                elif not (isinstance(operation, Create) and failed.status == 409 and await self._evict(pk, operation)):
                    raise _meaning(container, failed.error) from None
            else:
                return

    async def list(
        self,
        container: str,
        partition: str,
        *,
        where: Sequence[Where] = (),
        order_by: str = "id",
        descending: bool = False,
        limit: int = 100,
        continuation: str | None = None,
    ) -> Page:
        """See `DocumentStore.list`. `order_by` must be one of `layout.ORDER_FIELDS`, or `id`."""
        query = list_query(where, order_by=order_by, descending=descending, after=decode_cursor(continuation))
        handle = await self._connection.container()
        found: list[_Item] = []
        with cosmos_call(self._breaker):
            items = handle.query_items(
                query.text,
                parameters=query.parameters,
                partition_key=partition_key(container, partition),
                max_item_count=limit + 1,
            )
            async for item in items:
                if not is_expired(item, self._clock()):
                    found.append(item)
                if len(found) > limit:
                    break
        documents = tuple(to_document(partition, item) for item in found[:limit])
        if len(found) <= limit:
            return Page(documents, None)
        last = documents[-1]
        return Page(documents, encode_cursor(last.id if order_by == "id" else last.body[order_by], last.id))

    async def check(self) -> None:
        """Write a probe, so that missing rights and a full partition show."""
        container, partition, document_id = _CHECK
        await self.write(container, partition, Upsert(document_id, {"at": self._clock()}, _CHECK_SECONDS))

    async def create_missing(self, definition: Mapping[str, Any] | None = None) -> None:
        """Create database and container where they are missing: for an emulator, or a test account with its key.

        The application's identity may not do it in Azure; there, infrastructure creates them.
        """
        await self._connection.create_missing(definition or container_definition())

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _read(self, pk: str, document_id: str) -> _Item | None:
        if not is_storable(document_id):
            return None
        handle = await self._connection.container()
        try:
            with cosmos_call(self._breaker):
                return await handle.read_item(document_id, partition_key=pk)
        except Missing:
            return None

    async def _store(self, pk: str, operation: Create | Replace | Upsert) -> _Item:
        item = self._item(pk, operation)
        handle = await self._connection.container()
        if isinstance(operation, Upsert):
            with cosmos_call(self._breaker):
                return await handle.upsert_item(item)
        if isinstance(operation, Replace):
            from azure.core import MatchConditions

            with cosmos_call(self._breaker):
                return await handle.replace_item(
                    operation.id, item, etag=_condition(operation), match_condition=MatchConditions.IfNotModified
                )
        while True:
            try:
                with cosmos_call(self._breaker):
                    return await handle.create_item(item)
            except Conflict:
                if not await self._evict(pk, operation):
                    raise

    async def _delete(self, pk: str, document_id: str, *, etag: str | None = None) -> None:
        """Delete the item, if it is there and `etag` (when given) is still its version: else `PreconditionFailed`."""
        if not is_storable(document_id):
            return
        from azure.core import MatchConditions

        condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
        handle = await self._connection.container()
        try:
            with cosmos_call(self._breaker):
                await handle.delete_item(document_id, partition_key=pk, **condition)
        except Missing:
            return

    async def _evict(self, pk: str, operation: Create) -> bool:
        """Free a taken id whose item has expired on our clock, but not yet on the service's; False: it has not.

        An item that is not there proves nothing: another operation of the same batch may have taken the id.
        """
        item = await self._read(pk, operation.id)
        if item is None or not is_expired(item, self._clock()):
            return False
        try:
            await self._delete(pk, operation.id, etag=item["_etag"])
        except PreconditionFailed:
            return False
        return True

    async def _execute(self, pk: str, operations: Sequence[Operation]) -> None:
        batch: list[tuple[Any, ...]] = []
        for operation in operations:
            match operation:
                case Create():
                    batch.append(("create", (self._item(pk, operation),)))
                case Replace(id=document_id):
                    condition = {"if_match_etag": _condition(operation)}
                    batch.append(("replace", (document_id, self._item(pk, operation)), condition))
                case Upsert():
                    batch.append(("upsert", (self._item(pk, operation),)))
                case Delete(id=document_id):
                    batch.append(("delete", (document_id,)))
        handle = await self._connection.container()
        with cosmos_call(self._breaker):
            await handle.execute_item_batch(cast(Any, batch), partition_key=pk)

    def _item(self, pk: str, operation: Create | Replace | Upsert) -> _Item:
        return to_item(pk, operation.id, operation.body, operation.ttl_seconds, self._clock())


def _condition(operation: Replace) -> str:
    """The version for `if-match`, where nothing and `*` would mean any: ours mean what was never stored."""
    return operation.etag if operation.etag not in ("", "*") else '"never stored"'


def _is_idle(operation: Operation) -> bool:
    """Whether it deletes what cannot be there."""
    return isinstance(operation, Delete) and not is_storable(operation.id)


def _meaning(container: str, error: AppError | Missing) -> AppError:
    """The error as the caller of one operation knows it; only a replacement can miss its item."""
    if isinstance(error, Missing | PreconditionFailed):
        return PreconditionFailed(f"{container}: changed since it was read")
    if isinstance(error, Conflict):
        return Conflict(f"{container}: this id exists already", code="already_exists")
    return error
