"""Runs timer functions: the rules of `TimerListener` and `ScheduleMonitor` of the real host.

https://github.com/Azure/azure-webjobs-sdk-extensions/tree/main/src/WebJobs.Extensions/Extensions/Timers
"""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.functions_host.app_settings import AppSettings
from local.functions_host.converters import Datum, converter_of
from local.functions_host.execution import FunctionWorker
from local.functions_host.functions import LoadedFunction
from local.functions_host.ncrontab import Schedule
from local.functions_host.schedule_store import ScheduleStore, TimerStatus

logger = logging.getLogger("host.timers")
# The wall clock is looked at again at least this often: a laptop sleeps, clocks are set.
LONGEST_SLEEP_SECONDS = 60.0
# What .NET writes for a time that was never set.
NEVER = "0001-01-01T00:00:00+00:00"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class TimerTrigger:
    """One timer function. Runs never overlap; a failed run does not stop the schedule."""

    def __init__(
        self,
        function: LoadedFunction,
        settings: AppSettings,
        store: ScheduleStore,
        worker: FunctionWorker,
        client_binding: Callable[[], str],
        *,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Raises ValueError where the schedule cannot be read."""
        self._function = function
        self._worker = worker
        self._client_binding = client_binding
        self._now = now
        properties = function.trigger.properties
        self.schedule = Schedule(settings.resolve(properties["schedule"]))
        self._run_on_startup = bool(properties.get("runOnStartup"))
        monitored = properties.get("useMonitor") is not False and not self.schedule.is_sub_minute(now())
        self._store = store if monitored else None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to wait for the next occurrence; a missed one runs now, as past due."""
        self._task = asyncio.create_task(self._run(), name=f"timer {self._function.name}")

    async def stop(self) -> None:
        """Stop waiting, and cancel a run that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        status, past_due = self._status_at_start()
        if past_due or self._run_on_startup:
            status = await self._fire(status, past_due=past_due, scheduled=False)
        while True:
            wait = (status.next - self._now()).total_seconds()
            if wait > 0:
                await asyncio.sleep(min(wait, LONGEST_SLEEP_SECONDS))
            else:
                status = await self._fire(status, past_due=False, scheduled=True)

    def _status_at_start(self) -> tuple[TimerStatus, bool]:
        """The status to go on from, and whether an occurrence was missed while the host was away."""
        now = self._now()
        fresh = TimerStatus(last=None, next=self._following(now), updated=now)
        if self._store is None:
            return fresh, False
        stored = self._store.find(self._function.name)
        if stored is None:
            self._store.save(self._function.name, fresh)
            return fresh, False
        expected = self._following(stored.last or stored.updated)
        if stored.next != expected:  # the schedule was changed meanwhile: what it would have missed is not past due
            changed = fresh if now > expected else TimerStatus(last=None, next=expected, updated=stored.updated)
            self._store.save(self._function.name, changed)
            return changed, False
        return stored, now > stored.next

    async def _fire(self, status: TimerStatus, *, past_due: bool, scheduled: bool) -> TimerStatus:
        started = self._now()
        arguments: dict[str, Any] = {self._function.trigger.name: self._request(status, past_due)}
        for binding in self._function.bindings:
            if binding.type == "durableClient":
                arguments[binding.name] = self._client_binding()
        try:
            await self._worker.call(self._function, arguments)
        except Exception:  # noqa: BLE001 - logged with its trace by the worker; the schedule goes on
            logger.info("timer %s failed; it goes on with its schedule", self._function.name)
        ran = max(started, status.next) if scheduled else started
        following = TimerStatus(last=ran, next=self._following(ran), updated=ran)
        if self._store is not None:
            try:
                self._store.save(self._function.name, following)
            except sqlite3.Error:  # as in the real host: the schedule matters more than its record
                logger.exception("timer %s: its status could not be saved", self._function.name)
        return following

    def _following(self, time: datetime) -> datetime:
        following = self.schedule.next_after(time)
        assert following is not None, "a schedule that never occurs is refused when it is read"
        return following

    def _request(self, status: TimerStatus, past_due: bool) -> Any:
        described = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": None
            if self._store is None
            else {
                "Last": status.last.isoformat() if status.last else NEVER,
                "Next": status.next.isoformat(),
                "LastUpdated": status.updated.isoformat(),
            },
            "IsPastDue": past_due,
        }
        converter = converter_of("timerTrigger")
        assert converter is not None
        return converter.decode(Datum(json.dumps(described), "json"), trigger_metadata=None)
