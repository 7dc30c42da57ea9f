"""A token that Smartsheet refuses is looked at again before its owner has to sign in."""

import asyncio

import pytest
from pydantic import SecretStr

from shared.errors import (
    AppError,
    Forbidden,
    InvalidInput,
    RateLimited,
    Unauthorized,
    UpstreamFault,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.identity.models import Caller
from shared.identity.refusals import noting_refusal
from shared.identity.sign_in import NewLogin
from shared.ids import UserId
from shared.stores.sqlite import SqliteDocuments
from tests.unit.identity.world import Instance, World

HOUR = 3600.0
REFUSED = Unauthorized("Smartsheet says 1002.", code="needs_sign_in")


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents)


async def works(world: World, login: NewLogin) -> bool:
    try:
        await world.token(login.user)
    except Unauthorized as error:
        assert error.code == "needs_sign_in"
        return False
    return True


async def outcome(world: World, caller: Caller, error: AppError = REFUSED) -> AppError:
    """What comes out of work that Smartsheet refuses in this way."""
    with pytest.raises(AppError) as raised:
        async with noting_refusal(world.app.identity, caller):
            raise error
    return raised.value


# --- a token that the person made -------------------------------------------------------------------


async def test_a_token_that_smartsheet_takes_no_more_is_not_used_again(world: World):
    login = await world.sign_in()
    caller = await world.caller(login)
    world.accounts.revoked.add("ada-token")
    assert await outcome(world, caller) is REFUSED
    assert not await works(world, login)
    with pytest.raises(Unauthorized):
        await world.caller(login)


async def test_a_token_that_smartsheet_does_take_stays_and_the_work_can_be_tried_again(world: World):
    login = await world.sign_in()
    caller = await world.caller(login)
    told = await outcome(world, caller)
    assert isinstance(told, UpstreamUnavailable)
    assert (told.code, told.retry_after_seconds) == ("token_renewed", 1)
    assert await works(world, login)


async def test_a_token_that_may_not_ask_whose_it_is_is_known_to_smartsheet(world: World):
    login = await world.sign_in()
    caller = await world.caller(login)
    world.accounts.errors = [Forbidden("Not with this scope.")]
    assert (await outcome(world, caller)).code == "token_renewed"
    assert await works(world, login)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (UpstreamUnavailable("Down."), None),
        (UpstreamTimeout("Late."), None),
        (UpstreamFault("A proxy's page."), None),
        (RateLimited("Slow.", retry_after_seconds=60), 60),
    ],
)
async def test_while_smartsheet_cannot_be_asked_nothing_is_decided(
    world: World, error: AppError, seconds: float | None
):
    login = await world.sign_in()
    caller = await world.caller(login)
    world.accounts.errors = [error]
    told = await outcome(world, caller)
    assert type(told) is UpstreamUnavailable
    assert (told.code, told.retry_after_seconds) == (error.code, seconds)
    assert await works(world, login)


async def test_a_late_refusal_of_an_old_token_does_not_harm_the_new_one(world: World):
    login = await world.sign_in("ada-old")
    old = await world.caller(login)
    await world.sign_in("ada-new")
    world.accounts.asked.clear()
    assert (await outcome(world, old)).code == "token_renewed"
    assert await world.token(login.user) == "ada-new"
    assert world.accounts.asked == []


async def test_who_has_disconnected_has_to_sign_in_again(world: World):
    login = await world.sign_in()
    caller = await world.caller(login)
    await world.app.sign_in.disconnect(await world.person(login))
    assert await outcome(world, caller) is REFUSED


async def test_a_refusal_that_is_told_many_times_at_once_is_looked_into_once(world: World):
    login = await world.sign_in()
    caller = await world.caller(login)
    world.accounts.revoked.add("ada-token")
    world.accounts.asked.clear()
    told = await asyncio.gather(*(Instance(world).identity.token_refused(caller) for _ in range(8)))
    assert (set(told), world.accounts.asked) == ({True}, ["ada-token"])
    assert (await world.user(login.user)).status == "needs_sign_in"


