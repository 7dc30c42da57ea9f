"""Smartsheet's errors: `{errorCode, message, refId[, detail]}` with the vendor's codes, statuses and texts.

Source: the error list of the official API reference (published August 2024).
"""

import secrets
from typing import Any

from starlette.responses import JSONResponse, Response

from local.standin.faults import Fault

_REF_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"

_ERRORS: dict[int, tuple[int, str]] = {
    1001: (401, "An Access Token is required."),
    1002: (401, "Your Access Token is invalid."),
    1003: (401, "Your Access Token has expired."),
    1004: (403, "You are not authorized to perform this action."),
    1006: (404, "Not Found."),
    1008: (400, "Unable to parse request. The following error occurred: {0}"),
    1009: (400, "A required parameter is missing from your request: {0}."),
    1010: (405, "HTTP Method not supported."),
    1011: (400, "A required header was missing or invalid: {0}"),
    1012: (400, "A required object attribute is missing from your request: {0}."),
    1018: (400, "The value {0} was not valid for the parameter {1}."),
    1024: (400, "The HTTP request body is required for this Method."),
    1031: (400, "The value {0} was not valid for the attribute {1}."),
    1032: (400, "The attribute(s) {0} are not allowed for this operation."),
    1034: (400, "Invalid Row Id."),
    1036: (400, "The columnId {0} is invalid."),
    1037: (400, "The columnId {0} is included more than once in a single row."),
    1038: (400, "Invalid Cell value. Must be numeric or a string."),
    1039: (403, "Cannot edit a locked column {0}."),
    1041: (400, "The value for {0} must be {1} characters in length or less, but was {2}."),
    1042: (400, "The value for cell in column {0}, {1}, did not conform to the strict requirements for type {2}."),
    1045: (403, "The resource specified is read-only."),
    1046: (400, "Cells containing system values cannot be inserted or updated through the API, columnId : {0}."),
    1050: (403, "You cannot edit a locked row."),
    1054: (400, "The new sheet requires either a fromId or columns."),
    1055: (400, "One and only one column must be primary."),
    1056: (400, "Column titles must be unique."),
    1057: (400, "Primary columns must be of type TEXT_NUMBER."),
    1058: (400, "Column type of {1} does not support symbol of type {0}."),
    1059: (400, "Column options are not allowed when a symbol is specified."),
    1060: (400, "Column options are not allowed for column type {0}."),
    1061: (400, "Max count exceeded for field {0}."),
    1062: (400, "Invalid row location."),
    1063: (400, "Invalid parentId: {0}."),
    1064: (400, "Invalid siblingId: {0}."),
    1065: (400, "The column specified cannot be deleted."),
    1067: (401, "Invalid client_id"),
    1068: (400, "Unsupported grant type."),
    1069: (400, "Invalid Request. The authorization_code has expired."),
    1070: (400, "Invalid Request. Required parameter is missing: {0}."),
    1071: (400, "Invalid Grant. The authorization code or refresh token provided was invalid."),
    1072: (400, "Invalid hash value. The hash provided did not match the expected value."),
    1073: (400, "The redirect_uri did not match the expected value."),
    1077: (400, "Duplicate system column type: {0}."),
    1079: (400, "Column type {0} is not supported for system column type {1}."),
    1080: (
        400,
        "End Dates on dependency-enabled sheets cannot be created/updated. "
        "Please update either the Duration or Start Date column.",
    ),
    1085: (400, "To change this column's type you must first disable Dependencies for this sheet."),
    1089: (400, "The type specified is only used with System Columns."),
    1090: (400, "Column.type is required when changing symbol, systemColumnType or options."),
    1092: (403, "You cannot delete this row. Either it or one or more of its children are locked."),
    1098: (400, "To delete this column you must first disable Dependencies for this sheet."),
    1111: (400, "Only one of cell.hyperlink.sheetId and cell.hyperlink.reportId may be non-null."),
    1112: (400, "cell.hyperlink.url must be null for sheet or report hyperlinks."),
    1113: (400, "cell.value must be a string when the cell is a hyperlink."),
    1114: (404, "Invalid sheetId or reportId: {0}."),
    1117: (400, "One of the following cell.hyperlink fields must be non-null: url, sheetId, or reportId."),
    1123: (
        400,
        "Specifying multiple row locations is not yet supported. Each row must use the same row location "
        "attribute and value (toBottom, toTop, parentId, siblingId, above).",
    ),
    1124: (415, "Invalid Content-Type header. Media type not supported."),
    1130: (400, "One of cell.value or objectValue may be set, but not both."),
    1131: (400, "cell.{0} for column {1} was of the wrong object type. Allowed types: {2}."),
    1133: (400, "Column titles are not unique among input columns."),
    1134: (400, "Duplicate system column type among input columns."),
    1135: (400, "Input column index {0} is different from the first input column index {1}."),
    1137: (400, "Input collection contains multiple instances of the same element."),
    1142: (400, "Column type {0} is reserved for project sheets and may not be manually set on a column."),
    1146: (400, "Unsupported operation: {0}."),
    1148: (400, "Numeric cell values must be between {0} and {1}."),
    1151: (404, "Scope object not found."),
    1152: (400, "URL must have HTTPS."),
    1154: (403, "Webhook disabled by Smartsheet."),
    1162: (400, "A formula must always start with an equal sign (=)."),
    1178: (400, "The following combination of attributes is not allowed for this operation: {0}."),
    1185: (400, "Cannot create a child of a parent row that has no data in it."),
    1210: (400, "Column validation is not supported for column type '{0}'."),
    1293: (404, "Subscope contains invalid ids."),
    1301: (403, "No permissions for column formulas."),
    1302: (400, "Cannot edit column formula cells."),
    1303: (400, "Unsupported column type for column formulas."),
    1236: (400, "OAuth missing client auth."),
    1237: (400, "OAuth redundant client auth."),
    1238: (400, "OAuth invalid secret."),
    4000: (500, "An unexpected error has occurred. Please contact api@smartsheet.com for assistance."),
    4001: (503, "Smartsheet.com is currently offline for system maintenance. Please check back again shortly."),
    4002: (500, "Server timeout exceeded. Request has failed."),
    4003: (429, "Rate limit exceeded."),
    4004: (
        500,
        "Request failed because sheetId {0} is currently being updated by another request that uses the same "
        "access token. Please retry your request once the previous request has completed.",
    ),
    4005: (410, "API version retired."),
}

