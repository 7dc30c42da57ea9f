"""Errors as `application/problem+json` (RFC 9457)."""

import json
from typing import Any

import azure.functions as func
from pydantic import Field, ValidationError

from shared.errors import (
    AppError,
    Conflict,
    EditConflict,
    FieldError,
    Forbidden,
    InvalidInput,
    NotFound,
    PreconditionFailed,
    RateLimited,
    StorageFull,
    Unauthorized,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.records import Frozen

# The most special class of an error's ancestors that is listed here decides.
STATUS_OF: dict[type[AppError], int] = {
    InvalidInput: 422,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    EditConflict: 409,
    PreconditionFailed: 412,
    RateLimited: 429,
    UpstreamTimeout: 504,
    UpstreamFault: 502,
    UpstreamUnavailable: 503,
    StorageFull: 507,
    AppError: 500,
}
STATUS_BY_CODE = {"malformed_json": 400, "unsupported_media_type": 415, "body_too_large": 413}
PROBLEM_TYPE = "application/problem+json"


class ProblemField(Frozen):
    """What is wrong with one field."""

    field: str
    message: str


class ProblemConflict(Frozen):
    """A cell that holds something else than was expected."""

    row_id: str
    column_id: str
    current: dict[str, Any] = Field(description="`value`, `objectValue` or `formula`; nothing when it is empty.")


class Problem(Frozen):
    """The body of every error answer."""

    type: str = Field(default="about:blank")
    title: str
    status: int
    detail: str
    code: str = Field(description="A stable word for programs.")
    correlation_id: str
    errors: tuple[ProblemField, ...] = ()
    conflicts: tuple[ProblemConflict, ...] = ()


def status_of(error: AppError) -> int:
    """The HTTP status of an error."""
    by_class = next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)
    return STATUS_BY_CODE.get(error.code, by_class)


def problem_response(error: AppError, correlation_id: str) -> func.HttpResponse:
    """The answer that tells a caller about an error."""
    fields = error.errors if isinstance(error, InvalidInput) else ()
    conflicts = error.conflicts if isinstance(error, EditConflict) else ()
    problem = Problem(
        title=error.title,
        status=status_of(error),
        detail=error.detail,
        code=error.code,
        correlation_id=correlation_id,
        errors=tuple(ProblemField(field=fault.field, message=fault.message) for fault in fields),
        conflicts=tuple(
            ProblemConflict(row_id=one.row_id, column_id=one.column_id, current=dict(one.current)) for one in conflicts
        ),
    )
    headers = {"X-Correlation-ID": correlation_id, "Cache-Control": "no-store"}
    if problem.status == STATUS_OF[Unauthorized]:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 wants a challenge; of this one browsers make no dialog
    wait = getattr(error, "retry_after_seconds", None)
    if wait is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    body = problem.model_dump(mode="json", by_alias=True, exclude_defaults=False)
    for name in ("errors", "conflicts"):
        if not body[name]:
            del body[name]
    return func.HttpResponse(json.dumps(body), status_code=problem.status, headers=headers, mimetype=PROBLEM_TYPE)


def internal_error(correlation_id: str) -> func.HttpResponse:
    """The answer to anything unexpected: the log has the trace, the caller the id to find it by."""
    return problem_response(
        AppError("Something went wrong here. Tell support the correlation id.", code="internal"), correlation_id
    )


def invalid_input(error: ValidationError, *, where: str) -> InvalidInput:
    """pydantic's findings as ours, without the values."""
    faults = tuple(
        FieldError(".".join(map(str, fault["loc"])) or where, fault["msg"].removeprefix("Value error, "))
        for fault in error.errors(include_url=False, include_input=False)
    )
    return InvalidInput(f"The {where} is not valid.", errors=faults)
