"""A ring of keys in Azure Key Vault: the versions of one RSA key, used where they are and never taken out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.clients.azure_failures import azure_call
from shared.clients.lazy import LazyClient
from shared.clients.token_vault import KeyLost
from shared.errors import UpstreamFault, UpstreamUnavailable
from shared.resilience.circuit import CircuitBreaker

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.keyvault.keys.aio import KeyClient
    from azure.keyvault.keys.crypto.aio import CryptographyClient

SERVICE = "Key Vault"
CONNECT_SECONDS = 3
READ_SECONDS = 10
RETRIES = 2
"""The SDK is the one that retries."""
_NEWEST_KEPT_SECONDS = 3600.0
_GONE = (400, 404)


@dataclass(frozen=True, slots=True)
class _Opened:
    keys: "KeyClient"
    credential: "AsyncTokenCredential"


class KeyVaultKeys:
    """Implements `KeyRing`. `key_url` is `https://<vault>/keys/<name>`; with `/<version>` only that one wraps.

    Only versions of this key are ever asked to unwrap: the database does not decide whom we hand our identity to.
    `options` go to the SDK's clients.
    """

    def __init__(
        self,
        key_url: str,
        *,
        breaker: CircuitBreaker,
        credential: "AsyncTokenCredential | None" = None,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        parts = urlsplit(key_url)
        _, _, self._name, *version = parts.path.rstrip("/").split("/")
        self._version = version[0] if version else None
        self._vault_url = f"https://{parts.netloc.lower()}"
        self._breaker = breaker
        self._credential = credential
        self._clock = clock
        self._options = {
            "connection_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retry_total": RETRIES,
            **options,
        }
        self._newest: tuple[float, str] | None = None
        self._versions: dict[str, CryptographyClient] = {}
        modules = ("azure.keyvault.keys.aio", "azure.keyvault.keys.crypto.aio", "azure.identity.aio")
        self._opened = LazyClient(modules, self._build)

    async def newest(self) -> str:
        """See `KeyRing.newest`. Asked once an hour; while the vault is down, what it said last."""
        known = self._newest
        if known is not None and known[0] > self._clock():
            return known[1]
        opened = await self._opened.get()
        try:
            with azure_call(SERVICE, self._breaker):
                key = await opened.keys.get_key(self._name, self._version)
        except UpstreamUnavailable as error:
            if known is None or isinstance(error, UpstreamFault):
                raise
            return known[1]
        assert key.id is not None
        self._newest = (self._clock() + _NEWEST_KEPT_SECONDS, key.id)
        return key.id

    async def wrap(self, key_id: str, data_key: bytes) -> bytes:
        """See `KeyRing.wrap`."""
        from azure.keyvault.keys.crypto import KeyWrapAlgorithm

        client = await self._client(key_id)
        with azure_call(SERVICE, self._breaker):
            return (await client.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, data_key)).encrypted_key

    async def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """See `KeyRing.unwrap`."""
        from azure.core.exceptions import HttpResponseError
        from azure.keyvault.keys.crypto import KeyWrapAlgorithm

        if not key_id.startswith(f"{self._vault_url}/keys/{self._name}/"):
            raise KeyLost
        client = await self._client(key_id)
        with azure_call(SERVICE, self._breaker):
            try:
                return (await client.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped)).key
            except HttpResponseError as error:
                if error.status_code not in _GONE:
                    raise
                raise KeyLost from None

    async def aclose(self) -> None:
        """Close the connections and the credential."""
        for client in self._versions.values():
            await client.close()
        self._versions.clear()
        opened = self._opened.take()
        if opened is not None:
            await opened.keys.close()
            await opened.credential.close()

    async def _client(self, key_id: str) -> "CryptographyClient":
        from azure.keyvault.keys.crypto.aio import CryptographyClient

        opened = await self._opened.get()
        if key_id not in self._versions:
            self._versions[key_id] = CryptographyClient(key_id, opened.credential, **self._options)
        return self._versions[key_id]

    def _build(self) -> _Opened:
        from azure.identity.aio import DefaultAzureCredential
        from azure.keyvault.keys.aio import KeyClient

        credential = self._credential or DefaultAzureCredential()
        return _Opened(KeyClient(self._vault_url, credential, **self._options), credential)
