"""Health, and the description of the API."""

import pytest

from shared.errors import UpstreamUnavailable
from tests.functions.client import Functions
from tests.functions.world import SHEET, World


async def test_health_is_ok_when_every_part_is(functions: Functions):
    answer = await functions.request("get_health")
    assert (answer.status, answer.json["status"]) == (200, "ok")
    parts = {name: part["status"] for name, part in answer.json["parts"].items()}
    assert parts == {"database": "ok", "queues": "ok", "webhooks": "ok"}
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Correlation-ID"]


@pytest.mark.parametrize(
    ("error", "code"), [(UpstreamUnavailable("gone"), "upstream_unavailable"), (RuntimeError("kaboom"), "internal")]
)
async def test_health_tells_which_part_fails_and_no_more_than_that(
    functions: Functions, world: World, error: Exception, code: str
):
    world.queues.broken = error
    answer = await functions.request("get_health")
    assert (answer.status, answer.json["status"]) == (503, "failing")
    assert answer.json["parts"]["database"]["status"] == "ok"
    assert (answer.json["parts"]["queues"]["status"], answer.json["parts"]["queues"]["code"]) == ("failing", code)
    assert "kaboom" not in answer.text


async def test_health_shows_a_full_database(functions: Functions, world: World):
    await world.fill_disk()
    answer = await functions.request("get_health")
    assert (answer.status, answer.json["parts"]["database"]["code"]) == (503, "storage_full")


async def test_health_needs_no_page_of_ours(functions: Functions):
    headers = {"Host": "10.0.0.7:7071", "Origin": "http://probe.example"}
    assert (await functions.request("get_health", headers=headers)).status == 200


async def test_the_api_describes_itself(functions: Functions):
    answer = await functions.request("get_openapi")
    assert (answer.status, answer.json["openapi"]) == (200, "3.1.0")
    assert "/api/jobs/{jobId}/rows" in answer.json["paths"]


async def test_the_description_for_people_loads_nothing_from_elsewhere(functions: Functions):
    answer = await functions.request("get_docs")
    assert answer.status == 200 and "<h1>ChatSheetAI" in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "://" not in answer.text and "src=" not in answer.text


async def test_counters_tell_requests_circuits_cache_and_memory(functions: Functions, world: World):
    await functions.request("list_rows", path={"sheetId": SHEET})
    await functions.request("get_session", path={"id": "8d3c55a1-9b3c-4a54-9d5f-0c8a4f4a0b11"})
    counted = (await functions.request("get_metrics")).json
    assert counted["routes"]["list_rows"]["byStatus"] == {"2xx": 1}
    assert counted["routes"]["get_session"]["byStatus"] == {"4xx": 1}
    assert counted["sheets"]["misses"] == 1 and counted["memoryBytes"] > 10_000_000
    world.container._breaker("Web PubSub")
    assert (await functions.request("get_metrics")).json["circuits"]["Web PubSub"] == "closed"
