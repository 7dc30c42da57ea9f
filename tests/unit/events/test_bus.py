"""Events: stored first, numbered without gaps, told to whoever listens."""

import asyncio

from shared.errors import UpstreamUnavailable
from shared.events.bus import EventBus
from shared.events.models import Event
from shared.stores.events import DocumentEventStore
from shared.stores.sqlite import SqliteDocuments
from shared.telemetry import correlated


def bus_on(documents: SqliteDocuments) -> EventBus:
    return EventBus(DocumentEventStore(documents, retention_days=7))


async def test_numbers_rise_by_one_per_topic_also_under_concurrency(documents: SqliteDocuments):
    bus = bus_on(documents)
    await asyncio.gather(*(bus.publish("job:1", "job_status", {"n": n}) for n in range(15)))
    await bus.publish("job:2", "job_status", {})
    history = await bus.history("job:1", 0)
    assert [event.seq for event in history] == list(range(1, 16))
    assert {event.data["n"] for event in history} == set(range(15))
    assert await bus.last_seq("job:2") == 1


async def test_history_starts_after_what_the_client_has(documents: SqliteDocuments):
    bus = bus_on(documents)
    for n in range(5):
        await bus.publish("job:1", "job_status", {"n": n})
    assert [event.seq for event in await bus.history("job:1", 3)] == [4, 5]
    assert await bus.history("job:none", 0) == []
    assert await bus.last_seq("job:none") == 0


async def test_subscribers_get_what_their_pattern_matches(documents: SqliteDocuments):
    bus = bus_on(documents)
    heard: list[str] = []

    def listen(name: str):
        async def take(event: Event) -> None:
            heard.append(f"{name}:{event.topic}")

        return take

    bus.subscribe("job:*/job_status", listen("jobs"))
    bus.subscribe("*", listen("all"))
    bus.subscribe("sheet:1/*", listen("sheet"))
    await bus.publish("job:1", "job_status", {})
    await bus.publish("sheet:1", "sheet_update", {})
    assert heard == ["jobs:job:1", "all:job:1", "all:sheet:1", "sheet:sheet:1"]


async def test_a_failing_subscriber_undoes_nothing_and_stops_nobody(documents: SqliteDocuments):
    bus = bus_on(documents)
    heard: list[int] = []

    async def fail(event: Event) -> None:
        raise UpstreamUnavailable("down")

    async def take(event: Event) -> None:
        heard.append(event.seq)

    bus.subscribe("*", fail)
    bus.subscribe("*", take)
    await bus.publish("job:1", "job_status", {})
    assert heard == [1]
    assert len(await bus.history("job:1", 0)) == 1


async def test_an_event_carries_the_correlation_id_of_its_cause(documents: SqliteDocuments):
    bus = bus_on(documents)
    with correlated("corr-12345678"):
        event = await bus.publish("job:1", "job_status", {})
    assert event.correlation_id == "corr-12345678"