async def test_the_refusal_of_somebody_unknown_is_said(world: World):
    with pytest.raises(Unauthorized):
        await world.app.identity.token_refused(Caller(UserId("nobody"), SecretStr("x")))


@pytest.mark.parametrize("error", [Unauthorized("Nobody is signed in."), InvalidInput("Wrong.")])
async def test_other_errors_are_not_about_the_token(world: World, error: AppError):
    login = await world.sign_in()
    caller = await world.caller(login)
    world.accounts.asked.clear()
    assert await outcome(world, caller, error) is error
    assert world.accounts.asked == []


# --- a token of a sign-in at Smartsheet --------------------------------------------------------------


async def test_a_call_that_spanned_a_renewal_can_be_tried_again(world: World):
    login = await world.sign_in_at_smartsheet()
    old = await world.caller(login)
    world.clock.advance(HOUR - 60)
    assert await world.token(login.user, Instance(world)) == "ada-access-2"
    assert (await outcome(world, old)).code == "token_renewed"
    assert await world.token(login.user) == "ada-access-2"
    assert world.provider.refreshes == ["ada-refresh-1"]


async def test_a_refusal_that_comes_before_the_renewed_token_is_stored_does_not_lock_out(world: World):
    login = await world.sign_in_at_smartsheet()
    old = await world.caller(login)
    world.clock.advance(HOUR - 60)
    told: list[AppError] = []

    async def call_with_the_old_token() -> None:
        told.append(await outcome(world, old))

    world.provider.while_answering = call_with_the_old_token
    assert await world.token(login.user, Instance(world)) == "ada-access-2"
    assert isinstance(told[0], UpstreamUnavailable)
    user = await world.user(login.user)
    assert user.status == "connected"
    assert await world.token(login.user) == "ada-access-2"


async def test_a_mark_that_was_set_during_a_renewal_goes_with_it(world: World):
    login = await world.sign_in_at_smartsheet()
    old = await world.caller(login)
    world.clock.advance(HOUR - 60)

    async def mark() -> None:
        """As an instance does whose lease ran out."""
        user = await world.user(login.user)
        assert user.connection is not None and user.connection.fingerprint == old.token_fingerprint
        await world.users.replace(user.model_copy(update={"status": "needs_sign_in"}))

    world.provider.while_answering = mark
    assert await world.token(login.user) == "ada-access-2"
    assert (await world.user(login.user)).status == "connected"


async def test_a_token_that_expired_while_the_provider_was_down_is_renewed_when_it_is_up(world: World):
    login = await world.sign_in_at_smartsheet()
    world.clock.advance(HOUR - 1)
    world.provider.errors = [UpstreamUnavailable("Down."), UpstreamUnavailable("Down.")]
    old = await world.caller(login)
    world.clock.advance(2)
    assert (await outcome(world, old)).code == "upstream_unavailable"  # 1003, and still down
    assert (await world.user(login.user)).status == "connected"
    assert (await outcome(world, old)).code == "token_renewed"
    assert await world.token(login.user) == "ada-access-2"


async def test_a_token_that_ended_before_its_time_is_renewed(world: World):
    login = await world.sign_in_at_smartsheet()
    old = await world.caller(login)
    world.provider.live.remove("ada-access-1")
    told = await asyncio.gather(*(Instance(world).identity.token_refused(old) for _ in range(8)))
    assert set(told) == {False}
    assert await world.token(login.user) == "ada-access-2"
    assert world.provider.refreshes == ["ada-refresh-1"]


async def test_a_token_that_smartsheet_takes_is_not_renewed_for_a_refusal(world: World):
    login = await world.sign_in_at_smartsheet()
    caller = await world.caller(login)
    for _ in range(3):
        assert (await outcome(world, caller)).code == "token_renewed"
    assert world.provider.refreshes == []


async def test_when_the_provider_refuses_too_the_person_has_to_sign_in(world: World):
    login = await world.sign_in_at_smartsheet()
    caller = await world.caller(login)
    world.provider.live.clear()
    assert await outcome(world, caller) is REFUSED
    assert not await works(world, login)
