"""Deletion, and help for sessions that got stuck: whatever dies on the way is found by a later look."""

from collections.abc import Sequence

import pytest

from shared.chat.models import LoadSession
from shared.chat.requests import SessionView
from shared.errors import Conflict, NotFound, UpstreamUnavailable
from shared.ids import MessageId
from shared.stores.documents import MAX_BATCH, Create, Operation, Replace, Upsert
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.killing import Countdown, Killed
from tests.unit.chat.world import CALLER, REQUEST, World, new_message


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents)


async def fill(world: World, session: SessionView, count: int) -> None:
    """Many messages, quickly: as they are stored, without going through the service each time."""
    await world.say(session.id, 1)
    sample = await world.documents.find("messages", session.id, new_message(1).id)
    head = await world.documents.find("messages", session.id, "head")
    assert sample is not None and head is not None
    for start in range(2, count + 1, MAX_BATCH):
        creates: list[Operation] = []
        for number in range(start, min(start + MAX_BATCH, count + 1)):
            message_id = MessageId(new_message(number).id)
            creates.append(Create(message_id, {**sample.body, "id": message_id, "seq": number}))
        await world.documents.batch("messages", session.id, creates)
    await world.documents.write("messages", session.id, Replace("head", {**head.body, "lastSeq": count}, head.etag))


class CountedBatches:
    """Remembers how large the batches were."""

    def __init__(self, documents: SqliteDocuments) -> None:
        self.sizes: list[int] = []
        self._batch = documents.batch

    async def __call__(self, container: str, partition: str, operations: Sequence[Operation]) -> None:
        self.sizes.append(len(operations))
        await self._batch(container, partition, operations)


# --- deletion --------------------------------------------------------------------------------------


async def test_a_deleted_session_is_gone_at_once_and_its_messages_soon(world: World):
    session = await world.opened()
    await world.say(session.id, 3)
    assert (await world.service.delete(CALLER, session.id)).deleted
    for call in (
        world.service.get(CALLER, session.id),
        world.service.delete(CALLER, session.id),
        world.messages.list(CALLER, session.id, limit=1, cursor=None),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await world.service.list(CALLER, limit=10, cursor=None)).items == ()
    await world.drain()
    assert await world.kept_messages(session.id) == 0
    remains = await world.stored(session)
    assert remains is not None
    assert (remains.deletion, remains.title) == ("done", "")


