"""The sandbox as OAuth provider, by raw HTTP and by the application's own adapter."""

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pydantic import SecretStr

from local.smartsheet.accounts import EDITOR, OWNER
from local.smartsheet.database import Database
from local.smartsheet.errors import ApiError
from local.smartsheet.limits import Limits
from local.smartsheet.oauth.client import CLIENT_ID, CLIENT_SECRET
from local.smartsheet.oauth.grants import CODE_SECONDS, Grants
from shared.clients.smartsheet.oauth import SmartsheetOAuth
from shared.errors import Unauthorized
from shared.identity.oauth import OAuthTokens
from shared.resilience.circuit import CircuitBreaker
from tests.local.smartsheet_sandbox import SmartsheetSandbox, sandbox, shared_sandbox

__all__ = ["sandbox", "shared_sandbox"]

REDIRECT = "http://localhost:7071/api/auth/smartsheet/callback"
ASKED = {
    "response_type": "code",
    "client_id": CLIENT_ID,
    "redirect_uri": REDIRECT,
    "state": "s-1",
    "scope": "READ_SHEETS",
}
CLIENT = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
TOLD = {"accessToken": "access_token", "refreshToken": "refresh_token"}
VERIFIER = "a-verifier-of-at-least-forty-three-characters-as-pkce-says"


def consent(sandbox: SmartsheetSandbox, user: int = OWNER.id, decision: str = "allow", **asked: str) -> dict[str, str]:
    """What the browser is sent back with."""
    form = {**{name: value for name, value in ASKED.items() if name != "response_type"}, **asked}
    answer = sandbox.http.post("/b/authorize", data={**form, "user": str(user), "decision": decision})
    assert answer.status_code == 302
    parts = urlsplit(answer.headers["Location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == asked.get("redirect_uri", REDIRECT)
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def token(sandbox: SmartsheetSandbox, **form: str) -> tuple[int, dict[str, Any]]:
    answer = sandbox.http.post("/2.0/token", data=form)
    return answer.status_code, answer.json()


def refused(sandbox: SmartsheetSandbox, **form: str) -> int:
    status, body = token(sandbox, **form)
    assert status >= 400
    return body["errorCode"]


def given(sandbox: SmartsheetSandbox) -> dict[str, Any]:
    code = consent(sandbox)["code"]
    status, body = token(sandbox, grant_type="authorization_code", code=code, **CLIENT)
    assert status == 200
    return body


def test_the_page_says_that_it_is_a_sandbox_and_who_there_is(sandbox: SmartsheetSandbox):
    page = sandbox.http.get("/b/authorize", params={**ASKED, "state": '"><script>'})
    assert page.status_code == 200 and "stand-in on your own machine" in page.text
    assert OWNER.email in page.text and EDITOR.email in page.text
    assert '"><script>' not in page.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "another"},
        {"redirect_uri": "http://foreign.example/api/auth/smartsheet/callback"},
        {"redirect_uri": "http://localhost:7071/elsewhere"},
        {"response_type": "token"},
    ],
)
def test_a_wrong_request_is_told_on_the_page_and_sent_nowhere(sandbox: SmartsheetSandbox, wrong: dict[str, str]):
    answer = sandbox.http.get("/b/authorize", params={**ASKED, **wrong})
    assert answer.status_code == 400 and "Location" not in answer.headers


def test_a_code_gives_tokens_that_work_as_the_person(sandbox: SmartsheetSandbox):
    back = consent(sandbox, EDITOR.id)
    assert back["state"] == "s-1"
    status, body = token(sandbox, grant_type="authorization_code", code=back["code"], **CLIENT)
    assert (status, body["token_type"], body["expires_in"]) == (200, "bearer", 604_799)
    assert sandbox.get("/users/me", token=body["access_token"])["email"] == EDITOR.email


def test_the_secret_can_be_proved_by_a_hash(sandbox: SmartsheetSandbox):
    code = consent(sandbox)["code"]
    form = {"grant_type": "authorization_code", "code": code, "client_id": CLIENT_ID}
    assert refused(sandbox, **form, hash="0" * 64) == 1072
    hashed = hashlib.sha256(f"{CLIENT_SECRET}|{code}".encode()).hexdigest()
    assert token(sandbox, **form, hash=hashed)[0] == 200


def test_who_denies_gives_no_code(sandbox: SmartsheetSandbox):
    assert consent(sandbox, decision="deny") == {"error": "access_denied", "state": "s-1"}


def test_a_code_is_good_once_and_its_tokens_fall_when_it_comes_again(sandbox: SmartsheetSandbox):
    code = consent(sandbox)["code"]
    form = {"grant_type": "authorization_code", "code": code, **CLIENT}
    access = token(sandbox, **form)[1]["access_token"]
    assert refused(sandbox, **form) == 1071
    assert sandbox.refusal("GET", "/users/me", token=access) == (401, 1002)


def test_a_refresh_gives_new_tokens_and_ends_the_old_ones(sandbox: SmartsheetSandbox):
    first = given(sandbox)
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], **CLIENT}
    second = token(sandbox, **form)[1]
    assert sandbox.refusal("GET", "/users/me", token=first["access_token"]) == (401, 1002)
    assert sandbox.get("/users/me", token=second["access_token"])["email"] == OWNER.email
    assert refused(sandbox, **form) == 1071


