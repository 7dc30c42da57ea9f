"""Webhooks on a database file: real services, fakes for Smartsheet, queues and the clock."""

from typing import Any

from pydantic import BaseModel, SecretStr

from shared.clients.token_vault import EnvelopeVault
from shared.errors import Unauthorized
from shared.events.bus import EventBus
from shared.identity.models import Caller
from shared.ids import RowId, SessionId, SheetId, UserId
from shared.sheets.cache import SheetCache
from shared.sheets.service import SheetService
from shared.stores.due import DocumentDueStore
from shared.stores.events import DocumentEventStore
from shared.stores.leases import DocumentLeaseStore
from shared.stores.sqlite import SqliteDocuments
from shared.stores.webhooks import DocumentSheetStateStore, DocumentWatcherStore, DocumentWebhookStore
from shared.webhooks.applying import DeliveryService
from shared.webhooks.keeping import WebhookKeeper
from shared.webhooks.models import ApplyDelivery, KeepWebhook, RefreshSheet, RemoteWebhook, SheetState, WebhookId
from shared.webhooks.receiving import CallbackService
from shared.webhooks.refreshing import SheetRefresher
from shared.webhooks.registering import WebhookRegistrar
from shared.webhooks.secrets import ConfiguredWebhook, WebhookSecrets
from shared.webhooks.states import SheetStates, StoredMarks
from shared.webhooks.watching import SheetWatchers
from tests.fakes.clock import FakeClock
from tests.fakes.key_ring import FakeKeyRing
from tests.fakes.killing import Countdown, Mortal
from tests.fakes.queues import FakeQueues
from tests.fakes.smartsheet import FakeSheetSource, sheet_of
from tests.fakes.webhooks import FakeWebhookSource, SignedCallback

SHEET = SheetId("100")
ADA, BOB = UserId("ada"), UserId("bob")
TOKENS = {ADA: "ada-token", BOB: "bob-token"}
URL = "https://sheets.example/api/webhooks/smartsheet"
ROW, OTHER_ROW, COLUMN = "1", "2", "1001"
FIVE_MINUTES = 300


class People:
    """`Identity` for background work: users with a token; `gone` have none any more."""

    def __init__(self) -> None:
        self.gone: set[UserId] = set()
        self.refused: list[UserId] = []

    async def caller_of_user(self, user_id: UserId) -> Caller:
        if user_id in self.gone:
            raise Unauthorized("Sign in again.", code="needs_sign_in")
        return Caller(user_id, SecretStr(TOKENS[user_id]))

    async def token_refused(self, caller: Caller) -> bool:
        self.refused.append(caller.user_id)
        return True


