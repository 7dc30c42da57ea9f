"""What the stores of chat, and the entries that are due, must do on each database, with the product's indexes only."""

import uuid
from datetime import timedelta

import pytest

from shared.chat.models import ChatSession, NewMessage
from shared.errors import Conflict
from shared.ids import MessageId, SessionId, SheetId, UserId
from shared.stores.cosmos.layout import container_definition
from shared.stores.documents import Create, DocumentStore
from shared.stores.due import DocumentDueStore
from shared.stores.messages import DocumentMessageStore
from shared.stores.sessions import DocumentSessionStore
from tests.contract.conftest import OpenStore
from tests.fakes.clock import FakeClock

NOW = FakeClock()()
ADA, BOB = UserId("ada"), UserId("bob")
CHAT = SessionId("a-session")


def message(number: int) -> NewMessage:
    return NewMessage(id=MessageId(str(uuid.UUID(int=2**100 - number))), role="user", content=f"No. {number}")


def session(number: int) -> ChatSession:
    at = NOW + timedelta(seconds=number)
    return ChatSession(
        id=f"session-{number}",
        owner=ADA,
        sheet_id=SheetId("100"),
        title="Plan",
        state="ACTIVE",
        request_hash="hash",
        correlation_id="c",
        created_at=at,
        updated_at=at,
    )


async def contents(store: DocumentMessageStore, *, descending: bool = False) -> list[str]:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = await store.list(CHAT, limit=2, cursor=cursor, descending=descending)
        seen += [found.content for found in page]
        if cursor is None:
            return seen


async def test_messages_are_numbered_listed_cleared_and_purged(documents: DocumentStore):
    messages = DocumentMessageStore(documents)
    appended = [await messages.append(CHAT, message(n), at=NOW) for n in (1, 2, 3)]
    assert [each.seq for each in appended] == [1, 2, 3]
    assert (await messages.append(CHAT, message(2), at=NOW)).seq == 2
    assert await contents(messages) == ["No. 1", "No. 2", "No. 3"]
    assert await contents(messages, descending=True) == ["No. 3", "No. 2", "No. 1"]
    assert not await messages.has_cleared(CHAT)
    assert await messages.clear(CHAT) == 3
    await messages.append(CHAT, message(4), at=NOW)
    assert await contents(messages) == ["No. 4"]
    assert await messages.has_cleared(CHAT)
    await messages.purge(CHAT)
    assert not await messages.has_cleared(CHAT)
    assert await contents(messages) == ["No. 4"]


async def test_a_sealed_session_takes_no_message_and_loses_those_it_has(documents: DocumentStore):
    messages = DocumentMessageStore(documents)
    await messages.append(CHAT, message(1), at=NOW)
    for _ in range(2):
        await messages.seal(CHAT)
        await messages.purge(CHAT)
    with pytest.raises(Conflict):
        await messages.append(CHAT, message(2), at=NOW)
    assert await contents(messages) == []


async def test_a_closed_session_takes_no_message_and_keeps_those_it_has(documents: DocumentStore):
    messages = DocumentMessageStore(documents)
    assert not await messages.is_closed(CHAT)
    await messages.append(CHAT, message(1), at=NOW)
    for _ in range(2):
        await messages.close(CHAT)
    assert await messages.is_closed(CHAT)
    with pytest.raises(Conflict) as raised:
        await messages.append(CHAT, message(2), at=NOW)
    assert raised.value.code == "session_closed"
    assert await contents(messages) == ["No. 1"]
    assert await messages.clear(CHAT) == 1
    assert await messages.is_closed(CHAT)


async def test_the_ids_of_purged_messages_are_remembered_for_a_week(open_store: OpenStore):
    clock = FakeClock()
    documents = await open_store(clock=lambda: clock().timestamp(), definition=container_definition())
    messages = DocumentMessageStore(documents)
    for number in (1, 2):
        await messages.append(CHAT, message(number), at=NOW)
    await messages.clear(CHAT)
    await messages.purge(CHAT)
    left = await documents.find("messages", CHAT, message(2).id)
    assert left is not None
    assert left.body == {"id": message(2).id, "number": 2, "schemaVersion": 1}
    clock.advance(7 * 86_400 - 1)
    assert (await messages.append(CHAT, message(2), at=NOW)).seq == 2
    assert (await contents(messages), await messages.has_cleared(CHAT)) == ([], False)
    clock.advance(1)
    assert await documents.find("messages", CHAT, message(2).id) is None
    assert (await messages.append(CHAT, message(2), at=NOW)).seq == 3


