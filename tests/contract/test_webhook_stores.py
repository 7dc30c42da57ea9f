"""What the stores of webhooks must do on each database, with the product's indexes only."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.errors import Conflict, PreconditionFailed
from shared.identity.vault import Sealed, WrappedKey
from shared.ids import RowId, SessionId, SheetId, UserId
from shared.stores.cosmos.layout import container_definition
from shared.stores.documents import DocumentStore
from shared.stores.webhooks import DocumentSheetStateStore, DocumentWatcherStore, DocumentWebhookStore
from shared.webhooks.models import SheetState, Watcher, WebhookId, WebhookRecord
from shared.webhooks.states import SheetStates
from tests.contract.conftest import OpenStore
from tests.fakes.clock import FakeClock

NOW = FakeClock()()
ADA, BOB = UserId("ada"), UserId("bob")
SHEET, OTHER_SHEET = SheetId("7345112399104900"), SheetId("7345112399104901")
HOOK, OTHER_HOOK = WebhookId("9007199254740993"), WebhookId("9007199254740994")


def record(webhook_id: WebhookId = HOOK, sheet_id: SheetId = SHEET, owner: UserId = ADA) -> WebhookRecord:
    key = WrappedKey(key_id="k1", wrapped="abc")
    secret = Sealed(nonce="n", ciphertext="c")
    return WebhookRecord(id=webhook_id, sheet_id=sheet_id, owner=owner, data_key=key, secret=secret, created_at=NOW)


async def test_a_state_is_created_replaced_and_never_overwritten_unseen(documents: DocumentStore):
    store = DocumentSheetStateStore(documents)
    assert await store.find(SHEET) is None
    first = await store.save(SHEET, SheetState(id="state", marks=1, rows=(RowId("1"),)))
    with pytest.raises(Conflict):
        await store.save(SHEET, SheetState(id="state"))
    await store.save(SHEET, first.model_copy(update={"marks": 2, "rows": None}))
    with pytest.raises(PreconditionFailed):
        await store.save(SHEET, first)
    found = await store.find(SHEET)
    assert found is not None
    assert (found.marks, found.rows) == (2, None)
    assert await store.find(OTHER_SHEET) is None


async def test_a_mark_and_the_note_that_its_delivery_was_seen_are_one(documents: DocumentStore):
    store = DocumentSheetStateStore(documents)
    await store.save_with_delivery(SHEET, SheetState(id="state", marks=1), "first")
    state = await store.find(SHEET)
    assert state is not None and await store.has_seen(SHEET, "first")
    with pytest.raises((Conflict, PreconditionFailed)):
        await store.save_with_delivery(SHEET, state.model_copy(update={"marks": 2}), "first")
    stale = state.model_copy(update={"etag": "another"})
    with pytest.raises((Conflict, PreconditionFailed)):
        await store.save_with_delivery(SHEET, stale.model_copy(update={"marks": 2}), "second")
    assert await store.find(SHEET) == state
    assert not await store.has_seen(SHEET, "second")
    assert not await store.has_seen(OTHER_SHEET, "first")


async def test_marks_of_many_at_once_are_all_counted_and_each_delivery_once(documents: DocumentStore):
    states = SheetStates(DocumentSheetStateStore(documents))
    keys = ["a", "b", "c", "a", "b", "c"]
    marked = await asyncio.gather(*(states.mark(SHEET, [RowId(key)], is_foreign=True, delivery=key) for key in keys))
    assert sum(state is not None for state in marked) == 3
    state = await states.find(SHEET)
    assert (state.marks, set(state.rows or ())) == (3, {"a", "b", "c"})


async def test_a_seen_delivery_is_forgotten_after_days(open_store: OpenStore):
    clock = FakeClock()
    seconds: Callable[[], float] = lambda: clock().timestamp()  # noqa: E731
    store = DocumentSheetStateStore(await open_store(clock=seconds, definition=container_definition()))
    await store.save_with_delivery(SHEET, SheetState(id="state", marks=1), "first")
    clock.advance(2 * 86_400)
    assert await store.has_seen(SHEET, "first")
    clock.advance(2 * 86_400)
    assert not await store.has_seen(SHEET, "first")
    assert await store.find(SHEET) is not None


async def test_webhooks_are_found_by_id_and_by_owner_until_they_are_deleted(documents: DocumentStore):
    store = DocumentWebhookStore(documents)
    assert await store.find(HOOK) is None
    for each in (record(), record(OTHER_HOOK, OTHER_SHEET)):
        await store.save(each)
        await store.save(each)
    found = await store.find(HOOK)
    assert found is not None
    assert found.model_copy(update={"etag": ""}) == record()
    assert [(each.id, each.webhook_id) for each in await store.list_owned(ADA)] == [
        (SHEET, HOOK),
        (OTHER_SHEET, OTHER_HOOK),
    ]
    assert await store.list_owned(BOB) == []
    for _ in range(2):
        await store.delete(ADA, SHEET, HOOK)
    assert await store.find(HOOK) is None
    assert [each.webhook_id for each in await store.list_owned(ADA)] == [OTHER_HOOK]


async def test_deleting_a_replaced_webhook_keeps_its_successor(documents: DocumentStore):
    store = DocumentWebhookStore(documents)
    await store.save(record())
    await store.save(record(OTHER_HOOK))
    await store.delete(ADA, SHEET, HOOK)
    assert [each.webhook_id for each in await store.list_owned(ADA)] == [OTHER_HOOK]
    assert await store.find(OTHER_HOOK) is not None


async def test_watchers_come_go_and_vanish_by_themselves(open_store: OpenStore):
    clock = FakeClock()
    seconds: Callable[[], float] = lambda: clock().timestamp()  # noqa: E731
    store = DocumentWatcherStore(await open_store(clock=seconds, definition=container_definition()))
    session = Watcher.of_session(ADA, SessionId("one"), NOW)
    await store.add(SHEET, session)
    await store.add(SHEET, session)
    await store.add(SHEET, Watcher.of_topic(BOB, NOW + timedelta(seconds=1)))
    assert sorted(each.user_id for each in await store.list(SHEET)) == [ADA, BOB]
    assert await store.list(OTHER_SHEET) == []
    clock.advance(3 * 3600)
    assert [each.user_id for each in await store.list(SHEET)] == [ADA]
    clock.advance(13 * 86_400)
    await store.add(SHEET, session)
    clock.advance(13 * 86_400)
    assert [each.user_id for each in await store.list(SHEET)] == [ADA]
    clock.advance(2 * 86_400)
    assert await store.list(SHEET) == []
    await store.add(SHEET, session)
    for _ in range(2):
        await store.remove(SHEET, session.id)
    assert await store.list(SHEET) == []
