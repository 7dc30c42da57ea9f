"""Messages: in order, once each, cleared in one step."""

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from shared.chat.models import MessageDetails
from shared.chat.requests import UpdateSession
from shared.errors import Conflict, NotFound
from shared.ids import MessageId, RowId
from shared.stores.documents import Upsert
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.killing import Countdown, Killed
from tests.unit.chat.world import BOB, CALLER, World, new_message


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents)


async def test_messages_are_read_in_the_order_in_which_they_were_appended(world: World):
    session = await world.opened()
    await world.say(session.id, 5)
    assert await world.history(session.id) == [f"No. {n}" for n in range(1, 6)]
    assert await world.history(session.id, descending=True) == [f"No. {n}" for n in range(5, 0, -1)]
    first = await world.messages.list(CALLER, session.id, limit=2, cursor=None)
    assert await world.history(session.id, cursor=first.next_cursor) == ["No. 3", "No. 4", "No. 5"]


async def test_a_message_is_shown_with_all_that_is_known_about_it(world: World):
    session = await world.opened()
    details = MessageDetails(status="success", operation="search", citations=(RowId("7"),))
    message = new_message(1, "3 rows", role="function", name="search_rows", details=details)
    await world.messages.append(CALLER.user_id, session.id, message)
    (view,) = (await world.messages.list(CALLER, session.id, limit=1, cursor=None)).items
    assert (view.id, view.session_id, view.role, view.content) == (message.id, session.id, "function", "3 rows")
    assert view.model_dump(mode="json", by_alias=True)["metadata"] == {
        "id": message.id,
        "type": "FUNCTION",
        "timestamp": "2026-03-02T09:00:00Z",
        "sessionId": session.id,
        "status": "success",
        "error": None,
        "operation": "search",
        "name": "search_rows",
        "citations": ["7"],
    }
    (event,) = [e for e in await world.events.history(f"session:{session.id}", 0) if e.event == "message"]
    assert event.data == {"sessionId": session.id, "messageId": message.id, "role": "function"}


async def test_a_message_that_is_appended_twice_is_stored_once(world: World):
    session = await world.opened()
    first = await world.messages.append(CALLER.user_id, session.id, new_message(1))
    second = await world.messages.append(CALLER.user_id, session.id, new_message(1, "Other"))
    assert (second.seq, second.content) == (first.seq, first.content)
    assert await world.history(session.id) == ["Hello"]


async def test_messages_that_are_appended_at_once_get_numbers_of_their_own(world: World):
    session = await world.opened()
    appended = await asyncio.gather(
        *(world.messages.append(CALLER.user_id, session.id, new_message(n)) for n in range(1, 7))
    )
    assert sorted(message.seq for message in appended) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("message_id", ["head", "", "../x", "1"])
def test_an_id_that_is_no_uuid_is_refused(message_id: str):
    with pytest.raises(ValidationError):
        new_message(1, id=MessageId(message_id))


async def test_a_closed_session_takes_no_more_messages_and_keeps_those_it_has(world: World):
    session = await world.opened()
    await world.say(session.id, 2)
    await world.service.update(CALLER, session.id, UpdateSession(state="CLOSED"))
    with pytest.raises(Conflict) as raised:
        await world.messages.append(CALLER.user_id, session.id, new_message(3))
    assert raised.value.code == "session_closed"
    assert await world.history(session.id) == ["No. 1", "No. 2"]