async def test_what_is_left_of_a_deleted_sessions_messages_vanishes_after_a_week(open_store: OpenStore):
    clock = FakeClock()
    documents = await open_store(clock=lambda: clock().timestamp(), definition=container_definition())
    messages = DocumentMessageStore(documents)
    await messages.append(CHAT, message(1), at=NOW)
    await messages.seal(CHAT)
    await messages.clear(CHAT)  # by somebody who had read the session before
    await messages.purge(CHAT)
    clock.advance(7 * 86_400 - 1)
    assert await documents.find("messages", CHAT, "head") is not None
    clock.advance(1)
    assert await documents.find("messages", CHAT, "head") is None


async def test_nothing_is_remembered_of_the_messages_of_a_deleted_session(documents: DocumentStore):
    messages = DocumentMessageStore(documents)
    await messages.append(CHAT, message(1), at=NOW)
    await messages.seal(CHAT)
    await messages.purge(CHAT)
    page = await documents.list("messages", CHAT)
    assert [document.id for document in page.items] == ["head"]


async def test_deleted_sessions_are_left_out_of_lists_and_keep_their_id(documents: DocumentStore):
    sessions = DocumentSessionStore(documents)
    stored = [await sessions.create(session(n)) for n in (1, 2, 3)]
    await sessions.replace(stored[1].model_copy(update={"deletion": "requested"}))
    page, cursor = await sessions.list(ADA, limit=3, cursor=None)
    assert ([each.id for each in page], cursor) == (["session-3", "session-1"], None)
    await sessions.bury(stored[1])
    with pytest.raises(Conflict):
        await sessions.create(session(2))
    found = await sessions.find(ADA, stored[1].session_id)
    assert found is not None
    assert (found.deletion, found.title) == ("done", "")


async def test_entries_are_found_when_they_are_due_in_their_order_until_they_are_removed(documents: DocumentStore):
    clock = FakeClock()
    due = DocumentDueStore(documents, clock=clock)
    assert await due.list_due("session", NOW, limit=10) == []
    await due.add("session", ADA, "late", due_at=NOW + timedelta(hours=30))
    await due.add("session", BOB, "soon", due_at=NOW + timedelta(minutes=2))
    for _ in range(2):
        await due.add("session", ADA, "sooner", due_at=NOW + timedelta(minutes=1))
    await due.add("job", ADA, "other", due_at=NOW)
    assert await due.list_due("session", NOW, limit=10) == []
    in_time = NOW + timedelta(minutes=2)
    assert [entry.subject for entry in await due.list_due("session", in_time, limit=1)] == ["sooner"]
    found = await due.list_due("session", in_time, limit=10)
    assert [(entry.owner, entry.subject) for entry in found] == [(ADA, "sooner"), (BOB, "soon")]
    for entry in [*found, *found]:
        await due.remove(entry)
    assert await due.list_due("session", NOW + timedelta(hours=29), limit=10) == []
    late = await due.list_due("session", NOW + timedelta(hours=30), limit=10)
    assert [entry.subject for entry in late] == ["late"]


async def test_entries_are_found_after_a_pause_of_weeks(documents: DocumentStore):
    due = DocumentDueStore(documents, clock=FakeClock())
    await due.add("session", ADA, "first", due_at=NOW)
    (first,) = await due.list_due("session", NOW, limit=10)
    await due.remove(first)
    await due.add("session", ADA, "second", due_at=NOW + timedelta(days=10))
    later = NOW + timedelta(days=20)
    found = [entry.subject for _ in range(6) for entry in await due.list_due("session", later, limit=10)]
    assert set(found) == {"second"}


async def test_entries_that_cannot_be_read_keep_no_other_from_being_found(documents: DocumentStore):
    due = DocumentDueStore(documents, clock=FakeClock())
    for number in range(12):
        await documents.write("due", f"session:{NOW:%Y-%m-%dT%H}", Create(f"2026{number}", {"id": f"2026{number}"}))
    await due.add("session", ADA, "now", due_at=NOW)
    await due.add("session", ADA, "later", due_at=NOW + timedelta(hours=5))
    assert [entry.subject for entry in await due.list_due("session", NOW, limit=10)] == ["now"]
    later = NOW + timedelta(hours=5)
    for entry in await due.list_due("session", later, limit=10):
        await due.remove(entry)
    assert await due.list_due("session", later, limit=10) == []
    mark = await documents.find("due-marks", "session", "mark")
    assert mark is not None
    assert mark.body["hour"] == "2026-03-02T12:00:00Z"  # their hour is over
