"""Every state that a session reaches is announced at least once, whatever dies or fails behind the save."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.chat.models import LoadSession
from shared.chat.requests import SessionView, UpdateSession
from shared.errors import Conflict, UpstreamUnavailable
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.killing import Countdown, Killed
from tests.unit.chat.world import CALLER, REQUEST, World, new_message

CLOSE = UpdateSession(state="CLOSED")
RENAMED = {"title": "Mine"}

Work = Callable[[], Awaitable[Any]]


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents)


async def dies(world: World, countdown: Countdown, work: Work) -> bool:
    """Do the work in a process that dies where the countdown says; afterwards, a new process goes on."""
    world.wire(countdown)
    try:
        await work()
    except Killed:
        return True
    finally:
        world.wire()
    return False


async def failing_publish(*_: Any, **__: Any) -> None:
    raise UpstreamUnavailable("too many writers on one topic")


async def loading(world: World) -> tuple[SessionView, LoadSession]:
    """A session whose load waits in the queue, and the message."""
    session = await world.service.create(CALLER, REQUEST)
    ((_, message, _),) = world.queue.sent
    world.queue.sent.clear()
    assert isinstance(message, LoadSession)
    return session, message


# --- death at any line -----------------------------------------------------------------------------


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_load_that_dies_at_any_line_is_announced_by_the_next_delivery(world: World, after_effect: bool):
    died = 0
    for deadly in range(1, 50):
        session, message = await loading(world)
        countdown = Countdown(deadly, after_effect=after_effect)
        if not await dies(world, countdown, lambda m=message: world.service.load(m, last_attempt=False)):
            break
        died += 1
        await world.service.load(message, last_attempt=False)
        assert (await world.state(session)).state == "ACTIVE"
        await world.require_all_announced(session.id)
    assert died > 5


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_load_that_dies_at_any_line_on_the_last_attempt_is_announced_by_the_timer(
    world: World, after_effect: bool
):
    died = 0
    for deadly in range(1, 50):
        session, message = await loading(world)
        countdown = Countdown(deadly, after_effect=after_effect)
        if not await dies(world, countdown, lambda m=message: world.service.load(m, last_attempt=True)):
            break
        died += 1
        await world.pass_minutes(4)
        assert (await world.state(session)).state == "ACTIVE"
        await world.require_all_announced(session.id)
    assert died > 5


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_request_to_load_that_dies_at_any_line_is_finished_or_has_no_effect(world: World, after_effect: bool):
    died = 0
    for deadly in range(1, 50):
        session = await world.opened()
        countdown = Countdown(deadly, after_effect=after_effect)
        if not await dies(world, countdown, lambda s=session: world.service.request_load(CALLER, s.id)):
            break
        died += 1
        world.queue.sent.clear()  # also what was sent is lost: the timer has to find it
        await world.pass_minutes(4)
        assert (await world.state(session)).state == "ACTIVE"
        await world.require_all_announced(session.id)
    assert died > 8


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_closing_that_dies_at_any_line_is_finished_or_has_no_effect(world: World, after_effect: bool):
    states: list[str] = []
    for deadly in range(1, 50):
        session = await world.opened()
        await world.say(session.id, 1)
        countdown = Countdown(deadly, after_effect=after_effect)
        if not await dies(world, countdown, lambda s=session: world.service.update(CALLER, s.id, CLOSE)):
            break
        await world.pass_minutes(4)
        states.append((await world.state(session)).state)
        await world.require_all_announced(session.id)
        if states[-1] == "CLOSED":
            with pytest.raises(Conflict):
                await world.messages.append(CALLER.user_id, session.id, new_message(2))
        else:
            await world.messages.append(CALLER.user_id, session.id, new_message(2))
    assert set(states) == {"ACTIVE", "CLOSED"}
    assert states == sorted(states)  # from some line on, it is always finished
    assert len(states) > 8


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_repair_that_gives_up_and_dies_at_any_line_is_announced_by_the_next(world: World, after_effect: bool):
    died = 0
    for deadly in range(1, 50):
        session, _ = await loading(world)
        for _ in range(3):
            world.clock.advance(120)
            await world.upkeep.repair()
            world.queue.sent.clear()
        world.clock.advance(120)
        dead = await dies(world, Countdown(deadly, after_effect=after_effect), lambda: world.upkeep.repair())
        await world.pass_minutes(4)
        failed = await world.state(session)
        assert (failed.state, failed.state_reason) == ("ERROR", "load_stuck")
        await world.require_all_announced(session.id)
        if not dead:
            break
        died += 1
    assert died > 8


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_deletion_that_dies_at_any_line_is_announced(world: World, after_effect: bool):
    died = 0
    for deadly in range(1, 50):
        session = await world.opened()
        world.queue.sent.clear()

        async def work(session: SessionView = session) -> None:
            await world.service.delete(CALLER, session.id)
            await world.drain()

        if not await dies(world, Countdown(deadly, after_effect=after_effect), work):
            break
        died += 1
        world.queue.sent.clear()
        await world.pass_minutes(4)
        await world.require_all_announced(session.id)
    assert died > 12


# --- publishing fails ------------------------------------------------------------------------------


async def test_a_load_whose_announcement_fails_is_announced_by_the_next_delivery(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    session, message = await loading(world)
    with monkeypatch.context() as patch:
        patch.setattr(world.events, "publish", failing_publish)
        with pytest.raises(UpstreamUnavailable):
            await world.service.load(message, last_attempt=False)
    assert await world.announced(session.id) == []
    await world.service.load(message, last_attempt=False)
    assert await world.announced(session.id) == ["ACTIVE"]


@pytest.mark.parametrize("ending", ["request_load", "delete", "close"])
async def test_what_was_asked_for_is_done_although_it_cannot_be_announced_now(
    world: World, ending: str, monkeypatch: pytest.MonkeyPatch
):
    session = await world.opened()
    with monkeypatch.context() as patch:
        patch.setattr(world.events, "publish", failing_publish)
        if ending == "close":
            assert (await world.service.update(CALLER, session.id, CLOSE)).state == "CLOSED"
        else:
            await getattr(world.service, ending)(CALLER, session.id)
            assert len(world.queue.sent) == 1
    assert await world.announced(session.id) == ["ACTIVE"]
    await world.drain()
    await world.pass_minutes(3)
    expected = {"request_load": ["INITIALIZING", "ACTIVE"], "delete": ["deleted"], "close": ["CLOSED"]}
    assert await world.announced(session.id) == ["ACTIVE", *expected[ending]]
    await world.pass_minutes(3)
    assert await world.due.list_due("session", world.clock(), limit=10) == []


async def test_a_rename_while_a_state_is_announced_loses_neither(world: World, monkeypatch: pytest.MonkeyPatch):
    session = await world.opened()
    publish = world.events.publish

    async def publish_slowly(*args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        event = await publish(*args, **options)
        await world.store.replace(
            (await world.store.get(CALLER.user_id, session.id)).changed(RENAMED, at=world.clock())
        )
        return event

    monkeypatch.setattr(world.events, "publish", publish_slowly)
    await world.service.request_load(CALLER, session.id)
    stored = await world.stored(session)
    assert stored is not None
    assert (stored.title, stored.unannounced) == ("Mine", ())
    await world.drain()
    await world.pass_minutes(3)
    assert await world.announced(session.id) == ["ACTIVE", "INITIALIZING", "ACTIVE"]


async def test_a_state_that_is_reached_while_another_is_announced_is_announced_too(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    session = await world.opened()
    publish = world.events.publish

    async def publish_slowly(*args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        event = await publish(*args, **options)
        moved = (await world.store.get(CALLER.user_id, session.id)).changed({"state": "ERROR"}, at=world.clock())
        await world.store.replace(moved)  # and whoever did it died there
        return event

    monkeypatch.setattr(world.events, "publish", publish_slowly)
    await world.service.request_load(CALLER, session.id)
    world.queue.sent.clear()
    await world.pass_minutes(3)
    assert await world.announced(session.id) == ["ACTIVE", "INITIALIZING", "ERROR"]


# --- while a sheet is being loaded -----------------------------------------------------------------


@pytest.mark.parametrize("meanwhile", ["rename", "repair", "close", "delete", "load again"])
async def test_what_happens_while_the_sheet_is_loaded_is_kept(
    world: World, meanwhile: str, monkeypatch: pytest.MonkeyPatch
):
    session, message = await loading(world)
    open_sheet = world.sheets.open

    async def open_slowly(*args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        sheet = await open_sheet(*args, **options)
        if meanwhile == "rename":
            await world.service.update(CALLER, session.id, UpdateSession(title="Mine"))
        elif meanwhile == "repair":
            world.clock.advance(120)
            await world.upkeep.repair()
        elif meanwhile == "close":
            await world.service.update(CALLER, session.id, CLOSE)
        elif meanwhile == "delete":
            await world.service.delete(CALLER, session.id)
        else:
            await world.service.load(message, last_attempt=False)
            await world.service.request_load(CALLER, session.id)
        return sheet

    monkeypatch.setattr(world.sheets, "open", open_slowly)
    await world.service.load(message, last_attempt=False)
    stored = await world.stored(session)
    assert stored is not None
    expected = {
        "rename": ("ACTIVE", "Mine", None),
        "repair": ("ACTIVE", "Garden", None),
        "close": ("CLOSED", "", None),
        "delete": ("INITIALIZING", "", "requested"),
        "load again": ("INITIALIZING", "Garden", None),
    }
    assert (stored.state, stored.title, stored.deletion) == expected[meanwhile]
    await world.drain()
    await world.require_all_announced(session.id)
