"""What Smartsheet's failures mean: our error, whether to try again, whether the service itself is unwell.

Decided by `errorCode`, not by the HTTP status: 4001–4004 can be tried again and 4000 cannot, though most of
them are 500s. Source: the error list of the API reference. A write is another matter than a read: unless
Smartsheet certainly refused it, its effect is unknown, and repeating it is the caller's decision.
"""

from dataclasses import dataclass
from typing import Literal

import httpx2
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import (
    AppError,
    FieldError,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthorized,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)

RATE_LIMIT_PAUSE_SECONDS = 60.0  # the vendor's advice where no Retry-After is given

_NEEDS_SIGN_IN = frozenset({1001, 1002, 1003, 1132})
_SAVE_COLLISION = 4004

# Codes that name a cell, a row or a column, as stable words. They come for a whole call and for a row of it.
_DATA_FAULTS: dict[int, tuple[str, str]] = {
    1006: ("row_not_found", "The row is no longer in the sheet."),
    1034: ("row_not_found", "The row is no longer in the sheet."),
    1036: ("column_not_found", "The column is no longer in the sheet."),
    1037: ("duplicate_column", "A column is given more than once for one row."),
    1038: ("invalid_value", "The value is neither text, a number nor a boolean."),
    1039: ("column_locked", "The column is locked."),
    1041: ("value_too_long", "The value is longer than Smartsheet allows."),
    1042: ("invalid_value", "The value does not fit the column's type."),
    1046: ("system_column", "Smartsheet fills this column itself."),
    1050: ("row_locked", "The row is locked."),
    1061: ("sheet_full", "The sheet has no room for more: 20,000 rows, 400 columns and 500,000 cells are the limits."),
    1062: ("invalid_location", "The row cannot go to this place."),
    1063: ("invalid_location", "The parent is not in the sheet, or is below the row itself."),
    1064: ("invalid_location", "The sibling is not in the sheet, or is below the row itself."),
    1080: ("dependency_column", "With dependencies on, end dates follow from start and duration."),
    1092: ("row_locked", "A row, or one of its children, is locked."),
    1111: ("invalid_hyperlink", "A link leads to one target."),
    1112: ("invalid_hyperlink", "A link leads to one target."),
    1113: ("invalid_hyperlink", "A link goes along with a text."),
    1114: ("invalid_hyperlink", "The link's target does not exist, or is not shared with you."),
    1117: ("invalid_hyperlink", "The link has no target."),
    1118: ("dependency_column", "The allocation of a row with children cannot be set."),
    1130: ("invalid_value", "The value is given twice."),
    1131: ("invalid_value", "The value does not fit the column's type."),
    1137: ("duplicate_row", "A row is given more than once."),
    1142: ("dependency_column", "The column belongs to project settings and cannot be set."),
    1148: ("invalid_value", "The number is out of Smartsheet's range."),
    1155: ("dependency_column", "The column belongs to project settings and cannot be set."),
    1162: ("not_a_formula", "A formula starts with an equals sign."),
    1185: ("invalid_location", "A row without any content cannot have children."),
    1235: ("invalid_value", "The value does not fit the column's type."),
    1240: ("invalid_value", "Too many contacts for one cell."),
    1277: ("invalid_value", "Too many values for one cell."),
    1302: ("column_formula", "The column is filled by a formula."),
    1319: ("system_column", "Baseline columns cannot be set."),
}
# Codes that come for columns as such.
_COLUMN_FAULTS: dict[int, tuple[str, str]] = {
    1036: ("column_not_found", "The column is no longer in the sheet."),
    1041: ("value_too_long", "A title is longer than Smartsheet allows."),
    1055: ("primary_column", "A sheet has one primary column."),
    1056: ("duplicate_title", "Another column of the sheet has this title."),
    1057: ("primary_column", "The type of the primary column cannot change."),
    1058: ("invalid_symbol", "Columns of this type do not take this symbol."),
    1059: ("invalid_options", "The symbol brings its own options."),
    1060: ("invalid_options", "Columns of this type have no options."),
    1061: _DATA_FAULTS[1061],
    1065: ("column_needed", "This column cannot be deleted."),
    1077: ("duplicate_system_column", "The sheet has a column of this system type already."),
    1079: ("invalid_type", "The system type goes with another column type."),
    1082: ("invalid_options", "Columns of this type have no options."),
    1085: ("dependency_column", "The column belongs to project settings."),
    1087: ("column_needed", "Conditional formatting uses the column."),
    1089: ("invalid_type", "Smartsheet keeps this type for system columns."),
    1090: ("invalid_type", "Symbol and options are changed together with the type."),
    1098: ("dependency_column", "The column belongs to project settings."),
    1099: ("dependency_column", "The column belongs to resource management."),
    1133: ("duplicate_title", "Two of the columns have the same title."),
    1134: ("duplicate_system_column", "Two of the columns have the same system type."),
    1142: ("dependency_column", "Columns of this type come with project settings only."),
    1162: _DATA_FAULTS[1162],
    1210: ("invalid_type", "Columns of this type cannot be restricted to their options."),
    1260: ("column_needed", "The last visible column stays."),
    1301: ("forbidden", "Your Smartsheet access does not allow this."),
    1302: _DATA_FAULTS[1302],
    1303: ("not_a_formula", "Columns of this type take no column formula."),
    1304: ("not_a_formula", "The sheet has as many column formulas as Smartsheet allows."),
    1305: ("dependency_column", "The column belongs to project settings."),
    1310: ("not_a_formula", "The formula cannot fill a whole column."),
    1318: ("column_needed", "Baseline columns cannot be deleted."),
    1320: ("invalid_type", "The type of a baseline column cannot change."),
    1321: ("not_a_formula", "Baseline columns take no formula."),
}
_FORBIDDEN: dict[int, tuple[str, str]] = {
    1004: ("forbidden", "Your Smartsheet access does not allow this."),
    1045: ("read_only", "The sheet is read-only for you."),
    1288: ("sheet_disabled", "The sheet was disabled by an administrator."),
    1361: ("account_policy", "A policy of your organization does not allow this."),
    1362: ("account_policy", "A policy of your organization does not allow this."),
    1363: ("account_policy", "A policy of your organization does not allow this."),
}


