"""The application's webhooks in this process, on a database file, behind a real HTTP endpoint for the sandbox."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.smartsheet.accounts import OWNER_TOKEN
from shared.container import Container
from shared.errors import AppError
from shared.functions.problems import status_of
from shared.identity.models import Credentials
from shared.identity.service import SINGLE_USER
from shared.ids import SessionId, SheetId
from shared.settings import load_settings
from shared.stores.documents import Delete
from shared.stores.webhooks import DocumentSheetStateStore
from shared.webhooks.addresses import PATH
from shared.webhooks.models import ApplyDelivery, KeepWebhook, RefreshSheet, SheetState
from shared.webhooks.states import SheetStates
from tests.fakes.queues import FakeGateway, FakeQueues
from tests.functions.environment import only_these_settings
from tests.local.smartsheet_sandbox import SmartsheetSandbox

SECONDS = 20


class WebhookApp:
    """One process after the other: `restart` starts a new one on the same database."""

    def __init__(self, sandbox: SmartsheetSandbox, folder: Path, port: int, token: str) -> None:
        self._token = token
        self._folder = folder
        self._sandbox = sandbox
        self._port = port
        self.url = f"http://127.0.0.1:{port}{PATH}"
        self.queues = FakeQueues()
        self.answers: list[int] = []
        self.answer: int | None = None
        self.container = self._new_container()

    async def restart(self) -> None:
        """Forget all that is in memory, as a new process does; messages lie in the queues as before."""
        await self.close()
        self.container = self._new_container()

    async def close(self) -> None:
        """Let go of what was opened; the fakes have nothing open."""
        for name in ("queues", "webpubsub"):
            self.container.__dict__.pop(name)
        await self.container.close()

    def _new_container(self) -> Any:
        settings = {
            "DATABASE_URL": f"sqlite:///{self._folder}/app.db",
            "TOKEN_KEY": f"{self._folder}/key.jwk",
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{self._port}",
            "SMARTSHEET_API_BASE": f"{self._sandbox.url}/2.0",
            "SMARTSHEET_ACCESS_TOKEN": self._token,
        }
        with only_these_settings(**settings):
            container: Any = Container(load_settings())
        container.queues = self.queues
        container.webpubsub = FakeGateway()
        return container

    async def caller(self) -> Any:
        """The built-in user."""
        return await self.container.identity.caller_of_request(Credentials())

    async def open_session(self, sheet_id: str) -> None:
        """Somebody works with the sheet from now on."""
        await self.container.webhooks.watchers.session_opened(SINGLE_USER, SheetId(sheet_id), SessionId("one"))
        await self.drain()

    async def title(self, sheet_id: str, row_id: str, column_id: str) -> Any:
        """What a reader sees in a cell now."""
        sheet = await self.container.sheets.open(await self.caller(), SheetId(sheet_id))
        return sheet.rows_by_id[row_id].cells[column_id].value

    async def updates(self, sheet_id: str) -> list[dict[str, Any]]:
        """What browsers were told."""
        return [event.data for event in await self.container.events.history(f"sheet:{sheet_id}", 0)]

    async def state(self, sheet_id: str) -> SheetState:
        """What all instances know of the sheet."""
        return await SheetStates(DocumentSheetStateStore(self.container.documents)).find(SheetId(sheet_id))

    async def deliver(self, message: Any) -> None:
        """A queue function gets a message."""
        match message:
            case ApplyDelivery():
                await self.container.webhooks.deliveries.apply(message)
            case RefreshSheet():
                await self.container.webhooks.refresher.refresh(message)
            case KeepWebhook():
                await self.container.webhooks.keeper.keep(message)
            case _:
                raise AssertionError(message)

    async def drain(self) -> None:
        """Deliver what lies in the queues; who dies while handling a message leaves it there."""
        while self.queues.sent:
            _, message, _ = self.queues.sent[0]
            await self.deliver(message)
            self.queues.sent.pop(0)

    async def drain_after_death(self, sheet_id: str) -> None:
        """The same, once the lease of the dead has run out."""
        await self.container.documents.write("leases", f"sheet-refresh:{sheet_id}", Delete("lease"))
        await self.drain()

    async def until_heard(self, count: int = 1) -> None:
        """Wait until so many callbacks were answered since the last look."""
        await eventually(lambda: len(self.answers) >= count)
        self.answers.clear()

    async def post(self, body: bytes, signature: str) -> int:
        """Somebody sends a callback; the status that they get."""
        async with httpx2.AsyncClient() as client:
            answer = await client.post(self.url, content=body, headers={"Smartsheet-Hmac-SHA256": signature})
        return answer.status_code

    async def serve(self, request: Request) -> Response:
        """The callback URL; while `answer` is set, it is out of order."""
        challenge = request.headers.get("Smartsheet-Hook-Challenge")
        if self.answer is not None:
            return Response(status_code=self.answer)
        try:
            echo = await self.container.webhooks.callbacks.receive(
                await request.body(),
                challenge=challenge,
                signature=request.headers.get("Smartsheet-Hmac-SHA256", ""),
            )
            headers = {} if echo is None else {"Smartsheet-Hook-Response": echo}
            response = Response(status_code=200, headers=headers)
        except AppError as error:
            response = Response(status_code=status_of(error))
        if challenge is None:
            self.answers.append(response.status_code)
        return response


async def eventually(reached: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(SECONDS):
        while True:
            if reached():
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running_app(
    sandbox: SmartsheetSandbox, folder: Path, *, token: str = OWNER_TOKEN
) -> AsyncIterator[WebhookApp]:
    """The application, served on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = WebhookApp(sandbox, folder, listener.getsockname()[1], token)
    web = Starlette(routes=[Route(PATH, app.serve, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(web, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await eventually(lambda: server.started)
        yield app
    finally:
        server.should_exit = True
        await task
        await app.close()
