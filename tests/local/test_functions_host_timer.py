"""Timer triggers: schedules, what is remembered between runs, and the running host."""

import asyncio
import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from azure.functions.timer import TimerRequest

from local.functions_host.app_settings import AppSettings
from local.functions_host.execution import FunctionWorker
from local.functions_host.functions import Binding, LoadedFunction
from local.functions_host.loader import LoadedApp
from local.functions_host.ncrontab import Schedule
from local.functions_host.schedule_store import ScheduleStore, TimerStatus
from local.functions_host.timer_trigger import TimerTrigger
from tests.local.functions_host_process import copy_app, running_host

START = datetime(2026, 2, 27, 22, 59, 30, 500_000, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("*/10 * * * * *", "2026-02-27T22:59:40"),
        ("* * * * *", "2026-02-27T23:00:00"),
        ("0 */5 * * * *", "2026-02-27T23:00:00"),
        ("30 59 22 * * *", "2026-02-28T22:59:30"),
        ("0 0 9-17/4 * * MON-FRI", "2026-03-02T09:00:00"),
        ("0 0 0 1 jan,Jul *", "2026-07-01T00:00:00"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("0 0 12 13 * Friday", "2026-03-13T12:00:00"),
        ("5/20 * * * * *", "2026-02-27T22:59:45"),
        ("0 0 20-22 * * 0", "2026-03-01T20:00:00"),
    ],
)
def test_the_next_occurrence_is_that_of_ncrontab(expression: str, following: str) -> None:
    assert Schedule(expression).next_after(START) == datetime.fromisoformat(following).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("* * *", "six fields"),
        ("00:05:00", "TimeSpan"),
        ("60 * * * * *", "second '60': must be from 0 to 59"),
        ("0 0 0 * * 7", "day of week '7': must be from 0 to 6"),
        ("0 */0 * * * *", "the step must be a number from 1"),
        ("0 0 0 L * *", "day 'L' cannot be read"),
        ("0 0 0 30 2 *", "never occurs"),
    ],
)
def test_a_wrong_schedule_is_refused_by_its_field(expression: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        Schedule(expression)


def test_only_schedules_within_a_minute_are_not_remembered() -> None:
    assert Schedule("*/10 * * * * *").is_sub_minute(START)
    assert not Schedule("0 * * * * *").is_sub_minute(START)


class Nightly:
    """A timer function, its store, and a clock that the test sets."""

    def __init__(self, directory: Path, **properties: Any) -> None:
        self.runs: list[TimerRequest] = []
        self.ran = asyncio.Event()
        self.fail = False
        self.now = START
        self.store = ScheduleStore(directory / "schedule.db")
        described = {"schedule": "0 0 3 * * *", **properties}
        trigger = Binding("timer", "timerTrigger", "IN", described)
        self.function = LoadedFunction("nightly", trigger, (trigger,), self._run)
        app = LoadedApp(directory, MappingProxyType({"nightly": self.function}), frozenset(), frozenset())
        self.worker = FunctionWorker(app, timeout_seconds=None)

    async def _run(self, timer: TimerRequest) -> None:
        self.runs.append(timer)
        self.ran.set()
        if self.fail:
            raise RuntimeError("tonight it fails")

    def trigger(self) -> TimerTrigger:
        return TimerTrigger(self.function, AppSettings({}), self.store, self.worker, lambda: "", now=lambda: self.now)

    async def start_until_run(self) -> TimerRequest:
        trigger = self.trigger()
        trigger.start()
        await asyncio.wait_for(self.ran.wait(), 5)
        for _ in range(3):
            await asyncio.sleep(0)
        await trigger.stop()
        return self.runs[-1]

    async def start_without_run(self) -> None:
        trigger = self.trigger()
        trigger.start()
        for _ in range(5):
            await asyncio.sleep(0)
        await trigger.stop()
        assert self.runs == []


async def test_a_new_timer_waits_for_its_first_occurrence(tmp_path: Path) -> None:
    nightly = Nightly(tmp_path)
    await nightly.start_without_run()
    status = nightly.store.find("nightly")
    assert status is not None
    assert (status.last, status.next) == (None, datetime(2026, 2, 28, 3, tzinfo=UTC))


async def test_an_occurrence_that_was_missed_runs_at_the_start_as_past_due(tmp_path: Path) -> None:
    nightly = Nightly(tmp_path)
    await nightly.start_without_run()
    nightly.now += timedelta(days=3)
    assert (await nightly.start_until_run()).past_due is True
    status = nightly.store.find("nightly")
    assert status is not None
    assert (status.last, status.next) == (nightly.now, datetime(2026, 3, 3, 3, tzinfo=UTC))


async def test_an_unmonitored_timer_misses_what_it_missed(tmp_path: Path) -> None:
    nightly = Nightly(tmp_path, useMonitor=False)
    await nightly.start_without_run()
    nightly.now += timedelta(days=3)
    await nightly.start_without_run()


async def test_a_changed_schedule_is_not_past_due(tmp_path: Path) -> None:
    nightly = Nightly(tmp_path)
    nightly.store.save(
        "nightly",
        TimerStatus(last=START - timedelta(days=2), next=START - timedelta(days=1), updated=START - timedelta(days=2)),
    )
    await nightly.start_without_run()
    status = nightly.store.find("nightly")
    assert status is not None
    assert status.next == datetime(2026, 2, 28, 3, tzinfo=UTC)


async def test_a_timer_may_run_at_the_start(tmp_path: Path) -> None:
    nightly = Nightly(tmp_path, runOnStartup=True)
    request = await nightly.start_until_run()
    assert request.past_due is False
    assert request.schedule_status["Next"] == "2026-02-28T03:00:00+00:00"


async def test_a_failed_run_does_not_stop_the_schedule(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    nightly = Nightly(tmp_path, runOnStartup=True)
    nightly.fail = True
    await nightly.start_until_run()
    status = nightly.store.find("nightly")
    assert status is not None
    assert status.last == START
    assert "it goes on with its schedule" in caplog.text


def test_a_running_host_fires_its_timers_and_reports_what_was_missed(tmp_path: Path, azurite: str) -> None:
    app_dir = copy_app(tmp_path, {"AzureWebJobsStorage": azurite, "ORDERS_QUEUE": "timer-orders"})
    database = tmp_path / "data" / "host" / "schedule.db"
    database.parent.mkdir(parents=True)
    store = ScheduleStore(database)
    missed = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0) - timedelta(days=1)
    store.save("nightly", TimerStatus(last=missed - timedelta(days=1), next=missed, updated=missed - timedelta(days=1)))
    store.close()
    with running_host(app_dir) as host:
        (nightly,) = host.wait_for(lambda: host.notes("nightly"))
        host.wait_for(lambda: len(host.notes("second")) >= 2)
    assert nightly["past_due"] is True
    assert datetime.fromisoformat(nightly["status"]["Next"]) == missed
    assert nightly["status"]["Last"] < nightly["status"]["Next"]