Subject = Literal["rows", "columns", "webhooks"]
"""What a call names beside its sheet; errors are about these."""


class WireErrorPlace(BaseModel):
    """Which item of a bulk call an error is about."""

    index: int | None = None


class WireError(BaseModel):
    """The body of an error. The vendor's message is not read: it can quote cells and tokens."""

    model_config = ConfigDict(hide_input_in_errors=True, frozen=True)

    code: int = Field(alias="errorCode")
    detail: WireErrorPlace | list[WireErrorPlace] | None = None


@dataclass
class CallFailed(Exception):
    """One attempt failed. `error` is what the caller is told when there is no further attempt.

    `again`: another attempt can help and does no harm. `unhealthy`: counts for the circuit breaker.
    """

    error: AppError
    again: bool = False
    after_seconds: float | None = None
    unhealthy: bool = False


def answer_failure(
    status: int, body: bytes, after_seconds: float | None, *, write: bool, subject: Subject = "rows"
) -> CallFailed:
    """What an answer that is not a success means."""
    try:
        wire = WireError.model_validate_json(body)
    except ValidationError:
        return _status_failure(status, after_seconds, write=write)
    code = wire.code
    if code >= 4000 or status >= 500 or status == 429:
        return _service_failure(code, status, after_seconds, write=write)
    return CallFailed(_refusal(code, status, wire.detail, subject))


def exchange_failure(error: httpx2.TransportError | TimeoutError, *, write: bool) -> CallFailed:
    """What it means that no whole answer came."""
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
        told = UpstreamUnavailable("Smartsheet cannot be reached.")
        # A full pool is our own load, not Smartsheet's illness.
        return CallFailed(told, again=True, unhealthy=not isinstance(error, httpx2.PoolTimeout))
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.LocalProtocolError):
        return CallFailed(UpstreamFault("The request to Smartsheet could not be formed."))
    return CallFailed(_no_answer(write=write), again=not write, unhealthy=True)


def unusable_answer() -> UpstreamFault:
    """The error for a success whose body is not what the API promises."""
    return UpstreamFault("Smartsheet gave an answer that cannot be read.")


def row_fault(code: int | None) -> tuple[str, str]:
    """The stable word and the sentence for a row that was refused with this error code."""
    if code in _FORBIDDEN:
        return _FORBIDDEN[code]
    return _DATA_FAULTS.get(code or 0, ("refused", "Smartsheet refused the row."))


