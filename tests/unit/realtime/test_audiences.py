"""Who may no longer hear a topic does not hear it for much longer."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr

from shared.errors import AppError, NotFound, RateLimited, Unauthorized, UpstreamUnavailable
from shared.identity.models import Caller, Person
from shared.identity.service import SINGLE_USER, SingleUserIdentity
from shared.ids import UserId
from shared.realtime.audiences import AccessUpkeep, Audiences
from shared.realtime.listeners import listener_of, person_of
from shared.stores.connections import DocumentAudienceStore
from shared.stores.documents import Json, Upsert
from shared.stores.due import DocumentDueStore
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.fakes.queues import FakeGateway

TOPIC, OTHER = "sheet:1", "job:2"
BY_LOGIN = Caller(SINGLE_USER, SecretStr("token"), "login", "hash-of-a-cookie")
BY_TOKEN = Caller(SINGLE_USER, SecretStr("token"), "api_token", "5f0f4c5e-5c5b-4c0e-9d3b-0c1f7f0b8e21")


class Owner(SingleUserIdentity):
    """May be signed out."""

    signed_out = False
    ended: frozenset[Person] = frozenset()
    refused = 0
    refusals_stand = True

    async def caller_of_user(self, user_id: UserId) -> Caller:
        if self.signed_out:
            raise Unauthorized("Out.", code="needs_sign_in")
        return await super().caller_of_user(user_id)

    async def is_signed_in(self, person: Person) -> bool:
        return person not in self.ended

    async def token_refused(self, caller: Caller) -> bool:
        self.refused += 1
        return self.refusals_stand


class World:
    def __init__(self, documents: SqliteDocuments) -> None:
        self.documents = documents
        self.clock = FakeClock()
        self.gateway = FakeGateway()
        self.gateway.connected = {SINGLE_USER}
        self.identity = Owner(SecretStr("token"))
        self.errors: dict[str, AppError] = {}
        self.asked: list[str] = []
        self.store = DocumentAudienceStore(documents)
        due = DocumentDueStore(documents, clock=self.clock)
        self.audiences = Audiences(self.store, due, clock=self.clock)
        self.upkeep = AccessUpkeep(self.gateway, self.store, due, self.identity, self, clock=self.clock)

    async def require_access(self, caller: Caller, topic: str) -> None:
        """The gate of all topics."""
        self.asked.append(topic)
        if topic in self.errors:
            raise self.errors[topic]

    async def minutes(self, count: int = 1) -> None:
        """Time passes, and the timer with it."""
        for _ in range(count):
            self.clock.advance(61)
            await self.upkeep.recheck()


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents)


async def test_each_topic_is_asked_for_once_a_minute_as_long_as_somebody_is_there(world: World):
    await world.audiences.add(SINGLE_USER, [TOPIC])
    for _ in range(3):  # other windows, other requests
        await world.audiences.add(SINGLE_USER, [TOPIC, OTHER])
    await world.minutes(5)
    assert sorted(world.asked) == sorted([TOPIC, OTHER] * 5)
    assert world.gateway.removed == []
    world.gateway.connected.clear()
    await world.minutes(3)
    assert len(world.asked) == 10
    assert await world.store.find(SINGLE_USER) is None


async def test_a_topic_that_is_lost_is_taken_from_all_connections_and_the_others_stay(world: World):
    await world.audiences.add(SINGLE_USER, [TOPIC, OTHER])
    await world.minutes()
    world.errors[TOPIC] = NotFound("no", code="topic_not_found")
    await world.minutes(3)
    assert world.gateway.removed == [(SINGLE_USER, TOPIC)]
    assert world.asked.count(OTHER) == 4


async def test_while_a_url_that_joins_the_topic_works_it_is_taken_away_again_and_again(world: World):
    await world.audiences.add(SINGLE_USER, [TOPIC], joinable_for=timedelta(minutes=10))
    world.errors[TOPIC] = NotFound("no", code="topic_not_found")
    world.gateway.connected.clear()
    await world.minutes(12)
    assert len(world.gateway.removed) == 9
    assert await world.store.find(SINGLE_USER) is None


async def test_who_is_signed_out_hears_nothing_any_more(world: World):
    await world.audiences.add(SINGLE_USER, [TOPIC, OTHER])
    world.identity.signed_out = True
    await world.minutes()
    assert set(world.gateway.removed) == {(SINGLE_USER, TOPIC), (SINGLE_USER, OTHER)}


async def test_the_connections_of_a_login_that_has_ended_are_closed_as_long_as_its_url_works(world: World):
    ended, other = listener_of(BY_LOGIN), listener_of(BY_TOKEN)
    for listener in (ended, other):
        world.gateway.connected.add(listener)
        await world.audiences.add(listener, [TOPIC], joinable_for=timedelta(minutes=10))
    await world.minutes()
    assert world.gateway.closed_listeners == []
    world.identity.ended = frozenset({person_of(ended)})
    await world.minutes(12)
    assert world.gateway.closed_listeners == [(ended, "signed out")] * 8
    assert await world.store.find(ended) is None
    assert await world.store.find(other) is not None
    assert world.asked.count(TOPIC) == 2 + 12  # both, and then the other's alone


async def test_while_the_gateway_is_down_an_ended_login_is_not_forgotten(world: World):
    ended = listener_of(BY_LOGIN)
    world.gateway.connected.add(ended)
    await world.audiences.add(ended, [TOPIC])
    world.identity.ended = frozenset({person_of(ended)})
    world.gateway.down = True
    await world.minutes(2)
    world.gateway.down = False
    await world.minutes(1)
    assert world.gateway.closed_listeners == [(ended, "signed out")]


async def test_a_token_that_smartsheet_refuses_is_noted_and_ends_everything(world: World):
    await world.audiences.add(SINGLE_USER, [TOPIC, OTHER])
    world.errors[OTHER] = Unauthorized("Out.", code="needs_sign_in")
    await world.minutes()
    assert set(world.gateway.removed) == {(SINGLE_USER, TOPIC), (SINGLE_USER, OTHER)}
    assert world.identity.refused == 1


async def test_a_refusal_that_does_not_stand_ends_nothing(world: World):
    await world.audiences.add(SINGLE_USER, [TOPIC, OTHER])
    world.errors[OTHER] = Unauthorized("Out.", code="needs_sign_in")
    world.identity.refusals_stand = False
    await world.minutes()
    assert (world.gateway.removed, world.identity.refused) == ([], 1)


@pytest.mark.parametrize("error", [UpstreamUnavailable("Down."), RateLimited("Slow.", retry_after_seconds=9)])
async def test_while_nobody_can_be_asked_topics_stay(world: World, error: AppError):
    await world.audiences.add(SINGLE_USER, [TOPIC])
    world.errors[TOPIC] = error
    await world.minutes(2)
    assert (world.gateway.removed, len(world.asked)) == ([], 2)


async def test_a_gateway_that_is_down_is_asked_again_and_nobody_is_forgotten(world: World):
    await world.audiences.add(SINGLE_USER, [TOPIC])
    world.gateway.down = True
    await world.minutes(3)
    assert world.asked == []
    world.gateway.down = False
    await world.minutes(2)
    assert len(world.asked) == 2


async def test_what_is_joined_while_the_timer_looks_is_not_lost(world: World):
    await world.audiences.add(SINGLE_USER, [TOPIC])
    world.clock.advance(61)
    await asyncio.gather(world.upkeep.recheck(), *(world.audiences.add(SINGLE_USER, [OTHER]) for _ in range(3)))
    await world.minutes()
    assert set(world.asked) == {TOPIC, OTHER}
    await world.minutes()
    assert world.asked.count(TOPIC) == 3


async def test_somebody_whose_next_look_was_lost_is_found_with_their_next_topic(world: World):
    await world.audiences.add(SINGLE_USER, [TOPIC])
    held = await world.store.find(SINGLE_USER)
    assert held is not None
    await world.store.save(held.model_copy(update={"look_at": held.look_at + timedelta(seconds=7)}))  # a crash
    await world.minutes(2)
    assert world.asked == []
    world.clock.advance(700)
    await world.audiences.add(SINGLE_USER, [TOPIC])
    await world.minutes(2)
    assert world.asked == [TOPIC, TOPIC]


async def test_audiences_that_cannot_be_read_do_not_keep_others_from_losing_access(world: World):
    bodies: dict[UserId, Json] = {}
    for user_id in [UserId(f"user-{number:03}") for number in range(150)]:  # more than the timer takes at once
        await world.audiences.add(user_id, [TOPIC])
        stored = await world.documents.find("audiences", user_id, user_id)
        assert stored is not None
        bodies[user_id] = stored.body
        await world.documents.write("audiences", user_id, Upsert(user_id, {**stored.body, "topics": 7}))
    world.clock.advance(1)
    await world.audiences.add(SINGLE_USER, [TOPIC])
    world.errors[TOPIC] = NotFound("no", code="topic_not_found")
    await world.minutes(1)
    assert world.gateway.removed == [(SINGLE_USER, TOPIC)]
    for user_id, body in bodies.items():  # somebody mended them
        world.gateway.connected.add(user_id)
        await world.documents.write("audiences", user_id, Upsert(user_id, body))
    await world.minutes(2)
    assert {user_id for user_id, _ in world.gateway.removed} == {SINGLE_USER, *bodies}
