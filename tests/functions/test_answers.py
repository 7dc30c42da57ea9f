"""What every answer gets at the edge: protection, compression; and what nothing serves."""

import gzip
import json

import pytest

from shared.functions.answers import accepts_gzip
from shared.functions.unknown import methods_of
from tests.functions.client import Answer, Functions
from tests.functions.world import SHEET, World

PAGE = "http://localhost:5173"


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
        ("jobs", "PUT", "GET, HEAD, POST"),
        ("smartsheet/123/rows/4", "POST", "DELETE, GET, HEAD, PATCH"),
        ("Smartsheet/123/Rows/", "DELETE", "GET, HEAD, POST"),
        ("health", "POST", "GET, HEAD"),
        ("auth/smartsheet/callback", "HEAD", "GET"),
        ("webhooks/smartsheet", "GET", "POST"),
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
    assert methods_of("smartsheet/99999999999999999999") == ("GET", "HEAD")
    assert methods_of("jobs/8d3c55a1-9b3c-4a54-9d5f-0c8a4f4a0b11/rows") == ("GET", "HEAD")
    assert methods_of("jobs/8d3c55a1/rows") == ()


# --- pages of other origins -----------------------------------------------------------------------


async def test_a_page_that_may_call_is_told_so_before_and_with_each_answer(functions: Functions):
    asked = await unknown(functions, "jobs", "OPTIONS", Origin=PAGE)
    assert (asked.status, asked.headers["Access-Control-Allow-Origin"]) == (204, PAGE)
    assert asked.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST"
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


# --- parameters ------------------------------------------------------------------------------------


async def test_a_parameter_that_there_is_not_is_named(functions: Functions):
    for name, path in (("list_jobs", {}), ("list_columns", {"sheetId": SHEET}), ("get_docs", {})):
        answer = await functions.request(name, path=path, query={"colour": "red"})
        assert (answer.status, list(answer.fields)) == (422, ["colour"]), name


@pytest.mark.parametrize("name", ["limit", "cursor"])
async def test_an_empty_parameter_is_no_way_to_leave_it_out(name: str, functions: Functions):
    # The worker leaves empty values out of `params`: they are in the URL alone.
    answer = await functions.request("list_jobs", query={name: ""})
    assert answer.status == 422 and list(answer.fields) == [name]
