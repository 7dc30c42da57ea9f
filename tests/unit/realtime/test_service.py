"""Topics: only those who may hear one get it, and a refusal never cuts the line."""

import pytest
from pydantic import SecretStr

from shared.errors import Forbidden, InvalidInput, NotFound
from shared.events.bus import EventBus
from shared.identity.models import Caller
from shared.identity.service import SINGLE_USER, SingleUserIdentity
from shared.realtime.audiences import Audiences
from shared.realtime.push import push_to
from shared.realtime.service import RealtimeService
from shared.stores.connections import DocumentAudienceStore, DocumentConnectionStore
from shared.stores.due import DocumentDueStore
from shared.stores.events import DocumentEventStore
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.queues import FakeGateway

CALLER = Caller(SINGLE_USER, SecretStr("token"))


class World:
    def __init__(self, documents: SqliteDocuments) -> None:
        self.gateway = FakeGateway()
        self.events = EventBus(DocumentEventStore(documents, retention_days=7))
        self.events.subscribe("*", push_to(self.gateway))
        identity = SingleUserIdentity(SecretStr("token"))
        gates = {"job": self._gate, "sheet": self._gate}
        audiences = Audiences(DocumentAudienceStore(documents), DocumentDueStore(documents))
        connections = DocumentConnectionStore(documents)
        self.service = RealtimeService(self.gateway, connections, identity, self.events, gates, audiences)

    async def _gate(self, caller: Caller, subject: str) -> None:
        if subject == "mine":
            return
        raise Forbidden("no") if subject == "forbidden" else NotFound("no")


@pytest.fixture
def world(documents: SqliteDocuments) -> World:
    return World(documents)


async def test_negotiating_joins_topics_that_the_caller_may_hear(world: World):
    negotiated = await world.service.negotiate(CALLER, ["job:mine"])
    assert "groups=job:mine" in negotiated.url


@pytest.mark.parametrize("topic", ["job:other", "sheet:forbidden", "nonsense", "secret:1", "job:", ":", ""])
async def test_a_topic_that_one_may_not_hear_does_not_exist(world: World, topic: str):
    with pytest.raises(NotFound) as raised:
        await world.service.negotiate(CALLER, [topic])
    assert raised.value.code == "topic_not_found"


async def test_too_many_topics_are_refused(world: World):
    with pytest.raises(InvalidInput):
        await world.service.negotiate(CALLER, ["job:mine"] * 21)


async def test_a_subscription_tells_where_the_history_stands(world: World):
    await world.events.publish("job:mine", "job_status", {})
    await world.service.connected("c1", SINGLE_USER)
    reply = await world.service.subscribe("c1", "job:mine")
    assert (reply.event, reply.data) == ("subscribed", {"lastSeq": 1})
    assert world.gateway.groups["job:mine"] == {"c1"}


async def test_a_refused_subscription_is_an_error_event(world: World):
    await world.service.connected("c1", SINGLE_USER)
    reply = await world.service.subscribe("c1", "job:other")
    assert (reply.event, reply.data["code"]) == ("error", "topic_not_found")
    assert "job:other" not in world.gateway.groups


async def test_a_connection_that_is_gone_or_of_a_stranger_hears_nothing(world: World):
    await world.service.connected("c1", SINGLE_USER)
    await world.service.disconnected("c1")
    await world.service.connected("c2", "somebody-else")
    assert (await world.service.subscribe("c1", "job:mine")).data["code"] == "connection_not_found"
    assert (await world.service.subscribe("c2", "job:mine")).data["code"] == "needs_sign_in"


async def test_unsubscribing_leaves_the_group(world: World):
    await world.service.connected("c1", SINGLE_USER)
    await world.service.subscribe("c1", "job:mine")
    assert (await world.service.unsubscribe("c1", "job:mine")).event == "unsubscribed"
    assert world.gateway.groups["job:mine"] == set()


async def test_events_are_pushed_to_their_topic_and_kept_when_the_gateway_is_down(world: World):
    await world.events.publish("job:mine", "job_status", {"progress": 1})
    world.gateway.down = True
    await world.events.publish("job:mine", "job_status", {"progress": 2})
    assert [(group, event["seq"], event["data"]) for group, event in world.gateway.pushed] == [
        ("job:mine", 1, {"progress": 1})
    ]
    assert [event.seq for event in await world.events.history("job:mine", 1)] == [2]
