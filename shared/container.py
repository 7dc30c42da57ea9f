"""The only place where objects are wired. Nothing is built at import; everything is built once, on first use."""

from datetime import timedelta
from functools import cached_property

from shared.adapters import Adapters
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
from shared.clients.smartsheet.transport import longest_write_seconds
from shared.errors import Conflict, NotFound
from shared.events.bus import EventBus
from shared.health import HealthService, PartHealth
from shared.identity.api_tokens import ApiTokens
from shared.identity.deletion import UserDeletion
from shared.identity.models import Caller
from shared.identity.ports import Identity
from shared.identity.service import SingleUserIdentity
from shared.identity.sign_in import SignInService
from shared.identity.token_identity import TokenIdentity
from shared.ids import JobId, SessionId, SheetId
from shared.jobs.checking import JobChecker
from shared.jobs.control import JobControl
from shared.jobs.finishing import JobFinisher
from shared.jobs.forecasting import Pace
from shared.jobs.guarding import JobGuard
from shared.jobs.launching import JobLauncher
from shared.jobs.lifecycle import JobLifecycle
from shared.jobs.previewing import JobPreviewer
from shared.jobs.processing import RowProcessor
from shared.jobs.reruns import JobReruns
from shared.jobs.service import JobService
from shared.jobs.states import JobStates
from shared.jobs.undoing import JobUndoing
from shared.jobs.writing import OutcomeWriter
from shared.metrics import InstanceMetrics, Metrics
from shared.realtime.audiences import AccessUpkeep, Audiences
from shared.realtime.push import push_to
from shared.realtime.service import RealtimeService
from shared.records import utc_now
from shared.resilience.circuit import CircuitState
from shared.resilience.rate_limits import RateLimiter, RequestClass
from shared.settings import load_settings
from shared.sheets.cache import SheetCache
from shared.sheets.service import SheetService
from shared.stores.connections import DocumentConnectionStore
from shared.stores.events import DocumentEventStore
from shared.stores.identity import (
    DocumentApiTokenStore,
    DocumentOAuthStateStore,
)
from shared.stores.rate_limits import DocumentRateStore
from shared.webhook_wiring import WEBHOOKS_OFF, Webhooks


