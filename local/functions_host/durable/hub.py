"""The task hub: its life, and what clients may ask of it."""

import asyncio
import contextlib
import logging
import re
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from local.functions_host.durable.client_binding import client_binding
from local.functions_host.durable.dispatcher import Dispatcher
from local.functions_host.durable.errors import (
    InstanceExists,
    InstanceFinished,
    InstanceMissing,
    InstanceUnfinished,
    InvalidRequest,
)
from local.functions_host.durable.instance import Instance, Message
from local.functions_host.durable.protocol import Event, EventType
from local.functions_host.durable.queries import (
    InstanceFilter,
    InstanceStatus,
    find_status,
    list_statuses,
    matching_ids,
)
from local.functions_host.durable.records import (
    FINISHED,
    load_unfinished,
    post_to_unfinished,
    purge,
    read_history,
    start_instance,
)
from local.functions_host.durable.registry import Registry
from local.functions_host.durable.settings import DurableSettings
from local.functions_host.durable.writer import Writer, connect
from local.functions_host.functions import LoadedFunction, Worker

T = TypeVar("T")
STOP_SECONDS = 1.5
INSTANCE_ID = re.compile(r"(?!@)[^/\\#?\x00-\x1f\x7f-\x9f]{1,100}")
logger = logging.getLogger(__name__)