async def test_no_message_comes_into_a_session_that_is_closed_while_it_is_appended(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    session = await world.opened()
    append = world.message_store.append

    async def append_slowly(*args: Any, **options: Any) -> Any:
        await world.service.update(CALLER, session.id, UpdateSession(state="CLOSED"))
        return await append(*args, **options)

    monkeypatch.setattr(world.message_store, "append", append_slowly)
    with pytest.raises(Conflict) as raised:
        await world.messages.append(CALLER.user_id, session.id, new_message(1))
    assert raised.value.code == "session_closed"
    assert await world.history(session.id) == []
    events = await world.events.history(f"session:{session.id}", 0)
    assert events[-1].data["state"] == "CLOSED"


@pytest.mark.parametrize("count", [0, 1])
async def test_an_append_that_has_read_the_head_does_not_get_behind_the_closing(
    world: World, count: int, monkeypatch: pytest.MonkeyPatch
):
    session = await world.opened()
    await world.say(session.id, count)
    batch = world.documents.batch

    async def batch_slowly(*args: Any) -> None:
        if args[0] == "messages":
            monkeypatch.undo()
            await world.service.update(CALLER, session.id, UpdateSession(state="CLOSED"))
        await batch(*args)

    monkeypatch.setattr(world.documents, "batch", batch_slowly)
    with pytest.raises(Conflict) as raised:
        await world.messages.append(CALLER.user_id, session.id, new_message(9))
    assert raised.value.code == "session_closed"
    assert len(await world.history(session.id)) == count


async def test_a_session_that_an_older_release_closed_takes_no_message(world: World):
    session = await world.opened()
    stored = await world.stored(session)
    assert stored is not None
    await world.store.replace(stored.model_copy(update={"state": "CLOSED"}))
    with pytest.raises(Conflict) as raised:
        await world.messages.append(CALLER.user_id, session.id, new_message(1))
    assert raised.value.code == "session_closed"


@pytest.mark.parametrize("purged", [False, True])
async def test_a_message_that_is_delivered_again_after_it_was_cleared_is_not_shown_again(world: World, purged: bool):
    session = await world.opened()
    first = await world.messages.append(CALLER.user_id, session.id, new_message(1, "reply"))
    await world.messages.clear(CALLER, session.id)
    if purged:
        await world.drain()
    again = await world.messages.append(CALLER.user_id, session.id, new_message(1, "reply"))
    assert (again.id, again.seq, again.content) == (first.id, first.seq, "reply")
    assert await world.history(session.id) == []
    await world.messages.append(CALLER.user_id, session.id, new_message(2, "next"))
    assert await world.history(session.id) == ["next"]


async def test_a_message_that_cannot_be_read_is_cleared_like_any_other(world: World):
    session = await world.opened()
    await world.say(session.id, 2)
    stored = await world.documents.find("messages", session.id, new_message(1).id)
    assert stored is not None
    await world.documents.write("messages", session.id, Upsert(stored.id, {**stored.body, "role": "nobody"}))
    await world.messages.clear(CALLER, session.id)
    await world.drain()
    assert await world.kept_messages(session.id) == 0


async def test_messages_of_somebody_elses_session_do_not_exist(world: World):
    session = await world.opened()
    await world.say(session.id, 1)
    calls = [
        world.messages.append(BOB.user_id, session.id, new_message(2)),
        world.messages.list(BOB, session.id, limit=1, cursor=None),
        world.messages.clear(BOB, session.id),
    ]
    for call in calls:
        with pytest.raises(NotFound) as raised:
            await call
        assert raised.value.code == "session_not_found"
    assert await world.history(session.id) == ["No. 1"]


async def test_clearing_empties_the_history_at_once_and_the_database_later(world: World):
    session = await world.opened()
    await world.say(session.id, 250)
    assert (await world.messages.clear(CALLER, session.id)).cleared == 250
    assert await world.history(session.id) == []
    await world.messages.append(CALLER.user_id, session.id, new_message(1000, "after"))
    await world.drain()
    assert await world.history(session.id) == ["after"]
    assert await world.kept_messages(session.id) == 1
    assert (await world.messages.clear(CALLER, session.id)).cleared == 1
    assert (await world.messages.clear(CALLER, session.id)).cleared == 0


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_clearing_that_dies_at_any_line_is_finished_or_has_no_effect(world: World, after_effect: bool):
    session = await world.opened()
    for deadly in range(1, 50):
        world.wire()
        await world.messages.append(CALLER.user_id, session.id, new_message(deadly, "kept"))
        shown = await world.history(session.id)
        world.wire(Countdown(deadly, after_effect=after_effect))
        try:
            await world.messages.clear(CALLER, session.id)
            await world.drain()
            break
        except Killed:
            world.queue.sent.clear()  # also what was sent is lost: the timer has to find it
        world.wire()
        await world.pass_minutes(4)
        left = await world.history(session.id)
        assert left in ([], shown)
        assert await world.kept_messages(session.id) == len(left)
    else:
        raise AssertionError("the clearing never came to its end")
    assert deadly > 5
