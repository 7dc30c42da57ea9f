"""Webhooks where several people share a sheet: by whose token, and who hears."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.container import use_container
from tests.functions.client import Functions
from tests.functions.environment import only_these_settings
from tests.functions.people import ADA, BOB, SETTINGS, Browser, PeopleSheetSource
from tests.functions.webhook_world import BESIDE, WebhookWorld, opened, the_webhook
from tests.functions.world import SHEET


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[WebhookWorld]:
    with only_these_settings(**SETTINGS, **BESIDE, TOKEN_KEY=str(tmp_path / "key.jwk")):
        world = WebhookWorld(tmp_path, source=PeopleSheetSource)
    use_container(world.container)
    yield world
    use_container(None)
    await world.documents.close()


async def test_who_disconnects_takes_their_webhook_along_and_the_next_watcher_brings_one(
    world: WebhookWorld, functions: Functions, ada: Browser, bob: Browser
):
    for browser, token in ((ada, ADA), (bob, BOB)):
        await browser.sign_in(token)
        await opened(world, functions, browser)
    of_ada = the_webhook(world)
    assert (await ada.request("disconnect")).status == 200
    assert world.remote.webhooks == {}
    await world.drain(functions)
    assert the_webhook(world) != of_ada
    assert ("create", BOB) in world.remote.calls


async def test_an_update_of_a_sheet_is_for_those_who_may_open_it(
    world: WebhookWorld, functions: Functions, ada: Browser, bob: Browser
):
    world.source.share(BOB, SHEET, None)
    await ada.sign_in(ADA)
    await bob.sign_in(BOB)
    await opened(world, functions, ada)
    assert (await ada.request("list_events", query={"topic": f"sheet:{SHEET}"})).json["items"] != []
    assert (await bob.request("list_events", query={"topic": f"sheet:{SHEET}"})).status == 404
