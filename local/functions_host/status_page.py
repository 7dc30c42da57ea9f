"""The page at `/` while the web page is not built: what runs here, and how it is."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
from starlette.responses import HTMLResponse, Response

from local.functions_host.web_page import SECURITY_HEADERS

PAGE = Path(__file__).with_name("status_page.html").read_text(encoding="utf-8")
RUN_FILE = "run.json"
ASK_SECONDS = 1.0
OK = 200


def _hash_of(tag: str) -> str:
    """The hash by which a content security policy allows the page's one inline script or style."""
    match = re.search(f"<{tag}>(.*?)</{tag}>", PAGE, re.DOTALL)
    assert match is not None
    return f"'sha256-{base64.b64encode(hashlib.sha256(match[1].encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; connect-src 'self'; script-src {_hash_of('script')}; style-src {_hash_of('style')};"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def status_page() -> Response:
    """The page; it asks `/_control/status` and the app's own routes for what it shows."""
    return HTMLResponse(
        PAGE, headers={**SECURITY_HEADERS, "content-security-policy": POLICY, "cache-control": "no-cache"}
    )


async def ask_parts(data_dir: Path) -> list[dict[str, Any]]:
    """`{part, url, status}` of every part in `run.json`; empty where the supervisor did not write one."""
    try:
        parts: dict[str, dict[str, Any]] = json.loads((data_dir / RUN_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # not there yet, or being written
        return []
    timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
        return [
            {"part": name, "url": part["url"], "status": await _ask(session, part["url"])}
            for name, part in parts.items()
        ]


async def _ask(session: aiohttp.ClientSession, url: str) -> str:
    """`ok`, `answers` for a part without a health endpoint (Azurite), what it reports, or `not reachable`."""
    try:
        async with session.get(f"{url}/_control/health") as answer:
            if answer.status != OK:
                return "ok" if "Azurite" in answer.headers.get("server", "") else f"answers {answer.status}"
            health = await answer.json(content_type=None)
            return str(health.get("status", "ok"))
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return "not reachable"
