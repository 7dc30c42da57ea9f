"""`AUTH_MODE=single`: one built-in user, whom nobody signs in or out."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.container import use_container
from shared.errors import Unauthorized, UpstreamUnavailable
from tests.functions.client import Functions
from tests.functions.environment import only_these_settings
from tests.functions.people import ADA, COOKIE
from tests.functions.world import SHEET, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The built-in user's token is `token`, whose person the fake knows."""
    with only_these_settings(SMARTSHEET_ACCESS_TOKEN="token"):
        world = World(tmp_path)
    use_container(world.container)
    yield world
    use_container(None)
    await world.documents.close()


async def test_me_is_whom_the_token_belongs_to_and_smartsheet_is_not_asked_each_time(
    functions: Functions, world: World
):
    for _ in range(2):
        me = (await functions.request("get_me")).json
        assert (me["user"]["id"], me["user"]["email"]) == ("single", "token@example.com")
    assert world.source.count("get_user") == 1


async def test_me_is_the_built_in_user_also_while_smartsheet_is_down(functions: Functions, world: World):
    world.source.fail("get_user", UpstreamUnavailable("Down."))
    unknown = (await functions.request("get_me")).json
    assert (unknown["user"]["id"], unknown["authMode"], unknown["accountConnected"]) == ("single", "single", True)


async def test_a_token_that_smartsheet_does_not_take_is_seen(functions: Functions, world: World):
    world.source.fail("get_user", Unauthorized("Out.", code="needs_sign_in"))
    me = (await functions.request("get_me")).json
    assert (me["mayApprove"], me["accountConnected"]) == (True, False)


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("sign_in", {"body": {"accessToken": ADA}}),
        ("begin_sign_in", {}),
        ("finish_sign_in", {}),
        ("sign_out", {}),
        ("disconnect", {}),
        ("list_api_tokens", {}),
        ("create_api_token", {"body": {"name": "x"}}),
        ("revoke_api_token", {"path": {"id": "1"}}),
    ],
)
async def test_nobody_signs_in_or_out(functions: Functions, name: str, request_: dict[str, Any]):
    answer = await functions.request(name, **request_)
    assert (answer.status, answer.json["code"]) == (409, "single_user_mode")


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer x"}, {"Cookie": f"{COOKIE}={'x' * 43}"}])
async def test_no_credentials_make_x_requested_with_superfluous(functions: Functions, headers: dict[str, str]):
    body = {"sheetId": SHEET}
    answer = await functions.request("create_session", body=body, headers={**headers, "X-Requested-With": None})
    assert (answer.status, answer.json["code"]) == (403, "csrf_header_missing")
