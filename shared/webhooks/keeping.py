"""The life of webhooks: one for each sheet that somebody watches, by the token of one who does, as long as they do.

Each look at a sheet plans the next one before it does anything, so whatever dies on the way is found by a timer.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from shared.due import DueEntry, DueStore, look_at_due
from shared.errors import Forbidden, InvalidInput, NotFound, RateLimited, Unauthorized, UpstreamUnavailable
from shared.events.ports import MessageQueue
from shared.identity.ports import Identity
from shared.ids import SheetId, UserId
from shared.records import utc_now
from shared.resilience.leases import LeaseStore, leased
from shared.telemetry import get_logger, new_correlation_id
from shared.webhooks.models import (
    ENABLED,
    KEEP_QUEUE,
    REFRESH_QUEUE,
    KeepWebhook,
    RefreshSheet,
    Refusal,
    SheetState,
    SheetWebhook,
)
from shared.webhooks.ports import WatcherStore, WebhookStore
from shared.webhooks.registering import WebhookRegistrar
from shared.webhooks.states import Changes, SheetStates, marks
from shared.webhooks.watching import users_of

log = get_logger(__name__)

DUE_KIND = "webhook"
NOBODY = UserId("nobody")
CHECK_EVERY = timedelta(hours=1)
LOOK_AGAIN_AFTER_DEATH = timedelta(minutes=10)
REFUSED_FOR = timedelta(days=1)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(days=1)
_LEASE_SECONDS = 180.0
_BUSY_SECONDS = 5


class WebhookKeeper:
    """Creates, enables and deletes webhooks, as watchers come and go."""

    def __init__(
        self,
        states: SheetStates,
        watchers: WatcherStore,
        store: WebhookStore,
        registrar: WebhookRegistrar,
        identity: Identity,
        queue: MessageQueue,
        due: DueStore,
        leases: LeaseStore,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._states = states
        self._watchers = watchers
        self._store = store
        self._registrar = registrar
        self._identity = identity
        self._queue = queue
        self._due = due
        self._leases = leases
        self._clock = clock

    async def keep(self, message: KeepWebhook) -> None:
        """Do what the sheet's webhook needs: one runner at a time for each sheet."""
        key = f"webhook-keep:{message.sheet_id}"
        async with leased(self._leases, key, uuid.uuid4().hex, seconds=_LEASE_SECONDS) as held:
            if held:
                await self._keep(message)
            else:
                await self._queue.send(KEEP_QUEUE, message, delay_seconds=_BUSY_SECONDS)

    async def look(self) -> None:
        """Let the sheets be looked after whose time has come."""
        await look_at_due(self._due, DUE_KIND, self._clock(), self._look_at, again_after=FIRST_PAUSE)

    async def _look_at(self, entry: DueEntry, now: datetime) -> None:
        sheet_id = SheetId(entry.subject)
        state = await self._states.find(sheet_id)
        if state.look_at is not None and state.look_at <= now:
            await self._plan(sheet_id, now + LOOK_AGAIN_AFTER_DEATH)
            await self._send_keep(sheet_id, is_due=True)

    async def owner_leaves(self, user_id: UserId) -> None:
        """Delete the webhooks that this user's token created, while it still can; others who watch get new ones."""
        while owned := await self._store.list_owned(user_id):
            for each in owned:
                sheet_id = SheetId(each.id)
                for watcher in await self._watchers.list(sheet_id):
                    if watcher.user_id == user_id:
                        await self._watchers.remove(sheet_id, watcher.id)
                await self._states.change(sheet_id, lambda known, gone=each.webhook_id: _without(known, gone))
                await self._send_keep(sheet_id, is_due=False)  # for the others, who may create one already
                await self._registrar.remove(sheet_id, user_id, each.webhook_id)

    async def _keep(self, message: KeepWebhook) -> None:
        sheet_id, now = message.sheet_id, self._clock()
        users = users_of(await self._watchers.list(sheet_id))
        state = await self._states.find(sheet_id)
        if state.is_untold:
            await self._send_refresh(sheet_id)  # a runner may have died before it came to that
        if users and not message.is_due and not _needs_work(state, users, now):
            return
        state = await self._plan(sheet_id, now + LOOK_AGAIN_AFTER_DEATH)
        if not users:
            await self._drop(sheet_id, state)
            return
        try:
            webhook = await self._checked(sheet_id, state) or await self._made(sheet_id, users, now)
        except (RateLimited, UpstreamUnavailable) as error:
            log.warning("the webhook of sheet %s cannot be looked after now (%s)", sheet_id, error.code)
            await self._conclude(sheet_id, now, failures=state.failures + 1)
            return
        has_failed = webhook is not None and webhook.status != ENABLED
        await self._conclude(sheet_id, now, failures=state.failures + 1 if has_failed else 0)

    async def _checked(self, sheet_id: SheetId, state: SheetState) -> SheetWebhook | None:
        """The webhook that the sheet has, enabled if it can be; None when a new one is needed."""
        if state.webhook is None:
            return None
        try:
            webhook = await self._registrar.check(state.webhook)
            if webhook is not None:
                return await self._enabled(sheet_id, webhook)
        except (Unauthorized, Forbidden, InvalidInput, NotFound) as error:
            log.info("webhook %s cannot be used any more (%s)", state.webhook.id, error.code)
        await self._registrar.remove(sheet_id, state.webhook.owner, state.webhook.id)
        await self._states.change(sheet_id, lambda _: {"webhook": None})
        return None

    async def _made(self, sheet_id: SheetId, users: Sequence[UserId], now: datetime) -> SheetWebhook | None:
        """A webhook by the first watcher who may have one; None when nobody may."""
        for user_id in users:
            state = await self._states.find(sheet_id)
            if state.is_refused(user_id, now):
                continue
            try:
                caller = await self._identity.caller_of_user(user_id)
                webhook = await self._enabled(sheet_id, await self._registrar.prepare(caller, sheet_id))
            except Unauthorized as error:
                log.info("sheet %s: no webhook by user %s (%s)", sheet_id, user_id, error.code)
                continue
            except (Forbidden, NotFound, InvalidInput) as error:
                log.info("sheet %s: no webhook by user %s (%s)", sheet_id, user_id, error.code)
                await self._states.change(sheet_id, lambda known, who=user_id: _refused(known, who, now))
                continue
            log.info("sheet %s: webhook %s is %s", sheet_id, webhook.id, webhook.status)
            return webhook
        return None

    async def _enabled(self, sheet_id: SheetId, webhook: SheetWebhook) -> SheetWebhook:
        """The webhook, enabled where it can be; how it was before is noted first."""
        await self._note(sheet_id, webhook)
        if self._registrar.can_be_enabled(webhook):
            webhook = await self._registrar.enable(webhook)
            await self._note(sheet_id, webhook)
        return webhook

    async def _note(self, sheet_id: SheetId, webhook: SheetWebhook) -> None:
        """Save the webhook. One that has become enabled knows nothing of what was before: the sheet is asked."""
        became_enabled = False

        def changes(state: SheetState) -> Changes:
            nonlocal became_enabled
            became_enabled = webhook.status == ENABLED and state.webhook != webhook
            return {"webhook": webhook, **(marks(state, None, is_foreign=True) if became_enabled else {})}

        await self._states.change(sheet_id, changes)
        if became_enabled:
            await self._send_refresh(sheet_id)

    async def _drop(self, sheet_id: SheetId, state: SheetState) -> None:
        """Nobody watches the sheet: it has no webhook from now on, and nothing to look after."""
        if state.webhook is not None:
            await self._registrar.remove(sheet_id, state.webhook.owner, state.webhook.id)
            log.info("sheet %s: webhook %s is gone", sheet_id, state.webhook.id)
        await self._states.change(sheet_id, lambda _: {"webhook": None, "look_at": None, "failures": 0})

    async def _conclude(self, sheet_id: SheetId, now: datetime, *, failures: int) -> None:
        pause = CHECK_EVERY if failures == 0 else min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
        await self._plan(sheet_id, now + pause, failures=failures)

    async def _plan(self, sheet_id: SheetId, look_at: datetime, **changes: int) -> SheetState:
        """When to look next; an entry that was planned before finds that it is not its time."""
        await self._due.add(DUE_KIND, NOBODY, sheet_id, due_at=look_at)
        return await self._states.change(sheet_id, lambda _: {"look_at": look_at, **changes})

    async def _send_refresh(self, sheet_id: SheetId) -> None:
        message = RefreshSheet(sheet_id=sheet_id, correlation_id=new_correlation_id())
        await self._queue.send(REFRESH_QUEUE, message)

    async def _send_keep(self, sheet_id: SheetId, *, is_due: bool) -> None:
        message = KeepWebhook(sheet_id=sheet_id, is_due=is_due, correlation_id=new_correlation_id())
        await self._queue.send(KEEP_QUEUE, message)


def _needs_work(state: SheetState, users: Sequence[UserId], now: datetime) -> bool:
    """Whether there is something to do before the planned look.

    A webhook that is neither enabled nor known to have failed was left behind by a runner that died.
    """
    if state.look_at is None or state.look_at <= now:
        return True
    if state.webhook is None:
        return not all(state.is_refused(user_id, now) for user_id in users) and state.failures == 0
    return state.webhook.status != ENABLED and state.failures == 0


def _refused(state: SheetState, user_id: UserId, now: datetime) -> Changes:
    kept = tuple(each for each in state.refusals if each.until > now and each.user_id != user_id)
    return {"refusals": (*kept, Refusal(user_id=user_id, until=now + REFUSED_FOR))}


def _without(state: SheetState, webhook_id: str) -> Changes:
    is_this = state.webhook is not None and state.webhook.id == webhook_id
    return {"webhook": None, "look_at": None} if is_this else {}
