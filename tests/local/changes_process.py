"""A process that applies or undoes a change-set on the sandbox, and kills itself with SIGKILL at a given step."""

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from local.smartsheet.accounts import OWNER_TOKEN
from shared.changes.models import (
    ColumnCell,
    ColumnDelete,
    ColumnEdit,
    ColumnShape,
    Item,
    RowAdd,
    RowDelete,
    RowMove,
)
from shared.changes.requests import UndoChange
from shared.changes.service import ChangeService
from shared.changes.submitting import ChangeSubmitter, Wish
from shared.changes.timeline import Timeline
from shared.clients.smartsheet.client import SmartsheetClient
from shared.events.bus import EventBus
from shared.identity.models import Caller
from shared.identity.service import SINGLE_USER, SingleUserIdentity
from shared.ids import ChangeSetId, SheetId
from shared.records import utc_now
from shared.sheets.cache import SheetCache
from shared.sheets.input import CellContent, Placement
from shared.sheets.models import Sheet
from shared.sheets.service import SheetService
from shared.stores.changes import DocumentChangeStore
from shared.stores.events import DocumentEventStore
from shared.stores.leases import DocumentLeaseStore
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.killing import Countdown, Mortal
from tests.fakes.queues import FakeQueues
from tests.unit.changes.world import cell

TOKEN = SecretStr(OWNER_TOKEN)
CALLER = Caller(SINGLE_USER, TOKEN)
CHANGE_SET, INVERSE = ChangeSetId("the-change-set"), ChangeSetId("the-inverse")
WRITE_TIMEOUT_SECONDS = 60

Action = Literal["apply", "undo"]


class Application:
    """What of the application changes sheets, on one database file and the sandbox."""

    def __init__(
        self,
        database: Path,
        sandbox_url: str,
        *,
        countdown: Countdown | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.documents = SqliteDocuments(database)
        self.client = SmartsheetClient(f"{sandbox_url}/2.0")
        self.queue = FakeQueues()
        documents: Any = self.documents
        source: Any = self.client
        if countdown is not None:
            documents, source = Mortal(documents, countdown), Mortal(source, countdown)
        self.store = DocumentChangeStore(documents)
        sheets = SheetService(source, SheetCache(), clock)
        changes = ChangeService(
            sheets,
            self.store,
            EventBus(DocumentEventStore(documents, retention_days=1), clock=clock),
            DocumentLeaseStore(documents, clock=clock),
            instance="this machine",
            write_timeout=timedelta(seconds=WRITE_TIMEOUT_SECONDS),
            longest_call=timedelta(seconds=WRITE_TIMEOUT_SECONDS),
            clock=clock,
        )
        self.submitter = ChangeSubmitter(changes, self.store, SingleUserIdentity(TOKEN), self.queue, clock=clock)
        self.timeline = Timeline(sheets, self.store, self.submitter, clock=clock)

    async def act(self, action: Action, sheet: Sheet) -> None:
        """Apply the change-set, or undo it."""
        if action == "apply":
            wish = Wish(sheet.id, items_of(sheet), UndoChange(), change_set_id=CHANGE_SET)
            await self.submitter.submit(CALLER, wish)
        else:
            await self.timeline.undo(CALLER, CHANGE_SET, UndoChange(), key="undo")

    async def read(self, sheet_id: SheetId) -> Sheet:
        """The sheet as it is."""
        sheet = await self.client.get_sheet(TOKEN, sheet_id)
        assert isinstance(sheet, Sheet)
        return sheet

    async def close(self) -> None:
        """Let go of everything."""
        await self.client.aclose()
        await self.documents.close()


class Suicide(Countdown):
    """Kills the whole process at the deadly step, as the kernel does: nothing is flushed, nothing is told."""

    def strikes(self) -> bool:
        """Never true: who would be told is dead."""
        if super().strikes():
            os.kill(os.getpid(), signal.SIGKILL)
        return False


def items_of(sheet: Sheet) -> list[Item]:
    """One of each kind, over the sheet of the test."""
    task, status, note = (column.id for column in sheet.columns)
    first, second, third = (row.id for row in sheet.rows)
    return [
        cell(first, status, "Done", expected="Open"),
        RowAdd(cells=(ColumnCell(column_id=task, content=CellContent(value="New")),)),
        RowMove(row_id=third, placement=Placement(to_top=True)),
        RowDelete(row_id=second),
        ColumnEdit(column_id=status, after=ColumnShape(title="State")),
        ColumnDelete(column_id=note),
    ]


def run_and_die(database: str, sandbox_url: str, sheet_id: str, action: Action, deadly: int) -> None:
    """The process: it dies before the `deadly`-th call to database or Smartsheet, and ends well if there are fewer.

    To die behind a call is to die before the next one.
    """

    async def main() -> None:
        countdown = Suicide(deadly, after_effect=False)
        application = Application(Path(database), sandbox_url, countdown=countdown)
        await application.act(action, await application.read(SheetId(sheet_id)))
        await application.close()

    asyncio.run(main())