class World:
    """The services of one process; `wire` starts another one on the same database, queues and Smartsheet."""

    def __init__(self, documents: SqliteDocuments, *, configured: ConfiguredWebhook | None = None) -> None:
        self.documents = documents
        self.clock = FakeClock()
        self.source = FakeSheetSource(
            sheet_of(["Task", "State"], [["Dig", "open"], ["Fill", "open"]]), clock=self.clock
        )
        self.remote = FakeWebhookSource()
        self.remote.verify = self._challenge
        self.queue = FakeQueues()
        self.people = People()
        self.ring = FakeKeyRing()
        self._configured = configured
        self.wire()

    def wire(self, countdown: Countdown | None = None) -> None:
        """Build the services afresh; with a countdown, on parts that die where it says."""

        def mortal(part: Any) -> Any:
            return part if countdown is None else Mortal(part, countdown)

        documents, queue, clock, identity = mortal(self.documents), mortal(self.queue), self.clock, self.people
        remote, source = mortal(self.remote), mortal(self.source)
        people: Any = identity
        self.states = SheetStates(DocumentSheetStateStore(documents))
        self.watcher_store = DocumentWatcherStore(documents)
        self.store = DocumentWebhookStore(documents)
        self.events = EventBus(DocumentEventStore(documents, retention_days=7), clock=clock)
        self.marks = StoredMarks(self.states, URL)
        self.sheets = SheetService(source, SheetCache(), clock, self.marks)
        vault = EnvelopeVault(self.ring, tenant="here")
        self.secrets = WebhookSecrets(self.store, lambda: vault, self._configured)
        leases = DocumentLeaseStore(documents, clock=clock)
        self.watchers = SheetWatchers(self.watcher_store, queue, clock=clock)
        self.callbacks = CallbackService(self.secrets, queue)
        self.refresher = SheetRefresher(
            self.states, self.watcher_store, self.sheets, people, self.events, queue, leases
        )
        self.deliveries = DeliveryService(self.states, self.refresher, queue, clock=clock)
        registrar = WebhookRegistrar(remote, self.store, self.secrets, people, URL, clock=clock)
        due = DocumentDueStore(documents, clock=clock)
        self.keeper = WebhookKeeper(
            self.states, self.watcher_store, self.store, registrar, people, queue, due, leases, clock=clock
        )

    # What happens.

    async def watched(self, user_id: UserId = ADA, session: str = "one") -> RemoteWebhook:
        """A session about the sheet is there, and what follows is done; the sheet's webhook."""
        await self.watchers.session_opened(user_id, SHEET, SessionId(session))
        await self.drain()
        (webhook,) = self.remote.of_sheet(SHEET)
        return webhook

    async def receive(self, callback: SignedCallback) -> None:
        """A callback arrives, a moment after what it tells of."""
        self.clock.advance(1)
        assert await self.callbacks.receive(callback.body, challenge=None, signature=callback.signature) is None

    async def mark(self, *rows: str) -> None:
        """It was heard that rows changed, and nothing more has happened yet."""
        self.clock.advance(1)
        message = f"{rows} at {self.clock.now}"
        await self.states.mark(SHEET, [RowId(row) for row in rows], is_foreign=True, delivery=message)

    async def hear(self, *events: dict[str, Any], **content: Any) -> None:
        """The sheet's webhook tells of events, or of something else, and what follows is done."""
        (webhook,) = self.remote.of_sheet(SHEET)
        await self.receive(self.remote.callback(webhook.id, **(content or {"events": list(events)})))
        await self.drain()

    async def deliver(self, message: BaseModel) -> None:
        """A queue function gets a message."""
        match message:
            case ApplyDelivery():
                await self.deliveries.apply(message)
            case RefreshSheet():
                await self.refresher.refresh(message)
            case KeepWebhook():
                await self.keeper.keep(message)
            case _:
                raise AssertionError(message)

    async def drain(self) -> None:
        """Deliver every message; who dies while handling one leaves it in the queue. Delays pass."""
        while self.queue.sent:
            _, message, delay = self.queue.sent[0]
            self.clock.advance(delay)
            await self.deliver(message)
            self.queue.sent.pop(0)

    async def pass_time(self, seconds: float) -> None:
        """The timer runs every five minutes, and whatever it sends is delivered."""
        for _ in range(int(seconds // FIVE_MINUTES)):
            self.clock.advance(FIVE_MINUTES)
            await self.keeper.look()
            await self.drain()

    # What is there.

    async def state(self) -> SheetState:
        return await self.states.find(SHEET)

    async def updates(self) -> list[tuple[int | None, list[str] | None]]:
        """What browsers were told: version and rows."""
        events = await self.events.history(f"sheet:{SHEET}", 0)
        assert {event.event for event in events} <= {"sheet_update"}
        return [(event.data["version"], event.data["rowIds"]) for event in events]

    def reads(self) -> int:
        """How often Smartsheet was asked about the sheet since the last look."""
        count = self.source.count("get_sheet")
        self.source.calls.clear()
        return count

    async def _challenge(self, url: str, webhook_id: WebhookId, challenge: str) -> bool:
        body = f'{{"challenge": "{challenge}", "webhookId": {webhook_id}}}'.encode()
        assert url == URL
        return await self.callbacks.receive(body, challenge=challenge, signature="") == challenge
