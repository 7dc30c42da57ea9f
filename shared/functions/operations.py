"""Health, counters, and the description of the API."""

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path

from shared.functions.http import operation
from shared.functions.openapi import openapi_document
from shared.functions.registration import Triggers
from shared.functions.routes import CALLBACKS, ROUTES, Call, NoQuery, Reply
from shared.health import Health
from shared.metrics import InstanceMetrics

triggers = Triggers()

API_VERSION = "0.1.0"

_TAG = "Operations"
_PAGE = Path(__file__).with_name("docs.html")
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


@operation(
    triggers,
    "GET",
    "health",
    summary="Whether the service can do its work",
    tag=_TAG,
    answers=Health,
    other_status=503,
    access="public",
    any_host=True,
)
async def get_health(call: Call[None, NoQuery]) -> Reply:
    """200 when it can, 503 when it cannot; which part is why."""
    health = await call.container.health.check()
    return Reply(health.model_dump_json(by_alias=True).encode(), status=200 if health.status == "ok" else 503)


@operation(triggers, "GET", "metrics", summary="Counters of this instance", tag=_TAG, answers=InstanceMetrics)
async def get_metrics(call: Call[None, NoQuery]) -> InstanceMetrics:
    """Since it started: requests, the cache, circuit breakers, memory. Another instance has counters of its own."""
    return call.container.report_metrics()


@operation(
    triggers, "GET", "openapi.json", summary="This description, for programs", tag=_TAG, answers=None, access="public"
)
async def get_openapi(call: Call[None, NoQuery]) -> Reply:
    """The API as OpenAPI 3.1."""
    return Reply(_document())


@operation(
    triggers,
    "GET",
    "docs",
    summary="This description, for people",
    tag=_TAG,
    answers=None,
    media_type="text/html",
    access="public",
)
async def get_docs(call: Call[None, NoQuery]) -> Reply:
    """A page of its own: it loads nothing from elsewhere."""
    page, policy = _page()
    return Reply(page, {"Content-Security-Policy": policy})


@cache
def _document() -> bytes:
    return json.dumps(openapi_document(ROUTES.values(), CALLBACKS.values(), version=API_VERSION)).encode()


@cache
def _page() -> tuple[bytes, str]:
    """The page, and the policy that lets just its own script and style run."""
    text = _PAGE.read_text(encoding="utf-8")
    hashes = {
        kind: base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        for kind, inline in _INLINE.findall(text)
    }
    policy = (
        f"default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        f"script-src 'sha256-{hashes['script']}'; style-src 'sha256-{hashes['style']}'"
    )
    return text.encode(), policy
