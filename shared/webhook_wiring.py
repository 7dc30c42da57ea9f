"""The part of the container that wires webhooks."""

from functools import cached_property
from typing import TYPE_CHECKING

from shared.sheets.ports import SheetMarks
from shared.stores.due import DocumentDueStore
from shared.stores.webhooks import DocumentSheetStateStore, DocumentWatcherStore, DocumentWebhookStore
from shared.telemetry import get_logger
from shared.webhooks.addresses import callback_url
from shared.webhooks.applying import DeliveryService
from shared.webhooks.keeping import WebhookKeeper
from shared.webhooks.models import WebhookId
from shared.webhooks.receiving import CallbackService
from shared.webhooks.refreshing import SheetRefresher
from shared.webhooks.registering import WebhookRegistrar
from shared.webhooks.secrets import ConfiguredWebhook, WebhookSecrets
from shared.webhooks.states import SheetStates, StoredMarks
from shared.webhooks.watching import SheetWatchers

if TYPE_CHECKING:
    from shared.container import Container

log = get_logger(__name__)

WEBHOOKS_OFF = (
    "Changes by others show after 30 seconds at most: Smartsheet cannot call PUBLIC_BASE_URL "
    "(https, port 443, 8000, 8008, 8080 or 8443, not this machine), or there is no TOKEN_KEY."
)


class Webhooks:
    """What keeps sheets fresh. Where Smartsheet cannot call us, there is no keeper, and nobody is noted as watching."""

    def __init__(self, container: "Container") -> None:
        self._container = container
        settings = container.settings
        url = callback_url(settings.public_base_url, settings.smartsheet_api_base)
        self._callback_url = url if settings.has_token_key else None
        if self._callback_url is None:
            log.warning("webhooks are off. %s", WEBHOOKS_OFF)

    @cached_property
    def marks(self) -> SheetMarks | None:
        """What readers of sheets ask; nothing where nothing can be heard."""
        is_off = self._callback_url is None and self._configured is None
        return None if is_off else StoredMarks(self._states, self._callback_url)

    @cached_property
    def callbacks(self) -> CallbackService:
        """Taking callbacks."""
        return CallbackService(self._secrets, self._container.queues)

    @cached_property
    def deliveries(self) -> DeliveryService:
        """Applying callbacks."""
        return DeliveryService(self._states, self.refresher, self._container.queues)

    @cached_property
    def refresher(self) -> SheetRefresher:
        """Reading sheets that changed."""
        container = self._container
        return SheetRefresher(
            self._states,
            self._watcher_store,
            container.sheets,
            container.identity,
            container.events,
            container.queues,
            container.leases,
        )

    @cached_property
    def watchers(self) -> SheetWatchers | None:
        """Who watches sheets."""
        if self._callback_url is None:
            return None
        return SheetWatchers(self._watcher_store, self._container.queues)

    @cached_property
    def keeper(self) -> WebhookKeeper | None:
        """The life of webhooks."""
        if self._callback_url is None:
            return None
        container = self._container
        registrar = WebhookRegistrar(
            container.webhook_source, self._store, self._secrets, container.identity, self._callback_url
        )
        return WebhookKeeper(
            self._states,
            self._watcher_store,
            self._store,
            registrar,
            container.identity,
            container.queues,
            DocumentDueStore(container.documents),
            container.leases,
        )

    @cached_property
    def _states(self) -> SheetStates:
        return SheetStates(DocumentSheetStateStore(self._container.documents))

    @cached_property
    def _watcher_store(self) -> DocumentWatcherStore:
        return DocumentWatcherStore(self._container.documents)

    @cached_property
    def _store(self) -> DocumentWebhookStore:
        return DocumentWebhookStore(self._container.documents)

    @cached_property
    def _secrets(self) -> WebhookSecrets:
        return WebhookSecrets(self._store, lambda: self._container.token_vault, self._configured)

    @cached_property
    def _configured(self) -> ConfiguredWebhook | None:
        settings = self._container.settings
        if settings.smartsheet_webhook_id is None or settings.smartsheet_webhook_secret is None:
            return None
        return ConfiguredWebhook(WebhookId(settings.smartsheet_webhook_id), settings.smartsheet_webhook_secret)
