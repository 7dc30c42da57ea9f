"""The quota of one instance: who may call the model now.

Azure admits a call by its *reserved* tokens (prompt estimate + output cap) against tokens per minute, and by the
number of calls over a short window; what an answer leaves unused is not given back. The gate counts the same way,
so that a call that would be refused is not sent, and keeps the calls in flight below a limit. Who waits is served
in order; nobody waits longer than `max_wait_seconds`, because waiting is paid for.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from types import TracebackType

from shared.ai.clock import Clock, Timer
from shared.ai.ports import ModelDeferred
from shared.ai.windows import RequestWindow, TokenWindow
from shared.errors import InvalidInput

MAX_WAIT_SECONDS = 2.0
MAX_CLOSED_SECONDS = 300.0
"""However long the service asks to stay away, the gate tries again after this."""
MIN_DEFERRAL_SECONDS = 1.0
UNKNOWN_RESET_SECONDS = 1.0
MAX_PROMISES = 10_000


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What an answer's headers said about tokens; None where they said nothing. Times in seconds.

    The headers about calls are of no use: Azure counts them over 10 s, and whoever keeps exactly to the rate sees
    "none left" all the time.
    """

    limit_tokens: int | None = None
    remaining_tokens: int | None = None
    reset_tokens: float | None = None


