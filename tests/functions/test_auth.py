"""Signing in and out, API tokens, and what each way of calling may do."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.container import use_container
from shared.errors import Unauthorized, UpstreamUnavailable
from shared.functions.routes import ROUTES
from tests.fakes.oauth import FakeOAuthProvider
from tests.functions.client import Functions
from tests.functions.environment import HOST, only_these_settings
from tests.functions.people import Browser, PeopleSheetSource, Script, cookies_set
from tests.functions.world import SHEET, World

ADA, BOB = "ada-token-0123456789", "bob-token-0123456789"
COOKIE = "chatsheet"
SETTINGS = {"AUTH_MODE": "token", "ALLOWED_USERS": "ada@example.com,bob@example.com,cyd@example.com"}


def token_world(tmp_path: Path, **settings: str) -> World:
    with only_these_settings(**{**SETTINGS, **settings}):
        world = World(tmp_path, source=PeopleSheetSource)
    world.container.oauth_provider = FakeOAuthProvider()
    use_container(world.container)
    return world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """People sign in here."""
    world = token_world(tmp_path)
    yield world
    use_container(None)
    await world.documents.close()


@pytest.fixture
def ada(functions: Functions) -> Browser:
    return Browser(functions)


@pytest.fixture
def bob(functions: Functions) -> Browser:
    return Browser(functions)


async def new_token(browser: Browser, **body: Any) -> dict[str, Any]:
    answer = await browser.request("create_api_token", body={"name": "nightly", **body})
    assert answer.status == 201
    return answer.json


def path_of(name: str) -> dict[str, str]:
    """Something for each path parameter of a route."""
    return dict.fromkeys(re.findall(r"{(\w+)", ROUTES[name].path), "1")


def stored_bytes(tmp_path: Path) -> bytes:
    """Everything in the database's files."""
    return b"".join(file.read_bytes() for file in (tmp_path / "app").glob("chatsheet.db*"))


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
    assert {name for name, answer in answers.items() if answer.status != 401} == {
        "sign_in",
        "begin_sign_in",
        "finish_sign_in",
    }


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


async def test_a_token_that_smartsheet_refuses_is_not_used_again_until_its_owner_signs_in(ada: Browser, world: World):
    await ada.sign_in(ADA)
    world.source.fail("list_sheets", Unauthorized("Out.", code="needs_sign_in"))
    refused = await ada.request("list_sheets")
    assert (refused.status, refused.json["code"]) == (401, "needs_sign_in")
    calls = len(world.source.calls)
    again = await ada.request("list_sheets")
    assert (again.status, again.json["code"], len(world.source.calls)) == (401, "needs_sign_in", calls)
    assert (await ada.request("get_me")).json["accountConnected"] is False
    await ada.sign_in(ADA)
    assert (await ada.request("get_me")).json["accountConnected"] is True
    assert (await ada.request("list_sheets")).status == 200


async def test_a_refusal_in_the_background_is_noted_too(functions: Functions, ada: Browser, world: World):
    await ada.sign_in(ADA)
    session = (await ada.request("create_session", body={"sheetId": SHEET})).json
    world.source.fail("get_sheet", Unauthorized("Out.", code="needs_sign_in"))
    (message,) = world.sent_to("session-load")
    await functions.deliver("load_session", message)
    assert (await ada.request("get_me")).json["accountConnected"] is False
    await ada.sign_in(ADA)
    loaded = (await ada.request("get_session", path={"id": session["id"]})).json
    assert (loaded["state"], loaded["stateReason"]) == ("ERROR", "needs_sign_in")


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


# --- API tokens -------------------------------------------------------------------------------------


async def test_a_script_works_for_its_owner_without_x_requested_with(functions: Functions, ada: Browser):
    await ada.sign_in(ADA)
    made = await new_token(ada)
    assert re.fullmatch(r"csa_[A-Za-z0-9_-]{43}", made["token"])
    script = Script(functions, made["token"])
    created = await script.request("create_session", body={"sheetId": SHEET})
    assert created.status == 201
    assert (await ada.request("get_session", path={"id": created.json["id"]})).status == 200
    me = (await script.request("get_me")).json
    assert (me["user"]["name"], me["mayApprove"]) == ("ada", False)


async def test_the_list_of_api_tokens_does_not_hold_them(ada: Browser):
    await ada.sign_in(ADA)
    made = await new_token(ada, name="first", expiresInDays=30)
    await new_token(ada, name="second")
    answer = await ada.request("list_api_tokens")
    assert [token["name"] for token in answer.json["items"]] == ["first", "second"]
    assert answer.json["items"][0]["expiresAt"] is not None
    assert made["token"] not in answer.text


