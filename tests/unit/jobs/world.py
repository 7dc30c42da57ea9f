"""A whole job in memory: real services on a database file, fakes for Smartsheet, the model and Durable."""

from collections import deque
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from shared.ai.estimates import parse_prices
from shared.changes.service import ChangeService
from shared.changes.submitting import ChangeSubmitter
from shared.changes.timeline import Timeline
from shared.events.bus import EventBus
from shared.identity.models import Caller
from shared.identity.service import SINGLE_USER, SingleUserIdentity
from shared.ids import JobId, SheetId
from shared.jobs.checking import JobChecker
from shared.jobs.control import JobControl
from shared.jobs.finishing import JobFinisher
from shared.jobs.forecasting import Pace
from shared.jobs.guarding import JobGuard
from shared.jobs.launching import JobLauncher
from shared.jobs.lifecycle import JobLifecycle
from shared.jobs.models import Job
from shared.jobs.previewing import JobPreviewer
from shared.jobs.processing import RowProcessor
from shared.jobs.requests import JobView, StartJob
from shared.jobs.reruns import JobReruns
from shared.jobs.service import JobService
from shared.jobs.states import JobStates, run_of
from shared.jobs.steps import JobRun, control_event
from shared.jobs.undoing import JobUndoing
from shared.jobs.writing import OutcomeWriter
from shared.sheets.cache import SheetCache
from shared.sheets.service import SheetService
from shared.stores.changes import DocumentChangeStore
from shared.stores.events import DocumentEventStore
from shared.stores.jobs import DocumentJobStore, DocumentLedger
from shared.stores.leases import DocumentLeaseStore
from shared.stores.sqlite import SqliteDocuments
from tests.fakes.clock import FakeClock
from tests.fakes.killing import Countdown, Mortal
from tests.fakes.model import FakeModel
from tests.fakes.orchestration import FakeDurable
from tests.fakes.queues import FakeQueues
from tests.fakes.smartsheet import FakeSheetSource, sheet_of

CALLER = Caller(SINGLE_USER, SecretStr("token"))
SHEET = SheetId("100")
TEXT, SUMMARY = "1002", "1003"


def report_sheet(rows: int) -> FakeSheetSource:
    """Reports with a text column to summarise and an empty target."""
    values = [[f"Report {n}", f"The pump of station {n} leaks since Monday."] for n in range(1, rows + 1)]
    return FakeSheetSource(sheet_of(["Title", "Text", "Summary"], values))


class FakeRunner:
    """`JobRunner` that keeps what was started."""

    def __init__(self) -> None:
        self.started: list[JobRun] = []
        self.raised: set[str] = set()
        self.error: Exception | None = None

    async def start(self, job: Job) -> None:
        if self.error is not None:
            raise self.error
        if run_of(job) not in self.started:
            self.started.append(run_of(job))

    async def signal(self, job: Job) -> None:
        if self.error is not None:
            raise self.error
        self.raised.add(control_event(job.signal))


