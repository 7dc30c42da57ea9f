"""Holds a received message: hidden from others while it is in work, then deleted, released or moved away."""

import asyncio
import logging

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from local.functions_host.storage_errors import explain

logger = logging.getLogger("host.queues")


class MessageLease:
    """`async with` keeps the message hidden by renewing its visibility at half time.

    The pop receipt changes with every renewal; `delete`, `release` and `move_to` use the newest.
    """

    def __init__(self, queue: QueueClient, message: QueueMessage, seconds: int) -> None:
        self.message = message
        self._queue = queue
        self._seconds = seconds
        self._receipt = message.pop_receipt
        self._done = asyncio.Event()
        self._renewal: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "MessageLease":
        self._renewal = asyncio.create_task(self._renew(), name=f"renew {self.message.id}")
        return self

    async def __aexit__(self, *_: object) -> None:
        # A renewal under way is awaited, not cancelled: its answer holds the receipt that is valid now.
        assert self._renewal is not None
        self._done.set()
        await self._renewal

    async def delete(self) -> None:
        """The message is done with."""
        try:
            await self._queue.delete_message(self.message.id, self._receipt)
        except HttpResponseError as error:
            self._check_lost(error)

    async def release(self, after_seconds: int = 0) -> None:
        """Let the message be received again."""
        try:
            await self._queue.update_message(self.message.id, self._receipt, visibility_timeout=after_seconds)
        except HttpResponseError as error:
            self._check_lost(error)

    async def move_to(self, poison: QueueClient) -> None:
        """Copy the message to its poison queue, then delete it."""
        try:
            await poison.send_message(self.message.content)
        except ResourceNotFoundError:
            await poison.create_queue()
            await poison.send_message(self.message.content)
        await self.delete()

    async def _renew(self) -> None:
        while not await self._is_done_within(self._seconds / 2):
            try:
                renewed = await self._queue.update_message(
                    self.message.id, self._receipt, visibility_timeout=self._seconds
                )
            except HttpResponseError as error:
                logger.warning("message %s is no longer ours: %s", self.message.id, explain(error))
                return
            except AzureError as error:
                logger.warning("message %s could not be renewed: %s", self.message.id, explain(error))
            else:
                self._receipt = renewed.pop_receipt

    async def _is_done_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._done.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _check_lost(self, error: HttpResponseError) -> None:
        """Someone else has the message, or it or its queue is gone: nothing is left to do. Else raise."""
        if isinstance(error, ResourceNotFoundError) or error.status_code in (400, 404, 409):
            logger.info("message %s was taken over or is gone: %s", self.message.id, explain(error))
            return
        raise error
