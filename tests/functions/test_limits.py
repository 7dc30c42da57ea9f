"""How often a caller may ask, whom a request counts for, and how long one may take."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.container import get_container, use_container
from shared.errors import RateLimited, UpstreamUnavailable
from shared.functions.counting import class_of
from shared.functions.routes import ROUTES
from tests.functions.client import Answer, Functions
from tests.functions.environment import only_these_settings
from tests.functions.people import ADA, SETTINGS, Browser, Script, new_token
from tests.functions.world import SHEET, World

LIMITS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
NewWorld = Callable[..., World]


@pytest.fixture
def new_world(tmp_path: Path) -> Iterator[NewWorld]:
    """Makes the world that the functions work on, with these settings."""
    made: list[World] = []

    def make(**settings: str) -> World:
        with only_these_settings(**settings):
            made.append(World(tmp_path))
        use_container(made[0].container)
        return made[0]

    yield make
    use_container(None)
    for world in made:
        asyncio.run(world.documents.close())


def told(answer: Answer) -> list[str]:
    """The limit, and what is left of it."""
    return [answer.headers[name] for name in LIMITS[:2]]


# --- how often ------------------------------------------------------------------------------------


async def test_who_asks_too_often_is_told_when_to_come_back(functions: Functions, new_world: NewWorld):
    new_world(RATE_LIMIT_READ_PER_MINUTE="3", RATE_LIMIT_WRITE_PER_MINUTE="1")
    answers = [await functions.request("list_jobs") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [told(answer) for answer in answers] == [["3", "2"], ["3", "1"], ["3", "0"], ["3", "0"]]
    assert answers[3].json["code"] == "rate_limited"
    assert 1 <= int(answers[3].headers["Retry-After"]) == int(answers[3].headers["RateLimit-Reset"]) <= 60
    body = {"sheetId": SHEET}
    statuses = [(await functions.request("create_session", body=body)).status for _ in range(2)]
    assert statuses == [201, 429]  # a class of its own
    assert (await functions.request("get_health")).status == 200  # counted for the address


async def test_an_error_tells_what_is_left_too(functions: Functions, new_world: NewWorld):
    world = new_world(RATE_LIMIT_READ_PER_MINUTE="9")
    assert told(await functions.request("list_jobs", query={"limit": "many"})) == ["9", "8"]
    world.fail_reads(RuntimeError("kaboom"))
    assert told(await functions.request("list_columns", path={"sheetId": SHEET})) == ["9", "7"]


async def test_without_a_limit_nothing_is_told(functions: Functions, new_world: NewWorld):
    new_world(RATE_LIMIT_READ_PER_MINUTE="0")
    answer = await functions.request("list_jobs")
    assert answer.status == 200 and not set(LIMITS) & set(answer.headers)


async def test_only_what_the_own_limits_refuse_is_counted_as_that(functions: Functions, new_world: NewWorld):
    world = new_world(RATE_LIMIT_READ_PER_MINUTE="1", RATE_LIMIT_WRITE_PER_MINUTE="5")
    world.fail_reads(RateLimited("Smartsheet is busy.", retry_after_seconds=9))
    assert (await functions.request("create_session", body={"sheetId": SHEET})).status == 429
    assert get_container().report_metrics().rate_limited == 0
    assert [(await functions.request("list_jobs")).status for _ in range(3)] == [200, 429, 429]
    assert get_container().report_metrics().rate_limited == 2


async def test_requests_pass_while_they_cannot_be_counted(functions: Functions, new_world: NewWorld):
    async def gone(*_: Any, **__: Any) -> Any:
        raise UpstreamUnavailable("the database is away")

    new_world().container.rate_limiter._store.take = gone
    assert (await functions.request("get_docs")).status == 200


def test_every_route_has_the_class_of_what_it_costs():
    classes = {name: class_of(route) for name, route in ROUTES.items()}
    signing_in = {"sign_in", "begin_sign_in", "finish_sign_in"}
    assert {name for name, kind in classes.items() if kind == "sign_in"} == signing_in
    assert {"start_job", "import_rows", "preview_job"} <= {name for name, kind in classes.items() if kind == "start"}
    for name, kind in classes.items():
        assert name in signing_in or (kind == "read") == (ROUTES[name].method == "GET"), name


# --- whom for -------------------------------------------------------------------------------------


async def sign_in_from(functions: Functions, forwarded: str | None) -> int:
    headers = {"X-Forwarded-For": forwarded}
    return (await functions.request("sign_in", body={"accessToken": "x" * 30}, headers=headers)).status


REFUSED = 403  # Smartsheet knows them, the list of users does not
ONE_ATTEMPT = {**SETTINGS, "RATE_LIMIT_SIGN_IN_PER_MINUTE": "1"}


async def test_signing_in_is_counted_by_the_address_that_the_front_end_saw(functions: Functions, new_world: NewWorld):
    new_world(**ONE_ATTEMPT)
    assert await sign_in_from(functions, "10.0.0.1:5001") == REFUSED
    assert await sign_in_from(functions, "8.8.8.8, 10.0.0.1:5002") == 429  # what the client claims does not count
    assert await sign_in_from(functions, "10.0.0.1, 10.0.0.2:5001") == REFUSED
    assert (await functions.request("begin_sign_in", headers={"X-Forwarded-For": "10.0.0.2"})).status == 429


@pytest.mark.parametrize(
    ("one", "same", "another"),
    [
        ("[2001:db8::1]:5001", "2001:db8::1", "2001:db8::2"),
        ("[2001:db8::1]", "[2001:db8::1]:443", "[2001:db8:1::1]:443"),
        ("192.0.2.1", "192.0.2.1:80", "192.0.2.10"),
    ],
)
async def test_an_address_is_the_same_whatever_its_port(
    functions: Functions, new_world: NewWorld, one: str, same: str, another: str
):
    new_world(**ONE_ATTEMPT)
    assert [await sign_in_from(functions, each) for each in (one, same, another)] == [REFUSED, 429, REFUSED]


async def test_behind_a_proxy_of_ours_the_address_that_it_saw_counts(functions: Functions, new_world: NewWorld):
    new_world(**ONE_ATTEMPT, TRUSTED_PROXIES="2")
    assert await sign_in_from(functions, "10.0.0.1, 172.16.0.9:443") == REFUSED
    assert await sign_in_from(functions, "10.0.0.2, 172.16.0.9:443") == REFUSED
    assert await sign_in_from(functions, "8.8.8.8, 10.0.0.1, 172.16.0.9:444") == 429
    assert await sign_in_from(functions, "10.0.0.2") == 429  # past the outer proxy: all that there is


async def test_all_without_an_address_are_counted_as_one(functions: Functions, new_world: NewWorld):
    new_world(**ONE_ATTEMPT)
    assert [await sign_in_from(functions, each) for each in (None, "", None)] == [REFUSED, 429, 429]


async def test_whoever_guesses_credentials_is_counted_by_address(functions: Functions, new_world: NewWorld):
    new_world(**SETTINGS, RATE_LIMIT_READ_PER_MINUTE="2")
    guesses = [Script(functions, f"csa_{number:043}") for number in range(4)]
    statuses = [(await each.request("get_me", headers={"X-Forwarded-For": "10.0.0.1"})).status for each in guesses]
    assert statuses == [401, 401, 429, 429]
    other = await guesses[0].request("get_me", headers={"X-Forwarded-For": "10.0.0.2"})
    assert (other.status, told(other)) == (401, ["2", "1"])


async def test_a_person_is_one_caller_by_cookie_and_by_token(
    functions: Functions, tmp_path: Path, people: World, ada: Browser
):
    await ada.sign_in(ADA)
    script = Script(functions, (await new_token(ada))["token"])
    left = [
        int((await caller.request("get_me", headers={"X-Forwarded-For": address})).headers["RateLimit-Remaining"])
        for caller, address in ((ada, "10.0.0.1"), (script, "10.0.0.2"), (ada, "10.0.0.3"))
    ]
    assert left == [left[0], left[0] - 1, left[0] - 2]


# --- how long -------------------------------------------------------------------------------------


async def test_what_takes_too_long_is_ended_and_told_so(functions: Functions, new_world: NewWorld):
    world = new_world(REQUEST_TIMEOUT_SECONDS="0.2")
    world.source.pause()
    answer = await functions.request("list_rows", path={"sheetId": SHEET})
    assert (answer.status, answer.json["code"]) == (504, "timeout")
    world.source.resume()
    await asyncio.sleep(0)


async def test_finding_out_who_calls_is_part_of_the_time(
    functions: Functions, new_world: NewWorld, monkeypatch: pytest.MonkeyPatch
):
    world = new_world(REQUEST_TIMEOUT_SECONDS="0.05")

    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(world.container.identity, "caller_of_request", never)
    answer = await functions.request("list_jobs")
    assert (answer.status, answer.json["code"]) == (504, "timeout")


async def test_a_deadline_of_somebody_else_is_not_taken_for_the_own(functions: Functions, new_world: NewWorld):
    new_world().fail_reads(TimeoutError("of a library"))
    answer = await functions.request("list_columns", path={"sheetId": SHEET})
    assert (answer.status, answer.json["code"]) == (500, "internal")
