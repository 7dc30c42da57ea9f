"""Tokens that expire are renewed in time, once, and what was refused is not used again."""

import asyncio

import pytest

from shared.errors import AppError, StorageFull, Unauthorized, UpstreamFault, UpstreamTimeout, UpstreamUnavailable
from shared.identity.sign_in import NewLogin
from shared.stores.documents import Create
from shared.stores.leases import DocumentLeaseStore
from shared.stores.sqlite import SqliteDocuments
from tests.unit.identity.world import Instance, World

HOUR = 3600.0
DOWN = UpstreamUnavailable("Down.")


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents)


async def refused(world: World, login: NewLogin, error: type[AppError] = Unauthorized) -> str:
    with pytest.raises(error) as raised:
        await world.token(login.user)
    return raised.value.code


async def test_a_token_that_is_good_for_a_while_is_used_as_it_is(world: World):
    login = await world.sign_in_at_smartsheet()
    world.clock.advance(HOUR - 601)
    assert (await world.caller(login)).token.get_secret_value() == "ada-access-1"
    assert world.provider.refreshes == []


async def test_a_token_is_renewed_ten_minutes_before_its_end(world: World):
    login = await world.sign_in_at_smartsheet()
    world.clock.advance(HOUR - 600)
    assert (await world.caller(login)).token.get_secret_value() == "ada-access-2"
    world.clock.advance(HOUR - 600)
    assert await world.token(login.user) == "ada-access-3"
    assert world.provider.refreshes == ["ada-refresh-1", "ada-refresh-2"]


async def test_a_token_that_does_not_expire_is_never_renewed(world: World):
    login = await world.sign_in()
    world.clock.advance(6 * 86_400)
    assert await world.token(login.user) == "ada-token"


async def test_of_many_instances_one_renews_and_all_get_the_new_token(world: World):
    login = await world.sign_in_at_smartsheet()
    world.clock.advance(HOUR - 60)
    instances = [Instance(world) for _ in range(4)]
    tokens = await asyncio.gather(*(world.token(login.user, app) for app in instances for _ in range(2)))
    assert set(tokens) == {"ada-access-2"}
    assert world.provider.refreshes == ["ada-refresh-1"]


async def test_while_another_instance_is_slow_the_old_token_is_used_as_long_as_it_is_good(world: World):
    login = await world.sign_in_at_smartsheet()
    leases = DocumentLeaseStore(world.documents, clock=world.clock)
    world.clock.advance(HOUR - 60)
    await leases.acquire(f"token:{login.user.id}", "another", seconds=600)
    assert await world.token(login.user) == "ada-access-1"
    assert world.app.slept > 0
    world.clock.advance(60)
    assert await refused(world, login, UpstreamUnavailable) == "upstream_unavailable"
    assert world.provider.refreshes == []


async def test_an_instance_that_died_while_renewing_is_not_waited_for_for_ever(world: World):
    login = await world.sign_in_at_smartsheet()
    leases = DocumentLeaseStore(world.documents, clock=world.clock)
    world.clock.advance(HOUR - 60)
    await leases.acquire(f"token:{login.user.id}", "died", seconds=120)
    world.clock.advance(121)
    assert await world.token(login.user) == "ada-access-2"


@pytest.mark.parametrize("error", [DOWN, UpstreamTimeout("Late.")])
async def test_a_provider_that_cannot_be_reached_is_asked_again_later(world: World, error: AppError):
    login = await world.sign_in_at_smartsheet()
    world.clock.advance(HOUR - 60)
    world.provider.errors = [error, error]
    assert await world.token(login.user) == "ada-access-1"  # still good for a minute
    world.clock.advance(60)
    await refused(world, login, UpstreamUnavailable)
    assert (await world.user(login.user)).status == "connected"
    assert await world.token(login.user) == "ada-access-2"


@pytest.mark.parametrize("error", [UpstreamFault("Odd."), UpstreamTimeout("Late."), DOWN])
async def test_whatever_fails_on_the_way_to_a_token_is_told_as_one_kind(world: World, error: AppError):
    login = await world.sign_in_at_smartsheet()
    world.clock.advance(HOUR)
    world.provider.errors = [error]
    with pytest.raises(UpstreamUnavailable) as raised:
        await world.caller(login)
    assert (type(raised.value), raised.value.code) == (UpstreamUnavailable, error.code)


