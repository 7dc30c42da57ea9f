"""What the adapter of Smartsheet's sign-in makes of answers: nothing is sent twice, nothing secret is told."""

import logging
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pydantic import SecretStr

from shared.clients.smartsheet.oauth import SmartsheetOAuth
from shared.errors import AppError, RateLimited, Unauthorized, UpstreamFault, UpstreamTimeout, UpstreamUnavailable
from shared.resilience.circuit import CircuitBreaker

SECRET, CODE = "the-client-secret", "the-code"


def provider(
    answer: Callable[[httpx2.Request], httpx2.Response], base: str = "https://api.smartsheet.com/2.0"
) -> SmartsheetOAuth:
    return SmartsheetOAuth(
        base, "client", SecretStr(SECRET), breaker=CircuitBreaker("sign-in"), transport=httpx2.MockTransport(answer)
    )


def refusing(status: int, code: int | None = None) -> Callable[[httpx2.Request], httpx2.Response]:
    body = {} if code is None else {"errorCode": code, "message": f"about {CODE}", "refId": "r"}
    return lambda request: httpx2.Response(status, json=body)


async def exchange(oauth: SmartsheetOAuth) -> object:
    return await oauth.exchange(
        SecretStr(CODE), redirect_uri="https://here.example/x", code_verifier=SecretStr("v" * 43)
    )


@pytest.mark.parametrize(
    ("base", "page"),
    [
        ("https://api.smartsheet.com/2.0", "https://app.smartsheet.com/b/authorize"),
        ("https://api.smartsheet.eu/2.0", "https://app.smartsheet.eu/b/authorize"),
        ("https://api.smartsheetgov.com/2.0/", "https://app.smartsheetgov.com/b/authorize"),
        ("http://127.0.0.1:7081/2.0", "http://127.0.0.1:7081/b/authorize"),
    ],
)
def test_people_are_sent_to_the_page_of_their_region(base: str, page: str):
    url = provider(refusing(500), base).authorize_url(
        state="s", redirect_uri="https://here.example/x", code_challenge="c"
    )
    assert url.partition("?")[0] == page
    query = parse_qs(urlsplit(url).query)
    assert (query["state"], query["code_challenge_method"]) == (["s"], ["S256"])


async def test_tokens_are_read_and_the_request_is_a_form():
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(
            200, json={"access_token": "a", "refresh_token": "r", "expires_in": 604799, "token_type": "bearer"}
        )

    tokens = await provider(answer).exchange(
        SecretStr(CODE), redirect_uri="https://h.example/x", code_verifier=SecretStr("v")
    )
    assert (tokens.access_token.get_secret_value(), tokens.expires_in) == ("a", 604799)
    assert parse_qs(sent[0].content.decode())["client_secret"] == [SECRET]
    assert sent[0].headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("status", "code", "kind", "told"),
    [
        (400, 1069, Unauthorized, "invalid_grant"),
        (400, 1070, UpstreamFault, "upstream_fault"),
        (400, 1071, Unauthorized, "invalid_grant"),
        (400, 1132, Unauthorized, "invalid_grant"),
        (401, 1067, UpstreamFault, "upstream_fault"),
        (400, None, UpstreamFault, "upstream_fault"),
        (429, 4003, RateLimited, "rate_limited"),
        (503, 4001, UpstreamUnavailable, "upstream_unavailable"),
    ],
)
async def test_a_refusal_is_told_without_what_was_sent(
    caplog: pytest.LogCaptureFixture, status: int, code: int | None, kind: type[AppError], told: str
):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(kind) as refusal:
        await exchange(provider(refusing(status, code)))
    assert refusal.value.code == told
    assert not any(secret in f"{caplog.text}{refusal.value.detail}" for secret in (SECRET, CODE))


async def test_a_code_is_sent_once_whatever_becomes_of_it():
    calls: list[httpx2.Request] = []

    def lost(request: httpx2.Request) -> httpx2.Response:
        calls.append(request)
        raise httpx2.ReadTimeout("lost")

    with pytest.raises(UpstreamTimeout):
        await exchange(provider(lost))
    assert len(calls) == 1


@pytest.mark.parametrize(("everything", "query"), [(True, "deleteAllForApiClient=true"), (False, "")])
async def test_one_token_is_revoked_or_everything_of_its_person(everything: bool, query: str):
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200, json={"message": "SUCCESS", "resultCode": 0})

    await provider(answer).revoke(SecretStr("t"), everything=everything)
    assert [(request.method, request.url.query.decode()) for request in sent] == [("DELETE", query)]
    assert sent[0].headers["Authorization"] == "Bearer t"


async def test_an_answer_that_is_no_answer_is_a_fault():
    with pytest.raises(UpstreamFault):
        await exchange(provider(lambda request: httpx2.Response(200, text="<html>")))
