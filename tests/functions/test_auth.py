"""Signing in with a Smartsheet token, logins, signing out, and the connection to Smartsheet."""

import re
from pathlib import Path
from typing import Any

import pytest

from shared.errors import Unauthorized, UpstreamUnavailable
from shared.functions.routes import ROUTES
from tests.functions.client import Functions
from tests.functions.people import ADA, BOB, COOKIE, Browser, Script, cookies_set, new_token, path_of, token_world
from tests.functions.world import SHEET, World


@pytest.fixture
def world(people: World) -> World:
    """People sign in here."""
    return people


# --- with a token of Smartsheet ---------------------------------------------------------------------


async def test_signing_in_tells_who_one_is_and_sets_an_opaque_cookie(ada: Browser):
    answer = await ada.sign_in(ADA)
    assert (answer.status, answer.json["user"]["email"]) == (200, "ada@example.com")
    (header,) = answer.set_cookies
    value = cookies_set(answer)[COOKIE].value
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", value)
    assert header == f"{COOKIE}={value}; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"
    assert ADA not in answer.text


async def test_where_https_is_spoken_the_cookie_is_bound_to_the_host(
    functions: Functions, tmp_path: Path, ada: Browser
):
    token_world(tmp_path, PUBLIC_BASE_URL="https://sheets.example")
    own = {"Host": "sheets.example"}
    answer = await ada.request("sign_in", body={"accessToken": ADA}, headers=own)
    assert re.fullmatch(
        r"__Host-chatsheet=[\w-]{43}; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure", answer.set_cookies[0]
    )
    assert (await ada.request("get_me", headers=own)).status == 200
    stolen = {"Cookie": f"chatsheet={ada.cookies['__Host-chatsheet']}", **own}
    assert (await functions.request("get_me", headers=stolen)).status == 401


async def test_who_is_signed_in_can_work_and_who_is_not_cannot(ada: Browser, bob: Browser):
    await ada.sign_in(ADA)
    created = await ada.request("create_session", body={"sheetId": SHEET})
    assert created.status == 201
    refused = await bob.request("create_session", body={"sheetId": SHEET})
    assert (refused.status, refused.json["code"]) == (401, "unauthorized")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    await bob.sign_in(BOB)
    assert (await bob.request("get_session", path={"id": created.json["id"]})).status == 404


async def test_every_route_wants_somebody_who_is_signed_in_unless_it_says_otherwise(functions: Functions):
    answers = {name: await functions.request(name, path=path_of(name)) for name in ROUTES}
    open_to_all = {name for name, answer in answers.items() if answer.status != 401}
    assert open_to_all == {"sign_in", "begin_sign_in", "finish_sign_in", "get_health", "get_openapi", "get_docs"}


async def test_me_tells_how_one_works(ada: Browser):
    await ada.sign_in(ADA)
    me = (await ada.request("get_me")).json
    assert (me["user"]["name"], me["locale"]) == ("ada", "en_US")
    assert (me["authMode"], me["mayApprove"], me["accountConnected"]) == ("token", True, True)
    assert set(me) == {"user", "timeZone", "locale", "authMode", "mayApprove", "accountConnected"}


async def test_a_token_that_smartsheet_does_not_take_is_refused(ada: Browser, world: World):
    world.source.revoke(ADA)
    answer = await ada.sign_in(ADA)
    assert (answer.status, answer.json["code"], answer.set_cookies) == (401, "invalid_token", ())


async def test_who_is_not_on_the_list_is_refused(ada: Browser):
    answer = await ada.sign_in("eve-token")
    assert (answer.status, answer.json["code"], answer.set_cookies) == (403, "not_allowed", ())


async def test_smartsheet_being_down_is_told(ada: Browser, world: World):
    world.source.fail("get_user", UpstreamUnavailable("Down."))
    assert (await ada.sign_in(ADA)).status == 503


@pytest.mark.parametrize("token", ["", "with space", "new\nline", "é", "x" * 501, 7, None])
async def test_what_cannot_be_a_token_is_refused_without_asking_smartsheet(ada: Browser, world: World, token: Any):
    answer = await ada.request("sign_in", body={"accessToken": token})
    assert (answer.status, list(answer.fields)) == (422, ["accessToken"])
    assert world.source.calls == []


