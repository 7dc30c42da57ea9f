"""Signing in at Smartsheet, and what lies in the database after all ways of signing in."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.fakes.oauth import FakeOAuthProvider
from tests.functions.client import Functions
from tests.functions.environment import HOST
from tests.functions.people import ADA, COOKIE, Browser, Script, new_token
from tests.functions.world import World


@pytest.fixture
def world(people: World) -> World:
    """People sign in here."""
    return people


def stored_bytes(tmp_path: Path) -> bytes:
    """Everything in the database's files."""
    return b"".join(file.read_bytes() for file in (tmp_path / "app").glob("chatsheet.db*"))


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


@pytest.mark.parametrize("state", ["", "x", "x" * 43, "x" * 5000])
async def test_a_state_that_we_did_not_give_is_refused(ada: Browser, state: str):
    await depart(ada)
    assert await come_back(ada, state=state, code="code-0") == "invalid_state"


@pytest.mark.parametrize(
    ("query", "told"), [({"code": "c" * 5000}, "invalid_grant"), ({"error": "e" * 5000}, "access_denied")]
)
async def test_what_is_too_long_leads_to_the_page_too(ada: Browser, query: dict[str, str], told: str):
    assert await come_back(ada, state=await depart(ada), **query) == told


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
