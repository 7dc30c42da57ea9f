"""Gives instances their episodes and carries out what follows: activities, timers, children, notices."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from local.functions_host.durable.activities import Activities
from local.functions_host.durable.episode import Episodes
from local.functions_host.durable.instance import Instance, Message
from local.functions_host.durable.protocol import Event, EventType
from local.functions_host.durable.records import (
    FINISHED,
    EpisodeRecord,
    Sent,
    Timer,
    Unfinished,
    Work,
    finish_work,
    save_episode,
)
from local.functions_host.durable.registry import Registry
from local.functions_host.durable.settings import DurableSettings
from local.functions_host.durable.timers import Timers
from local.functions_host.durable.writer import Writer
from local.functions_host.functions import Worker

logger = logging.getLogger(__name__)


class Dispatcher:
    """Holds the unfinished instances. Belongs to the event loop on which `resume` was called.

    `read_history` reads an instance's encoded events from the database.
    """

    def __init__(
        self,
        registry: Registry,
        worker: Worker,
        writer: Writer,
        settings: DurableSettings,
        read_history: Callable[[str], Awaitable[list[str]]],
    ) -> None:
        self.instances: dict[str, Instance] = {}
        self.episodes = Episodes(
            registry,
            worker,
            batch=settings.events_per_episode,
            default_version=settings.default_version,
            next_seq=self.next_seq,
        )
        self.activities = Activities(
            registry,
            worker,
            limit=settings.max_concurrent_activity_functions,
            may_start=lambda: not writer.stuck,
            on_outcome=self._activity_ended,
        )
        self.timers = Timers(self._timer_due)
        self._writer = writer
        self._limit = settings.max_concurrent_orchestrator_functions
        self._read_history = read_history
        self._due: deque[Instance] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._episodes_running = 0
        self._last_seq = 0
        self._running = False

    def resume(self, unfinished: Unfinished) -> None:
        """Go on with everything that was under way."""
        self._last_seq = unfinished.last_seq
        self._running = True
        for instance in unfinished.instances:
            self.instances[instance.id] = instance
            self._consider(instance)
        for timer in unfinished.timers:
            self.timers.add(timer)
        self.activities.add(unfinished.work)
        self._spawn(self.timers.run())

    async def stop(self, seconds: float) -> None:
        """Start nothing more and end what runs; what is not committed is done again after the next start."""
        self._running = False
        await self.activities.stop(seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def next_seq(self) -> int:
        """The place of the next message or activity in the order of things."""
        self._last_seq += 1
        return self._last_seq

    def adopt(self, instance: Instance, started: Message) -> None:
        """Take on an instance that has just been committed."""
        self.instances[instance.id] = instance
        instance.push(started)
        self._consider(instance)

    def push(self, instance_id: str, message: Message) -> None:
        """Hand over a message that has just been committed."""
        instance = self.instances.get(instance_id)
        if instance is not None:
            instance.push(message)
            self._consider(instance)

    def _consider(self, instance: Instance) -> None:
        """Queue an episode if one is due, and start those that may run."""
        if self._running and not instance.queued and not instance.active and instance.is_due():
            instance.queued = True
            self._due.append(instance)
            self._pump()

    def _pump(self) -> None:
        while self._due and self._running and self._episodes_running < self._limit:
            instance = self._due.popleft()
            instance.queued, instance.active = False, True
            self._episodes_running += 1
            self._spawn(self._run_episode(instance))

    async def _run_episode(self, instance: Instance) -> None:
        try:
            if instance.history is None:
                instance.history = await self._read_history(instance.id)
            try:
                await self._save(await self.episodes.run(instance))
            except Exception as error:
                logger.exception("the Durable engine failed in an episode of %s (%s)", instance.id, instance.name)
                record = EpisodeRecord(instance, time.time())
                self.episodes.fail(record, f"the functions host failed ({type(error).__name__}: {error})", "")
                await self._save(record)
        finally:
            instance.active = False
            self._episodes_running -= 1
        self._consider(instance)
        self._pump()

    async def _save(self, record: EpisodeRecord) -> None:
        await self._writer.write(
            lambda db: save_episode(db, record), then=lambda sent: self._after_episode(record, sent)
        )

    def _after_episode(self, record: EpisodeRecord, sent: Sent) -> None:
        """The episode is committed: do what it asked for."""
        instance = record.instance
        self.timers.cancel(instance.id, [*record.closed_timers, *record.abandoned])
        if record.restart is not None:
            instance.start_over(record.restart)
        elif instance.history is not None:
            instance.history += record.history
        if instance.status in FINISHED:
            self.instances.pop(instance.id, None)
            instance.finished.set()
        else:
            instance.look_again()
        for timer in record.timers:
            self.timers.add(timer)
        for child, started in zip(record.children, sent.children, strict=True):
            if started:
                self.adopt(child.instance, child.started)
            else:
                instance.push(child.refusal)
        if record.notice is not None and sent.notice:
            self.push(record.notice.parent.instance_id, record.notice.message)
        self.activities.add(record.work)

    def _activity_ended(self, work: Work, outcome: Event) -> None:
        message = Message(self.next_seq(), outcome)

        def deliver(wanted: bool) -> None:
            if wanted:
                self.push(work.instance_id, message)

        self._writer.write(lambda db: finish_work(db, work, message), then=deliver)

    def _timer_due(self, timer: Timer) -> None:
        instance = self.instances.get(timer.instance_id)
        if instance is not None and instance.execution_id == timer.execution_id:
            event = {"EventType": EventType.TimerFired, "TimerId": timer.task_id}
            self.push(instance.id, Message(self.next_seq(), event, stored=False))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("the Durable engine failed", exc_info=task.exception())