async def test_a_revoked_api_token_stops_working_and_another_persons_does_not_exist(
    functions: Functions, ada: Browser, bob: Browser
):
    await ada.sign_in(ADA)
    await bob.sign_in(BOB)
    made = await new_token(ada)
    script = Script(functions, made["token"])
    foreign = await bob.request("revoke_api_token", path={"id": made["id"]})
    assert (foreign.status, foreign.json["code"]) == (404, "token_not_found")
    assert (await bob.request("list_api_tokens")).json["items"] == []
    assert (await script.request("list_sessions")).status == 200
    assert (await ada.request("revoke_api_token", path={"id": made["id"]})).json == {"id": made["id"]}
    refused = await script.request("list_sessions")
    assert (refused.status, refused.json["code"]) == (401, "invalid_token")
    assert (await ada.request("revoke_api_token", path={"id": made["id"]})).status == 404


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("create_api_token", {"body": {"name": "another"}}),
        ("list_api_tokens", {}),
        ("revoke_api_token", {"path": {"id": "1"}}),
        ("sign_out", {}),
        ("disconnect", {}),
    ],
)
async def test_a_script_has_no_say_over_how_people_sign_in(
    functions: Functions, ada: Browser, name: str, request_: dict[str, Any]
):
    await ada.sign_in(ADA)
    script = Script(functions, (await new_token(ada))["token"])
    answer = await script.request(name, **request_)
    assert (answer.status, answer.json["code"]) == (403, "login_required")


async def test_an_api_token_is_shown_once_also_when_the_request_is_repeated(ada: Browser):
    await ada.sign_in(ADA)
    request = {"body": {"name": "nightly"}, "headers": {"Idempotency-Key": "k"}}
    assert (await ada.request("create_api_token", **request)).status == 201
    again = await ada.request("create_api_token", **request)
    assert (again.status, again.json["code"]) == (409, "token_was_shown")
    assert len((await ada.request("list_api_tokens")).json["items"]) == 1


async def test_a_bearer_that_does_not_work_is_not_made_up_for_by_a_cookie(ada: Browser):
    await ada.sign_in(ADA)
    headers = {"Authorization": f"Bearer csa_{'x' * 43}"}
    answer = await ada.request("list_sessions", headers=headers)
    assert (answer.status, answer.json["code"]) == (401, "invalid_token")
    assert (await ada.request("list_sessions", headers={"Authorization": "Basic eDp4"})).status == 200


# --- foreign pages ----------------------------------------------------------------------------------


async def test_no_change_is_made_for_a_browser_without_x_requested_with(ada: Browser):
    await ada.sign_in(ADA)
    changing = [name for name, route in ROUTES.items() if route.method != "GET"]
    assert "create_session" in changing
    for name in changing:
        answer = await ada.request(name, path=path_of(name), headers={"X-Requested-With": None})
        assert (answer.status, answer.json["code"]) == (403, "csrf_header_missing"), name


async def test_a_bearer_beside_a_cookie_does_not_make_x_requested_with_superfluous(ada: Browser):
    await ada.sign_in(ADA)
    headers = {"Authorization": "Bearer x", "X-Requested-With": None}
    answer = await ada.request("sign_out", headers=headers)
    assert (answer.status, answer.json["code"]) == (403, "csrf_header_missing")


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
async def test_scripts_too_are_refused_from_foreign_pages_and_hosts(
    functions: Functions, ada: Browser, headers: dict[str, str]
):
    await ada.sign_in(ADA)
    script = Script(functions, (await new_token(ada))["token"])
    assert (await script.request("list_sessions", headers=headers)).status == 403


# --- at Smartsheet ----------------------------------------------------------------------------------


async def depart(browser: Browser) -> str:
    """Go to Smartsheet; the state that one carries."""
    answer = await browser.request("begin_sign_in")
    assert answer.status == 302
    return parse_qs(urlsplit(answer.headers["Location"]).query)["state"][0]


def provider(world: World) -> FakeOAuthProvider:
    return world.container.oauth_provider


async def come_back(browser: Browser, **query: str) -> str:
    """Come back from Smartsheet; what the page is told (nothing after a success)."""
    answer = await browser.request("finish_sign_in", query=query)
    assert (answer.status, answer.headers["Referrer-Policy"]) == (302, "no-referrer")
    location = answer.headers["Location"]
    assert location.startswith(f"http://{HOST}/") and urlsplit(location).path == "/"
    return parse_qs(urlsplit(location).query).get("signIn", [""])[0]


async def test_one_signs_in_at_smartsheet(ada: Browser, world: World):
    state = await depart(ada)
    assert await come_back(ada, state=state, code=provider(world).approve(state, "cyd")) == ""
    assert set(ada.cookies) == {COOKIE}
    me = (await ada.request("get_me")).json
    assert (me["user"]["name"], me["accountConnected"]) == ("cyd", True)


async def test_the_cookie_of_a_sign_in_under_way_is_short_lived(ada: Browser):
    answer = await ada.request("begin_sign_in")
    assert re.fullmatch(
        r"chatsheet-oauth=[\w-]{43}; Path=/; Max-Age=600; HttpOnly; SameSite=Lax", answer.set_cookies[0]
    )


async def test_a_state_works_once(ada: Browser, world: World):
    state = await depart(ada)
    browser_cookie = dict(ada.cookies)
    await come_back(ada, state=state, code=provider(world).approve(state, "cyd"))
    ada.cookies = browser_cookie
    assert await come_back(ada, state=state, code=provider(world).approve(state, "cyd")) == "invalid_state"
    assert ada.cookies == {}