@dataclass(frozen=True, slots=True)
class QuotaState:
    """The gate as `/api/metrics` shows it."""

    in_flight: int
    waiting: int
    concurrency: int
    tokens_last_minute: int
    tokens_per_minute: int
    closed_seconds: float
    admitted: int
    deferred: int
    throttled: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to make one call. `order` is the number of tokens admitted up to and with this call."""

    tokens: int
    admitted_at: float
    waited_seconds: float
    order: int


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    tokens: int
    since: float
    due: float
    decided: asyncio.Future[Ticket | float]
    """The ticket, or after how many seconds to ask again."""


class QuotaGate:
    """Admits calls. One for each deployment and process; used from one event loop.

    `clock` is the running event loop unless given.
    """

    def __init__(
        self,
        *,
        tokens_per_minute: int,
        requests_per_minute: int,
        concurrency: int,
        max_wait_seconds: float = MAX_WAIT_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self._configured_tokens = tokens_per_minute
        self._token_limit = tokens_per_minute
        self._concurrency = concurrency
        self._max_wait = max_wait_seconds
        self._given_clock = clock
        self._tokens = TokenWindow()
        self._requests = RequestWindow(requests_per_minute)
        self._queue: deque[_Waiter] = deque()
        self._queued_tokens = 0
        self._promises: deque[tuple[float, int]] = deque(maxlen=MAX_PROMISES)
        self._in_flight = 0
        self._order = 0
        self._hold_seconds = 0.0
        self._closed_until = 0.0
        self._service_left = 0
        self._service_left_until = 0.0
        self._timer: Timer | None = None
        self._timer_due = 0.0
        self._admitted = self._deferred = self._throttled = 0

    @property
    def concurrency(self) -> int:
        """The most calls in flight at once."""
        return self._concurrency

    def admit(self, tokens: int) -> "Admission":
        """`async with gate.admit(tokens) as ticket:` around one call that reserves `tokens`.

        Entering raises `ModelDeferred` when there is no room within `max_wait_seconds`, and `InvalidInput`
        (`model_quota_too_small`) when one call alone is more than a minute's tokens.
        """
        return Admission(self, tokens)

    def close_for(self, seconds: float) -> None:
        """Admit nobody for this long (a 429); whoever waits and cannot be served in time is deferred at once."""
        self._throttled += 1
        self._closed_until = max(self._closed_until, self._now() + min(seconds, MAX_CLOSED_SECONDS))
        self._serve()

    def adapt(self, ticket: Ticket, limits: RateLimits) -> None:
        """Follow the limits that came with the answer to `ticket`'s call: other instances share the quota."""
        now = self._now()
        if limits.limit_tokens:
            self._token_limit = min(self._configured_tokens, limits.limit_tokens)
        if limits.remaining_tokens is not None:
            admitted_since = self._order - ticket.order
            self._service_left = limits.remaining_tokens - admitted_since
            self._service_left_until = now + _reset(limits.reset_tokens)

    def state(self) -> QuotaState:
        """The gate's counters at this moment."""
        now = self._now()
        return QuotaState(
            in_flight=self._in_flight,
            waiting=len(self._queue),
            concurrency=self._concurrency,
            tokens_last_minute=self._tokens.used(now),
            tokens_per_minute=self._token_limit,
            closed_seconds=max(0.0, self._closed_until - now),
            admitted=self._admitted,
            deferred=self._deferred,
            throttled=self._throttled,
        )

    async def enter(self, tokens: int) -> Ticket:
        """Wait for room; the ticket must be given back to `leave`. `admit` does both."""
        if tokens > self._token_limit:
            raise InvalidInput(
                f"One call reserves {tokens} tokens, but only {self._token_limit} a minute are allowed; "
                "raise the deployment's quota and AZURE_OPENAI_TOKENS_PER_MINUTE.",
                code="model_quota_too_small",
            )
        now = self._now()
        if not self._queue and self._in_flight < self._concurrency and not self._seconds_until_room(tokens, now):
            return self._take(tokens, now, now)
        if self._seconds_until_room(self._queued_tokens + tokens, now) > self._max_wait:
            raise ModelDeferred(self._promise(tokens, now, len(self._queue), self._queued_tokens))
        return await self._wait(tokens, now)

    def leave(self, ticket: Ticket) -> None:
        """The call of this ticket has ended, however."""
        self._in_flight -= 1
        held = self._now() - ticket.admitted_at
        self._hold_seconds += 0.1 * (held - self._hold_seconds)
        self._serve()

    async def _wait(self, tokens: int, now: float) -> Ticket:
        decided: asyncio.Future[Ticket | float] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(tokens, now, now + self._max_wait, decided)
        self._queue.append(waiter)
        self._queued_tokens += tokens
        self._serve()
        try:
            decision = await decided
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise
        if isinstance(decision, Ticket):
            return decision
        raise ModelDeferred(decision)

    def _give_up(self, waiter: _Waiter) -> None:
        """A cancelled waiter leaves the queue, or gives back the slot that it got in the same moment."""
        if waiter.decided.cancelled():
            self._remove(waiter)
            self._serve()
        elif isinstance(ticket := waiter.decided.result(), Ticket):
            self.leave(ticket)

    def _serve(self) -> None:
        """Decide on those who wait, in order, as far as that can be done now; set the timer for the next one."""
        now = self._now()
        while self._queue:
            head = self._queue[0]
            if head.decided.cancelled():
                return  # its task runs next, takes it out and serves the others
            room_at = now + self._seconds_until_room(head.tokens, now)
            in_time = room_at <= head.due
            has_slot = self._in_flight < self._concurrency
            if in_time and room_at > now:
                self._wake_at(room_at, now)
                return
            if in_time and not has_slot and now < head.due:
                self._wake_at(head.due, now)
                return
            self._remove(head)
            served = in_time and has_slot
            head.decided.set_result(
                self._take(head.tokens, head.since, now) if served else self._promise(head.tokens, now)
            )
        self._wake_never()

    def _remove(self, waiter: _Waiter) -> None:
        self._queue.remove(waiter)
        self._queued_tokens -= waiter.tokens

    def _take(self, tokens: int, since: float, now: float) -> Ticket:
        self._tokens.add(tokens, now)
        self._requests.add(now)
        self._service_left -= tokens
        self._order += tokens
        self._in_flight += 1
        self._admitted += 1
        return Ticket(tokens, now, now - since, self._order)

    def _seconds_until_room(self, tokens: int, now: float) -> float:
        """Until the quota has room; the slots in flight are another matter."""
        seconds = max(
            self._closed_until - now,
            self._requests.seconds_until_room(now),
            self._tokens.seconds_until(tokens, self._token_limit, now),
        )
        if tokens > self._service_left and self._service_left_until > now:
            seconds = max(seconds, self._service_left_until - now)
        return max(0.0, seconds)

    def _promise(self, tokens: int, now: float, waiting_ahead: int = 0, tokens_ahead: int = 0) -> float:
        """When to come back: behind those who wait ahead of this one, or were told to come back and are not due yet.

        A little early, as coming back includes waiting again: a turn that is missed costs more than one that is not
        there yet.
        """
        while self._promises and self._promises[0][0] <= now:
            self._promises.popleft()
        ahead = waiting_ahead + len(self._promises)
        tokens_ahead += sum(promised for _, promised in self._promises)
        turn = max(
            self._tokens.seconds_until(tokens_ahead + tokens, self._token_limit, now),
            ahead / self._requests.per_second,
            ahead * self._hold_seconds / self._concurrency,
        )
        seconds = max(MIN_DEFERRAL_SECONDS, self._seconds_until_room(tokens, now), turn - self._max_wait / 2)
        seconds = min(seconds, MAX_CLOSED_SECONDS)
        self._promises.append((now + seconds, tokens))
        self._deferred += 1
        return seconds

    def _wake_at(self, moment: float, now: float) -> None:
        if self._timer is not None:
            if self._timer_due == moment:
                return
            self._timer.cancel()
        self._timer_due = moment
        self._timer = self._clock.call_later(moment - now, self._on_timer)

    def _wake_never(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        self._serve()

    @property
    def _clock(self) -> Clock:
        return self._given_clock or asyncio.get_running_loop()

    def _now(self) -> float:
        return self._clock.time()


class Admission:
    """The context manager that `QuotaGate.admit` returns; enter it once."""

    __slots__ = ("_gate", "_ticket", "_tokens")

    def __init__(self, gate: QuotaGate, tokens: int) -> None:
        self._gate = gate
        self._tokens = tokens
        self._ticket: Ticket | None = None

    async def __aenter__(self) -> Ticket:
        self._ticket = await self._gate.enter(self._tokens)
        return self._ticket

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticket is not None:
            self._gate.leave(self._ticket)


def _reset(seconds: float | None) -> float:
    return UNKNOWN_RESET_SECONDS if seconds is None else min(seconds, MAX_CLOSED_SECONDS)
