"""The closed set of operations that every database offers, so that SQLite and Cosmos DB mean the same.

Point read, create, replace with ETag, upsert, delete, an atomic batch and a list, each within one partition;
a list has comparisons on top-level fields joined by AND, one order, and a continuation.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from shared.errors import InvalidInput

Json = Mapping[str, Any]
Scalar = str | int | float | bool

_MAX_ID_BYTES = 1023
_ID = re.compile(r"[^/\\#?\t\r\n]*[^/\\#?\s]")
MAX_BATCH = 100  # Cosmos DB's limit for a transactional batch


@dataclass(frozen=True, slots=True)
class Document:
    """A stored JSON object and the version of it."""

    partition: str
    id: str
    body: Json
    etag: str


@dataclass(frozen=True, slots=True)
class Where:
    """One comparison on a top-level field."""

    field: str
    op: Literal["=", ">", ">=", "<", "<="]
    value: Scalar


@dataclass(frozen=True, slots=True)
class Page:
    """Documents, and where to go on; `continuation` is None at the end."""

    items: tuple[Document, ...]
    continuation: str | None


@dataclass(frozen=True, slots=True)
class Create:
    """Part of a batch: fails the batch with `Conflict` when the id is taken."""

    id: str
    body: Json
    ttl_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Replace:
    """Part of a batch: fails the batch with `PreconditionFailed` when the stored ETag is another."""

    id: str
    body: Json
    etag: str
    ttl_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Upsert:
    """Part of a batch: creates or replaces, whatever is there."""

    id: str
    body: Json
    ttl_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Part of a batch: removes; nothing happens when it is gone already."""

    id: str


Operation = Create | Replace | Upsert | Delete


def is_storable(document_id: str) -> bool:
    """Whether a document can have this id: Cosmos DB's rules, whose URLs hold ids.

    At most 1,023 bytes, none of `/ \\ # ?`, no space at the end; `.` and `..` would name another resource.
    """
    fits = len(document_id.encode(errors="replace")) <= _MAX_ID_BYTES
    return fits and document_id not in (".", "..") and _ID.fullmatch(document_id) is not None


def check_operations(operations: Sequence[Operation]) -> None:
    """Raises `InvalidInput` (code `invalid_id`) for an id that no document can have.

    Deleting it is no error, as with every id that is not there. More than `MAX_BATCH` operations are a mistake in
    the program: `ValueError`.
    """
    if len(operations) > MAX_BATCH:
        raise ValueError(f"a batch of {len(operations)} operations; at most {MAX_BATCH} are possible")
    if not all(isinstance(operation, Delete) or is_storable(operation.id) for operation in operations):
        raise InvalidInput(
            "The database cannot hold this id: it is too long, or has one of / \\ # ?", code="invalid_id"
        )


class DocumentStore(Protocol):
    """A database of JSON documents in containers and partitions.

    Every method may raise `StorageFull` (nothing was written) and `UpstreamUnavailable`.
    """

    async def find(self, container: str, partition: str, document_id: str) -> Document | None:
        """Point read."""
        ...

    async def write(self, container: str, partition: str, operation: Operation) -> Document | None:
        """One operation; the stored document (None after a delete).

        Raises what `Create` and `Replace` say, and `InvalidInput` for an id or a body that cannot be stored.
        """
        ...

    async def batch(self, container: str, partition: str, operations: Sequence[Operation]) -> None:
        """At most `MAX_BATCH` operations, all or none; raises what the first that fails raises alone."""
        ...

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
        """A page of the partition's documents. Documents without the ordering field are left out.

        Raises `InvalidInput` (code `invalid_cursor`) for a continuation that this store did not make.
        """
        ...

    async def check(self) -> None:
        """Prove that the database can be written to; raises as any write would."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
