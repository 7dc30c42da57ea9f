"""Key Vault through its SDK, against a double of the vault that holds real keys."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import AioHttpTransport
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from shared.clients.key_vault import KeyVaultKeys
from shared.clients.token_vault import KeyLost
from shared.errors import UpstreamFault, UpstreamUnavailable
from shared.resilience.circuit import CircuitBreaker
from tests.unit.clients.loopback import loopback

VAULT = "https://contoso.vault.azure.net"
KEY = f"{VAULT}/keys/tokens"
V1, V2 = "1" * 32, "2" * 32
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
CHALLENGE = 'Bearer authorization="https://login.microsoftonline.com/contoso", resource="https://vault.azure.net"'


@pytest.fixture(scope="module")
def rsa_keys() -> dict[str, rsa.RSAPrivateKey]:
    return {version: rsa.generate_private_key(65537, 2048) for version in (V1, V2)}


class FakeVault:
    """Versions of the key `tokens`: gives out the public parts, unwraps with the private ones."""

    def __init__(self, keys: dict[str, rsa.RSAPrivateKey]) -> None:
        self.keys = keys
        self.newest = V1
        self.status: int | None = None
        self.calls: list[str] = []

    @property
    def route(self) -> web.AbstractRouteDef:
        return web.route("*", "/keys/tokens/{version:[0-9a-f]*}{action:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if "Authorization" not in request.headers:
            return web.Response(status=401, headers={"WWW-Authenticate": CHALLENGE})
        version = request.match_info["version"] or self.newest
        action = request.match_info["action"].strip("/")
        self.calls.append(f"{action or 'get'} {version[:1]}")
        if self.status is not None:
            return web.json_response({"error": {"code": "x", "message": "secret words"}}, status=self.status)
        if version not in self.keys:
            return web.json_response({"error": {"code": "KeyNotFound", "message": ""}}, status=404)
        key = self.keys[version]
        if not action:
            numbers = key.public_key().public_numbers()
            jwk = {"kid": f"{KEY}/{version}", "kty": "RSA", "key_ops": ["wrapKey", "unwrapKey"]}
            return web.json_response({"key": {**jwk, "n": _encode(numbers.n), "e": _encode(numbers.e)}})
        body = await request.json()
        assert (action, body["alg"]) == ("unwrapkey", "RSA-OAEP-256")
        try:
            opened = key.decrypt(base64.urlsafe_b64decode(body["value"] + "=="), OAEP)
        except ValueError:
            return web.json_response({"error": {"code": "BadParameter", "message": ""}}, status=400)
        value = base64.urlsafe_b64encode(opened).rstrip(b"=").decode()
        return web.json_response({"kid": f"{KEY}/{version}", "value": value})


def _encode(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class ToLoopback(AioHttpTransport):
    """The SDK speaks https to the vault's own name only: led astray here, below it."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    async def send(self, request: Any, **options: Any) -> Any:
        asked = request.url
        request.url = asked.replace(VAULT, self._url)
        try:
            return await super().send(request, **options)
        finally:
            request.url = asked


class Credential:
    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        assert scopes == ("https://vault.azure.net/.default",)
        return AccessToken("an identity", 4_000_000_000)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> "Credential":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


@asynccontextmanager
async def ring_on(
    vault: FakeVault, key_url: str = KEY, clock: list[float] | None = None
) -> AsyncIterator[KeyVaultKeys]:
    now = clock or [0.0]
    credential: Any = Credential()
    async with loopback(vault.route) as url:
        ring = KeyVaultKeys(
            key_url,
            breaker=CircuitBreaker("Key Vault"),
            credential=credential,
            clock=lambda: now[0],
            transport=ToLoopback(url),
            retry_total=0,
        )
        try:
            yield ring
        finally:
            await ring.aclose()


@pytest.fixture
def vault(rsa_keys: dict[str, rsa.RSAPrivateKey]) -> FakeVault:
    return FakeVault(dict(rsa_keys))


async def test_a_data_key_is_wrapped_with_the_newest_version_and_unwrapped_by_the_vault(vault: FakeVault):
    async with ring_on(vault) as ring:
        key_id = await ring.newest()
        assert key_id == f"{KEY}/{V1}"
        wrapped = await ring.wrap(key_id, b"a data key")
        assert wrapped != b"a data key"
        assert await ring.unwrap(key_id, wrapped) == b"a data key"
    assert vault.calls[-1] == "unwrapkey 1"


async def test_a_new_version_is_noticed_within_the_hour_and_the_old_one_still_unwraps(vault: FakeVault):
    clock = [0.0]
    async with ring_on(vault, clock=clock) as ring:
        old = await ring.newest()
        wrapped = await ring.wrap(old, b"a data key")
        vault.newest = V2
        assert await ring.newest() == old
        clock[0] = 3601
        assert await ring.newest() == f"{KEY}/{V2}"
        assert await ring.unwrap(old, wrapped) == b"a data key"


async def test_a_version_that_is_fixed_stays(vault: FakeVault):
    async with ring_on(vault, f"{KEY}/{V2}") as ring:
        assert await ring.newest() == f"{KEY}/{V2}"


@pytest.mark.parametrize(
    "key_id",
    [
        f"https://evil.vault.azure.net/keys/tokens/{V1}",
        f"https://contoso.vault.azure.net.evil.example/keys/tokens/{V1}",
        f"{VAULT}/keys/another/{V1}",
        f"{VAULT}/keys/tokens",
        "file:x",
    ],
)
async def test_a_key_that_is_not_ours_is_never_asked(vault: FakeVault, key_id: str):
    async with ring_on(vault) as ring:
        with pytest.raises(KeyLost):
            await ring.unwrap(key_id, b"x")
    assert vault.calls == []


async def test_what_the_version_did_not_wrap_or_a_version_that_is_gone_is_lost(vault: FakeVault):
    async with ring_on(vault) as ring:
        wrapped = await ring.wrap(f"{KEY}/{V1}", b"a data key")
        with pytest.raises(KeyLost):
            await ring.unwrap(f"{KEY}/{V2}", wrapped)
        del vault.keys[V2]
        with pytest.raises(KeyLost):
            await ring.unwrap(f"{KEY}/{V2}", wrapped)


@pytest.mark.parametrize(
    ("status", "error"), [(403, UpstreamFault), (500, UpstreamUnavailable), (429, UpstreamUnavailable)]
)
async def test_a_vault_that_does_not_serve_us_loses_nothing(vault: FakeVault, status: int, error: type[Exception]):
    async with ring_on(vault) as ring:
        wrapped = await ring.wrap(f"{KEY}/{V1}", b"a data key")
        vault.status = status
        for call in (ring.newest(), ring.unwrap(f"{KEY}/{V1}", wrapped)):
            with pytest.raises(error) as raised:
                await call
            assert "secret words" not in str(raised.value)
        vault.status = None
        assert await ring.unwrap(f"{KEY}/{V1}", wrapped) == b"a data key"


async def test_while_the_vault_is_down_the_version_that_was_the_newest_counts(vault: FakeVault):
    clock = [0.0]
    async with ring_on(vault, clock=clock) as ring:
        await ring.newest()
        clock[0] = 3601
        vault.status = 503
        assert await ring.newest() == f"{KEY}/{V1}"
