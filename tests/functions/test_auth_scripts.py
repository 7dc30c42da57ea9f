"""API tokens, and what pages of others cannot do."""

import re
from typing import Any

import pytest

from shared.functions.routes import ROUTES
from tests.functions.client import Functions
from tests.functions.people import ADA, BOB, Browser, Script, new_token, path_of
from tests.functions.world import SHEET, World


@pytest.fixture
def world(people: World) -> World:
    """People sign in here."""
    return people


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