class World:
    """`restart` is a new process on the same database and the same sheet."""

    preview_seconds = 25.0

    def __init__(self, documents: SqliteDocuments, source: FakeSheetSource, model: FakeModel | None = None) -> None:
        self.clock = FakeClock()
        self.documents = documents
        self.source = source
        self.model = model or FakeModel()
        self.runner = FakeRunner()
        self.queue = FakeQueues()
        self.identity = SingleUserIdentity(SecretStr("token"))
        self.durable: FakeDurable
        self.during_waits: deque[Any] = deque()
        self.restart()

    def restart(self, countdown: Countdown | None = None) -> None:
        parts: dict[str, Any] = {
            "source": self.source,
            "ledger": DocumentLedger(self.documents),
            "jobs": DocumentJobStore(self.documents),
            "changes": DocumentChangeStore(self.documents),
            "events": DocumentEventStore(self.documents, retention_days=7),
            "model": self.model,
        }
        if countdown is not None:
            parts = {name: Mortal(part, countdown) for name, part in parts.items()}
        self.sheets = SheetService(parts["source"], SheetCache(), self.clock)
        self.ledger = DocumentLedger(self.documents)
        self.events = EventBus(parts["events"], clock=self.clock)
        leases = DocumentLeaseStore(self.documents, clock=self.clock)
        changes = ChangeService(
            self.sheets,
            parts["changes"],
            self.events,
            leases,
            instance="one",
            write_timeout=timedelta(seconds=60),
            longest_call=timedelta(seconds=60),
            clock=self.clock,
        )
        states = JobStates(parts["jobs"], self.events, clock=self.clock)
        writer = OutcomeWriter(parts["ledger"], changes, clock=self.clock)
        prices = parse_prices('{"fake": {"input": 2, "output": 10, "currency": "EUR"}}')
        self.finisher = JobFinisher(parts["jobs"], parts["ledger"], writer, states, prices, model_name="fake")
        self.guard = JobGuard(parts["jobs"], self.queue)
        self.control = JobControl(parts["jobs"], states, self.finisher, self.guard, clock=self.clock)
        launcher = JobLauncher(self.finisher)
        checker = JobChecker(self.sheets, clock=self.clock)
        self.service = JobService(checker, parts["jobs"], parts["ledger"], self.guard, launcher)
        self.submitter = ChangeSubmitter(
            changes, parts["changes"], self.identity, self.queue, clock=self.clock, sleep=self.clock.sleep
        )
        self.undoing = JobUndoing(
            self.sheets,
            parts["jobs"],
            parts["ledger"],
            states,
            Timeline(self.sheets, parts["changes"], self.submitter, clock=self.clock),
            self.identity,
            self.queue,
            clock=self.clock,
        )
        self.reruns = JobReruns(
            self.sheets,
            parts["jobs"],
            parts["ledger"],
            states,
            self.finisher,
            self.guard,
            launcher,
            clock=self.clock,
        )
        processor = RowProcessor(
            self.sheets, parts["ledger"], parts["model"], model_name="fake", rows_at_once=8, clock=self.clock
        )
        pace = Pace(rows_at_once=8, tokens_per_minute=1_000_000, requests_per_minute=600)
        self.previewer = JobPreviewer(
            checker,
            processor,
            prices,
            pace,
            model_name="fake",
            wait_seconds=self.preview_seconds,
            seconds=lambda: self.clock().timestamp(),
        )
        self.lifecycle = JobLifecycle(
            self.identity,
            self.sheets,
            parts["jobs"],
            parts["ledger"],
            processor,
            writer,
            states,
            clock=self.clock,
        )

    def request(self, **changes: Any) -> StartJob:
        parameters = {"sourceColumns": ["Text"], "targetColumn": "Summary"}
        return StartJob.model_validate({"type": "SUMMARIZE", "sheetId": SHEET, "parameters": parameters, **changes})

    async def start(self, **changes: Any) -> JobView:
        return await self.service.start(CALLER, self.request(**changes), self.runner)

    async def run(self, job: JobRun | None = None) -> JobView:
        """Run the orchestration of the job that was started last."""
        run = job or self.runner.started[-1]
        lifecycle: Any = self.lifecycle
        activities: dict[str, Any] = {
            "plan_job": lifecycle.plan,
            "process_rows": lifecycle.process,
            "apply_outcomes": lifecycle.apply,
            "report_progress": lifecycle.report,
            "finish_job": self.finisher.finish,
        }
        self.durable = FakeDurable(activities, self.clock)
        self.durable.raised = self.runner.raised
        self.durable.during_waits = self.during_waits
        await self.durable.run_job(run)
        return await self.service.get(CALLER, run.job_id)

    async def job(self, job_id: str) -> JobView:
        return await self.service.get(CALLER, JobId(job_id))

    def summaries(self) -> list[Any]:
        return [self.source.value(SHEET, row.id, SUMMARY) for row in self.source.sheet(SHEET).rows]