async def test_ten_thousand_messages_go_in_batches_that_every_database_takes(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    session = await world.opened()
    await fill(world, session, 10_000)
    assert await world.kept_messages(session.id) == 10_000
    await world.service.delete(CALLER, session.id)
    batches = CountedBatches(world.documents)
    monkeypatch.setattr(world.documents, "batch", batches)
    await world.drain()
    assert await world.kept_messages(session.id) == 0
    assert (len(batches.sizes), max(batches.sizes)) == (100, MAX_BATCH)


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_deletion_that_dies_at_any_line_is_finished_or_has_no_effect(world: World, after_effect: bool):
    for deadly in range(1, 50):
        world.wire()
        session = await world.opened()
        await fill(world, session, 150)
        world.wire(Countdown(deadly, after_effect=after_effect))
        try:
            await world.service.delete(CALLER, session.id)
            await world.drain()
            break
        except Killed:
            world.queue.sent.clear()
        world.wire()
        await world.pass_minutes(4)
        remains = await world.stored(session)
        assert remains is not None
        expected = 150 if remains.deletion is None else 0
        assert remains.deletion in (None, "done")
        assert await world.kept_messages(session.id) == expected
    else:
        raise AssertionError("the deletion never came to its end")
    assert deadly > 8


async def test_a_deletion_that_is_delivered_twice_deletes_once(world: World):
    session = await world.opened()
    await world.say(session.id, 1)
    await world.service.delete(CALLER, session.id)
    world.queue.sent *= 2
    await world.drain()
    assert await world.kept_messages(session.id) == 0


async def test_a_message_that_was_on_its_way_does_not_come_behind_the_deletion(world: World):
    session = await world.opened()
    await world.service.delete(CALLER, session.id)
    await world.drain()
    with pytest.raises(Conflict):  # the writer had read the session before it was deleted
        await world.message_store.append(session.id, new_message(1), at=world.clock())


async def test_the_id_of_a_deleted_session_is_not_used_again(world: World):
    session = await world.service.create(CALLER, REQUEST, idempotency_key="k1")
    await world.service.delete(CALLER, session.id)
    await world.drain()
    with pytest.raises(NotFound):
        await world.service.create(CALLER, REQUEST, idempotency_key="k1")


# --- stuck loads -----------------------------------------------------------------------------------


async def test_a_session_whose_load_was_lost_is_repaired_after_two_minutes(world: World):
    session = await world.service.create(CALLER, REQUEST)
    world.queue.sent.clear()
    await world.pass_minutes(1)
    assert (await world.state(session)).state == "INITIALIZING"
    await world.pass_minutes(1)
    assert (await world.state(session)).state == "ACTIVE"
    await world.pass_minutes(5)
    assert await world.due.list_due("session", world.clock(), limit=10) == []


async def test_a_load_that_gets_stuck_again_and_again_is_given_up(world: World):
    session = await world.service.create(CALLER, REQUEST)
    sent = 1
    for _ in range(12):
        world.queue.sent.clear()
        world.clock.advance(60)
        await world.upkeep.repair()
        sent += len(world.queue.sent)
    failed = await world.state(session)
    assert (failed.state, failed.state_reason, sent) == ("ERROR", "load_stuck", 4)
    (event,) = await world.events.history(f"session:{session.id}", 0)
    assert event.data["stateReason"] == "load_stuck"
    await world.service.request_load(CALLER, session.id)
    await world.drain()
    assert (await world.state(session)).state == "ACTIVE"


async def test_one_look_helps_all_that_are_stuck(world: World):
    for _ in range(120):
        await world.service.create(CALLER, REQUEST)
    world.queue.sent.clear()
    world.clock.advance(120)
    await world.upkeep.repair()
    assert len(world.queue.sent) == 120


async def test_sessions_that_are_well_are_left_alone(world: World):
    await world.opened()
    await world.pass_minutes(2)
    assert world.queue.sent == []
    assert await world.due.list_due("session", world.clock(), limit=10) == []


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_creation_that_dies_at_any_line_leaves_no_session_that_loads_for_ever(world: World, after_effect: bool):
    for deadly in range(1, 50):
        key = f"key {deadly} {after_effect}"
        world.wire(Countdown(deadly, after_effect=after_effect))
        try:
            await world.service.create(CALLER, REQUEST, idempotency_key=key)
            break
        except Killed:
            world.queue.sent.clear()
        world.wire()
        await world.pass_minutes(3)
        page = await world.service.list(CALLER, limit=100, cursor=None)
        assert {session.state for session in page.items} <= {"ACTIVE"}
    else:
        raise AssertionError("the creation never came to its end")
    assert deadly > 3


async def test_a_repair_that_dies_at_any_line_is_taken_up_by_the_next(world: World):
    for deadly in range(1, 50):
        world.wire()
        session = await world.service.create(CALLER, REQUEST)
        world.queue.sent.clear()
        world.clock.advance(120)
        world.wire(Countdown(deadly, after_effect=True))
        try:
            await world.upkeep.repair()
            break
        except Killed:
            world.queue.sent.clear()
        world.wire()
        await world.pass_minutes(3)
        assert (await world.state(session)).state == "ACTIVE"
    else:
        raise AssertionError("the repair never came to its end")
    assert deadly > 5


async def test_one_session_that_cannot_be_helped_does_not_keep_the_others_from_help(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    first, second = [await world.service.create(CALLER, REQUEST) for _ in range(2)]
    world.queue.sent.clear()
    find = world.store.find

    async def find_but_one(owner: object, session_id: object) -> object:
        if session_id == first.id:
            raise UpstreamUnavailable("down")
        return await find(CALLER.user_id, second.id)

    world.clock.advance(120)
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "find", find_but_one)
        await world.upkeep.repair()
    (message,) = [message for _, message, _ in world.queue.sent]
    assert isinstance(message, LoadSession)
    assert message.session_id == second.id
    await world.pass_minutes(2)
    assert (await world.state(first)).state == "ACTIVE"


async def test_a_session_that_cannot_be_read_does_not_keep_the_others_from_help(world: World):
    first = await world.service.create(CALLER, REQUEST)
    stored = await world.documents.find("sessions", CALLER.user_id, first.id)
    assert stored is not None
    await world.documents.write("sessions", CALLER.user_id, Upsert(first.id, {**stored.body, "state": "PAUSED"}))
    world.clock.advance(1)
    second = await world.service.create(CALLER, REQUEST)
    world.queue.sent.clear()
    await world.pass_minutes(2)
    await world.pass_minutes(1)
    assert (await world.state(second)).state == "ACTIVE"
    await world.documents.write("sessions", CALLER.user_id, Upsert(first.id, stored.body))  # somebody mended it
    await world.pass_minutes(3)
    assert (await world.state(first)).state == "ACTIVE"
