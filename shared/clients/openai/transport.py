"""HTTP for the openai SDK by way of aiohttp.

The SDK's own transport parses HTTP in Python: about 0.8 ms of processor time for each call more than aiohttp's C
parser takes, which at a hundred calls a second is a tenth of a core. Import this module late: it imports httpx2.
"""

from collections.abc import AsyncIterator

import aiohttp
import httpx2
from yarl import URL

KEEP_ALIVE_SECONDS = 60
CHUNK_BYTES = 65_536


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """At most `connections` at once, kept alive. The session is opened by the first request, in its event loop."""

    def __init__(self, *, connections: int, proxy: str | None = None) -> None:
        self._connections = connections
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; its failures are raised as httpx2's."""
        try:
            answer = await self._open_session().request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=[(name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers.raw],
                data=await request.aread() or None,
                timeout=_timeout(request),
                allow_redirects=False,
                proxy=self._proxy,
            )
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _translated(error, request) from error
        return httpx2.Response(
            answer.status, headers=list(answer.raw_headers), stream=_Body(answer, request), request=request
        )

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEP_ALIVE_SECONDS)
            # The SDK sets every header, and decodes the body by itself.
            self._session = aiohttp.ClientSession(
                connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: aiohttp.ClientResponse, request: httpx2.Request) -> None:
        self._answer = answer
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._answer.content.iter_chunked(CHUNK_BYTES):
                yield chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _translated(error, self._request) from error

    async def aclose(self) -> None:
        # A body that was read to its end has given its connection back already; this one cuts it.
        self._answer.close()


def _timeout(request: httpx2.Request) -> aiohttp.ClientTimeout:
    given: dict[str, float | None] = request.extensions.get("timeout", {})
    return aiohttp.ClientTimeout(
        total=None, connect=given.get("pool"), sock_connect=given.get("connect"), sock_read=given.get("read")
    )


def _translated(error: Exception, request: httpx2.Request) -> httpx2.TransportError:
    name = type(error).__name__
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx2.ConnectTimeout(name, request=request)
    if isinstance(error, TimeoutError):
        return httpx2.ReadTimeout(name, request=request)
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx2.ConnectError(name, request=request)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return httpx2.RemoteProtocolError(name, request=request)
    return httpx2.ReadError(name, request=request)
