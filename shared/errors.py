"""The errors of the application, one tree.

    AppError
    ├── InvalidInput            the caller can correct it: names the fields
    ├── Unauthorized            nobody is signed in, or the token stopped working
    ├── Forbidden               signed in, but not allowed
    ├── NotFound                no such thing for this caller
    ├── Conflict                the thing is in another state than the caller thought
    │   └── EditConflict        … cells hold something else; says what
    ├── PreconditionFailed      If-Match does not hold
    ├── RateLimited             too many calls; says when to come back
    ├── UpstreamUnavailable     a service we depend on is down
    │   ├── UpstreamTimeout     … or did not answer in time: the effect is unknown
    │   └── UpstreamFault       … or answered something that we cannot use
    └── StorageFull             the database has no room

Adapters turn what SDKs raise into these; `functions/http.py` maps each class to a status. `code` is a
stable word for programs, `detail` a sentence for people; neither holds cells, tokens or vendor text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of the input. `field` is a path such as `parameters.sourceColumns.0`."""

    field: str
    message: str


class AppError(Exception):
    """Base of all errors that a caller is told about."""

    code = "internal"
    title = "Something went wrong"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class InvalidInput(AppError):
    """The input cannot be used as it is; `errors` name each field."""

    code = "invalid_input"
    title = "The input is not valid"

    def __init__(self, detail: str, *, code: str | None = None, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail, code=code)
        self.errors = errors


class Unauthorized(AppError):
    """Nobody is signed in, or Smartsheet no longer accepts the token."""

    code = "unauthorized"
    title = "Sign in first"


class Forbidden(AppError):
    """The caller is known and may not do this."""

    code = "forbidden"
    title = "Not allowed"


class NotFound(AppError):
    """No such thing, or none that this caller may see."""

    code = "not_found"
    title = "Not found"


class Conflict(AppError):
    """The thing is in a state in which this cannot be done."""

    code = "conflict"
    title = "Conflict"


@dataclass(frozen=True, slots=True)
class CellConflict:
    """A cell that holds something else than the caller expected: `value`, `objectValue` or `formula`."""

    row_id: str
    column_id: str
    current: Mapping[str, Any]


class EditConflict(Conflict):
    """Cells hold something else than the caller expected; nothing was written."""

    def __init__(self, detail: str, conflicts: tuple[CellConflict, ...]) -> None:
        super().__init__(detail)
        self.conflicts = conflicts


class PreconditionFailed(AppError):
    """The stored document changed since it was read."""

    code = "precondition_failed"
    title = "Changed meanwhile"


class RateLimited(AppError):
    """Too many calls; `retry_after_seconds` says when to come back."""

    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after_seconds: float, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_seconds = retry_after_seconds


class UpstreamUnavailable(AppError):
    """A service that we depend on is down; trying again later can help."""

    code = "upstream_unavailable"
    title = "A service is unavailable"

    def __init__(self, detail: str, *, code: str | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_seconds = retry_after_seconds


class UpstreamTimeout(UpstreamUnavailable):
    """No answer came: whether the call took effect is unknown."""

    code = "timeout"
    title = "A service did not answer in time"


class UpstreamFault(UpstreamUnavailable):
    """The service answered, but not with something we can use; trying again will not help."""

    code = "upstream_fault"
    title = "A service gave an unusable answer"


class StorageFull(AppError):
    """The database has no room; nothing was lost, and work goes on when there is room."""

    code = "storage_full"
    title = "The storage is full"
