"""Azure Storage queues as the application's message queue."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from shared.clients.azure_failures import azure_call
from shared.clients.lazy import LazyClient
from shared.resilience.circuit import CircuitBreaker

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.storage.queue.aio import QueueServiceClient

SERVICE = "The message queue"
CONNECT_SECONDS = 3
READ_SECONDS = 10
RETRIES = 2
FIRST_BACKOFF_SECONDS = 1
MAX_MESSAGE_BYTES = 48 * 1024
"""A queue message holds 64 KB; Base64 takes a third of it."""
NEVER_EXPIRES = -1


@dataclass(frozen=True, slots=True)
class _Opened:
    service: "QueueServiceClient"
    credential: "AsyncTokenCredential | None"


class StorageQueues:
    """Implements `shared.events.ports.MessageQueue`.

    `connection` is a storage connection string, or the URL of the queue service
    (`https://name.queue.core.windows.net`) where the managed identity signs in. Messages are Base64, as host.json's
    `messageEncoding` says, and never expire. The SDK is the one that retries: a message may so arrive twice.
    """

    def __init__(
        self, connection: SecretStr, *, breaker: CircuitBreaker, credential: "AsyncTokenCredential | None" = None
    ) -> None:
        self._connection = connection
        self._breaker = breaker
        self._credential = credential
        modules = ["azure.storage.queue.aio"]
        if self._is_url:
            modules.append("azure.identity.aio")
        self._opened = LazyClient(modules, self._build)

    async def send(self, queue: str, message: BaseModel | str, *, delay_seconds: int = 0) -> None:
        """Put a message (a model, or JSON) into the queue; it becomes visible after the delay (at most 7 days).

        The queue is made when it is missing. Raises `UpstreamUnavailable` and its kinds; `ValueError` for a message
        that is too large, which is a mistake in the program: messages carry ids.
        """
        text = message if isinstance(message, str) else message.model_dump_json(by_alias=True)
        size = len(text.encode())
        if size > MAX_MESSAGE_BYTES:
            raise ValueError(f"a message for {queue} has {size} bytes; at most {MAX_MESSAGE_BYTES} are possible")
        service = (await self._opened.get()).service
        from azure.core.exceptions import ResourceNotFoundError

        with azure_call(SERVICE, self._breaker):
            try:
                await self._put(service, queue, text, delay_seconds)
            except ResourceNotFoundError:
                await self._create(service, queue)
                await self._put(service, queue, text, delay_seconds)

    async def check(self) -> None:
        """Prove that the queues answer; raises `UpstreamUnavailable` and its kinds."""
        service = (await self._opened.get()).service
        with azure_call(SERVICE, self._breaker):
            await service.get_service_properties()

    async def aclose(self) -> None:
        """Close the connections and the credential."""
        opened = self._opened.take()
        if opened is not None:
            await opened.service.close()
            if opened.credential is not None:
                await opened.credential.close()

    @staticmethod
    async def _put(service: "QueueServiceClient", queue: str, text: str, delay_seconds: int) -> None:
        from azure.storage.queue import TextBase64EncodePolicy

        client = service.get_queue_client(queue, message_encode_policy=TextBase64EncodePolicy())
        await client.send_message(text, visibility_timeout=delay_seconds, time_to_live=NEVER_EXPIRES)

    @staticmethod
    async def _create(service: "QueueServiceClient", queue: str) -> None:
        from azure.core.exceptions import ResourceExistsError

        try:
            await service.create_queue(queue)
        except ResourceExistsError:
            return  # somebody else sent the first message at the same time

    @property
    def _is_url(self) -> bool:
        return self._connection.get_secret_value().startswith(("https://", "http://"))

    def _build(self) -> _Opened:
        from azure.storage.queue.aio import QueueServiceClient

        text = self._connection.get_secret_value()
        limits: dict[str, Any] = {
            "connection_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retry_total": RETRIES,
            "initial_backoff": FIRST_BACKOFF_SECONDS,
            "increment_base": 2,
            "random_jitter_range": 1,
        }
        if not self._is_url:
            return _Opened(QueueServiceClient.from_connection_string(text, **limits), None)
        from azure.identity.aio import DefaultAzureCredential

        credential = self._credential or DefaultAzureCredential()
        return _Opened(QueueServiceClient(text, credential=credential, **limits), credential)
