"""What every answer gets at the edge: protection, compression, limits, an end; and what nothing serves."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.container import use_container
from shared.errors import UpstreamUnavailable
from shared.functions.answers import accepts_gzip
from shared.functions.unknown import methods_of
from tests.functions.client import Answer, Functions
from tests.functions.environment import only_these_settings
from tests.functions.world import SHEET, World

PAGE = "http://localhost:5173"
LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


async def unknown(functions: Functions, path: str, method: str = "GET", **headers: str) -> Answer:
    return await functions.request("warn_unknown_route", method=method, path={"path": path}, headers=headers)


# --- what nothing serves --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "nothing", "jobs/not-an-id", "smartsheet/x/rows", "sessions/x/y", "../runtime"])
async def test_an_unknown_path_is_a_problem_document(functions: Functions, path: str):
    answer = await unknown(functions, path)
    assert (answer.status, answer.json["code"]) == (404, "route_not_found")


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("jobs", "PUT", "GET, POST"),
        ("smartsheet/123/rows/4", "POST", "DELETE, GET, PATCH"),
        ("Smartsheet/123/Rows/", "DELETE", "GET, POST"),
        ("health", "HEAD", "GET"),
    ],
)
async def test_another_method_is_told_which_ones_there_are(functions: Functions, path: str, method: str, allowed: str):
    answer = await unknown(functions, path, method)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)
    assert answer.json["code"] == "method_not_allowed"


async def test_what_is_too_large_for_an_id_is_not_found_rather_than_told_its_own_method(functions: Functions):
    answer = await unknown(functions, "smartsheet/1/rows/9705342023427045491", "DELETE")
    assert (answer.status, answer.json["code"]) == (404, "route_not_found")


async def test_an_unknown_path_of_another_host_is_refused_like_a_known_one(functions: Functions):
    assert (await unknown(functions, "jobs", Host="rebound.example")).json["code"] == "host_not_allowed"


def test_methods_are_those_of_the_route_that_the_path_belongs_to():
    assert methods_of("smartsheet/99999999999999999999") == ("GET",)
    assert methods_of("jobs/8d3c55a1-9b3c-4a54-9d5f-0c8a4f4a0b11/rows") == ("GET",)
    assert methods_of("jobs/8d3c55a1/rows") == ()


# --- pages of other origins -----------------------------------------------------------------------


async def test_a_page_that_may_call_is_told_so_before_and_with_each_answer(functions: Functions):
    asked = await unknown(functions, "jobs", "OPTIONS", Origin=PAGE)
    assert (asked.status, asked.headers["Access-Control-Allow-Origin"]) == (204, PAGE)
    assert asked.headers["Access-Control-Allow-Methods"] == "GET, POST"
    answer = await functions.request("list_jobs", headers={"Origin": PAGE})
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"


async def test_a_foreign_page_is_told_nothing(functions: Functions):
    asked = await unknown(functions, "jobs", "OPTIONS", Origin="http://foreign.example")
    assert asked.status == 204 and "Access-Control-Allow-Origin" not in asked.headers
    refused = await functions.request("list_jobs", headers={"Origin": "http://foreign.example"})
    assert refused.status == 403 and "Access-Control-Allow-Origin" not in refused.headers


# --- headers and compression ----------------------------------------------------------------------


async def test_every_answer_is_protected_from_being_guessed_kept_and_traced(functions: Functions):
    for name in ("list_jobs", "get_health", "get_docs"):
        headers = (await functions.request(name)).headers
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


async def test_a_big_answer_is_compressed_for_who_takes_it(functions: Functions, world: World):
    plain = await functions.request("get_openapi")
    packed = await functions.raw("get_openapi", headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip" and "Accept-Encoding" in packed.headers["Vary"]
    assert json.loads(gzip.decompress(packed.get_body())) == plain.json
    small = await functions.raw("list_jobs", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True),
        ("GZIP;q=0.1, br", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=much", False),
        ("identity", False),
    ],
)
def test_what_accept_encoding_says(header: str, taken: bool):
    assert accepts_gzip(header) is taken


# --- limits and time ------------------------------------------------------------------------------


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[World]:
    settings = {"RATE_LIMIT_READ_PER_MINUTE": "3", "RATE_LIMIT_WRITE_PER_MINUTE": "1", "REQUEST_TIMEOUT_SECONDS": "0.2"}
    with only_these_settings(**settings):
        world = World(tmp_path / "limited")
    use_container(world.container)
    yield world
    use_container(None)


async def test_who_asks_too_often_is_told_when_to_come_back(functions: Functions, limited: World):
    answers = [await functions.request("list_jobs") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers[:3]] == ["2", "1", "0"]
    assert all(name in answers[0].headers for name in LIMITS)
    assert answers[3].json["code"] == "rate_limited" and 1 <= int(answers[3].headers["Retry-After"]) <= 60
    body = {"sheetId": SHEET}
    statuses = [(await functions.request("create_session", body=body)).status for _ in range(2)]
    assert statuses == [201, 429]  # a class of its own
    await limited.documents.close()


async def test_signing_in_is_counted_by_the_address_that_the_front_end_saw(functions: Functions, tmp_path: Path):
    settings = {"AUTH_MODE": "token", "ALLOWED_USERS": "@example.com", "RATE_LIMIT_SIGN_IN_PER_MINUTE": "1"}
    with only_these_settings(**settings):
        world = World(tmp_path)
    use_container(world.container)

    async def attempt(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return (await functions.request("sign_in", body={"accessToken": "x" * 30}, headers=headers)).status

    assert await attempt("10.0.0.1:5001") != 429
    assert await attempt("8.8.8.8, 10.0.0.1:5002") == 429  # what the client claims does not count
    assert await attempt("10.0.0.1, 10.0.0.2:5001") != 429
    use_container(None)
    await world.documents.close()


async def test_requests_pass_while_they_cannot_be_counted(functions: Functions, world: World):
    async def gone(*_: Any, **__: Any) -> Any:
        raise UpstreamUnavailable("the database is away")

    world.container.rate_limiter._store.take = gone
    assert (await functions.request("get_docs")).status == 200


async def test_what_takes_too_long_is_ended_and_told_so(functions: Functions, limited: World):
    limited.source.pause()
    answer = await functions.request("list_rows", path={"sheetId": SHEET})
    assert (answer.status, answer.json["code"]) == (504, "timeout")
    limited.source.resume()
    await asyncio.sleep(0)
    await limited.documents.close()


async def test_a_parameter_that_there_is_not_is_named(functions: Functions):
    for name, path in (("list_jobs", {}), ("list_columns", {"sheetId": SHEET}), ("get_docs", {})):
        answer = await functions.request(name, path=path, query={"colour": "red"})
        assert (answer.status, list(answer.fields)) == (422, ["colour"]), name
