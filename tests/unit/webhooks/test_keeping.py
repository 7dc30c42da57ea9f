"""Webhooks come with who watches a sheet, are repaired, are not asked for in vain again and again, and go."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from shared.errors import Forbidden, InvalidInput, NotFound, UpstreamTimeout, UpstreamUnavailable
from shared.ids import SessionId
from shared.stores.sqlite import SqliteDocuments
from shared.webhooks.models import ENABLED, WebhookId
from shared.webhooks.secrets import ConfiguredWebhook
from tests.fakes.webhooks import cell_event
from tests.unit.webhooks.world import ADA, BOB, ROW, SHEET, URL, World

HOUR, DAY = 3600, 86_400
ONE, TWO = SessionId("one"), SessionId("two")


async def status(world: World) -> str | None:
    webhook = (await world.state()).webhook
    return None if webhook is None else webhook.status


def calls(world: World) -> list[str]:
    """The calls about webhooks since the last look."""
    made = [method for method, _ in world.remote.calls]
    world.remote.calls.clear()
    return made


async def test_the_first_session_brings_a_webhook_and_the_next_one_brings_none(world: World):
    webhook = await world.watched()
    assert (webhook.callback_url, webhook.is_enabled, await status(world)) == (URL, True, ENABLED)
    assert calls(world) == ["list", "create", "enable"]
    await world.watched(BOB, "two")
    assert calls(world) == []


async def test_a_listening_browser_brings_a_webhook_and_is_noted_twice_an_hour(world: World):
    await world.watchers.topic_heard(ADA, SHEET)
    assert len(world.queue.sent) == 1
    await world.drain()
    assert await status(world) == ENABLED
    for _ in range(10):
        await world.watchers.topic_heard(ADA, SHEET)
    assert world.queue.sent == []
    world.clock.advance(HOUR)
    await world.watchers.topic_heard(ADA, SHEET)
    assert len(world.queue.sent) == 1


async def test_a_new_webhook_has_the_sheet_read_once_since_it_knows_nothing_of_before(world: World):
    await world.watched()
    state = await world.state()
    assert (state.is_dirty, state.is_untold, state.version) == (False, False, 1)
    assert world.reads() == 1


async def test_the_secret_is_stored_sealed(world: World):
    webhook = await world.watched()
    record = await world.store.find(webhook.id)
    assert record is not None and webhook.secret is not None
    assert webhook.secret.get_secret_value() not in record.model_dump_json()
    known = await world.secrets.find(webhook.id)
    assert known is not None
    assert await world.secrets.open(known) == webhook.secret


async def test_the_webhook_goes_with_the_last_session(world: World):
    webhook = await world.watched()
    await world.watched(BOB, "two")
    await world.watchers.session_deleted(SHEET, ONE)
    await world.drain()
    assert world.remote.of_sheet(SHEET) != []
    await world.watchers.session_deleted(SHEET, TWO)
    await world.drain()
    assert world.remote.of_sheet(SHEET) == []
    assert await world.store.find(webhook.id) is None
    assert await world.store.list_owned(ADA) == []
    assert await status(world) is None
    calls(world)
    await world.pass_time(2 * HOUR)
    assert calls(world) == [], "nothing is left to look after"


async def test_who_watches_anew_gets_a_new_webhook(world: World):
    first = await world.watched()
    await world.watchers.session_deleted(SHEET, ONE)
    await world.drain()
    second = await world.watched()
    assert second.id != first.id and await status(world) == ENABLED


async def test_an_enabled_webhook_is_looked_at_once_an_hour(world: World):
    await world.watched()
    calls(world)
    await world.pass_time(HOUR - 300)
    assert calls(world) == []
    await world.pass_time(600)
    assert calls(world) == ["get"]
    await world.pass_time(3 * HOUR)
    assert calls(world) == ["get"] * 3


async def test_a_webhook_that_was_disabled_in_silence_is_enabled_again_and_what_was_missed_is_read(world: World):
    webhook = await world.watched()
    world.remote.set_status(webhook.id, "DISABLED_CALLBACK_FAILED")
    world.source.edit(SHEET, ROW, "1001", "missed")
    world.reads()
    await world.pass_time(HOUR + 600)
    assert world.remote.webhooks[webhook.id].is_enabled and await status(world) == ENABLED
    assert (await world.updates())[-1] == (2, None)


async def test_a_webhook_that_says_that_it_was_disabled_is_enabled_again_at_once(world: World):
    webhook = await world.watched()
    world.remote.set_status(webhook.id, "DISABLED_CALLBACK_FAILED")
    calls(world)
    await world.hear(newWebhookStatus="DISABLED_CALLBACK_FAILED")
    assert calls(world) == ["get", "enable"]
    assert await status(world) == ENABLED


async def test_a_status_that_comes_late_or_again_does_no_harm(world: World):
    await world.watched()
    for _ in range(2):
        await world.hear(newWebhookStatus="DISABLED_CALLBACK_FAILED")
        assert await status(world) == ENABLED, "Smartsheet was asked, and it is enabled"
    await world.hear(newWebhookStatus="ENABLED")
    assert await status(world) == ENABLED


@pytest.mark.parametrize("wanted", ["DISABLED_BY_OWNER", "DISABLED_ADMINISTRATIVE"])
async def test_what_somebody_disabled_on_purpose_stays_disabled_and_readers_do_without(world: World, wanted: str):
    webhook = await world.watched()
    world.remote.set_status(webhook.id, wanted)
    await world.hear(newWebhookStatus=wanted)
    calls(world)
    await world.pass_time(DAY)
    made = calls(world)
    assert set(made) == {"get"} and len(made) < 12, "looked at more and more seldom"
    assert await status(world) == wanted
    mark = await world.marks.look(SHEET)
    assert mark is not None and not mark.is_watched


@pytest.mark.parametrize("lost", ["DISABLED_APP_REVOKED", "DISABLED_SCOPE_INACCESSIBLE"])
async def test_a_webhook_whose_owner_lost_the_sheet_is_replaced_by_another_watchers(world: World, lost: str):
    webhook = await world.watched()
    await world.watched(BOB, "two")
    world.remote.refusals["ada-token"] = Forbidden("not any more")
    world.remote.set_status(webhook.id, lost)
    await world.hear(newWebhookStatus=lost)
    (newer,) = world.remote.of_sheet(SHEET)
    state = await world.state()
    assert newer.id != webhook.id and state.webhook is not None
    assert (state.webhook.owner, state.webhook.status) == (BOB, ENABLED)


async def test_a_webhook_that_somebody_deleted_is_made_anew(world: World):
    webhook = await world.watched()
    del world.remote.webhooks[webhook.id]
    await world.pass_time(HOUR + 600)
    (newer,) = world.remote.of_sheet(SHEET)
    assert newer.id != webhook.id and await status(world) == ENABLED
    assert await world.store.find(webhook.id) is None


@pytest.mark.parametrize("error", [Forbidden("scope"), InvalidInput("refused"), NotFound("gone", code="x")])
async def test_who_may_have_no_webhook_is_not_asked_again_for_a_day(world: World, error: Exception):
    assert isinstance(error, Forbidden | InvalidInput | NotFound)
    world.remote.refusals["ada-token"] = error
    for number in range(5):
        await world.watchers.session_opened(ADA, SHEET, SessionId(str(number)))
        await world.drain()
    assert calls(world).count("create") == 1
    await world.pass_time(DAY - HOUR)
    assert calls(world).count("create") == 0
    await world.pass_time(2 * HOUR)
    assert calls(world).count("create") == 1


async def test_another_watcher_is_tried_at_once_when_the_first_was_refused(world: World):
    world.remote.refusals["ada-token"] = Forbidden("scope")
    await world.watchers.session_opened(ADA, SHEET, ONE)
    await world.drain()
    assert world.remote.of_sheet(SHEET) == []
    await world.watched(BOB, "two")
    assert world.remote.calls.count(("create", "ada-token")) == 1
    assert await status(world) == ENABLED


async def test_while_smartsheet_is_down_it_is_asked_more_and_more_seldom(world: World):
    world.remote.fail("create", UpstreamUnavailable("down"), times=4)
    await world.watchers.session_opened(ADA, SHEET, ONE)
    await world.drain()
    for _ in range(5):
        await world.watchers.session_opened(ADA, SHEET, ONE)
        await world.drain()
    assert calls(world).count("create") == 1
    await world.pass_time(2 * HOUR)
    assert calls(world).count("create") == 4
    assert await status(world) == ENABLED


async def test_an_enabling_whose_answer_was_lost_is_looked_at_again(world: World):
    world.remote.fail("enable", UpstreamTimeout("lost"))
    await world.watchers.session_opened(ADA, SHEET, ONE)
    await world.drain()
    assert await status(world) == "NEW_NOT_VERIFIED"
    await world.pass_time(600)
    assert await status(world) == ENABLED
    assert len(world.remote.of_sheet(SHEET)) == 1


async def test_a_url_that_fails_to_verify_is_tried_again_later(world: World):
    async def silent(*_: object) -> bool:
        return False

    answering, world.remote.verify = world.remote.verify, silent
    await world.watchers.session_opened(ADA, SHEET, ONE)
    await world.drain()
    assert await status(world) == "DISABLED_VERIFICATION_FAILED"
    world.remote.verify = answering
    calls(world)
    await world.watchers.session_opened(ADA, SHEET, TWO)
    await world.drain()
    assert calls(world) == []
    await world.pass_time(600)
    assert await status(world) == ENABLED


async def test_a_webhook_at_a_former_address_is_not_believed_and_moved(world: World):
    webhook = await world.watched()
    elsewhere = "https://former.example/api/webhooks/smartsheet"
    world.remote.webhooks[webhook.id] = replace(world.remote.webhooks[webhook.id], callback_url=elsewhere)
    state = await world.state()
    assert state.webhook is not None
    moved = state.webhook.model_copy(update={"callback_url": elsewhere})
    await world.states.change(SHEET, lambda _: {"webhook": moved})
    mark = await world.marks.look(SHEET)
    assert mark is not None and not mark.is_watched
    await world.pass_time(HOUR + 600)
    assert world.remote.webhooks[webhook.id].callback_url == URL
    mark = await world.marks.look(SHEET)
    assert mark is not None and mark.is_watched


async def test_a_webhook_whose_secret_can_no_longer_be_read_is_made_anew(world: World):
    webhook = await world.watched()
    world.wire()  # a new process holds no unwrapped keys
    world.ring.lost = True
    await world.pass_time(HOUR)
    world.ring.lost = False
    await world.pass_time(600)
    (newer,) = world.remote.of_sheet(SHEET)
    assert newer.id != webhook.id and await status(world) == ENABLED


async def test_who_disconnects_takes_their_webhooks_along_and_others_go_on(world: World):
    await world.watched()
    await world.watched(BOB, "two")
    await world.keeper.owner_leaves(ADA)
    assert world.remote.of_sheet(SHEET) == []
    world.people.gone.add(ADA)
    await world.drain()
    state = await world.state()
    assert state.webhook is not None
    assert (state.webhook.owner, state.webhook.status) == (BOB, ENABLED)
    assert await world.store.list_owned(ADA) == []
    await world.keeper.owner_leaves(ADA)


async def test_who_disconnects_alone_leaves_nothing_behind(world: World):
    webhook = await world.watched()
    await world.keeper.owner_leaves(ADA)
    await world.drain()
    assert world.remote.webhooks == {}
    assert (await world.state()).webhook is None
    assert await world.store.find(webhook.id) is None


@pytest.fixture
async def by_hand(documents: SqliteDocuments) -> World:
    """Ada has made a webhook by hand, and its id and secret are in the settings."""
    world = World(documents, configured=ConfiguredWebhook(WebhookId("7000"), SecretStr("secret-of-7000")))
    await world.remote.create_webhook(SecretStr("ada-token"), SHEET, "https://proxy.example/hook")

    async def answers(*_: object) -> bool:
        return True

    world.remote.verify = answers
    world.remote.calls.clear()
    return world


async def test_a_webhook_made_by_hand_is_used_and_never_moved_or_deleted(by_hand: World):
    webhook = await by_hand.watched()
    assert webhook.callback_url == "https://proxy.example/hook"
    assert "create" not in calls(by_hand)
    mark = await by_hand.marks.look(SHEET)
    assert mark is not None and mark.is_watched
    await by_hand.watchers.session_deleted(SHEET, ONE)
    await by_hand.drain()
    assert by_hand.remote.of_sheet(SHEET) == [webhook]
    assert "delete" not in calls(by_hand)


async def test_a_webhook_made_by_hand_is_heard_though_nobody_watches_its_sheet(by_hand: World):
    by_hand.source.edit(SHEET, ROW, "1001", "edited")
    await by_hand.hear(cell_event(ROW))
    assert (await by_hand.state()).is_dirty
    assert await by_hand.updates() == [(None, [ROW])]
