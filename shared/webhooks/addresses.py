"""Where Smartsheet sends callbacks to."""

import ipaddress
from urllib.parse import urlsplit

PATH = "/api/webhooks/smartsheet"
_PORTS = frozenset({None, 443, 8000, 8008, 8080, 8443})


def callback_url(public_base_url: str, smartsheet_api_base: str) -> str | None:
    """The URL for callbacks; None when this Smartsheet would not call it.

    Smartsheet calls https on certain ports, and no private address. A Smartsheet on this machine (the sandbox) also
    calls http on this machine.
    """
    own = urlsplit(public_base_url)
    host = own.hostname or ""
    is_reachable = own.scheme == "https" and own.port in _PORTS and not _is_private(host)
    is_beside = _is_loopback(urlsplit(smartsheet_api_base).hostname or "") and _is_loopback(host)
    return f"{public_base_url}{PATH}" if is_reachable or is_beside else None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _is_private(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else not address.is_global


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None  # a name
