"""The application behind its functions: real services on a database file, fakes for everything outside."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from shared.container import Container
from shared.errors import AppError, StorageFull
from shared.settings import load_settings
from shared.stores.documents import Create
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.model import FakeModel
from tests.fakes.queues import FakeGateway, FakeQueues
from tests.fakes.smartsheet import FakeSheetSource, sheet_of
from tests.fakes.webhooks import FakeWebhookSource

SHEET = "100"
UNKNOWN_SHEET = "999"
CELL_TEXT = "leaks since Monday"


class CheckedQueues(FakeQueues):
    """Queues that also tell whether they work."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: Exception | None = None

    async def check(self) -> None:
        """The probe of `/api/health`."""
        if self.broken is not None:
            raise self.broken


@dataclass(frozen=True)
class Status:
    """What the service tells about an instance; of an unknown one, nothing."""

    runtime_status: df.OrchestrationRuntimeStatus | None


class FakeDurableClient:
    """The Durable client that the host gives to a function."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str, Any]] = []
        self.raised: list[tuple[str, str]] = []
        self.error: Exception | None = None

    async def get_status(self, instance_id: str) -> Status:
        """What is known about an instance."""
        if self.error is not None:
            raise self.error
        known = any(instance_id == started for _, started, _ in self.started)
        return Status(df.OrchestrationRuntimeStatus.Running if known else None)

    async def start_new(self, name: str, instance_id: str, client_input: Any) -> str:
        """Start an orchestration."""
        self.started.append((name, instance_id, client_input))
        return instance_id

    async def raise_event(self, instance_id: str, event_name: str, event_data: Any = None) -> None:
        """Send an event to an instance that runs."""
        if self.error is not None:
            raise self.error
        self.raised.append((instance_id, event_name))


class World:
    """A container wired on fakes, and the fakes."""

    def __init__(self, tmp_path: Path, rows: int = 3, *, source: type[FakeSheetSource] = FakeSheetSource) -> None:
        values = [[f"Report {n}", f"The pump of station {n} {CELL_TEXT}."] for n in range(1, rows + 1)]
        self.source = source(sheet_of(["Title", "Text", "Summary"], values, name="Reports"))
        self.model = FakeModel()
        self.queues = CheckedQueues()
        self.gateway = FakeGateway()
        self.remote = FakeWebhookSource()
        self.durable = FakeDurableClient()
        self.documents = SqliteDocuments(tmp_path / "app" / "chatsheet.db")
        self.container: Any = Container(load_settings())
        self.container.documents = self.documents
        self.container.smartsheet = self.source
        self.container.model = self.model
        self.container.queues = self.queues
        self.container.webpubsub = self.gateway
        self.container.webhook_source = self.remote

    async def fill_disk(self) -> None:
        """From now on the database has no room."""
        await self.documents.find("filler", "filler", "")
        await self.documents.limit_size(1)
        for number in itertools.count():
            try:
                await self.documents.write("filler", "filler", Create(str(number), {"room": "x" * 100}))
            except StorageFull:
                return

    def fail_reads(self, error: AppError | Exception, *, times: int = 1) -> None:
        """Let Smartsheet fail."""
        failure: Any = error
        self.source.fail("get_sheet", failure, times=times)

    def sent_to(self, queue: str) -> list[Any]:
        """The messages in a queue."""
        return [message for name, message, _ in self.queues.sent if name == queue]