def test_an_expired_token_is_told_apart_from_an_unknown_one(sandbox: SmartsheetSandbox):
    sandbox.limit({"accessTokenSeconds": 0})
    access = given(sandbox)["access_token"]
    assert sandbox.refusal("GET", "/users/me", token=access) == (401, 1003)
    sandbox.limit({"accessTokenSeconds": 604_799})


def test_a_revoked_token_works_no_more(sandbox: SmartsheetSandbox):
    tokens, others = given(sandbox), given(sandbox)
    assert sandbox.call("DELETE", "/token", token=tokens["access_token"]).status_code == 200
    assert sandbox.refusal("GET", "/users/me", token=tokens["access_token"]) == (401, 1002)
    assert sandbox.refusal("DELETE", "/token", token=tokens["access_token"]) == (401, 1002)
    assert sandbox.get("/users/me", token=others["access_token"])["email"] == OWNER.email


def test_everything_that_a_person_has_let_the_application_have_can_be_revoked(sandbox: SmartsheetSandbox):
    tokens, others = given(sandbox), given(sandbox)
    path = "/token?deleteAllForApiClient=true"
    assert sandbox.call("DELETE", path, token=tokens["access_token"]).status_code == 200
    for gone in (tokens, others):
        assert sandbox.refusal("GET", "/users/me", token=gone["access_token"]) == (401, 1002)
        assert refused(sandbox, grant_type="refresh_token", refresh_token=gone["refresh_token"], **CLIENT) == 1071


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"client_id": "another"}, 1067),
        ({"grant_type": "password"}, 1068),
        ({"client_secret": ""}, 1236),
        ({"hash": "0" * 64}, 1237),
        ({"client_secret": "wrong"}, 1238),
        ({"redirect_uri": "http://foreign.example/"}, 1073),
        ({"code": ""}, 1070),
        ({"code": "never-given"}, 1071),
    ],
)
def test_a_bad_request_for_tokens_has_the_vendors_code(sandbox: SmartsheetSandbox, form: dict[str, str], code: int):
    good = {"grant_type": "authorization_code", "code": consent(sandbox)["code"], **CLIENT}
    assert refused(sandbox, **{**good, **form}) == code


def test_a_code_is_good_for_some_minutes_and_the_vendor_tells_it_apart_when_it_is_over(tmp_path: Path):
    now = [0.0]
    grants = Grants(Database(tmp_path / "sandbox.db"), Limits(), clock=lambda: now[0])
    codes = [grants.code_for(OWNER, None) for _ in range(2)]
    now[0] = CODE_SECONDS - 1
    assert grants.exchange(codes[0], None).access
    now[0] = CODE_SECONDS
    with pytest.raises(ApiError) as refusal:
        grants.exchange(codes[1], None)
    assert refusal.value.code == 1069


def test_tests_are_told_which_tokens_were_given(sandbox: SmartsheetSandbox):
    tokens = given(sandbox)
    told = sandbox.http.get("/_control/tokens").json()
    expected = {"user": OWNER.email, **{n: tokens[w] for n, w in TOLD.items()}}
    assert told[-1] == expected


def test_secrets_are_not_in_the_log_of_calls(sandbox: SmartsheetSandbox):
    tokens = given(sandbox)
    text = repr(sandbox.calls())
    assert "/2.0/token" in text
    assert not any(secret in text for secret in (CLIENT_SECRET, tokens["access_token"], tokens["refresh_token"]))


# --- the application's adapter ---------------------------------------------------------------------


@pytest.fixture
async def provider(sandbox: SmartsheetSandbox) -> AsyncIterator[SmartsheetOAuth]:
    provider = SmartsheetOAuth(
        f"{sandbox.url}/2.0", CLIENT_ID, SecretStr(CLIENT_SECRET), breaker=CircuitBreaker("Smartsheet sign-in")
    )
    yield provider
    await provider.aclose()


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


async def signed_in(sandbox: SmartsheetSandbox, provider: SmartsheetOAuth, verifier: str = VERIFIER) -> OAuthTokens:
    url = provider.authorize_url(state="s-2", redirect_uri=REDIRECT, code_challenge=challenge(VERIFIER))
    assert httpx2.get(url).status_code == 200
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    del asked["response_type"]
    code = consent(sandbox, OWNER.id, "allow", **asked)["code"]
    return await provider.exchange(SecretStr(code), redirect_uri=REDIRECT, code_verifier=SecretStr(verifier))


async def test_the_adapter_goes_the_whole_way(sandbox: SmartsheetSandbox, provider: SmartsheetOAuth):
    tokens = await signed_in(sandbox, provider)
    assert tokens.refresh_token is not None and tokens.expires_in == 604_799
    renewed = await provider.refresh(tokens.refresh_token)
    access = renewed.access_token.get_secret_value()
    assert sandbox.get("/users/me", token=access)["email"] == OWNER.email
    for _ in range(2):
        await provider.revoke(renewed.access_token, everything=True)
        assert sandbox.refusal("GET", "/users/me", token=access) == (401, 1002)
    assert renewed.refresh_token is not None
    with pytest.raises(Unauthorized) as refusal:
        await provider.refresh(renewed.refresh_token)
    assert refusal.value.code == "invalid_grant"


async def test_a_code_is_of_no_use_without_its_verifier(sandbox: SmartsheetSandbox, provider: SmartsheetOAuth):
    with pytest.raises(Unauthorized) as refusal:
        await signed_in(sandbox, provider, verifier="a-verifier-that-somebody-else-made-up-and-that-is-long")
    assert refusal.value.code == "invalid_grant"
