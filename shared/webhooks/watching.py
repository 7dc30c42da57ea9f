"""Who watches a sheet, and so whose tokens may be used to keep it fresh."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from shared.errors import AppError
from shared.events.ports import MessageQueue
from shared.ids import SessionId, SheetId, UserId
from shared.records import utc_now
from shared.telemetry import current_correlation_id, get_logger, new_correlation_id
from shared.webhooks.models import KEEP_QUEUE, KeepWebhook, Watcher, session_watcher_id
from shared.webhooks.ports import WatcherStore

log = get_logger(__name__)

_NOTED_AGAIN_AFTER = timedelta(minutes=30)
_REMEMBERED = 10_000


class SheetWatchers:
    """Notes watchers, and lets the sheet's webhook be looked after in the background. No call to Smartsheet is made."""

    def __init__(self, store: WatcherStore, queue: MessageQueue, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._listeners: OrderedDict[tuple[UserId, SheetId], datetime] = OrderedDict()

    async def session_opened(self, user_id: UserId, sheet_id: SheetId, session_id: SessionId) -> None:
        """A session about the sheet is there."""
        await self._store.add(sheet_id, Watcher.of_session(user_id, session_id, self._clock()))
        await self._look_after(sheet_id)

    async def session_deleted(self, sheet_id: SheetId, session_id: SessionId) -> None:
        """A session is gone."""
        await self._store.remove(sheet_id, session_watcher_id(session_id))
        await self._look_after(sheet_id)

    async def topic_heard(self, user_id: UserId, sheet_id: SheetId) -> None:
        """A browser of this user hears of the sheet. Each is noted twice an hour; hearing works without it, too."""
        now = self._clock()
        noted_at = self._listeners.get((user_id, sheet_id))
        if noted_at is not None and now - noted_at < _NOTED_AGAIN_AFTER:
            return
        try:
            await self._store.add(sheet_id, Watcher.of_topic(user_id, now))
            await self._look_after(sheet_id)
        except AppError as error:
            log.warning("that user %s hears of sheet %s is not noted (%s)", user_id, sheet_id, error.code)
            return
        self._listeners[user_id, sheet_id] = now
        self._listeners.move_to_end((user_id, sheet_id))
        while len(self._listeners) > _REMEMBERED:
            self._listeners.popitem(last=False)

    async def _look_after(self, sheet_id: SheetId) -> None:
        correlation_id = current_correlation_id() or new_correlation_id()
        await self._queue.send(KEEP_QUEUE, KeepWebhook(sheet_id=sheet_id, correlation_id=correlation_id))


def users_of(watchers: list[Watcher]) -> list[UserId]:
    """Who watches, each once, those who began first in front."""
    return list(dict.fromkeys(watcher.user_id for watcher in sorted(watchers, key=lambda each: each.since)))
