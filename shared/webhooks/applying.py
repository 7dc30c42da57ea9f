"""Callbacks, from the queue: each is applied once, however often it arrives."""

from collections.abc import Callable
from datetime import datetime

from shared.events.ports import MessageQueue
from shared.records import utc_now
from shared.telemetry import get_logger
from shared.webhooks.models import (
    ENABLED,
    KEEP_QUEUE,
    ApplyDelivery,
    KeepWebhook,
    RefreshSheet,
    SheetState,
)
from shared.webhooks.refreshing import SheetRefresher
from shared.webhooks.states import Changes, SheetStates, marks

log = get_logger(__name__)


class DeliveryService:
    """Applies callbacks: the sheet is marked, together with the note that the callback was seen, then refreshed.

    A runner that dies in between leaves a mark behind; the message comes again, and the refresh goes by the mark.
    """

    def __init__(
        self,
        states: SheetStates,
        refresher: SheetRefresher,
        queue: MessageQueue,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._states = states
        self._refresher = refresher
        self._queue = queue
        self._clock = clock

    async def apply(self, message: ApplyDelivery) -> None:
        """Apply a callback."""
        if message.status is not None:
            await self._take_status(message, message.status)
        else:
            marked = await self._states.mark(
                message.sheet_id, message.rows, is_foreign=message.is_foreign, delivery=message.key
            )
            if marked is None:
                log.info("webhook %s: a callback came again", message.webhook_id)
        refresh = RefreshSheet(sheet_id=message.sheet_id, correlation_id=message.correlation_id)
        await self._refresher.refresh(refresh)

    async def _take_status(self, message: ApplyDelivery, status: str) -> None:
        """What was missed while a webhook was disabled nobody tells: whoever reads has to ask."""
        log.warning("webhook %s of sheet %s is %s now", message.webhook_id, message.sheet_id, status)

        def changes(state: SheetState) -> Changes:
            if state.webhook is None or state.webhook.id != message.webhook_id or state.webhook.status == status:
                return {}
            update: Changes = {"webhook": state.webhook.model_copy(update={"status": status})}
            return update | (marks(state, None, is_foreign=True) if status == ENABLED else {"look_at": self._clock()})

        await self._states.change(message.sheet_id, changes)
        if status != ENABLED:
            keep = KeepWebhook(sheet_id=message.sheet_id, is_due=True, correlation_id=message.correlation_id)
            await self._queue.send(KEEP_QUEUE, keep)
