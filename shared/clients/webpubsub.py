"""Azure Web PubSub as the application's realtime gateway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from shared.clients.azure_failures import azure_call
from shared.clients.lazy import LazyClient
from shared.ids import UserId
from shared.records import utc_now
from shared.resilience.circuit import CircuitBreaker

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

SERVICE = "Web PubSub"
HUB = "chatsheet"
CONNECT_SECONDS = 3
READ_SECONDS = 5
RETRIES = 1
"""The SDK is the one that retries; a push is a hint and not worth a long wait."""


@dataclass(frozen=True, slots=True)
class _Opened:
    client: "WebPubSubServiceClient"
    credential: "AsyncTokenCredential | None"


class WebPubSubGateway:
    """Implements `shared.realtime.ports.RealtimeGateway`.

    The service's users are our listeners. `connection` is the connection string with an access key, or without one (or
    just the endpoint's URL) where the managed identity signs in.
    """

    def __init__(
        self,
        connection: SecretStr,
        *,
        breaker: CircuitBreaker,
        hub: str = HUB,
        credential: "AsyncTokenCredential | None" = None,
    ) -> None:
        self._connection = connection
        self._breaker = breaker
        self._hub = hub
        self._credential = credential
        self._endpoint = None if _has_key(connection) else _endpoint(connection)
        modules = ["azure.messaging.webpubsubservice.aio"]
        if self._endpoint is not None:
            modules.append("azure.identity.aio")
        self._opened = LazyClient(modules, self._build)

    async def client_url(
        self, listener: str, *, user_id: UserId, minutes: int, groups: Sequence[str] = ()
    ) -> tuple[str, datetime]:
        """See `RealtimeGateway.client_url`. With an access key no call is made: the token is signed here."""
        client = await self._client()
        expires = utc_now() + timedelta(minutes=minutes)
        with azure_call(SERVICE, self._breaker):
            token = await client.get_client_access_token(
                user_id=listener, minutes_to_expire=minutes, groups=[_group_of(user_id), *groups], roles=[]
            )
        return str(token["url"]), expires

    async def send_to_group(self, group: str, event: Mapping[str, Any]) -> None:
        """See `RealtimeGateway.send_to_group`."""
        client = await self._client()
        with azure_call(SERVICE, self._breaker):
            # The SDK leaves an overload for binary messages without its type argument
            await client.send_to_group(  # pyright: ignore[reportUnknownMemberType]
                group, dict(event), content_type="application/json"
            )

    async def add_to_group(self, group: str, connection_id: str) -> bool:
        """See `RealtimeGateway.add_to_group`."""
        from azure.core.exceptions import ResourceNotFoundError

        client = await self._client()
        with azure_call(SERVICE, self._breaker):
            try:
                await client.add_connection_to_group(group, connection_id)
            except ResourceNotFoundError:
                return False
        return True

    async def remove_from_group(self, group: str, connection_id: str) -> None:
        """See `RealtimeGateway.remove_from_group`."""
        from azure.core.exceptions import ResourceNotFoundError

        client = await self._client()
        with azure_call(SERVICE, self._breaker):
            try:
                await client.remove_connection_from_group(group, connection_id)
            except ResourceNotFoundError:
                return

    async def remove_listener_from_group(self, listener: str, group: str) -> None:
        """See `RealtimeGateway.remove_listener_from_group`."""
        client = await self._client()
        with azure_call(SERVICE, self._breaker):
            await client.remove_user_from_group(group, listener)

    async def is_connected(self, listener: str) -> bool:
        """See `RealtimeGateway.is_connected`."""
        client = await self._client()
        with azure_call(SERVICE, self._breaker):
            return await client.user_exists(listener)

    async def close_connection(self, connection_id: str, *, reason: str) -> None:
        """See `RealtimeGateway.close_connection`."""
        from azure.core.exceptions import ResourceNotFoundError

        client = await self._client()
        with azure_call(SERVICE, self._breaker):
            try:
                await client.close_connection(connection_id, reason=reason)
            except ResourceNotFoundError:
                return

    async def close_listener(self, listener: str, *, reason: str) -> None:
        """See `RealtimeGateway.close_listener`."""
        client = await self._client()
        with azure_call(SERVICE, self._breaker):
            await client.close_user_connections(listener, reason=reason)

    async def close_user(self, user_id: UserId, *, reason: str) -> None:
        """Implements `shared.identity.ports.LiveConnections`: close all WebSockets of a user, telling the reason."""
        client = await self._client()
        with azure_call(SERVICE, self._breaker):
            await client.close_group_connections(_group_of(user_id), reason=reason)

    async def connection_exists(self, connection_id: str) -> bool:
        """Whether the connection is live."""
        client = await self._client()
        with azure_call(SERVICE, self._breaker):
            return await client.connection_exists(connection_id)

    async def aclose(self) -> None:
        """Close the connections and the credential."""
        opened = self._opened.take()
        if opened is not None:
            await opened.client.close()
            if opened.credential is not None:
                await opened.credential.close()

    async def _client(self) -> "WebPubSubServiceClient":
        return (await self._opened.get()).client

    def _build(self) -> _Opened:
        from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

        limits = {"connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS, "retry_total": RETRIES}
        if self._endpoint is None:
            text = self._connection.get_secret_value()
            return _Opened(WebPubSubServiceClient.from_connection_string(text, self._hub, **limits), None)
        from azure.identity.aio import DefaultAzureCredential

        credential = self._credential or DefaultAzureCredential()
        return _Opened(WebPubSubServiceClient(self._endpoint, self._hub, credential, **limits), credential)


def _group_of(user_id: UserId) -> str:
    """The group of all connections of a user. It is no topic: nothing is ever sent to it."""
    return f"person:{user_id}"


def access_keys(connection: SecretStr) -> tuple[str, ...]:
    """The keys that sign upstream events; none where the managed identity is used."""
    key = _parts(connection).get("accesskey")
    return (key,) if key else ()


def endpoint_host(connection: SecretStr) -> str:
    """Host and port of the service: the origin that asks whether it may send us events."""
    return urlsplit(_endpoint(connection)).netloc


def _parts(connection: SecretStr) -> dict[str, str]:
    pairs = (part.partition("=") for part in connection.get_secret_value().split(";") if "=" in part)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _has_key(connection: SecretStr) -> bool:
    return bool(_parts(connection).get("accesskey"))


def _endpoint(connection: SecretStr) -> str:
    return _parts(connection).get("endpoint") or connection.get_secret_value().strip()
