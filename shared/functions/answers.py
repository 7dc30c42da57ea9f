"""What every answer gets on its way out: headers that protect, headers for pages of other origins, compression."""

import asyncio
import gzip
from collections.abc import Collection, Iterable
from typing import Any

import azure.functions as func

from shared.functions.registration import header_map

SMALLEST_COMPRESSED = 1_000
"""Below it, compression costs more than it saves."""
COMPRESSION_LEVEL = 3
"""A page of 500 × 20 cells (1.5 MB of JSON) becomes 3.3 % of it in 2 ms; level 6: 2.3 % in twice the time."""
_BIG = 100_000
_COMPRESSIBLE = ("application/json", "application/problem+json", "text/")
_ASKED_HEADERS = "Content-Type, X-Requested-With, X-Correlation-ID, Idempotency-Key, If-None-Match, Authorization"
_SHOWN_HEADERS = "ETag, Retry-After, X-Correlation-ID, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"


async def finished(
    request: func.HttpRequest, response: func.HttpResponse, own_origins: Collection[str]
) -> func.HttpResponse:
    """The answer as it goes out."""
    headers = response.headers
    headers["X-Content-Type-Options"] = "nosniff"
    if "Referrer-Policy" not in headers:
        headers["Referrer-Policy"] = "no-referrer"
    headers["Cache-Control"] = "no-store"
    origin = header_map(request).get("Origin")
    if origin is not None and origin.lower() in own_origins:
        _allow(headers, origin)
        headers["Access-Control-Expose-Headers"] = _SHOWN_HEADERS
    return await _compressed(request, response)


def preflight(request: func.HttpRequest, own_origins: Collection[str], methods: Iterable[str]) -> func.HttpResponse:
    """The answer to a browser that asks whether a page may call; without a known origin only the methods."""
    response = func.HttpResponse(status_code=204, headers={"Allow": ", ".join([*methods, "OPTIONS"])})
    origin = header_map(request).get("Origin")
    if origin is not None and origin.lower() in own_origins:
        response.headers["Access-Control-Allow-Methods"] = ", ".join(methods)
        response.headers["Access-Control-Allow-Headers"] = _ASKED_HEADERS
        response.headers["Access-Control-Max-Age"] = "600"
    return response


def _allow(headers: Any, origin: str) -> None:
    headers["Access-Control-Allow-Origin"] = origin
    headers["Access-Control-Allow-Credentials"] = "true"
    headers["Vary"] = "Origin"


async def _compressed(request: func.HttpRequest, response: func.HttpResponse) -> func.HttpResponse:
    """The answer with its body in gzip, where the caller takes it and it is worth it. ETags of ours are weak."""
    body = response.get_body()
    if len(body) < SMALLEST_COMPRESSED or not (response.mimetype or "").startswith(_COMPRESSIBLE):
        return response
    response.headers["Vary"] = ", ".join(filter(None, [response.headers.get("Vary"), "Accept-Encoding"]))
    if not accepts_gzip(header_map(request).get("Accept-Encoding", "")):
        return response
    if len(body) < _BIG:
        packed = gzip.compress(body, COMPRESSION_LEVEL, mtime=0)
    else:
        packed = await asyncio.to_thread(gzip.compress, body, COMPRESSION_LEVEL, mtime=0)
    headers = {name: value for name, value in response.headers.items() if name.lower() != "set-cookie"}
    smaller = func.HttpResponse(
        packed,
        status_code=response.status_code,
        headers={**headers, "Content-Encoding": "gzip"},
        mimetype=response.mimetype,
        charset=response.charset,
    )
    for cookie in response.headers.get_all("Set-Cookie") or ():
        smaller.headers.add("Set-Cookie", cookie)
    return smaller


def accepts_gzip(header: str) -> bool:
    """Whether `Accept-Encoding` takes gzip (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for part in header.split(","):
        coding, _, parameter = part.partition(";")
        name, _, weight = parameter.strip().partition("=")
        try:
            weights[coding.strip().lower()] = float(weight) if name.strip().lower() == "q" else 1.0
        except ValueError:
            weights[coding.strip().lower()] = 0.0
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0
