"""Inbound limits at the edge: whom a request is counted for, as what, and what the caller is told."""

from collections.abc import MutableMapping

import azure.functions as func

from shared.container import Container
from shared.errors import RateLimited
from shared.functions.registration import header_map
from shared.functions.routes import Route
from shared.identity.models import Caller, Person
from shared.resilience.rate_limits import RequestClass

LIMIT, REMAINING, RESET = "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"


async def count_request(
    container: Container,
    route: Route,
    request: func.HttpRequest,
    signed_in: Caller | Person | None,
    headers: MutableMapping[str, str],
) -> None:
    """Count a request for the person, or without one for the address, and put what is left into `headers`.

    Raises `RateLimited`.
    """
    who = _address_of(request, container.settings.trusted_proxies) if signed_in is None else signed_in.user_id
    allowance = await container.rate_limiter.count(who, class_of(route))
    if allowance is None:
        return
    headers[LIMIT] = str(allowance.limit)
    headers[REMAINING] = str(allowance.remaining)
    headers[RESET] = str(allowance.reset_seconds)
    if not allowance.admitted:
        container.metrics.record_turned_away()
        raise RateLimited(
            f"You may make {allowance.limit} requests of this kind a minute; go on in {allowance.reset_seconds} s.",
            retry_after_seconds=allowance.reset_seconds,
        )


def class_of(route: Route) -> RequestClass:
    """Which limit a route's requests fall under."""
    if route.access == "public" and (route.method != "GET" or route.redirects):
        return "sign_in"  # the redirects are the ways to Smartsheet's sign-in, and back
    if (route.starts_jobs and route.creates) or route.uploads or route.asks_model:
        return "start"
    return "read" if route.method == "GET" else "write"


def _address_of(request: func.HttpRequest, trusted_proxies: int) -> str:
    """The address that the outermost of our own proxies saw.

    Each proxy appends the address that it was called from (Azure App Service does, and Front Door before it). What
    stands further left, the client may have written.
    """
    forwarded = header_map(request).get("X-Forwarded-For", "").split(",")
    return f"address:{_without_port(forwarded[-min(trusted_proxies, len(forwarded))].strip())}"


def _without_port(address: str) -> str:
    """`192.0.2.1:5000` and `[2001:db8::1]:5000` name a connection; what is counted is who makes them."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