async def test_taking_somebody_off_the_list_locks_them_out_at_once(functions: Functions, ada: Browser, tmp_path: Path):
    await ada.sign_in(ADA)
    script = await new_token(ada)
    token_world(tmp_path, ALLOWED_USERS="@people.example,bob@example.com")
    for answer in (await ada.request("list_sessions"), await ada.request("get_me")):
        assert (answer.status, answer.json["code"]) == (403, "not_allowed")
    by_script = await Script(functions, script["token"]).request("list_sessions")
    assert by_script.status == 403


# --- logins -----------------------------------------------------------------------------------------


async def test_signing_in_again_ends_the_login_that_the_browser_had(functions: Functions, ada: Browser):
    await ada.sign_in(ADA)
    old = dict(ada.cookies)
    await ada.sign_in(ADA)
    assert ada.cookies != old
    assert (await ada.request("get_me")).status == 200
    left = Browser(functions)
    left.cookies = old
    assert (await left.request("get_me")).status == 401


async def test_a_cookie_that_was_put_into_the_browser_does_not_become_a_login(functions: Functions, ada: Browser):
    ada.cookies[COOKIE] = "x" * 43
    await ada.sign_in(ADA)
    fixed = Browser(functions)
    fixed.cookies[COOKIE] = "x" * 43
    assert (await fixed.request("get_me")).status == 401


async def test_signing_out_ends_this_login_only_and_closes_the_sockets(
    functions: Functions, ada: Browser, world: World
):
    await ada.sign_in(ADA)
    elsewhere = Browser(functions)
    user_id = (await elsewhere.sign_in(ADA)).json["user"]["id"]
    old = dict(ada.cookies)
    answer = await ada.request("sign_out")
    assert (answer.status, ada.cookies) == (200, {})
    ada.cookies = old
    assert (await ada.request("get_me")).status == 401
    assert (await elsewhere.request("list_sessions")).status == 200
    assert world.gateway.closed == [(user_id, "signed out")]
    assert (await world.container.identity.caller_of_user(user_id)).token.get_secret_value() == ADA


async def test_one_can_sign_out_while_the_gateway_is_down(ada: Browser, world: World):
    await ada.sign_in(ADA)
    world.gateway.down = True
    assert (await ada.request("sign_out")).status == 200


@pytest.mark.parametrize("value", ["", "x", "x" * 43, "x" * 5000, "../../x", '"quoted"'])
async def test_a_cookie_that_we_did_not_give_is_nobody(functions: Functions, value: str):
    answer = await functions.request("get_me", headers={"Cookie": f"other=1; {COOKIE}={value}"})
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


async def test_the_value_of_a_foreign_cookie_does_not_become_ours(functions: Functions, ada: Browser):
    await ada.sign_in(ADA)
    for value in (f"a,{COOKIE}={ada.cookies[COOKIE]}", f"a {COOKIE}={ada.cookies[COOKIE]}"):
        answer = await functions.request("get_me", headers={"Cookie": f"other={value}"})
        assert answer.status == 401


async def test_of_a_deleted_user_nothing_is_left(functions: Functions, ada: Browser, bob: Browser, world: World):
    user_id = (await ada.sign_in(ADA)).json["user"]["id"]
    await bob.sign_in(BOB)
    script = Script(functions, (await new_token(ada))["token"])
    for _ in range(2):
        await world.container.user_deletion.delete(user_id)
    for answer in (await ada.request("get_me"), await script.request("get_me")):
        assert answer.status == 401
    with pytest.raises(Unauthorized):
        await world.container.identity.caller_of_user(user_id)
    assert world.gateway.closed[0] == (user_id, "deleted")
    assert (await bob.request("get_me")).status == 200


# --- the connection to Smartsheet -------------------------------------------------------------------


async def test_disconnecting_forgets_the_token_and_keeps_the_login(ada: Browser, world: World, tmp_path: Path):
    user_id = (await ada.sign_in(ADA)).json["user"]["id"]
    assert (await ada.request("disconnect")).json == {"accountConnected": False}
    assert (await ada.request("get_me")).json["accountConnected"] is False
    refused = await ada.request("list_sessions")
    assert (refused.status, refused.json["code"]) == (401, "needs_sign_in")
    with pytest.raises(Unauthorized):
        await world.container.identity.caller_of_user(user_id)
    assert (await ada.request("disconnect")).status == 200
    assert (await ada.sign_in(ADA)).json["user"]["id"] == user_id
    assert (await ada.request("list_sessions")).status == 200
