"""One HTTP exchange with Smartsheet: headers, timeouts, retries, the circuit breaker, one log line per attempt."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import httpx2
from pydantic import SecretStr

from shared.clients.smartsheet.failures import CallFailed, Subject, answer_failure, exchange_failure
from shared.errors import Unauthorized, UpstreamUnavailable
from shared.resilience.circuit import CircuitBreaker
from shared.resilience.retry import Retrier, RetryPolicy, TryAgain, retry_after_seconds
from shared.telemetry import current_correlation_id, get_logger

log = get_logger(__name__)
logging.getLogger("httpx2").setLevel(logging.WARNING)  # its line for each request holds the query string

_CONNECT_SECONDS = 10.0
_USER_AGENT = "ChatSheetAI/1.0"


@dataclass(frozen=True, slots=True)
class Call:
    """A request with a JSON body, or none.

    `template` is the path as it is logged: without ids and query. `subject` is what errors are about.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    template: str
    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    subject: Subject = "rows"

    @property
    def is_write(self) -> bool:
        """Whether repeating it can do harm."""
        return self.method != "GET"

    @property
    def path(self) -> str:
        """The template with its ids filled in."""
        return self.template.format_map(self.ids)


@dataclass(frozen=True, slots=True)
class Timing:
    """Where time comes from. `clock` is monotonic seconds, `now` the time of day."""

    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    random: Callable[[], float]
    now: Callable[[], datetime]


class Transport:
    """Sends calls. Seconds bound each attempt as a whole, not each of its reads.

    No attempt starts later than the timeout plus 30 s after the first (of writes, than twice the timeout, if that is
    less). A Retry-After above 20 s is not waited for here: `RateLimited` says how long.
    """

    def __init__(
        self,
        base_url: str,
        *,
        read_seconds: float,
        write_seconds: float,
        max_connections: int,
        headers: Mapping[str, str],
        timing: Timing,
        transport: httpx2.AsyncBaseTransport | None,
        circuit: CircuitBreaker,
    ) -> None:
        self._base_url = base_url
        self._seconds = {False: read_seconds, True: write_seconds}
        self._retriers = {
            write: Retrier(
                RetryPolicy(budget_seconds=_writes_start_within(seconds) if write else seconds + 30),
                clock=timing.clock,
                sleep=timing.sleep,
                random=timing.random,
            )
            for write, seconds in self._seconds.items()
        }
        self._max_connections = max_connections
        self._headers = {"User-Agent": _USER_AGENT, "Accept": "application/json", **headers}
        self._timing = timing
        self._transport = transport
        self._client: httpx2.AsyncClient | None = None
        self.circuit = circuit

    async def aclose(self) -> None:
        """Close the connections; a later call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def send(self, call: Call, token: SecretStr) -> bytes:
        """The body of a successful answer. Raises what `failures.py` makes of anything else."""
        headers = self._headers_of(call, token)
        retrier = self._retriers[call.is_write]
        try:
            return await retrier.run(lambda attempt: self._attempt(call, headers, attempt), _judge)
        except CallFailed as failed:
            raise failed.error from None

    async def _attempt(self, call: Call, headers: Mapping[str, str], attempt: int) -> bytes:
        started = self._timing.clock()
        outcome = "cancelled"
        try:
            with self.circuit.guard(_is_unhealthy):
                response = await self._exchange(call, headers)
                outcome = str(response.status_code)
                if response.status_code != 200:
                    after = retry_after_seconds(response.headers.get("Retry-After"), self._timing.now())
                    raise answer_failure(
                        response.status_code, response.content, after, write=call.is_write, subject=call.subject
                    )
                return response.content
        except CallFailed as failed:
            if outcome == "cancelled":
                outcome = failed.error.code
            raise
        except UpstreamUnavailable:
            outcome = "not sent, circuit open"
            raise
        finally:
            ms = round((self._timing.clock() - started) * 1000)
            log.info("smartsheet %s %s: %s in %d ms, attempt %d", call.method, call.template, outcome, ms, attempt)

    async def _exchange(self, call: Call, headers: Mapping[str, str]) -> httpx2.Response:
        try:
            async with asyncio.timeout(self._seconds[call.is_write]):
                return await self._opened().request(
                    call.method, self._base_url + call.path, params=call.query, content=call.body, headers=headers
                )
        except (httpx2.TransportError, TimeoutError) as error:
            raise exchange_failure(error, write=call.is_write) from error
        except httpx2.DecodingError as error:
            raise exchange_failure(httpx2.ReadError(""), write=call.is_write) from error

    def _opened(self) -> httpx2.AsyncClient:
        # Made at the first call, inside the event loop that its connections belong to.
        if self._client is None:
            longest = max(self._seconds.values())
            self._client = httpx2.AsyncClient(
                timeout=httpx2.Timeout(longest, connect=_CONNECT_SECONDS),
                limits=httpx2.Limits(
                    max_connections=self._max_connections, max_keepalive_connections=self._max_connections
                ),
                transport=self._transport,
            )
        return self._client

    def _headers_of(self, call: Call, token: SecretStr) -> dict[str, str]:
        secret = token.get_secret_value()
        if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise Unauthorized("This is not a Smartsheet access token; connect again.", code="needs_sign_in")
        headers = {**self._headers, **call.headers, "Authorization": f"Bearer {secret}"}
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        correlation_id = current_correlation_id()
        if correlation_id is not None:
            headers["X-Correlation-ID"] = correlation_id
        return headers


def longest_write_seconds(seconds: float) -> float:
    """When a write has ended, with all its attempts, each of which may take so many seconds."""
    return _writes_start_within(seconds) + seconds


def _writes_start_within(seconds: float) -> float:
    """How long after the first attempt another may start: time for one that hangs, and for some pauses."""
    return seconds + min(seconds, 30)


def _judge(failure: Exception) -> TryAgain | None:
    if isinstance(failure, CallFailed) and failure.again:
        return TryAgain(failure.after_seconds)
    return None


def _is_unhealthy(failure: Exception) -> bool:
    return isinstance(failure, CallFailed) and failure.unhealthy