class DurableTaskHub:
    """Durable Functions on one SQLite file.

    Everything that a client or a parent is told has been committed before. What was under way when the
    process died goes on after `start`: activities run at least once, episodes take effect exactly once.
    All methods belong to the event loop that called `start`.
    """

    def __init__(
        self,
        functions: Mapping[str, LoadedFunction],
        worker: Worker,
        database: Path,
        *,
        name: str,
        settings: DurableSettings,
    ) -> None:
        self.name = name
        self._database = database
        self._default_version = settings.default_version
        self._registry = Registry(functions)
        self._writer = Writer(
            database, retry_seconds=settings.storage_retry_seconds, on_recovery=self._storage_recovered
        )
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="durable-reader")
        self._dispatcher = Dispatcher(self._registry, worker, self._writer, settings, self.raw_history)

    # --- life -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the database and go on with everything unfinished; raises StorageLocked."""
        self._writer.open()
        self._read_db = connect(self._database)
        self._dispatcher.resume(await self._read(load_unfinished))

    async def stop(self) -> None:
        """Start nothing more, end what runs, close the database: at most two seconds. What is lost is done again."""
        await self._dispatcher.stop(STOP_SECONDS / 2)
        await self._writer.close(STOP_SECONDS / 2)
        self._reader.shutdown()
        self._read_db.close()

    def health(self) -> dict[str, Any]:
        """Counts of what is under way, and whether the last write went well (`storage`: ok or failing)."""
        return {
            "taskHub": self.name,
            "instances": len(self._dispatcher.instances),
            "activitiesWaiting": self._dispatcher.activities.waiting,
            "activitiesRunning": self._dispatcher.activities.running,
            "timers": self._dispatcher.timers.waiting,
            "storage": "ok" if self._writer.problem is None else "failing",
            "storageProblem": self._writer.problem,
        }

    def client_binding(self, base_url: str, key: str) -> str:
        """The value of a durableClient binding: JSON text. `key` is the system key of the public API."""
        return client_binding(self.name, base_url, key)

    # --- clients --------------------------------------------------------------------------------

    async def start_new(
        self, name: str, instance_id: str | None = None, input_text: str | None = None, version: str | None = None
    ) -> str:
        """Start an orchestration; `input_text` is the request's JSON. Returns the instance id.

        Raises FunctionMissing, InvalidRequest, InstanceExists, StorageFull.
        """
        self._registry.orchestrator(name)
        if instance_id is not None and not INSTANCE_ID.fullmatch(instance_id):
            raise InvalidRequest(
                "instanceId: needs 1 to 100 characters, none of them / \\ # ? or a control character, and no @ in front"
            )
        instance = Instance(
            id=instance_id or uuid.uuid4().hex,
            execution_id=uuid.uuid4().hex,
            name=name,
            version=version or self._default_version,
            input_text=input_text,
            parent=None,
            created_at=time.time(),
        )
        started = self._dispatcher.episodes.started(instance)

        def adopt(taken: str | None) -> None:
            if taken is None:
                self._dispatcher.adopt(instance, started)

        taken = await self._writer.write(lambda db: start_instance(db, instance, started), then=adopt, refusable=True)
        if taken is not None:
            raise InstanceExists(f"An Orchestration instance with the status {taken} already exists.")
        return instance.id

    async def raise_event(self, instance_id: str, name: str, input_text: str) -> None:
        """Send an event; `input_text` is JSON. Raises InstanceMissing, InstanceFinished, StorageFull."""
        await self._send(instance_id, {"EventType": EventType.EventRaised, "Name": name, "Input": input_text})

    async def terminate(self, instance_id: str, reason: str | None) -> None:
        """End an instance; its activities and children run on. Raises as `raise_event`."""
        await self._send(instance_id, {"EventType": EventType.ExecutionTerminated, "Reason": reason})

    async def suspend(self, instance_id: str, reason: str | None) -> None:
        """Give an instance no more episodes until it is resumed. Raises as `raise_event`."""
        await self._send(instance_id, {"EventType": EventType.ExecutionSuspended, "Reason": reason})

    async def resume(self, instance_id: str, reason: str | None) -> None:
        """Let a suspended instance go on. Raises as `raise_event`."""
        await self._send(instance_id, {"EventType": EventType.ExecutionResumed, "Reason": reason})

    async def find_status(
        self,
        instance_id: str,
        *,
        show_input: bool = True,
        show_history: bool = False,
        show_history_output: bool = False,
    ) -> InstanceStatus | None:
        """The status of an instance, or None."""
        return await self._read(
            lambda db: find_status(
                db,
                instance_id,
                show_input=show_input,
                show_history=show_history,
                show_history_output=show_history_output,
            )
        )

    async def list_statuses(self, wanted: InstanceFilter) -> tuple[list[InstanceStatus], str | None]:
        """One page of instances, oldest first, and the token of the next. Raises InvalidRequest for a foreign token."""
        return await self._read(lambda db: list_statuses(db, wanted))

    async def raw_history(self, instance_id: str) -> list[str]:
        """The history as orchestrators get it: encoded events, oldest first."""
        return await self._read(lambda db: read_history(db, instance_id))

    async def wait_until_finished(self, instance_id: str, seconds: float) -> InstanceStatus | None:
        """The status once the instance has ended, or after that time; None where there is no such instance."""
        instance = self._dispatcher.instances.get(instance_id)
        if instance is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(instance.finished.wait(), seconds)
        return await self.find_status(instance_id)

    async def purge(self, instance_id: str) -> int:
        """Delete a finished instance; returns how many were deleted. Raises InstanceUnfinished, StorageFull."""
        status = await self.find_status(instance_id)
        if status is not None and not status.finished:
            raise InstanceUnfinished(
                "Only orchestrations in a terminal state can be purged, but the orchestration with instance ID "
                f"{instance_id} has status {status.runtime_status}"
            )
        return await self._writer.write(lambda db: purge(db, [instance_id]), refusable=True)

    async def purge_matching(self, wanted: InstanceFilter) -> int:
        """Delete the finished ones among the instances that a filter is about; returns how many."""
        return await self._writer.write(lambda db: purge(db, matching_ids(db, wanted)), refusable=True)

    async def _send(self, instance_id: str, event: Event) -> None:
        message = Message(self._dispatcher.next_seq(), event)

        def deliver(status: str | None) -> None:
            if status is not None and status not in FINISHED:
                self._dispatcher.push(instance_id, message)

        post = self._writer.write(lambda db: post_to_unfinished(db, instance_id, message), then=deliver, refusable=True)
        status = await post
        if status is None:
            raise InstanceMissing(f"No instance with ID '{instance_id}' found.")
        if status in FINISHED:
            raise InstanceFinished(f"Instance with ID '{instance_id}' is gone: it has status {status}.")

    def _storage_recovered(self) -> None:
        logger.info("the Durable storage can be written again")
        self._dispatcher.activities.pump()

    async def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, lambda: query(self._read_db))