async def test_a_full_disk_does_not_cost_a_token_that_is_good(world: World):
    login = await world.sign_in_at_smartsheet()
    world.clock.advance(HOUR - 60)
    await world.documents.limit_size(1)
    for number in range(10_000):
        try:
            await world.documents.write("filler", "filler", Create(str(number), {"room": "x" * 100}))
        except StorageFull:
            break
    assert await world.token(login.user) == "ada-access-1"
    assert world.provider.refreshes == []


async def test_a_renewal_whose_answer_was_lost_needs_a_sign_in_only_because_the_provider_says_so(world: World):
    login = await world.sign_in_at_smartsheet()
    world.clock.advance(HOUR)
    world.provider.errors = [UpstreamTimeout("Lost.")]
    await refused(world, login, UpstreamUnavailable)
    assert (await world.user(login.user)).status == "connected"
    world.provider.end("ada-refresh-1")  # it took effect
    assert await refused(world, login) == "needs_sign_in"
    assert (await world.user(login.user)).status == "needs_sign_in"
    again = await world.sign_in_at_smartsheet()
    assert again.user.id == login.user.id
    assert await world.token(login.user) == "ada-access-2"


async def test_disconnecting_revokes_what_oauth_gave_and_leaves_what_the_person_made(world: World):
    by_oauth = await world.sign_in_at_smartsheet("ada")
    by_token = await world.sign_in("bob-token")
    for login in (by_oauth, by_token):
        caller = await world.caller(login)
        person = await world.person(login)
        assert caller.may_approve and person.may_approve
        await world.app.sign_in.disconnect(person)
        stored = await world.user(login.user)
        assert (stored.status, stored.connection) == ("disconnected", None)
    assert world.provider.revoked == ["ada-access-1"]


async def test_disconnecting_while_the_token_is_renewed_leaves_none(world: World):
    login = await world.sign_in_at_smartsheet()
    person = await world.person(login)
    world.clock.advance(HOUR - 60)
    other = Instance(world)
    await asyncio.gather(
        world.app.sign_in.disconnect(person),
        *(world.token(login.user, other) for _ in range(3)),
        return_exceptions=True,
    )
    assert (await world.user(login.user)).connection is None
    assert await refused(world, login) == "needs_sign_in"


async def test_disconnecting_works_while_the_provider_is_down_or_the_key_is_lost(world: World):
    first, second = await world.sign_in_at_smartsheet("ada"), await world.sign_in_at_smartsheet("bob")
    world.provider.errors = [DOWN]
    await world.app.sign_in.disconnect(await world.person(first))
    restarted = Instance(world)
    world.ring.lost = True
    await restarted.sign_in.disconnect(await world.person(second))
    for login in (first, second):
        assert (await world.user(login.user)).connection is None


async def test_a_newer_version_of_the_key_is_taken_on_by_use(world: World):
    login = await world.sign_in()
    world.ring.version = "k2"
    assert await world.token(login.user) == "ada-token"
    stored = (await world.user(login.user)).connection
    assert stored is not None and stored.data_key.key_id == "k2"
    assert await world.token(login.user, Instance(world)) == "ada-token"


@pytest.mark.parametrize("at_smartsheet", [False, True])
async def test_when_the_key_is_lost_it_is_told_and_a_sign_in_mends_it(world: World, at_smartsheet: bool):
    login = await (world.sign_in_at_smartsheet() if at_smartsheet else world.sign_in())
    person = await world.person(login)
    assert (await world.app.identity.profile(person)).account_connected
    world.clock.advance(HOUR - 60)
    world.ring.lost = True
    world.app = Instance(world)
    assert await refused(world, login) == "needs_sign_in"
    assert not (await world.app.identity.profile(person)).account_connected
    assert world.provider.refreshes == []
    assert (await world.sign_in("ada-again")).user.id == login.user.id
    assert await world.token(login.user) == "ada-again"
