"""A refresh token works once: what it gave is stored, whatever happens behind it, or taken back."""

import asyncio

import pytest

from shared.errors import AppError, RateLimited, StorageFull, Unauthorized, UpstreamFault, UpstreamUnavailable
from shared.identity.deletion import UserDeletion
from shared.identity.models import User
from shared.identity.sign_in import NewLogin
from shared.stores.identity import DocumentUserStore
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.oauth import FakeOAuthProvider
from tests.unit.identity.world import Instance, World

HOUR = 3600.0
DOWN = UpstreamUnavailable("The database is down.", code="storage_unavailable")


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents)


class FailingUsers(DocumentUserStore):
    """Refuses the next writes with these errors."""

    def __init__(self, documents: SqliteDocuments, errors: list[AppError]) -> None:
        super().__init__(documents)
        self.errors = errors

    async def replace(self, user: User) -> User:
        if self.errors:
            raise self.errors.pop(0)
        return await super().replace(user)


class SlowAnswer:
    """Lets a test do something between what the provider did and its answer."""

    def __init__(self, provider: FakeOAuthProvider) -> None:
        self.renewed, self.answering = asyncio.Event(), asyncio.Event()
        provider.while_answering = self._wait

    async def _wait(self) -> None:
        self.renewed.set()
        await self.answering.wait()


async def soon_over(world: World) -> NewLogin:
    login = await world.sign_in_at_smartsheet()
    world.clock.advance(HOUR - 60)
    return login


# --- storing it ------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [DOWN, StorageFull("Full.")])
async def test_a_database_that_fails_some_times_does_not_cost_the_tokens(world: World, error: AppError):
    login = await soon_over(world)
    users = FailingUsers(world.documents, [error] * 4)
    assert await world.token(login.user, Instance(world, users)) == "ada-access-2"
    assert users.errors == []
    assert await world.token(login.user) == "ada-access-2"
    assert world.provider.refreshes == ["ada-refresh-1"]


async def test_renewing_goes_on_when_nobody_waits_for_it_any_more(world: World):
    login = await soon_over(world)
    slow = SlowAnswer(world.provider)
    waiting = asyncio.create_task(world.token(login.user))
    await slow.renewed.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    slow.answering.set()
    assert await world.token(login.user, Instance(world)) == "ada-access-2"
    assert world.provider.refreshes == ["ada-refresh-1"]


async def test_renewing_needs_no_newer_key(world: World):
    login = await soon_over(world)
    world.ring.version = "k2"
    world.ring.unusable = {"k2"}
    assert await world.token(login.user) == "ada-access-2"
    assert await world.token(login.user, Instance(world)) == "ada-access-2"
    world.ring.unusable.clear()
    await world.token(login.user)
    stored = (await world.user(login.user)).connection
    assert stored is not None and stored.data_key.key_id == "k2"


async def test_a_provider_that_takes_no_more_requests_does_not_cost_a_token_that_is_good(world: World):
    login = await soon_over(world)
    busy = RateLimited("Slow.", retry_after_seconds=60)
    world.provider.errors = [busy, busy]
    assert await world.token(login.user) == "ada-access-1"
    world.clock.advance(60)
    with pytest.raises(UpstreamUnavailable) as raised:
        await world.token(login.user)
    assert (raised.value.code, raised.value.retry_after_seconds) == ("rate_limited", 60)
    assert await world.token(login.user) == "ada-access-2"


# --- taking it back --------------------------------------------------------------------------------


async def test_who_disconnects_waits_for_a_renewal_and_leaves_nothing_at_the_provider(world: World):
    login = await soon_over(world)
    person = await world.person(login)
    slow = SlowAnswer(world.provider)
    renewing = asyncio.create_task(world.token(login.user))
    await slow.renewed.wait()
    other = Instance(world)
    leaving = asyncio.create_task(other.sign_in.disconnect(person))
    await other.waits.wait()
    slow.answering.set()
    await leaving
    await asyncio.wait([renewing])
    assert (await world.user(login.user)).connection is None
    assert world.provider.live == set()


