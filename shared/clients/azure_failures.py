"""What the Azure SDKs raise, as the application's errors."""

from collections.abc import Generator
from contextlib import contextmanager

from shared.errors import UpstreamFault, UpstreamTimeout, UpstreamUnavailable
from shared.resilience.circuit import CircuitBreaker

_TRANSIENT = (408, 429)


@contextmanager
def azure_call(service: str, breaker: CircuitBreaker) -> Generator[None, None, None]:
    """Around one call of an Azure SDK.

    Raises `UpstreamTimeout`, `UpstreamFault` (refused: settings or request are wrong) or `UpstreamUnavailable`,
    the last also while the breaker is open. What the caller catches inside the block does not count.
    """
    with breaker.guard(_is_outage), _translated(service):
        yield


def _is_outage(error: Exception) -> bool:
    return isinstance(error, UpstreamUnavailable) and not isinstance(error, UpstreamFault)


@contextmanager
def _translated(service: str) -> Generator[None, None, None]:
    from azure.core.exceptions import (
        AzureError,
        HttpResponseError,
        ServiceRequestTimeoutError,
        ServiceResponseTimeoutError,
    )

    try:
        yield
    except (ServiceRequestTimeoutError, ServiceResponseTimeoutError):
        raise UpstreamTimeout(f"{service} did not answer in time.") from None
    except HttpResponseError as error:
        status = error.status_code or 0
        if 400 <= status < 500 and status not in _TRANSIENT:
            raise UpstreamFault(f"{service} refused the call (status {status}).") from None
        raise UpstreamUnavailable(f"{service} cannot serve the call at the moment.") from None
    except AzureError as error:
        # Reading a token, resolving a name, connecting: the type says which, the text may hold addresses.
        raise UpstreamUnavailable(f"{service} cannot be reached ({type(error).__name__}).") from None
