"""Error answers in Azure's shapes: `{error: {code, message, type?, param?, innererror?}}`."""

import math
import uuid
from typing import Any

from starlette.responses import JSONResponse, Response

from local.standin.faults import Fault

_KEY_REFUSED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)
_BEARER_REFUSED = (
    "Unauthorized. Access token is missing, invalid, audience is incorrect "
    "(https://cognitiveservices.azure.com), or have expired."
)
_FILTERED = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify "
    "your prompt and retry. To learn more about our content filtering policies please read our documentation: "
    "https://go.microsoft.com/fwlink/?linkid=2198766"
)
_NO_DEPLOYMENT = (
    "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
    "please wait a moment and try again."
)
_NO_CAPACITY = "The system is currently experiencing high demand and cannot process your request. Please retry later."
_BROKEN = "The server had an error while processing your request. Sorry about that!"
_UNAVAILABLE = "The service is temporarily unable to process your request. Please try again later."


class ApiError(Exception):
    """An answer that is not a completion. `body` is what stands under `error`."""

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(body["message"])
        self.status = status
        self.body = body
        self.headers = headers or {}

    def response(self, headers: dict[str, str] | None = None) -> Response:
        """The HTTP answer, with `headers` added to the error's own."""
        return JSONResponse({"error": self.body}, self.status, {**(headers or {}), **self.headers})


def bad_request(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """400 of the model itself: the request does not hold together."""
    return ApiError(400, {"message": message, "type": "invalid_request_error", "param": param, "code": code})


def key_refused() -> ApiError:
    """401 for a wrong or missing `api-key`."""
    return ApiError(401, {"code": "401", "message": _KEY_REFUSED})


def token_refused() -> ApiError:
    """401 for a bearer token that is malformed, expired, or for another audience."""
    return ApiError(401, {"code": "401", "message": _BEARER_REFUSED})


def deployment_not_found() -> ApiError:
    """404 for a deployment name that this resource does not have."""
    return ApiError(404, {"code": "DeploymentNotFound", "message": _NO_DEPLOYMENT})


def resource_not_found() -> ApiError:
    """404 of the gateway: no such path, or no such `api-version`."""
    return ApiError(404, {"code": "404", "message": "Resource not found"})


def retired(model: str) -> ApiError:
    """400 for text completions, which no current model serves."""
    message = (
        f"The completion operation does not work with the specified model, {model}. Please choose different model and "
        "try again. (Text completions are retired: call chat/completions.)"
    )
    return ApiError(400, {"code": "OperationNotSupported", "message": message})


def rate_limited(what: str, deployment: str, api_version: str, retry_after_seconds: float) -> ApiError:
    """429 where `what` (`token` or `call`) ran out; `retry-after` in whole seconds and `-ms` beside it."""
    seconds = math.ceil(retry_after_seconds)
    message = (
        f"Your requests to {deployment} in Local have exceeded the {what} rate limit for your current OpenAI S0 "
        f"pricing tier. This request was for ChatCompletions_Create under Azure OpenAI API version {api_version}. "
        f"Please retry after {seconds} seconds. To increase your default rate limit, visit: https://aka.ms/oai/quotaincrease."
    )
    return ApiError(429, {"code": "RateLimitReached", "message": message}, retry_headers(retry_after_seconds * 1000))


def no_capacity() -> ApiError:
    """429 where the service, not the quota, is full."""
    return ApiError(429, {"code": "NoCapacity", "message": _NO_CAPACITY}, retry_headers(1000))


def content_filtered(status: int = 400) -> ApiError:
    """The prompt met the content filter."""
    result = {
        "hate": {"filtered": False, "severity": "safe"},
        "jailbreak": {"filtered": True, "detected": True},
        "self_harm": {"filtered": False, "severity": "safe"},
        "sexual": {"filtered": False, "severity": "safe"},
        "violence": {"filtered": False, "severity": "safe"},
    }
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result}
    return ApiError(
        status,
        {
            "message": _FILTERED,
            "type": None,
            "param": "prompt",
            "code": "content_filter",
            "status": status,
            "innererror": inner,
        },
    )


def retry_headers(milliseconds: float) -> dict[str, str]:
    """`retry-after` (whole seconds, rounded up) and `retry-after-ms`."""
    whole = math.ceil(milliseconds)
    return {"retry-after": str(math.ceil(whole / 1000)), "retry-after-ms": str(whole)}


def fault_response(fault: Fault) -> Response:
    """What a fault of the control API answers: Azure's body for its status, `errorCode` in place of the usual code."""
    status = fault.status or 500
    error = _by_status(status, str(fault.error_code or ""))
    if fault.error_code is not None:
        error.body["code"] = str(fault.error_code)
    error.headers = {} if fault.retry_after_ms is None else retry_headers(fault.retry_after_ms)
    return error.response({"apim-request-id": str(uuid.uuid4()), "x-ms-region": "Local"})


def _by_status(status: int, code: str) -> ApiError:
    if code == "content_filter":
        return content_filtered(status)
    if status == 429:
        return rate_limited("token", "this deployment", "preview", 1)
    known = {401: key_refused, 404: deployment_not_found}
    if status in known:
        return known[status]()
    if status < 500:
        return ApiError(status, {"code": str(status), "message": "The request could not be served."})
    message = _UNAVAILABLE if status == 503 else _BROKEN
    return ApiError(status, {"message": message, "type": "server_error", "param": None, "code": "InternalServerError"})
