"""The only place where objects are wired. Nothing is built at import; everything is built once, on first use."""

from datetime import timedelta
from functools import cached_property

from shared.ai.quota import QuotaGate
from shared.changes.editing import EditService
from shared.changes.importing import ImportService
from shared.changes.ports import RowAdder
from shared.changes.row_adding import RowAdding
from shared.changes.service import ChangeService
from shared.changes.submitting import ChangeSubmitter
from shared.changes.timeline import Timeline
from shared.chat.messages import MessageService
from shared.chat.sessions import SessionService
from shared.chat.upkeep import SessionUpkeep
from shared.clients.openai import OpenAIModel
from shared.clients.queues import StorageQueues
from shared.clients.smartsheet.client import SmartsheetClient
from shared.clients.webpubsub import WebPubSubGateway, access_keys, endpoint_host
from shared.events.bus import EventBus
from shared.health import HealthService
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.identity.service import SingleUserIdentity
from shared.ids import JobId, SessionId, SheetId
from shared.jobs.lifecycle import JobLifecycle
from shared.jobs.processing import RowProcessor
from shared.jobs.service import JobService
from shared.jobs.writing import OutcomeWriter
from shared.realtime.push import push_to
from shared.realtime.service import RealtimeService
from shared.records import utc_now
from shared.resilience.circuit import CircuitBreaker
from shared.settings import Settings, load_settings
from shared.sheets.cache import SheetCache
from shared.sheets.service import SheetService
from shared.stores.changes import DocumentChangeStore
from shared.stores.connections import DocumentConnectionStore
from shared.stores.cosmos.documents import CosmosDocuments
from shared.stores.documents import DocumentStore
from shared.stores.due import DocumentDueStore
from shared.stores.events import DocumentEventStore
from shared.stores.jobs import DocumentJobStore, DocumentLedger
from shared.stores.leases import DocumentLeaseStore
from shared.stores.messages import DocumentMessageStore
from shared.stores.sessions import DocumentSessionStore
from shared.stores.sqlite import SqliteDocuments


