"""Storage queues through the SDK."""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pydantic import SecretStr

from shared.clients.queues import MAX_MESSAGE_BYTES, StorageQueues
from shared.errors import UpstreamFault, UpstreamUnavailable
from shared.records import Frozen
from shared.resilience.circuit import CircuitBreaker
from tests.unit.clients.loopback import ScriptedServer, loopback

MESSAGE_ANSWER = """<?xml version="1.0" encoding="utf-8"?><QueueMessagesList><QueueMessage><MessageId>1</MessageId>
<InsertionTime>Mon, 02 Mar 2026 09:00:00 GMT</InsertionTime>
<ExpirationTime>Mon, 09 Mar 2026 09:00:00 GMT</ExpirationTime><PopReceipt>r</PopReceipt>
<TimeNextVisible>Mon, 02 Mar 2026 09:00:00 GMT</TimeNextVisible></QueueMessage></QueueMessagesList>"""


class StartedJob(Frozen):
    job_id: str


class FakeQueueService:
    """Queues that exist once they were made; `raced` are made by somebody else just before we do."""

    def __init__(self, *, raced: bool = False) -> None:
        self.queues: dict[str, list[str]] = {}
        self.queries: list[dict[str, str]] = []
        self._raced = raced

    @property
    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.put("/acc/{queue}", self._create), web.post("/acc/{queue}/messages", self._put)]

    async def _create(self, request: web.Request) -> web.StreamResponse:
        exists = request.match_info["queue"] in self.queues or self._raced
        self.queues.setdefault(request.match_info["queue"], [])
        if exists:
            return web.Response(status=409, headers={"x-ms-error-code": "QueueAlreadyExists"})
        return web.Response(status=201)

    async def _put(self, request: web.Request) -> web.StreamResponse:
        queue = self.queues.get(request.match_info["queue"])
        if queue is None:
            return web.Response(status=404, headers={"x-ms-error-code": "QueueNotFound"})
        found = re.search("<MessageText>(.*)</MessageText>", await request.text())
        assert found is not None
        queue.append(found[1])
        self.queries.append(dict(request.query))
        return web.Response(status=201, text=MESSAGE_ANSWER, content_type="application/xml")


@asynccontextmanager
async def queues_on(url: str) -> AsyncIterator[StorageQueues]:
    key = base64.b64encode(b"key").decode()
    connection = f"DefaultEndpointsProtocol=http;AccountName=acc;AccountKey={key};QueueEndpoint={url}/acc"
    queues = StorageQueues(SecretStr(connection), breaker=CircuitBreaker("queues", failures_to_open=1))
    try:
        yield queues
    finally:
        await queues.aclose()


@pytest.mark.parametrize("raced", [False, True])
async def test_a_message_is_base64_json_in_a_queue_that_is_made_when_missing(raced: bool):
    service = FakeQueueService(raced=raced)
    async with loopback(*service.routes) as url, queues_on(url) as queues:
        await queues.send("jobs", StartedJob(job_id="j1"))
        await queues.send("jobs", '{"jobId":"j2"}', delay_seconds=90)
    assert [base64.b64decode(text) for text in service.queues["jobs"]] == [b'{"jobId":"j1"}', b'{"jobId":"j2"}']
    assert service.queries[0]["visibilitytimeout"] == "0"
    assert service.queries[1]["visibilitytimeout"] == "90"
    assert service.queries[0]["messagettl"] == "-1"


async def test_a_message_that_cannot_fit_is_a_mistake_that_is_found_before_sending():
    async with queues_on("http://127.0.0.1:1") as queues:
        with pytest.raises(ValueError, match=f"a message for jobs has {MAX_MESSAGE_BYTES + 1} bytes"):
            await queues.send("jobs", "x" * (MAX_MESSAGE_BYTES + 1))


async def test_the_largest_message_fits():
    service = FakeQueueService()
    async with loopback(*service.routes) as url, queues_on(url) as queues:
        await queues.send("jobs", "ä" * (MAX_MESSAGE_BYTES // 2))
    assert len(service.queues["jobs"][0]) == 64 * 1024


async def test_a_refusal_is_a_fault():
    server = ScriptedServer(403)
    async with loopback(server.route) as url, queues_on(url) as queues:
        with pytest.raises(UpstreamFault):
            await queues.send("jobs", "{}")
    assert len(server.calls) == 1


async def test_while_the_circuit_is_open_nothing_is_sent(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("shared.clients.queues.RETRIES", 0)
    server = ScriptedServer(503)
    async with loopback(server.route) as url, queues_on(url) as queues:
        for _ in range(2):
            with pytest.raises(UpstreamUnavailable):
                await queues.send("jobs", "{}")
    assert len(server.calls) == 1
