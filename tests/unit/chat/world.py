"""Sessions and messages on a database file, with fakes for everything outside and a clock that only the test moves."""

import uuid
from typing import Any

from pydantic import SecretStr

from shared.chat.messages import PURGE_QUEUE, MessageService
from shared.chat.models import ChatSession, DeleteSession, LoadSession, NewMessage, PurgeMessages
from shared.chat.requests import CreateSession, SessionView
from shared.chat.sessions import DELETE_QUEUE, LOAD_QUEUE, SessionService
from shared.chat.upkeep import SessionUpkeep
from shared.events.bus import EventBus
from shared.identity.models import Caller
from shared.identity.service import SINGLE_USER, SingleUserIdentity
from shared.ids import MessageId, SessionId, SheetId, UserId
from shared.sheets.cache import SheetCache
from shared.sheets.service import SheetService
from shared.stores.documents import Document, Operation
from shared.stores.due import DocumentDueStore
from shared.stores.events import DocumentEventStore
from shared.stores.messages import DocumentMessageStore
from shared.stores.sessions import DocumentSessionStore
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.fakes.killing import Countdown, Mortal
from tests.fakes.queues import FakeQueues
from tests.fakes.smartsheet import FakeSheetSource, sheet_of

CALLER = Caller(SINGLE_USER, SecretStr("token"))
BOB = Caller(UserId("bob"), SecretStr("bob"))
REQUEST = CreateSession(sheet_id=SheetId("100"))
MINUTE = 60


def new_message(number: int, content: str = "Hello", **fields: Any) -> NewMessage:
    """The same id for the same number."""
    values: dict[str, Any] = {"id": MessageId(str(uuid.UUID(int=number))), "role": "user", "content": content}
    return NewMessage(**values | fields)


class NotedSessions:
    """A database that notes into which states each session came; the first is the one it was created in."""

    def __init__(self, documents: SqliteDocuments, reached: dict[str, list[str]]) -> None:
        self._documents = documents
        self._reached = reached

    def __getattr__(self, name: str) -> Any:
        return getattr(self._documents, name)

    async def write(self, container: str, partition: str, operation: Operation) -> Document | None:
        document = await self._documents.write(container, partition, operation)
        if container == "sessions" and document is not None:
            states = self._reached.setdefault(document.id, [])
            state = "deleted" if document.body["deletion"] else document.body["state"]
            if states[-1:] != [state]:
                states.append(state)
        return document


class World:
    """The services; with a countdown, on a database and queues that die where it says."""

    def __init__(self, documents: SqliteDocuments) -> None:
        self.documents = documents
        self.source = FakeSheetSource(
            sheet_of(["Task"], [["Dig"], ["Fill"]], name="Garden"), sheet_of(["Task"], sheet_id="200", name="Empty")
        )
        self.clock = FakeClock()
        self.queue = FakeQueues()
        self.reached: dict[str, list[str]] = {}
        self.wire()

    def wire(self, countdown: Countdown | None = None) -> None:
        """Build the services afresh, as a new process does."""
        noted: Any = NotedSessions(self.documents, self.reached)
        documents: Any = noted if countdown is None else Mortal(noted, countdown)
        queue: Any = self.queue if countdown is None else Mortal(self.queue, countdown)
        self.store = DocumentSessionStore(documents)
        self.message_store = DocumentMessageStore(documents)
        self.due = DocumentDueStore(documents, clock=self.clock)
        self.events = EventBus(DocumentEventStore(documents, retention_days=7))
        self.sheets = SheetService(self.source, SheetCache(), self.clock)
        identity = SingleUserIdentity(SecretStr("token"))
        shared = (queue, self.events, self.due)
        stores = (self.store, self.message_store)
        self.service = SessionService(self.sheets, *stores, identity, *shared, clock=self.clock)
        self.messages = MessageService(*stores, *shared, clock=self.clock)
        self.upkeep = SessionUpkeep(*stores, *shared, clock=self.clock)

    async def opened(self) -> SessionView:
        """A session that is ACTIVE."""
        session = await self.service.create(CALLER, REQUEST)
        await self.drain()
        return await self.state(session)

    async def deliver(self, *, last_attempt: bool = False) -> None:
        """Deliver the newest message, which stays there."""
        _, message, _ = self.queue.sent[-1]
        assert isinstance(message, LoadSession)
        await self.service.load(message, last_attempt=last_attempt)

    async def drain(self) -> None:
        """Deliver every message once."""
        while self.queue.sent:
            queue, message, _ = self.queue.sent[0]
            if isinstance(message, LoadSession):
                assert queue == LOAD_QUEUE
                await self.service.load(message, last_attempt=False)
            elif isinstance(message, DeleteSession):
                assert queue == DELETE_QUEUE
                await self.upkeep.delete(message)
            else:
                assert queue == PURGE_QUEUE and isinstance(message, PurgeMessages)
                await self.upkeep.purge_messages(message)
            self.queue.sent.pop(0)

    async def pass_minutes(self, minutes: int) -> None:
        """The timer runs every minute, and whatever it sends is delivered."""
        for _ in range(minutes):
            self.clock.advance(MINUTE)
            await self.upkeep.repair()
            await self.drain()

    async def state(self, session: SessionView) -> SessionView:
        return await self.service.get(CALLER, session.id)

    async def stored(self, session: SessionView) -> ChatSession | None:
        return await self.store.find(CALLER.user_id, session.id)

    async def announced(self, session_id: SessionId) -> list[str]:
        """The states that were announced, in their order; twice where that happened."""
        events = await self.events.history(f"session:{session_id}", 0)
        data = [event.data for event in events if event.event == "session_state"]
        return ["deleted" if "deleted" in known else known["state"] for known in data]

    async def require_all_announced(self, session_id: SessionId) -> None:
        """Every state that the session reached was announced, the first time in the order in which it reached them."""
        events = await self.events.history(f"session:{session_id}", 0)
        first: dict[int, str] = {}
        for event in events:
            if event.event == "session_state":
                first.setdefault(event.data["number"], "deleted" if "deleted" in event.data else event.data["state"])
        assert list(first) == sorted(first)
        assert list(first.values()) == self.reached[session_id][1:]

    async def say(self, session_id: SessionId, count: int) -> None:
        """Append so many messages."""
        for number in range(1, count + 1):
            await self.messages.append(CALLER.user_id, session_id, new_message(number, f"No. {number}"))

    async def history(self, session_id: SessionId, **options: Any) -> list[str]:
        """The contents of all messages that are shown."""
        values: dict[str, Any] = {"limit": 200, "cursor": None}
        page = await self.messages.list(CALLER, session_id, **values | options)
        return [message.content for message in page.items]

    async def kept_messages(self, session_id: SessionId) -> int:
        """How many messages lie in the database, shown or not."""
        page = await self.documents.list("messages", session_id, order_by="seq", limit=20_000)
        return len(page.items)
