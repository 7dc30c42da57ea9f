"""What the Cosmos DB SDK raises, as the application's errors."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from shared.errors import (
    AppError,
    Conflict,
    InvalidInput,
    PreconditionFailed,
    RateLimited,
    StorageFull,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.resilience.circuit import CircuitBreaker

PARTITION_IS_FULL = 1014
"""Sub-status of a 403: a logical partition has its 20 GB."""
OWNER_IS_MISSING = 1003
"""Sub-status of a 404: not the item is missing, but its container or database."""
_RETRY_AFTER_MS = "x-ms-retry-after-ms"


class Missing(Exception):
    """The item is not there (404)."""


class BatchFailed(Exception):
    """The operation at `index` failed with `status`, and nothing of the batch happened; `error` is ours for it."""

    def __init__(self, index: int, status: int, error: AppError | Missing) -> None:
        super().__init__(status)
        self.index = index
        self.status = status
        self.error = error


@contextmanager
def cosmos_call(breaker: CircuitBreaker) -> Generator[None, None, None]:
    """Around one call of the SDK.

    Raises `Missing` (404), `BatchFailed`, `Conflict` (409, code `already_exists`), `PreconditionFailed` (412),
    `InvalidInput` (413, code `document_too_large`), `RateLimited` (429), `StorageFull`, `UpstreamTimeout`,
    `UpstreamFault` (refused: settings, rights or request are wrong) and `UpstreamUnavailable`, the last also while
    the breaker is open.
    """
    with breaker.guard(_is_outage), _translated():
        yield


def _is_outage(error: Exception) -> bool:
    return isinstance(error, UpstreamUnavailable) and not isinstance(error, UpstreamFault)


@contextmanager
def _translated() -> Generator[None, None, None]:
    from azure.core.exceptions import (
        AzureError,
        HttpResponseError,
        ServiceRequestTimeoutError,
        ServiceResponseError,
    )
    from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosClientTimeoutError

    try:
        yield
    except CosmosBatchOperationError as error:
        status, details = _details(error)
        index = cast(int, error.error_index)  # pyright: ignore[reportUnknownMemberType] - the SDK does not say
        raise BatchFailed(index, status, _of_status(status, **details)) from None
    except HttpResponseError as error:
        status, details = _details(error)
        raise _of_status(status, **details) from None
    except (ServiceRequestTimeoutError, ServiceResponseError, CosmosClientTimeoutError):
        # The call went out, or may have: a lost answer is told like a late one.
        raise UpstreamTimeout("The database did not answer in time.") from None
    except AzureError as error:
        # Reading a token, resolving a name, connecting: the type says which, the text may hold addresses.
        raise UpstreamUnavailable(f"The database cannot be reached ({type(error).__name__}).") from None


def _details(error: Any) -> tuple[int, dict[str, Any]]:
    headers = cast(Mapping[str, str], getattr(error, "headers", None) or {})
    return error.status_code or 0, {
        "sub_status": getattr(error, "sub_status", None) or 0,
        "retry_after_seconds": int(headers.get(_RETRY_AFTER_MS) or 1000) / 1000,
    }


def _of_status(status: int, *, sub_status: int, retry_after_seconds: float) -> AppError | Missing:
    known = {
        404: lambda: Missing(),
        408: lambda: UpstreamTimeout("The database did not answer in time."),
        409: lambda: Conflict("This id exists already.", code="already_exists"),
        412: lambda: PreconditionFailed("The document changed since it was read."),
        413: lambda: InvalidInput(
            "This is too large for the database, which takes 2 MB at once.", code="document_too_large"
        ),
        429: lambda: RateLimited("The database is busy.", retry_after_seconds=retry_after_seconds),
        507: _full,
    }
    if status == 403 and sub_status == PARTITION_IS_FULL:
        return _full()
    if status == 404 and sub_status == OWNER_IS_MISSING:
        return UpstreamFault("The account has not the database or container that is needed.", code="database_missing")
    if status in known:
        return known[status]()
    if 400 <= status < 500 and status not in (410, 449):  # moved, and a write at the same time: both pass
        return UpstreamFault(f"The database refused the call (status {status}, sub-status {sub_status}).")
    return UpstreamUnavailable("The database cannot serve the call at the moment.", code="storage_unavailable")


def _full() -> StorageFull:
    return StorageFull("The database has no room. Nothing was lost; free some space and try again.")
