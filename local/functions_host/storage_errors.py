"""Storage errors in one line: codes only, no URLs with keys, no SDK text."""

from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError


def explain(error: AzureError) -> str:
    """What went wrong, for logs and health."""
    if isinstance(error, HttpResponseError):
        return f"{error.status_code} {getattr(error, 'error_code', None) or error.reason or ''}".strip()
    if isinstance(error, ServiceRequestError):
        return "not reachable"
    return type(error).__name__
