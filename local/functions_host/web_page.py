"""Serves the built web page, with the headers that a page needs."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

NOT_FOUND = 404
INDEX = "index.html"
# Realtime runs on a port of its own: the page may open websockets to loopback.
PAGE_POLICY = (
    "default-src 'self'; connect-src 'self' ws://localhost:* ws://127.0.0.1:*; img-src 'self' data: blob:;"
    " style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
FOREVER = "public, max-age=31536000, immutable"


class WebPage:
    """The files of `web/dist`. Paths of the page's own router get `index.html`."""

    def __init__(self, directory: Path) -> None:
        self._files = StaticFiles(directory=directory)

    async def respond(self, path: str, scope: Scope) -> Response:
        """The file at a decoded path; 404 for a file that is not there."""
        try:
            response = await self._files.get_response(path.lstrip("/") or INDEX, scope)
        except HTTPException as error:
            if error.status_code != NOT_FOUND or "." in path.rsplit("/", 1)[-1]:
                return Response(status_code=error.status_code, headers=SECURITY_HEADERS)
            response = await self._files.get_response(INDEX, scope)
        response.headers.update(SECURITY_HEADERS)
        response.headers["content-security-policy"] = PAGE_POLICY
        # Vite puts a hash of the content into the names under assets/.
        response.headers["cache-control"] = FOREVER if path.startswith("/assets/") else "no-cache"
        return response
