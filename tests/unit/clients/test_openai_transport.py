"""The SDK's HTTP by way of aiohttp, on a real loopback server."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from aiohttp import web

from shared.clients.openai.transport import AiohttpTransport
from tests.unit.clients.loopback import loopback


@pytest.fixture
async def server() -> AsyncIterator[str]:
    """Echoes; `/gzip`, `/slow` and `/cut` do what they say."""
    busy = {"now": 0, "most": 0}
    done = asyncio.Event()

    async def echo(request: web.Request) -> web.StreamResponse:
        busy["now"] += 1
        busy["most"] = max(busy.values())
        body = await request.read()
        await asyncio.sleep(0.01)
        busy["now"] -= 1
        headers = {"x-sent": request.headers.get("x-given", ""), "x-most": str(busy["most"])}
        return web.Response(body=body + request.raw_path.encode(), headers=headers)

    async def gzip(_: web.Request) -> web.StreamResponse:
        response = web.Response(text="packed")
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async def slow(_: web.Request) -> web.StreamResponse:
        await done.wait()
        return web.Response()

    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return response

    routes = [web.get("/gzip", gzip), web.get("/slow", slow), web.get("/cut", cut), web.route("*", "/{x:.*}", echo)]
    async with loopback(*routes) as url:
        yield url
        done.set()


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=AiohttpTransport(connections=2), timeout=0.3) as made:
        yield made


async def test_method_path_headers_and_body_arrive_unchanged(server: str, client: httpx2.AsyncClient):
    answer = await client.put(f"{server}/a%2Fb?q=%20x", content=b"body ", headers={"x-given": "yes"})
    assert (answer.status_code, answer.content) == (200, b"body /a%2Fb?q=%20x")
    assert answer.headers["x-sent"] == "yes"


async def test_a_compressed_body_is_unpacked_once(server: str, client: httpx2.AsyncClient):
    assert (await client.get(f"{server}/gzip")).text == "packed"


async def test_no_more_connections_are_open_than_allowed(server: str, client: httpx2.AsyncClient):
    answers = await asyncio.gather(*(client.get(f"{server}/x", timeout=5) for _ in range(10)))
    assert max(int(answer.headers["x-most"]) for answer in answers) == 2


async def test_a_slow_answer_is_a_read_timeout(server: str, client: httpx2.AsyncClient):
    with pytest.raises(httpx2.ReadTimeout):
        await client.get(f"{server}/slow")


async def test_an_answer_that_ends_too_early_is_a_read_error(server: str, client: httpx2.AsyncClient):
    with pytest.raises(httpx2.ReadError):
        await client.get(f"{server}/cut")


async def test_a_port_where_nobody_listens_is_a_connect_error(server: str, client: httpx2.AsyncClient):
    with pytest.raises(httpx2.ConnectError):
        await client.get("http://127.0.0.1:1/")


async def test_an_answer_can_be_read_in_pieces_and_left(server: str, client: httpx2.AsyncClient):
    async with client.stream("POST", f"{server}/x", content=b"a" * 200_000) as answer:
        first = await anext(answer.aiter_bytes())
    assert first.startswith(b"a")
    assert (await client.get(f"{server}/after")).content == b"/after"
