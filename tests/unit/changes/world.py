"""Change-sets over a fake sheet and a real database; `restart` is a new process on both."""

from datetime import timedelta
from typing import Any, cast

from pydantic import SecretStr

from shared.changes.models import Applied, Author, CellChange, ChangeSet, Item, Waiting
from shared.changes.service import ChangeService
from shared.changes.submitting import ChangeSubmitter
from shared.changes.timeline import Timeline
from shared.events.bus import EventBus
from shared.identity.models import Caller
from shared.identity.service import SINGLE_USER, SingleUserIdentity
from shared.ids import ChangeSetId, ColumnId, RowId, SheetId
from shared.sheets.cache import SheetCache
from shared.sheets.input import CellContent
from shared.sheets.models import CellValue, Sheet
from shared.sheets.service import SheetService
from shared.stores.changes import DocumentChangeStore
from shared.stores.events import DocumentEventStore
from shared.stores.leases import DocumentLeaseStore
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.fakes.killing import Countdown, Mortal
from tests.fakes.queues import FakeQueues
from tests.fakes.smartsheet import FakeSheetSource

SHEET = SheetId("100")
CALLER = Caller(SINGLE_USER, SecretStr("ada-token"))
WRITE_TIMEOUT = timedelta(seconds=60)
LONGEST_CALL = timedelta(seconds=150)


def cell(row: int | str, column: int | str, after: CellValue, **given: Any) -> CellChange:
    """A change of one cell; `expected` is a plain value."""
    if "expected" in given:
        given["expected"] = CellContent(value=given["expected"])
    return CellChange(row_id=RowId(str(row)), column_id=ColumnId(str(column)), after=CellContent(value=after), **given)


class World:
    """Everything that change-sets need."""

    def __init__(
        self,
        documents: SqliteDocuments,
        source: FakeSheetSource,
        clock: FakeClock | None = None,
        *,
        instance: str = "one",
    ) -> None:
        self.clock = clock or FakeClock()
        self.instance = instance
        self.source = source
        self.documents = documents
        self.queue = FakeQueues()
        self.restart()

    def restart(self, countdown: Countdown | None = None) -> None:
        """A new process; with a countdown one that dies at that step."""
        documents: Any = self.documents
        source: Any = self.source
        if countdown is not None:
            documents, source = Mortal(documents, countdown), Mortal(source, countdown)
        store = DocumentChangeStore(documents)
        identity = SingleUserIdentity(SecretStr("ada-token"))
        events = EventBus(DocumentEventStore(documents, retention_days=7), clock=self.clock)
        leases = DocumentLeaseStore(documents, clock=self.clock)
        self.sheets = SheetService(source, SheetCache(), self.clock)
        self.service = ChangeService(
            self.sheets,
            store,
            events,
            leases,
            instance=self.instance,
            write_timeout=WRITE_TIMEOUT,
            longest_call=LONGEST_CALL,
            clock=self.clock,
        )
        self.submitter = ChangeSubmitter(
            self.service, store, identity, self.queue, clock=self.clock, sleep=self.clock.sleep
        )
        self.timeline = Timeline(self.sheets, store, self.submitter, clock=self.clock)

    def change_set(self, **given: Any) -> ChangeSet:
        """A header of a person's change-set."""
        return ChangeSet(
            id=given.pop("id", "cs-1"),
            owner=CALLER.user_id,
            sheet_id=SHEET,
            author=Author(kind="user", id=CALLER.user_id),
            item_count=0,
            created_at=self.clock(),
            updated_at=self.clock(),
            **given,
        )

    async def submit(self, *items: Item, **given: Any) -> Applied | Waiting:
        """Apply a change-set with these items."""
        return await self.service.submit(CALLER, self.change_set(**given), items)

    async def to_the_end(self, *items: Item, **given: Any) -> Applied:
        """Apply it, waiting as long as it asks for."""
        for _ in range(30):
            result = await self.submit(*items, **given)
            if isinstance(result, Applied):
                return result
            self.clock.advance((result.until - self.clock()).total_seconds())
        raise AssertionError("never applied")

    async def header(self, change_set_id: str = "cs-1") -> ChangeSet:
        """The stored header."""
        found = await DocumentChangeStore(self.documents).find(SHEET, ChangeSetId(change_set_id))
        assert found is not None
        return found

    def value(self, row: int | str, column: int | str) -> CellValue:
        """What a cell of the sheet holds now."""
        return self.source.value(SHEET, str(row), str(column))

    @property
    def sheet(self) -> Sheet:
        """The sheet as it is now."""
        return self.source.sheet(SHEET)

    def outline(self) -> list[str]:
        """The rows' first cells, children with a `>` for each level."""
        rows = {row.id: row for row in self.sheet.rows}

        def depth(row_id: str) -> int:
            parent = rows[RowId(row_id)].parent_id
            return 0 if parent is None else 1 + depth(parent)

        first = self.sheet.columns[0].id
        return [
            ">" * depth(row.id) + str(row.cells[first].value if first in row.cells else "") for row in rows.values()
        ]


def states(result: Applied | Waiting) -> list[str]:
    """The items' states, in order."""
    return [item.state for item in cast(Applied, result).items]