async def test_a_stolen_state_is_of_no_use_to_another_browser(ada: Browser, bob: Browser, world: World):
    state = await depart(ada)
    code = provider(world).approve(state, "cyd")
    assert await come_back(bob, state=state, code=code) == "invalid_state"
    await depart(bob)  # with a cookie, but of another sign-in
    assert await come_back(bob, state=state, code=code) == "invalid_state"
    assert bob.cookies == {}
    assert await come_back(ada, state=state, code=code) == ""


@pytest.mark.parametrize("state", ["", "x", "x" * 43, "x" * 500])
async def test_a_state_that_we_did_not_give_is_refused(ada: Browser, state: str):
    await depart(ada)
    assert await come_back(ada, state=state, code="code-0") == "invalid_state"


async def test_declining_is_told_and_uses_the_state_up(ada: Browser, world: World):
    state = await depart(ada)
    browser_cookie = dict(ada.cookies)
    assert await come_back(ada, state=state, error="access_denied") == "access_denied"
    ada.cookies = browser_cookie
    assert await come_back(ada, state=state, code=provider(world).approve(state, "cyd")) == "invalid_state"


async def test_a_code_that_smartsheet_does_not_know_is_told(ada: Browser):
    assert await come_back(ada, state=await depart(ada), code="code-of-another") == "invalid_grant"


async def test_who_is_not_on_the_list_is_not_let_in_by_smartsheet_either(ada: Browser, world: World):
    state = await depart(ada)
    assert await come_back(ada, state=state, code=provider(world).approve(state, "eve")) == "not_allowed"
    assert ada.cookies == {}


@pytest.mark.parametrize("name", ["begin_sign_in", "finish_sign_in"])
async def test_where_oauth_is_not_set_up_it_is_said(ada: Browser, world: World, name: str):
    world.container.oauth_provider = None
    answer = await ada.request(name)
    assert (answer.status, answer.json["code"]) == (404, "oauth_not_configured")


# --- what lies in the database ----------------------------------------------------------------------


async def test_no_secret_lies_in_the_database_in_plain(
    functions: Functions, ada: Browser, bob: Browser, world: World, tmp_path: Path
):
    await ada.sign_in(ADA)
    api_token = (await new_token(ada))["token"]
    await Script(functions, api_token).request("list_sessions")
    state = await depart(bob)
    in_flight = dict(bob.cookies)
    code = provider(world).approve(state, "cyd")
    await come_back(bob, state=state, code=code)
    stored = stored_bytes(tmp_path)
    secrets = [ADA, api_token, api_token.removeprefix("csa_"), state, code, "cyd-access-1", "cyd-refresh-1"]
    secrets += [*ada.cookies.values(), *bob.cookies.values(), *in_flight.values()]
    assert b"ada@example.com" in stored and b"cyd@example.com" in stored  # the search sees what is there
    assert not [secret for secret in secrets if secret.encode() in stored]


# --- one built-in user ------------------------------------------------------------------------------


class TestSingleUser:
    """`AUTH_MODE=single`."""

    @pytest.fixture
    async def world(self, tmp_path: Path) -> AsyncIterator[World]:
        with only_these_settings(SMARTSHEET_ACCESS_TOKEN="token"):
            world = World(tmp_path)
        use_container(world.container)
        yield world
        use_container(None)
        await world.documents.close()

    async def test_me_is_whom_the_token_belongs_to_and_smartsheet_is_not_asked_each_time(
        self, functions: Functions, world: World
    ):
        for _ in range(2):
            me = (await functions.request("get_me")).json
            assert (me["user"]["id"], me["user"]["email"]) == ("single", "token@example.com")
        assert world.source.count("get_user") == 1

    async def test_me_is_the_built_in_user_also_while_smartsheet_is_down(self, functions: Functions, world: World):
        world.source.fail("get_user", UpstreamUnavailable("Down."))
        unknown = (await functions.request("get_me")).json
        assert (unknown["user"]["id"], unknown["authMode"], unknown["accountConnected"]) == ("single", "single", True)

    async def test_a_token_that_smartsheet_does_not_take_is_seen(self, functions: Functions, world: World):
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
    async def test_nobody_signs_in_or_out(self, functions: Functions, name: str, request_: dict[str, Any]):
        answer = await functions.request(name, **request_)
        assert (answer.status, answer.json["code"]) == (409, "single_user_mode")

    @pytest.mark.parametrize("headers", [{"Authorization": "Bearer x"}, {"Cookie": f"{COOKIE}={'x' * 43}"}])
    async def test_no_credentials_make_x_requested_with_superfluous(
        self, functions: Functions, headers: dict[str, str]
    ):
        body = {"sheetId": SHEET}
        answer = await functions.request("create_session", body=body, headers={**headers, "X-Requested-With": None})
        assert (answer.status, answer.json["code"]) == (403, "csrf_header_missing")