class Container(Adapters):
    """The application's objects. Tests replace an attribute before it is first used."""

    # --- what the edge asks ------------------------------------------------------------------------

    @cached_property
    def identity(self) -> Identity:
        """Who calls."""
        if self.settings.auth_mode == "token":
            return TokenIdentity(self._users, self._logins, self.api_tokens, self._connections, self._allow_list)
        assert self.settings.smartsheet_access_token is not None
        return SingleUserIdentity(self.settings.smartsheet_access_token, self.smartsheet)

    @cached_property
    def sign_in(self) -> SignInService:
        """Signing in and out. Raises `Conflict` (`single_user_mode`) where there is nobody to sign in."""
        self._require_token_mode()
        settings = self.settings
        return SignInService(
            self.smartsheet,
            self._users,
            self._logins,
            self._connections,
            DocumentOAuthStateStore(self.documents),
            self._allow_list,
            self.webpubsub,
            self.oauth_provider,
            api_base=settings.smartsheet_api_base,
            redirect_uri=f"{settings.public_base_url}/api/auth/smartsheet/callback",
            departures=self.webhooks.keeper,
        )

    @cached_property
    def api_tokens(self) -> ApiTokens:
        """API tokens. Raises `Conflict` (`single_user_mode`) where there is nobody to have any."""
        self._require_token_mode()
        return ApiTokens(DocumentApiTokenStore(self.documents))

    @cached_property
    def rate_limiter(self) -> RateLimiter:
        """How many requests each caller may make."""
        settings = self.settings
        limits: dict[RequestClass, int] = {
            "read": settings.rate_limit_read,
            "write": settings.rate_limit_write,
            "start": settings.rate_limit_start,
            "sign_in": settings.rate_limit_sign_in,
        }
        return RateLimiter(DocumentRateStore(self.documents), limits)

    @cached_property
    def metrics(self) -> Metrics:
        """Counters of this instance."""
        return Metrics(self.settings.instance)

    def report_metrics(self) -> InstanceMetrics:
        """The counters as they are now."""
        circuits: dict[str, CircuitState] = {name: breaker.state for name, breaker in self._breakers.items()}
        return self.metrics.report(circuits, self.sheets.metrics())

    @cached_property
    def user_deletion(self) -> UserDeletion:
        """Deleting what identity holds of a user. Raises `Conflict` (`single_user_mode`)."""
        return UserDeletion(
            self._users, self._logins, self.api_tokens, self._connections, self.webpubsub, self.webhooks.keeper
        )

    @cached_property
    def health(self) -> HealthService:
        """Whether the application can work."""
        notes = (
            {}
            if self.webhooks.keeper
            else {"webhooks": PartHealth(status="ok", code="webhooks_off", detail=WEBHOOKS_OFF)}
        )
        return HealthService({"database": self.documents.check, "queues": self.queues.check}, notes)

    # --- domains -----------------------------------------------------------------------------------

    @cached_property
    def sheets(self) -> SheetService:
        """Sheets and their cache."""
        return SheetService(self.smartsheet, SheetCache(), utc_now, self.webhooks.marks)

    @cached_property
    def sessions(self) -> SessionService:
        """Chat sessions."""
        return SessionService(
            self.sheets,
            self._session_store,
            self._message_store,
            self.identity,
            self.queues,
            self.events,
            self._due,
            watching=self.webhooks.watchers,
        )

    @cached_property
    def messages(self) -> MessageService:
        """The messages of sessions."""
        return MessageService(self._session_store, self._message_store, self.queues, self.events, self._due)

    @cached_property
    def session_upkeep(self) -> SessionUpkeep:
        """Work on sessions that nobody waits for."""
        return SessionUpkeep(
            self._session_store,
            self._message_store,
            self.queues,
            self.events,
            self._due,
            watching=self.webhooks.watchers,
        )

    @cached_property
    def changes(self) -> ChangeService:
        """Change-sets."""
        seconds = self.settings.smartsheet_write_timeout_seconds
        return ChangeService(
            self.sheets,
            self._change_store,
            self.events,
            self.leases,
            instance=self.settings.instance,
            write_timeout=timedelta(seconds=seconds),
            longest_call=timedelta(seconds=longest_write_seconds(seconds)),
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
        return RowAdding(self.sheets, self.change_submitter, self._change_store)

    @cached_property
    def imports(self) -> ImportService:
        """Taking files into sheets."""
        return ImportService(self.sheets, self.row_adder)

    @cached_property
    def jobs(self) -> JobService:
        """Starting jobs and looking at them."""
        checker, launcher = JobChecker(self.sheets), JobLauncher(self.job_finisher)
        return JobService(checker, self._job_store, self._ledger, self.job_guard, launcher)

    @cached_property
    def job_previewer(self) -> JobPreviewer:
        """Trying jobs out."""
        settings = self.settings
        pace = Pace(
            rows_at_once=settings.openai_concurrency,
            tokens_per_minute=settings.openai_tokens_per_minute,
            requests_per_minute=settings.openai_requests_per_minute,
        )
        checker, prices = JobChecker(self.sheets), settings.model_prices
        return JobPreviewer(checker, self._row_processor, prices, pace, model_name=settings.openai_model)

    @cached_property
    def job_reruns(self) -> JobReruns:
        """Doing rows of finished jobs again."""
        return JobReruns(
            self.sheets,
            self._job_store,
            self._ledger,
            self._job_states,
            self.job_finisher,
            self.job_guard,
            JobLauncher(self.job_finisher),
        )

    @cached_property
    def job_guard(self) -> JobGuard:
        """What sees to it that jobs start and end."""
        return JobGuard(self._job_store, self.queues)

    @cached_property
    def job_control(self) -> JobControl:
        """Cancelling and pausing jobs."""
        return JobControl(self._job_store, self._job_states, self.job_finisher, self.job_guard)

    @cached_property
    def job_undoing(self) -> JobUndoing:
        """Undoing what jobs wrote."""
        return JobUndoing(
            self.sheets,
            self._job_store,
            self._ledger,
            self._job_states,
            self.timeline,
            self.identity,
            self.queues,
        )

    @cached_property
    def job_finisher(self) -> JobFinisher:
        """What ends the runs of jobs."""
        settings = self.settings
        return JobFinisher(
            self._job_store,
            self._ledger,
            self._outcome_writer,
            self._job_states,
            settings.model_prices,
            model_name=settings.openai_model,
        )

    @cached_property
    def job_lifecycle(self) -> JobLifecycle:
        """The steps of running jobs."""
        return JobLifecycle(
            self.identity,
            self.sheets,
            self._job_store,
            self._ledger,
            self._row_processor,
            self._outcome_writer,
            self._job_states,
            sign_in_wait=timedelta(days=self.settings.job_sign_in_wait_days),
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
        gates = {"user": _user_gate, "job": self._job_gate, "session": self._session_gate, "sheet": self._sheet_gate}
        store = DocumentConnectionStore(self.documents)
        audiences = Audiences(self._audience_store, self._due)
        return RealtimeService(self.webpubsub, store, self.identity, self.events, gates, audiences)

    @cached_property
    def webhooks(self) -> Webhooks:
        """What keeps sheets fresh."""
        return Webhooks(self)

    @cached_property
    def access_upkeep(self) -> AccessUpkeep:
        """Takes topics away from who may no longer hear them."""
        return AccessUpkeep(self.webpubsub, self._audience_store, self._due, self.identity, self.realtime)

    @cached_property
    def _job_states(self) -> JobStates:
        return JobStates(self._job_store, self.events)

    @cached_property
    def _row_processor(self) -> RowProcessor:
        settings = self.settings
        model_name, rows_at_once = settings.openai_model, settings.openai_concurrency
        return RowProcessor(self.sheets, self._ledger, self.model, model_name=model_name, rows_at_once=rows_at_once)

    @cached_property
    def _outcome_writer(self) -> OutcomeWriter:
        return OutcomeWriter(self._ledger, self.changes)

    def _require_token_mode(self) -> None:
        if self.settings.auth_mode == "single":
            raise Conflict("There is but the one built-in user here; nobody signs in.", code="single_user_mode")

    async def _job_gate(self, caller: Caller, subject: str) -> None:
        await self.jobs.get(caller, JobId(subject))

    async def _session_gate(self, caller: Caller, subject: str) -> None:
        await self.sessions.get(caller, SessionId(subject))

    async def _sheet_gate(self, caller: Caller, subject: str) -> None:
        await self.sheets.confirm_access(caller, SheetId(subject))
        if self.webhooks.watchers is not None:
            await self.webhooks.watchers.topic_heard(caller.user_id, SheetId(subject))


async def _user_gate(caller: Caller, subject: str) -> None:
    if subject != caller.user_id:
        raise NotFound("There is no such topic for you.", code="topic_not_found")


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
