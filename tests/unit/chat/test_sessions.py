"""Sessions: known sheets only, loaded in the background, ACTIVE only with their data."""

import pytest
from pydantic import SecretStr

from shared.chat.models import CreateSession, LoadSession, SessionView
from shared.chat.sessions import SessionService
from shared.errors import InvalidInput, NotFound, UpstreamUnavailable
from shared.events.bus import EventBus
from shared.identity.models import Caller
from shared.identity.service import SINGLE_USER, SingleUserIdentity
from shared.ids import SheetId, UserId
from shared.sheets.cache import SheetCache
from shared.sheets.service import SheetService
from shared.stores.events import DocumentEventStore
from shared.stores.sessions import DocumentSessionStore
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.fakes.queues import FakeQueues
from tests.fakes.smartsheet import FakeSheetSource, sheet_of

CALLER = Caller(SINGLE_USER, SecretStr("token"))
REQUEST = CreateSession(sheet_id=SheetId("100"))


class World:
    def __init__(self, documents: SqliteDocuments) -> None:
        self.source = FakeSheetSource(
            sheet_of(["Task"], [["Dig"], ["Fill"]], name="Garden"), sheet_of(["Task"], sheet_id="200", name="Empty")
        )
        clock = FakeClock()
        self.queue = FakeQueues()
        self.events = EventBus(DocumentEventStore(documents, retention_days=7))
        sheets = SheetService(self.source, SheetCache(), clock)
        identity = SingleUserIdentity(SecretStr("token"))
        self.service = SessionService(
            sheets, DocumentSessionStore(documents), identity, self.queue, self.events, clock=clock
        )

    async def deliver(self, *, last_attempt: bool = False) -> None:
        _, message, _ = self.queue.sent[-1]
        assert isinstance(message, LoadSession)
        await self.service.load(message, last_attempt=last_attempt)

    async def state(self, session: SessionView) -> SessionView:
        return await self.service.get(CALLER, session.id)


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents)


async def test_a_session_is_initializing_and_then_active_with_the_sheets_name(world: World):
    session = await world.service.create(CALLER, REQUEST)
    assert session.state == "INITIALIZING"
    await world.deliver()
    loaded = await world.state(session)
    assert (loaded.state, loaded.title, loaded.row_count, loaded.sheet_version) == ("ACTIVE", "Garden", 2, 1)
    (event,) = await world.events.history(f"session:{session.id}", 0)
    assert event.data["state"] == "ACTIVE"


async def test_an_empty_sheet_is_active(world: World):
    session = await world.service.create(CALLER, CreateSession(sheet_id=SheetId("200")))
    await world.deliver()
    assert (await world.state(session)).state == "ACTIVE"


async def test_an_unknown_sheet_is_told_at_once_and_nothing_is_kept(world: World):
    with pytest.raises(NotFound) as raised:
        await world.service.create(CALLER, CreateSession(sheet_id=SheetId("999")))
    assert raised.value.code == "sheet_not_found"
    assert world.queue.sent == []


async def test_a_sheet_that_vanishes_before_loading_leads_to_error(world: World):
    session = await world.service.create(CALLER, REQUEST)
    world.source.delete_sheet("100")
    await world.deliver()
    failed = await world.state(session)
    assert (failed.state, failed.state_reason) == ("ERROR", "sheet_not_found")


async def test_a_passing_fault_is_tried_again_and_the_last_attempt_ends_in_error(world: World):
    session = await world.service.create(CALLER, REQUEST)
    world.source.fail("get_sheet", UpstreamUnavailable("down"), times=2)
    with pytest.raises(UpstreamUnavailable):
        await world.deliver()
    assert (await world.state(session)).state == "INITIALIZING"
    await world.deliver(last_attempt=True)
    assert (await world.state(session)).state_reason == "upstream_unavailable"


async def test_a_second_delivery_changes_nothing(world: World):
    session = await world.service.create(CALLER, REQUEST)
    await world.deliver()
    await world.deliver()
    assert len(await world.events.history(f"session:{session.id}", 0)) == 1


async def test_the_same_idempotency_key_gives_the_same_session(world: World):
    first = await world.service.create(CALLER, REQUEST, idempotency_key="k1")
    second = await world.service.create(CALLER, REQUEST, idempotency_key="k1")
    assert first.id == second.id
    with pytest.raises(InvalidInput) as raised:
        await world.service.create(CALLER, CreateSession(sheet_id=SheetId("200")), idempotency_key="k1")
    assert raised.value.code == "idempotency_key_reused"


async def test_somebody_elses_session_does_not_exist(world: World):
    session = await world.service.create(CALLER, REQUEST)
    with pytest.raises(NotFound):
        await world.service.get(Caller(UserId("bob"), SecretStr("bob")), session.id)
