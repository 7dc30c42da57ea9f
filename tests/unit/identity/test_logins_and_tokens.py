"""Logins and API tokens end by their times, and being used costs few writes."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from shared.errors import AppError, Conflict, Forbidden, InvalidInput, Unauthorized
from shared.identity.api_tokens import MAX_TOKENS
from shared.identity.models import Credentials, Person, hashed
from shared.identity.requests import CreateApiToken
from shared.identity.sign_in import NewLogin
from shared.ids import UserId
from shared.stores.identity import DocumentApiTokenStore, DocumentLoginStore
from shared.stores.sqlite import SqliteDocuments
from tests.unit.identity.world import World

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents)


async def is_in(world: World, login: NewLogin) -> bool:
    try:
        await world.caller(login)
    except Unauthorized as error:
        assert error.code == "unauthorized"
        return False
    return True


async def person(world: World, login: NewLogin) -> Person:
    return await world.app.identity.person_of_request(Credentials(cookie=login.cookie))


async def works(world: World, token: str) -> bool:
    try:
        caller = await world.app.identity.caller_of_request(Credentials(bearer=SecretStr(token)))
    except Unauthorized as error:
        assert error.code == "invalid_token"
        return False
    assert (caller.via, caller.may_approve) == ("api_token", False)
    return True


# --- logins ----------------------------------------------------------------------------------------


async def test_a_login_is_over_when_nobody_used_it_for_long(world: World):
    login = await world.sign_in()
    for _ in range(10):
        world.clock.advance(12 * HOUR - 1)
        assert await is_in(world, login)
    world.clock.advance(12 * HOUR)
    assert not await is_in(world, login)


async def test_a_login_is_over_after_its_longest_time_however_much_it_is_used(world: World):
    login = await world.sign_in()
    for _ in range(7 * 24 - 1):
        world.clock.advance(HOUR)
        assert await is_in(world, login)
    world.clock.advance(HOUR)
    assert not await is_in(world, login)
    assert await DocumentLoginStore(world.documents, days=7).find(hashed(login.cookie)) is None


async def test_a_login_is_its_owners_alone(world: World):
    ada, bob = await person(world, await world.sign_in()), await person(world, await world.sign_in("bob-token"))
    assert await world.app.identity.is_signed_in(ada)
    assert not await world.app.identity.is_signed_in(replace(ada, user_id=bob.user_id))
    assert not await world.app.identity.is_signed_in(Person(ada.user_id, "background"))


async def test_being_used_is_noted_coarsely(world: World):
    login = await world.sign_in()
    store = DocumentLoginStore(world.documents, days=7)
    before = await store.find(hashed(login.cookie))
    world.clock.advance(299)
    await is_in(world, login)
    assert await store.find(hashed(login.cookie)) == before
    world.clock.advance(1)
    await asyncio.gather(*(is_in(world, login) for _ in range(5)))
    after = await store.find(hashed(login.cookie))
    assert after is not None and after.seen_at == world.clock()


async def test_a_full_disk_does_not_lock_anybody_out(world: World):
    login = await world.sign_in()
    made = await world.app.api_tokens.create(await person(world, login), CreateApiToken(name="nightly"))
    await world.documents.limit_size(1)
    for number in range(10_000):
        try:
            await world.sign_in(f"x{number}-token-{'x' * 400}")
        except AppError as error:
            assert error.code == "storage_full"
            break
    world.clock.advance(HOUR)
    assert await is_in(world, login)
    assert await works(world, made.token)


async def test_the_former_cookie_of_another_person_is_ended_too(world: World):
    bob = await world.sign_in("bob-token")
    await world.app.sign_in.with_token(SecretStr("ada-token"), former=bob.cookie)
    assert not await is_in(world, bob)


async def test_the_same_person_signing_in_twice_at_once_is_one_user(world: World):
    logins = await asyncio.gather(*(world.sign_in(f"ada-{n}") for n in range(5)))
    assert len({login.user.id for login in logins}) == 1
    assert all([await is_in(world, login) for login in logins])


# --- API tokens ------------------------------------------------------------------------------------


async def test_an_api_token_is_over_after_its_days(world: World):
    who = await person(world, await world.sign_in())
    made = await world.app.api_tokens.create(who, CreateApiToken(name="nightly", expires_in_days=30))
    lasting = await world.app.api_tokens.create(who, CreateApiToken(name="for ever"))
    world.clock.advance(30 * DAY - 1)
    assert await works(world, made.token)
    world.clock.advance(1)
    assert not await works(world, made.token)
    world.clock.advance(300 * DAY)
    assert await works(world, lasting.token)


async def test_when_it_was_last_used_is_told_to_the_hour(world: World):
    who = await person(world, await world.sign_in())
    made = await world.app.api_tokens.create(who, CreateApiToken(name="nightly"))
    assert made.last_used_at is None
    world.clock.advance(90 * 60)
    await works(world, made.token)
    (listed,) = (await world.app.api_tokens.list(who)).items
    assert listed.last_used_at == world.clock() - timedelta(minutes=30)


@pytest.mark.parametrize("token", ["", "csa_", "csa_" + "x" * 43, "csa_" + "x" * 5000, "ada-token", "csa_é"])
async def test_what_we_did_not_make_is_no_api_token(world: World, token: str):
    await world.sign_in()
    assert not await works(world, token)


async def test_the_hash_of_a_token_is_not_a_token(world: World):
    who = await person(world, await world.sign_in())
    made = await world.app.api_tokens.create(who, CreateApiToken(name="nightly"))
    (stored,) = await DocumentApiTokenStore(world.documents).list(who.user_id)
    assert stored.secret_hash == hashed(SecretStr(made.token))
    assert not await works(world, stored.secret_hash)


async def test_there_is_an_end_to_api_tokens(world: World):
    who = await person(world, await world.sign_in())
    for number in range(MAX_TOKENS):
        await world.app.api_tokens.create(who, CreateApiToken(name=str(number)))
    with pytest.raises(Conflict) as raised:
        await world.app.api_tokens.create(who, CreateApiToken(name="one more"))
    assert raised.value.code == "too_many_tokens"


async def test_api_tokens_that_have_expired_make_room(world: World):
    who = await person(world, await world.sign_in())
    for number in range(MAX_TOKENS):
        request = CreateApiToken(name=str(number), expires_in_days=1 if number % 2 else None)
        await world.app.api_tokens.create(who, request)
    world.clock.advance(DAY)
    made = await world.app.api_tokens.create(who, CreateApiToken(name="one more"))
    assert await works(world, made.token)
    names = sorted(token.name for token in (await world.app.api_tokens.list(who)).items)
    assert names == sorted([*(str(number) for number in range(0, MAX_TOKENS, 2)), "one more"])


async def test_a_key_that_made_another_token_is_refused(world: World):
    who = await person(world, await world.sign_in())
    await world.app.api_tokens.create(who, CreateApiToken(name="a"), idempotency_key="k")
    with pytest.raises(InvalidInput) as raised:
        await world.app.api_tokens.create(who, CreateApiToken(name="b"), idempotency_key="k")
    assert raised.value.code == "idempotency_key_reused"


@pytest.mark.parametrize("via", ["api_token", "background", "single"])
async def test_only_a_person_in_front_of_a_browser_makes_api_tokens(world: World, via: str):
    who = Person(UserId("ada"), via)  # type: ignore[arg-type]
    with pytest.raises(Forbidden):
        await world.app.api_tokens.create(who, CreateApiToken(name="x"))


async def test_background_work_may_not_approve_and_ends_with_the_right_to_sign_in(world: World):
    login = await world.sign_in()
    caller = await world.app.identity.caller_of_user(login.user.user_id)
    assert (caller.via, caller.may_approve) == ("background", False)
    world.allow_list._entries = frozenset({"@elsewhere.example"})  # type: ignore[attr-defined]
    with pytest.raises(Unauthorized) as raised:
        await world.app.identity.caller_of_user(login.user.user_id)
    assert raised.value.code == "needs_sign_in"


async def test_secrets_are_not_shown_by_what_carries_them(world: World):
    login = await world.sign_in()
    caller = await world.caller(login)
    departure = await world.app.sign_in.begin()
    shown = repr([login, caller, departure, Credentials(cookie=login.cookie)])
    hidden = ("ada-token", login.cookie.get_secret_value(), departure.browser.get_secret_value(), departure.url)
    assert not [secret for secret in hidden if secret in shown]
