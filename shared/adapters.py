"""The lower half of the container: clients of services, stores, and what people sign in with."""

from datetime import timedelta
from functools import cached_property

from shared.ai.quota import QuotaGate
from shared.clients.key_file import KeyFile
from shared.clients.key_vault import KeyVaultKeys
from shared.clients.openai import OpenAIModel
from shared.clients.queues import StorageQueues
from shared.clients.smartsheet.client import SmartsheetClient
from shared.clients.smartsheet.oauth import SmartsheetOAuth
from shared.clients.token_vault import EnvelopeVault
from shared.clients.webpubsub import WebPubSubGateway, access_keys, endpoint_host
from shared.identity.allow_list import AllowList
from shared.identity.connections import Connections
from shared.identity.logins import Logins
from shared.identity.oauth import OAuthProvider
from shared.resilience.circuit import CircuitBreaker
from shared.settings import Settings
from shared.stores.changes import DocumentChangeStore
from shared.stores.connections import DocumentAudienceStore
from shared.stores.cosmos.documents import CosmosDocuments
from shared.stores.documents import DocumentStore
from shared.stores.due import DocumentDueStore
from shared.stores.identity import (
    DocumentLoginStore,
    DocumentUserStore,
)
from shared.stores.jobs import DocumentJobStore, DocumentLedger
from shared.stores.leases import DocumentLeaseStore
from shared.stores.messages import DocumentMessageStore
from shared.stores.sessions import DocumentSessionStore
from shared.stores.sqlite import SqliteDocuments
from shared.webhooks.ports import WebhookSource


class Adapters:
    """What the domains reach the outside by. Tests replace an attribute before it is first used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._breakers: dict[str, CircuitBreaker] = {}

    def _breaker(self, service: str) -> CircuitBreaker:
        """The circuit breaker of a service, by the name that people read."""
        return self._breakers.setdefault(service, CircuitBreaker(service))

    @cached_property
    def documents(self) -> DocumentStore:
        """The database."""
        account_url = self.settings.cosmos_url
        if account_url is None:
            return SqliteDocuments(self.settings.sqlite_path)
        return CosmosDocuments(account_url, key=self.settings.cosmos_key, breaker=self._breaker("The database"))

    @cached_property
    def smartsheet(self) -> SmartsheetClient:
        """Smartsheet."""
        return SmartsheetClient(
            self.settings.smartsheet_api_base,
            timeout_seconds=self.settings.smartsheet_timeout_seconds,
            write_timeout_seconds=self.settings.smartsheet_write_timeout_seconds,
            breaker=self._breaker("Smartsheet"),
        )

    @cached_property
    def webhook_source(self) -> WebhookSource:
        """Smartsheet's webhooks."""
        return self.smartsheet.webhooks

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
            breaker=self._breaker("Azure OpenAI"),
        )

    @cached_property
    def queues(self) -> StorageQueues:
        """Storage queues."""
        return StorageQueues(self.settings.storage_connection, breaker=self._breaker("Storage queues"))

    @cached_property
    def webpubsub(self) -> WebPubSubGateway:
        """Web PubSub's data plane."""
        return WebPubSubGateway(self.settings.webpubsub_connection, breaker=self._breaker("Web PubSub"))

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
    def token_vault(self) -> EnvelopeVault:
        """Where Smartsheet tokens are locked up."""
        key_url = self.settings.token_key_url
        ring = KeyFile(self.settings.token_key_path) if key_url is None else self._key_vault(key_url)
        return EnvelopeVault(ring, tenant=self.settings.smartsheet_api_base)

    @cached_property
    def oauth_provider(self) -> OAuthProvider | None:
        """Smartsheet's authorization server; None where no client id is set."""
        client_id, secret = self.settings.smartsheet_oauth_client_id, self.settings.smartsheet_oauth_client_secret
        if client_id is None or secret is None:
            return None
        breaker = self._breaker("Smartsheet sign-in")
        return SmartsheetOAuth(self.settings.smartsheet_api_base, client_id, secret, breaker=breaker)

    @cached_property
    def _users(self) -> DocumentUserStore:
        return DocumentUserStore(self.documents)

    @cached_property
    def _logins(self) -> Logins:
        settings = self.settings
        return Logins(
            DocumentLoginStore(self.documents, days=settings.login_absolute_days),
            idle=timedelta(hours=settings.login_idle_hours),
            absolute=timedelta(days=settings.login_absolute_days),
        )

    @cached_property
    def _connections(self) -> Connections:
        return Connections(self._users, self.token_vault, self.leases, self.smartsheet, self.oauth_provider)

    @cached_property
    def _allow_list(self) -> AllowList:
        return AllowList(self.settings.allowed_users)

    @cached_property
    def _audience_store(self) -> DocumentAudienceStore:
        return DocumentAudienceStore(self.documents)

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

    def _key_vault(self, key_url: str) -> KeyVaultKeys:
        return KeyVaultKeys(key_url, breaker=self._breaker("Key Vault"))

    async def close(self) -> None:
        """Let go of connections that were opened."""
        for name in ("smartsheet", "model", "webpubsub", "queues", "token_vault", "oauth_provider"):
            opened = self.__dict__.get(name)
            if opened is not None:
                await opened.aclose()
        if "documents" in self.__dict__:
            await self.documents.close()