async def test_who_disconnects_does_not_wait_long_and_a_late_renewal_leaves_nothing_either(world: World):
    login = await soon_over(world)
    person = await world.person(login)
    slow = SlowAnswer(world.provider)
    renewing = asyncio.create_task(world.token(login.user))
    await slow.renewed.wait()
    await Instance(world).sign_in.disconnect(person)
    assert (await world.user(login.user)).status == "disconnected"
    slow.answering.set()
    with pytest.raises(Unauthorized):
        await renewing
    user = await world.user(login.user)
    assert (user.status, user.connection) == ("disconnected", None)
    assert world.provider.live == set()


async def test_a_renewal_for_somebody_who_was_deleted_meanwhile_leaves_nothing(world: World):
    login = await soon_over(world)
    slow = SlowAnswer(world.provider)
    renewing = asyncio.create_task(world.token(login.user))
    await slow.renewed.wait()
    await world.users.delete(login.user.user_id)
    slow.answering.set()
    with pytest.raises(Unauthorized):
        await renewing
    assert world.provider.live == set()


async def test_a_renewal_that_a_sign_in_overtook_ends_its_own_token_only(world: World):
    login = await soon_over(world)
    slow = SlowAnswer(world.provider)
    renewing = asyncio.create_task(world.token(login.user))
    await slow.renewed.wait()
    await world.sign_in_at_smartsheet()
    slow.answering.set()
    assert await renewing == "ada-access-3"
    assert "ada-access-2" not in world.provider.live
    assert {"ada-access-3", "ada-refresh-3"} <= world.provider.live


async def test_signing_in_anew_ends_the_token_that_is_replaced(world: World):
    await world.sign_in_at_smartsheet()
    await world.sign_in_at_smartsheet()
    assert "ada-access-1" not in world.provider.live
    assert {"ada-access-2", "ada-refresh-2"} <= world.provider.live
    login = await world.sign_in("ada-token")
    assert world.provider.live == set()
    revoked = list(world.provider.revoked)
    await world.sign_in("ada-other")
    await world.app.sign_in.disconnect(await world.person(login))
    assert world.provider.revoked == revoked  # what a person made in Smartsheet is theirs


@pytest.mark.parametrize("error", [DOWN, RateLimited("Slow.", retry_after_seconds=60), UpstreamFault("Odd.")])
async def test_one_can_sign_in_anew_while_the_former_token_cannot_be_revoked(
    world: World, error: AppError, caplog: pytest.LogCaptureFixture
):
    await world.sign_in_at_smartsheet()
    world.provider.errors = [error]
    login = await world.sign_in("ada-token")
    assert await world.token(login.user) == "ada-token"
    assert f"was not revoked ({error.code})" in caplog.text


async def test_disconnecting_after_the_token_has_ended_takes_back_what_could_renew_it(world: World):
    login = await world.sign_in_at_smartsheet()
    person = await world.person(login)
    world.clock.advance(HOUR)
    world.provider.live.remove("ada-access-1")
    await world.app.sign_in.disconnect(person)
    assert world.provider.live == set()


@pytest.mark.parametrize("error", [DOWN, RateLimited("Slow.", retry_after_seconds=60), UpstreamFault("Odd.")])
async def test_whatever_the_provider_answers_one_is_disconnected_and_the_sockets_are_closed(
    world: World, error: AppError, caplog: pytest.LogCaptureFixture
):
    login = await world.sign_in_at_smartsheet()
    world.provider.errors = [error]
    await world.app.sign_in.disconnect(await world.person(login))
    assert (await world.user(login.user)).status == "disconnected"
    assert world.gateway.closed == [(login.user.id, "disconnected")]
    assert f"was not revoked ({error.code})" in caplog.text


async def test_whatever_the_provider_answers_a_user_is_deleted(world: World):
    login = await world.sign_in_at_smartsheet()
    app = world.app
    world.provider.errors = [RateLimited("Slow.", retry_after_seconds=60)]
    deletion = UserDeletion(world.users, app.logins, app.api_tokens, app.connections, world.gateway)
    await deletion.delete(login.user.user_id)
    assert await world.users.find(login.user.user_id) is None
    assert world.gateway.closed == [(login.user.id, "deleted")]
