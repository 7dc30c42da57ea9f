"""The connection to a Cosmos DB account, opened when it is first needed."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from shared.errors import UpstreamFault
from shared.resilience.circuit import CircuitBreaker
from shared.stores.cosmos.failures import Missing, cosmos_call
from shared.stores.cosmos.layout import CONTAINER, PARTITION_KEY_PATH

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.cosmos.aio import ContainerProxy, CosmosClient

CONNECT_SECONDS = 3
READ_SECONDS = 10
RETRIES = 2
THROTTLED_RETRIES = 5
THROTTLED_SECONDS = 10


@dataclass(frozen=True, slots=True)
class _Opened:
    client: "CosmosClient"
    container: "ContainerProxy"
    own_credential: "AsyncTokenCredential | None"


class CosmosConnection:
    """Opens the container once, in the running event loop. The SDK is the one that retries."""

    def __init__(
        self,
        account_url: str,
        *,
        database: str,
        key: SecretStr | None,
        credential: "AsyncTokenCredential | None",
        breaker: CircuitBreaker,
    ) -> None:
        self._account_url = account_url
        self._database = database
        self._key = key
        self._credential = credential
        self._breaker = breaker
        self._opening = asyncio.Lock()
        self._opened: _Opened | None = None

    async def container(self) -> "ContainerProxy":
        """The container. Raises `UpstreamFault` when the account does not have it."""
        if self._opened is None:
            async with self._opening:
                if self._opened is None:
                    self._opened = await self._open()
        return self._opened.container

    async def create_missing(self, definition: Mapping[str, Any]) -> None:
        """Create database and container where they are missing; needs the account's key, or an emulator."""
        from azure.cosmos import PartitionKey

        client, own_credential = await self._client()
        try:
            with cosmos_call(self._breaker):
                await client.__aenter__()
                database = await client.create_database_if_not_exists(self._database)
                await database.create_container_if_not_exists(
                    definition["id"],
                    PartitionKey(path=PARTITION_KEY_PATH),
                    indexing_policy=definition["indexingPolicy"],
                    default_ttl=definition["defaultTtl"],
                )
        finally:
            await _close(client, own_credential)

    async def close(self) -> None:
        """Close what was opened."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await _close(opened.client, opened.own_credential)

    async def _open(self) -> _Opened:
        client, own_credential = await self._client()
        try:
            with cosmos_call(self._breaker):
                await client.__aenter__()
                container = client.get_database_client(self._database).get_container_client(CONTAINER)
                # The SDK would read it before the first operation, whose 404 would then mean two things.
                await container.read()
        except BaseException as error:
            await _close(client, own_credential)
            if isinstance(error, Missing):
                detail = f"The account has no container {CONTAINER} in the database {self._database}."
                raise UpstreamFault(detail, code="database_missing") from None
            raise
        return _Opened(client, container, own_credential)

    async def _client(self) -> tuple["CosmosClient", "AsyncTokenCredential | None"]:
        await asyncio.to_thread(_import, with_identity=self._key is None and self._credential is None)
        from azure.cosmos.aio import CosmosClient

        if self._key is not None and not _is_base64(self._key.get_secret_value()):
            raise UpstreamFault("The key of the database is not one: keys of Cosmos DB are Base64.")
        own_credential: AsyncTokenCredential | None = None
        if self._key is None and self._credential is None:
            from azure.identity.aio import DefaultAzureCredential

            own_credential = DefaultAzureCredential()
        credential = self._credential or own_credential
        client = CosmosClient(
            self._account_url,
            credential=self._key.get_secret_value() if credential is None and self._key is not None else credential,  # pyright: ignore[reportArgumentType] - one of them is there
            connection_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retry_total=RETRIES,
            retry_connect=RETRIES,
            retry_read=RETRIES,
            retry_backoff_max=THROTTLED_SECONDS,
            retry_throttle_total=THROTTLED_RETRIES,
            retry_throttle_backoff_max=THROTTLED_SECONDS,
        )
        return client, own_credential


def _import(*, with_identity: bool) -> None:
    """Import the SDK: half a second, for which no event loop should stand still."""
    import_module("azure.cosmos.aio")
    if with_identity:
        import_module("azure.identity.aio")


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


async def _close(client: "CosmosClient", own_credential: "AsyncTokenCredential | None") -> None:
    await client.close()
    if own_credential is not None:
        await own_credential.close()