class Container:
    """The application's objects. Tests replace an attribute before it is first used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    # --- what the edge asks ------------------------------------------------------------------------

    @cached_property
    def identity(self) -> Identity:
        """Who calls."""
        return SingleUserIdentity(self.settings.smartsheet_access_token)

    @cached_property
    def health(self) -> HealthService:
        """Whether the application can work."""
        return HealthService({"database": self.documents.check, "queues": self.queues.check})

    # --- domains -----------------------------------------------------------------------------------

    @cached_property
    def sheets(self) -> SheetService:
        """Sheets and their cache."""
        return SheetService(self.smartsheet, SheetCache(), utc_now)

    @cached_property
    def sessions(self) -> SessionService:
        """Chat sessions."""
        return SessionService(self.sheets, self._session_store, self.identity, self.queues, self.events, self._due)

    @cached_property
    def messages(self) -> MessageService:
        """The messages of sessions."""
        return MessageService(self._session_store, self._message_store, self.queues, self.events, self._due)

    @cached_property
    def session_upkeep(self) -> SessionUpkeep:
        """Work on sessions that nobody waits for."""
        return SessionUpkeep(self._session_store, self._message_store, self.queues, self.events, self._due)

    @cached_property
    def changes(self) -> ChangeService:
        """Change-sets."""
        timeout = timedelta(seconds=self.settings.smartsheet_write_timeout_seconds)
        return ChangeService(
            self.sheets,
            self._change_store,
            self.events,
            self.leases,
            instance=self.settings.instance,
            write_timeout=timeout,
        )

    @cached_property
    def change_submitter(self) -> ChangeSubmitter:
        """What brings people's change-sets to their end."""
        return ChangeSubmitter(self.changes, self._change_store, self.identity, self.queues)

    @cached_property
    def timeline(self) -> Timeline:
        """The change-sets of a sheet, and undoing them."""
        return Timeline(self.sheets, self._change_store, self.change_submitter)

    @cached_property
    def edits(self) -> EditService:
        """People's edits of sheets."""
        return EditService(self.sheets, self.changes, self.change_submitter, self.timeline)

    @cached_property
    def row_adder(self) -> RowAdder:
        """What adds the rows of files, as a change-set."""
        return RowAdding(self.sheets, self.change_submitter)

    @cached_property
    def imports(self) -> ImportService:
        """Taking files into sheets."""
        return ImportService(self.sheets, self.row_adder)

    @cached_property
    def jobs(self) -> JobService:
        """Starting jobs and looking at them."""
        return JobService(self.sheets, self._job_store, self._ledger, self.queues)

    @cached_property
    def job_lifecycle(self) -> JobLifecycle:
        """The steps of running jobs."""
        return JobLifecycle(
            self.identity,
            self.sheets,
            self._job_store,
            self._ledger,
            RowProcessor(
                self.sheets,
                self._ledger,
                self.model,
                model_name=self.settings.openai_model,
                rows_at_once=self.settings.openai_concurrency,
            ),
            OutcomeWriter(self._ledger, self.changes),
            self.events,
            self.queues,
            self.settings.model_prices,
            model_name=self.settings.openai_model,
        )

    @cached_property
    def events(self) -> EventBus:
        """The event bus."""
        bus = EventBus(DocumentEventStore(self.documents, retention_days=self.settings.event_retention_days))
        bus.subscribe("*", push_to(self.webpubsub))
        return bus

    @cached_property
    def realtime(self) -> RealtimeService:
        """Topics and subscriptions."""
        gates = {"job": self._job_gate, "session": self._session_gate, "sheet": self._sheet_gate}
        store = DocumentConnectionStore(self.documents)
        return RealtimeService(self.webpubsub, store, self.identity, self.events, gates)

    # --- adapters ----------------------------------------------------------------------------------

    @cached_property
    def documents(self) -> DocumentStore:
        """The database."""
        account_url = self.settings.cosmos_url
        if account_url is None:
            return SqliteDocuments(self.settings.sqlite_path)
        return CosmosDocuments(account_url, key=self.settings.cosmos_key, breaker=CircuitBreaker("The database"))

    @cached_property
    def smartsheet(self) -> SmartsheetClient:
        """Smartsheet."""
        return SmartsheetClient(
            self.settings.smartsheet_api_base,
            timeout_seconds=self.settings.smartsheet_timeout_seconds,
            write_timeout_seconds=self.settings.smartsheet_write_timeout_seconds,
        )

    @cached_property
    def model(self) -> OpenAIModel:
        """The language model, behind the quota of this instance."""
        settings = self.settings
        gate = QuotaGate(
            tokens_per_minute=settings.openai_tokens_per_minute,
            requests_per_minute=settings.openai_requests_per_minute,
            concurrency=settings.openai_concurrency,
        )
        return OpenAIModel(
            api_base=settings.openai_api_base,
            api_key=settings.openai_api_key,
            api_version=settings.openai_api_version,
            deployment=settings.openai_deployment,
            model=settings.openai_model,
            timeout_seconds=settings.openai_timeout_seconds,
            gate=gate,
            breaker=CircuitBreaker("Azure OpenAI"),
        )

    @cached_property
    def queues(self) -> StorageQueues:
        """Storage queues."""
        return StorageQueues(self.settings.storage_connection, breaker=CircuitBreaker("Storage queues"))

    @cached_property
    def webpubsub(self) -> WebPubSubGateway:
        """Web PubSub's data plane."""
        return WebPubSubGateway(self.settings.webpubsub_connection, breaker=CircuitBreaker("Web PubSub"))

    @cached_property
    def webpubsub_host(self) -> str:
        """The host that asks whether it may send us events."""
        return endpoint_host(self.settings.webpubsub_connection)

    @cached_property
    def webpubsub_keys(self) -> tuple[str, ...]:
        """Access keys that sign upstream events."""
        return access_keys(self.settings.webpubsub_connection)

    @cached_property
    def leases(self) -> DocumentLeaseStore:
        """One runner at a time, across instances."""
        return DocumentLeaseStore(self.documents)

    @cached_property
    def _change_store(self) -> DocumentChangeStore:
        return DocumentChangeStore(self.documents)

    @cached_property
    def _session_store(self) -> DocumentSessionStore:
        return DocumentSessionStore(self.documents)

    @cached_property
    def _message_store(self) -> DocumentMessageStore:
        return DocumentMessageStore(self.documents)

    @cached_property
    def _due(self) -> DocumentDueStore:
        return DocumentDueStore(self.documents)

    @cached_property
    def _job_store(self) -> DocumentJobStore:
        return DocumentJobStore(self.documents)

    @cached_property
    def _ledger(self) -> DocumentLedger:
        return DocumentLedger(self.documents)

    async def _job_gate(self, caller: Caller, subject: str) -> None:
        await self.jobs.get(caller, JobId(subject))

    async def _session_gate(self, caller: Caller, subject: str) -> None:
        await self.sessions.get(caller, SessionId(subject))

    async def _sheet_gate(self, caller: Caller, subject: str) -> None:
        await self.sheets.confirm_access(caller, SheetId(subject))

    async def close(self) -> None:
        """Let go of connections that were opened."""
        for name in ("smartsheet", "model", "webpubsub", "queues"):
            opened = self.__dict__.get(name)
            if opened is not None:
                await opened.aclose()
        if "documents" in self.__dict__:
            await self.documents.close()


_container: Container | None = None


def get_container() -> Container:
    """The container of this process. Raises `SettingsError` when the settings cannot be used."""
    if _container is None:
        use_container(Container(load_settings()))
    assert _container is not None
    return _container


def use_container(container: Container | None) -> None:
    """Serve with this container from now on; None: with a new one, made from the settings on first use."""
    global _container
    _container = container
