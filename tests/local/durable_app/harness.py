"""Serves a task hub with the app beside it on a real socket, in this process or (as a script) in its own.

`python -m tests.local.durable_app.harness <database>` prints its base URL and serves until it is killed.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import azure.durable_functions as df
import httpx2
import uvicorn
from azure.durable_functions.models.utils import http_utils
from starlette.applications import Starlette

from local.functions_host.durable import DurableSettings, DurableTaskHub, durable_routes
from local.functions_host.durable.queries import InstanceStatus
from local.functions_host.functions import Binding, LoadedFunction, Worker
from local.standin.serve import listen
from tests.local.durable_app import function_app

KEY = "system-key"
# The SDK warns once a process that payloads have no declared type; the Python worker calls it so, too.
UNTYPED = "ignore:azure.functions df_loads was called without expected_type:DeprecationWarning"
PUBLIC = "/runtime/webhooks/durabletask"


@cache
def functions() -> dict[str, LoadedFunction]:
    """The app's functions (an app object can be asked for them once only)."""
    return dict(map(_loaded, function_app.app.get_functions()))


def _loaded(function) -> tuple[str, LoadedFunction]:
    described = json.loads(function.get_function_json())
    bindings = tuple(Binding(b["name"], b["type"], b["direction"], b) for b in described["bindings"])
    trigger = next(binding for binding in bindings if binding.type.endswith("Trigger"))
    name = function.get_function_name()
    return name, LoadedFunction(name, trigger, bindings, function.get_user_function())


@dataclass
class Host:
    """A running hub: `client` is the SDK's, `http` knows the public API's key."""

    hub: DurableTaskHub
    url: str
    client: df.DurableOrchestrationClient
    http: httpx2.AsyncClient

    async def run(self, name: str, client_input: object = None, instance_id: str | None = None) -> InstanceStatus:
        """Start an orchestration and wait until it has ended."""
        instance_id = await self.client.start_new(name, instance_id, client_input)
        return await self.finished(instance_id)

    async def finished(self, instance_id: str) -> InstanceStatus:
        """The status of an instance that must end."""
        status = await self.hub.wait_until_finished(instance_id, 20)
        assert status is not None and status.finished, status
        return status

    async def until(self, instance_id: str, **expected: object) -> None:
        """Wait until the status has these attributes."""
        async with asyncio.timeout(20):
            while True:
                status = await self.hub.find_status(instance_id)
                if status is not None and all(getattr(status, name) == value for name, value in expected.items()):
                    return
                await asyncio.sleep(0.01)

    async def until_health(self, **expected: object) -> None:
        """Wait until the hub's health says so."""
        async with asyncio.timeout(20):
            while not expected.items() <= self.hub.health().items():  # noqa: ASYNC110 - health has no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def hosted(database: Path, **settings: object) -> AsyncIterator[Host]:
    """A hub on this database, stopped at the end."""
    worker = Worker()
    hub = DurableTaskHub(
        functions(), worker, database, name="TestHub", settings=DurableSettings.model_validate(settings)
    )
    await hub.start()
    listener = listen(0, "durable test host")
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = Starlette(routes=durable_routes(hub, system_key=lambda: KEY))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    client = df.DurableOrchestrationClient(hub.client_binding(url, KEY))
    async with httpx2.AsyncClient(base_url=url + PUBLIC, params={"code": KEY}, timeout=30) as http:
        yield Host(hub, url, client, http)
    await http_utils._close_session()
    server.should_exit = True
    await serving
    await hub.stop()
    worker.close()


async def _serve_until_killed(database: Path) -> None:
    async with hosted(database) as host:
        print(host.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve_until_killed(Path(sys.argv[1])))