_CODE_OF_STATUS = {400: 1008, 401: 1002, 403: 1004, 404: 1006, 405: 1010, 410: 4005, 415: 1124, 429: 4003, 503: 4001}


class ApiError(Exception):
    """A call that Smartsheet refuses. `values` fill the placeholders of the code's message.

    `index` and `row_id` name the offending item of a bulk call; they go into `detail`.
    """

    def __init__(self, code: int, *values: object) -> None:
        self.code = code
        self.status, template = _ERRORS[code]
        self.message = template.format(*values)
        self.index: int | None = None
        self.row_id: int | None = None
        super().__init__(f"{code}: {self.message}")

    def at(self, index: int, row_id: int | None) -> "ApiError":
        """The same error, pointing at an item of a bulk call."""
        self.index, self.row_id = index, row_id
        return self

    def body(self) -> dict[str, Any]:
        """The error object of the wire."""
        body: dict[str, Any] = {"errorCode": self.code, "message": self.message, "refId": _ref_id()}
        if self.index is not None:
            body["detail"] = {"index": self.index} | ({} if self.row_id is None else {"rowId": self.row_id})
        return body

    def response(self) -> Response:
        """The HTTP answer."""
        return JSONResponse(self.body(), self.status)


def fault_response(fault: Fault) -> Response:
    """The answer of a fault rule: its `errorCode`, or the one that goes with its status."""
    status = fault.status or 500
    code = int(fault.error_code) if fault.error_code is not None else _CODE_OF_STATUS.get(status, 4000)
    message = _ERRORS[code][1].format(*["…"] * 3) if code in _ERRORS else "An error was requested by a fault rule."
    headers = {} if fault.retry_after_ms is None else {"Retry-After": str(-(-fault.retry_after_ms // 1000))}
    return JSONResponse({"errorCode": code, "message": message, "refId": _ref_id()}, status, headers)


def _ref_id() -> str:
    return "".join(secrets.choice(_REF_ALPHABET) for _ in range(12))
