"""Killed at any line: the message comes again, and in the end all is as if nobody had died, said twice at worst."""

import pytest

from shared.ids import SessionId
from shared.stores.sqlite import SqliteDocuments
from shared.webhooks.models import ENABLED
from tests.fakes.killing import Countdown, Killed
from tests.fakes.webhooks import cell_event
from tests.unit.webhooks.world import ADA, COLUMN, ROW, SHEET, World

MOST_CALLS = 60


async def drained_by_the_mortal(world: World, countdown: Countdown) -> bool:
    """Drain on parts that die; whether somebody did. Who comes next starts afresh, and the messages are still there."""
    world.wire(countdown)
    try:
        await world.drain()
    except Killed:
        world.wire()
        world.clock.advance(10)  # until the host sees that nobody answers for the message
        await world.drain()
        return True
    world.wire()
    return False


@pytest.mark.parametrize("after_effect", [False, True])
async def test_death_while_a_callback_is_applied(documents: SqliteDocuments, after_effect: bool):
    world = World(documents)
    (webhook, died) = (await world.watched(), 0)
    for deadly in range(1, MOST_CALLS):
        world.source.edit(SHEET, ROW, COLUMN, f"edit {deadly}")
        version = world.source.sheet(SHEET).version
        told_before = len(await world.updates())
        await world.receive(world.remote.callback(webhook.id, events=[cell_event(ROW)]))
        died += await drained_by_the_mortal(world, Countdown(deadly, after_effect=after_effect))
        state = await world.state()
        assert (state.is_dirty, state.is_untold, state.version) == (False, False, version)
        told = (await world.updates())[told_before:]
        assert told in ([(version, [ROW])], [(version, [ROW])] * 2)
    assert 10 < died < MOST_CALLS - 1, "some lived to the end, so every call was the deadly one once"


@pytest.mark.parametrize("after_effect", [False, True])
async def test_death_while_a_webhook_is_created(documents: SqliteDocuments, after_effect: bool):
    world, died = World(documents), 0
    for deadly in range(1, MOST_CALLS):
        await world.watchers.session_opened(ADA, SHEET, SessionId("one"))
        died += await drained_by_the_mortal(world, Countdown(deadly, after_effect=after_effect))
        (webhook,) = world.remote.of_sheet(SHEET)
        state = await world.state()
        assert state.webhook is not None
        assert (state.webhook.id, state.webhook.status, webhook.is_enabled) == (webhook.id, ENABLED, True)
        assert not state.is_dirty
        assert await world.store.find(webhook.id) is not None
        await world.watchers.session_deleted(SHEET, SessionId("one"))
        await world.drain()
        assert world.remote.webhooks == {}
    assert 20 < died < MOST_CALLS - 1


@pytest.mark.parametrize("after_effect", [False, True])
async def test_death_while_a_webhook_is_deleted(documents: SqliteDocuments, after_effect: bool):
    world, died = World(documents), 0
    for deadly in range(1, MOST_CALLS):
        webhook = await world.watched()
        await world.watchers.session_deleted(SHEET, SessionId("one"))
        died += await drained_by_the_mortal(world, Countdown(deadly, after_effect=after_effect))
        assert world.remote.webhooks == {}
        assert (await world.state()).webhook is None
        assert await world.store.find(webhook.id) is None
        assert await world.store.list_owned(ADA) == []
    assert 5 < died < MOST_CALLS - 1


@pytest.mark.parametrize("after_effect", [False, True])
async def test_death_while_a_webhook_is_repaired(documents: SqliteDocuments, after_effect: bool):
    world = World(documents)
    (webhook, died) = (await world.watched(), 0)
    for deadly in range(1, MOST_CALLS):
        world.remote.set_status(webhook.id, "DISABLED_CALLBACK_FAILED")
        world.source.edit(SHEET, ROW, COLUMN, f"edit {deadly}")
        await world.receive(world.remote.callback(webhook.id, newWebhookStatus="DISABLED_CALLBACK_FAILED"))
        died += await drained_by_the_mortal(world, Countdown(deadly, after_effect=after_effect))
        await world.pass_time(900)
        state = await world.state()
        assert state.webhook is not None
        assert (state.webhook.status, world.remote.webhooks[webhook.id].is_enabled) == (ENABLED, True)
        assert (state.is_dirty, state.version) == (False, world.source.sheet(SHEET).version)
    assert 10 < died < MOST_CALLS - 1


@pytest.mark.parametrize("after_effect", [False, True])
async def test_death_while_an_owner_leaves(documents: SqliteDocuments, after_effect: bool):
    world, died = World(documents), 0
    for deadly in range(1, MOST_CALLS):
        await world.watched()
        world.wire(Countdown(deadly, after_effect=after_effect))
        try:
            await world.keeper.owner_leaves(ADA)
        except Killed:
            died += 1
            world.wire()
            await world.keeper.owner_leaves(ADA)  # who disconnects tries again
        world.wire()
        assert world.remote.webhooks == {}
        assert await world.store.list_owned(ADA) == []
        await world.drain()
        assert (await world.state()).webhook is None and world.remote.webhooks == {}
    assert 5 < died < MOST_CALLS - 1
