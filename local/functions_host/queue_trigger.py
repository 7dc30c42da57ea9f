"""Polls a storage queue and runs its function for every message.

The rules of `QueueListener` and `QueueProcessor` of the WebJobs SDK, with one difference: a message in work
is hidden for `lease_seconds` (renewed while it runs), not for ten minutes, so that what a killed host had in
work comes back soon.
"""

import asyncio
import logging
import typing
from collections.abc import Callable
from typing import Any, Literal

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from local.functions_host.execution import FunctionWorker
from local.functions_host.functions import LoadedFunction
from local.functions_host.host_json import QueueOptions
from local.functions_host.message_lease import MessageLease
from local.functions_host.polling_delay import PollingDelay
from local.functions_host.queue_message import UndecodableMessageError, decode_content, trigger_value
from local.functions_host.storage_errors import explain

logger = logging.getLogger("host.queues")
POISON_SUFFIX = "-poison"
LONGEST_OUTAGE_DELAY_SECONDS = 5.0
STOP_SECONDS = 0.7

State = Literal["starting", "polling", "unreachable", "stopped"]
Outcome = Literal["done", "failed", "poison"]


class QueueTrigger:
    """One queue function. Storage that is away for a while shows in `state`, and never stops the polling."""

    def __init__(
        self,
        function: LoadedFunction,
        queue_name: str,
        service: QueueServiceClient,
        options: QueueOptions,
        worker: FunctionWorker,
        client_binding: Callable[[], str],
        *,
        lease_seconds: int,
    ) -> None:
        self.name = queue_name
        self.state: State = "starting"
        self.error: str | None = None
        self._function = function
        self._parameter_type = typing.get_type_hints(function.entry).get(function.trigger.name)
        self._queue: QueueClient = service.get_queue_client(queue_name)
        # A poison queue has none of its own: what fails there stays hidden until its lease ends.
        is_poison = queue_name.endswith(POISON_SUFFIX)
        self._poison = None if is_poison else service.get_queue_client(queue_name + POISON_SUFFIX)
        self._options = options
        self._worker = worker
        self._client_binding = client_binding
        self._lease_seconds = lease_seconds
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to poll."""
        self._poller = asyncio.create_task(self._poll(), name=f"queue {self.name}")

    async def stop(self) -> None:
        """Poll no more; give running functions a moment, then cancel them and release their messages."""
        self._stopping.set()
        if self._poller is not None:
            await asyncio.wait([self._poller], timeout=STOP_SECONDS)
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self.state = "stopped"

    def health(self) -> dict[str, Any]:
        """For `GET /_control/health`."""
        return {
            "function": self._function.name,
            "queue": self.name,
            "state": self.state,
            "running": len(self._running),
            **({"error": self.error} if self.error else {}),
        }

    async def _poll(self) -> None:
        idle = PollingDelay(self._options.max_polling_interval.total_seconds())
        outage = PollingDelay(LONGEST_OUTAGE_DELAY_SECONDS)
        while not self._stopping.is_set():
            try:
                if self.state != "polling":
                    await self._create_queues()
                messages = await self._receive()
            except AzureError as error:
                self._note_outage(error)
                await self._pause(outage.next())
                continue
            self._note_reached()
            outage.reset()
            if not messages:
                await self._pause(idle.next())
                continue
            idle.reset()
            for message in messages:
                self._begin(message)
            while len(self._running) > self._options.threshold:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _create_queues(self) -> None:
        for queue in (self._queue, self._poison):
            if queue is not None:
                try:
                    await queue.create_queue()
                except ResourceExistsError:
                    continue

    async def _receive(self) -> list[QueueMessage]:
        pages = self._queue.receive_messages(
            messages_per_page=self._options.batch_size, visibility_timeout=self._lease_seconds
        ).by_page()
        page = await anext(pages, None)
        return [] if page is None else [message async for message in page]

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    def _begin(self, message: QueueMessage) -> None:
        task = asyncio.create_task(self._process(message), name=f"{self.name} {message.id}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _process(self, message: QueueMessage) -> None:
        lease = MessageLease(self._queue, message, self._lease_seconds)
        try:
            await self._complete(lease, await self._run(lease))
        except AzureError as error:
            self._note_incomplete(message, error)
        except asyncio.CancelledError:
            try:
                await lease.release()
            except AzureError as error:
                self._note_incomplete(message, error)
            raise

    async def _run(self, lease: MessageLease) -> Outcome:
        message = lease.message
        if (message.dequeue_count or 0) > self._options.max_dequeue_count:
            return "poison"  # the host was killed during the last attempt
        try:
            body = decode_content(message.content, self._options.message_encoding)
        except UndecodableMessageError as error:
            logger.error("message %s of %s is not base64: %s", message.id, self.name, error)
            return "poison"
        value = trigger_value(self._function.trigger, self._parameter_type, message, body)
        arguments: dict[str, Any] = {self._function.trigger.name: value}
        for binding in self._function.bindings:
            if binding.type == "durableClient":
                arguments[binding.name] = self._client_binding()
        async with lease:
            try:
                await self._worker.call(self._function, arguments)
            except Exception:  # noqa: BLE001 - logged with its trace by the worker
                return "failed" if (message.dequeue_count or 0) < self._options.max_dequeue_count else "poison"
        return "done"

    async def _complete(self, lease: MessageLease, outcome: Outcome) -> None:
        if outcome == "done":
            await lease.delete()
        elif self._poison is None:
            logger.warning("message %s failed in the poison queue %s; it stays there", lease.message.id, self.name)
        elif outcome == "poison":
            logger.warning("message %s moves to %s%s", lease.message.id, self.name, POISON_SUFFIX)
            await lease.move_to(self._poison)
        else:
            await lease.release(int(self._options.visibility_timeout.total_seconds()))

    def _note_incomplete(self, message: QueueMessage, error: AzureError) -> None:
        logger.warning(
            "message %s of %s could not be completed (%s); it comes back", message.id, self.name, explain(error)
        )

    def _note_outage(self, error: AzureError) -> None:
        if self.state != "unreachable":
            logger.warning("queue %s: storage %s; polling goes on", self.name, explain(error))
        self.state, self.error = "unreachable", explain(error)

    def _note_reached(self) -> None:
        if self.state == "unreachable":
            logger.info("queue %s: storage is back", self.name)
        self.state, self.error = "polling", None