def _no_answer(*, write: bool) -> UpstreamTimeout:
    if write:
        return UpstreamTimeout("Smartsheet gave no answer to a write; whether it took effect is unknown.")
    return UpstreamTimeout("Smartsheet did not answer in time.")


def _status_failure(status: int, after_seconds: float | None, *, write: bool) -> CallFailed:
    """For answers without an error body: a proxy's page, a gateway's timeout. Such a 401 says nothing about tokens."""
    if status == 429:
        return _rate_limited(after_seconds)
    if status < 500:
        return CallFailed(unusable_answer())
    error = _no_answer(write=True) if write else UpstreamUnavailable("Smartsheet is not available.")
    return CallFailed(error, again=not write, after_seconds=after_seconds, unhealthy=True)


def _service_failure(code: int, status: int, after_seconds: float | None, *, write: bool) -> CallFailed:
    match code:
        case 4001:
            error = UpstreamUnavailable("Smartsheet is down for maintenance.", code="maintenance")
            return CallFailed(error, again=True, after_seconds=after_seconds, unhealthy=True)
        case 4002:
            return CallFailed(_no_answer(write=write), again=not write, after_seconds=after_seconds, unhealthy=True)
        case 4003:
            return _rate_limited(after_seconds)
        case 4004:
            # The service is well: two writers met on one sheet, and neither's data was lost.
            error = UpstreamUnavailable("The sheet is being saved by someone else.", code="save_collision")
            return CallFailed(error, again=True, after_seconds=after_seconds)
        case 4005:
            return CallFailed(UpstreamFault("Smartsheet retired this version of its API.", code="api_retired"))
        case _ if status == 429:
            return _rate_limited(after_seconds)
        case _ if status < 500:
            return CallFailed(
                Forbidden("The state of your Smartsheet account does not allow this.", code="account_state")
            )
        case _:
            return CallFailed(UpstreamFault("Smartsheet had an unexpected error."), unhealthy=True)


def _refusal(
    code: int, status: int, detail: WireErrorPlace | list[WireErrorPlace] | None, subject: Subject
) -> AppError:
    if code in _NEEDS_SIGN_IN or status == 401:
        return _needs_sign_in()
    if code == 1006:
        return _missing(subject)
    if code in _FORBIDDEN:
        return Forbidden(_FORBIDDEN[code][1], code=_FORBIDDEN[code][0])
    faults = _COLUMN_FAULTS if subject == "columns" else _DATA_FAULTS
    if code in faults:
        word, sentence = faults[code]
        if status == 403:
            return Forbidden(sentence, code=word)
        return InvalidInput(sentence, code=word, errors=_where(detail, sentence, subject))
    if status == 403:
        return Forbidden("Your Smartsheet access does not allow this.", code="forbidden")
    if status == 404:
        return NotFound("Smartsheet knows no such thing, or it is not shared with you.")
    return InvalidInput(
        f"Smartsheet refused the request (error {code}).", code="refused", errors=_where(detail, "Refused.", subject)
    )


def _missing(subject: Subject) -> NotFound:
    if subject == "columns":
        return NotFound("There is no such column in Smartsheet, or it is not shared with you.", code="column_not_found")
    if subject == "webhooks":
        return NotFound("There is no such webhook in Smartsheet, or it is not yours.", code="webhook_not_found")
    return NotFound("There is no such sheet in Smartsheet, or it is not shared with you.", code="sheet_not_found")


def _where(
    detail: WireErrorPlace | list[WireErrorPlace] | None, sentence: str, subject: Subject
) -> tuple[FieldError, ...]:
    places = detail if isinstance(detail, list) else [detail] if detail else []
    return tuple(FieldError(f"{subject}.{place.index}", sentence) for place in places if place.index is not None)


def _needs_sign_in() -> Unauthorized:
    return Unauthorized("Smartsheet no longer accepts this access token; connect again.", code="needs_sign_in")


def _rate_limited(after_seconds: float | None) -> CallFailed:
    error = RateLimited(
        "Smartsheet takes no more calls from this token for now.",
        retry_after_seconds=RATE_LIMIT_PAUSE_SECONDS if after_seconds is None else after_seconds,
    )
    return CallFailed(error, again=True, after_seconds=after_seconds)
