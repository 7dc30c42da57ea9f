"""The connection to Azure OpenAI, or to a server that speaks the same protocol.

One kind of call, made thousands of times: the openai SDK would build each request anew, which takes longer than
everything else that happens to it here, and half a second to be imported.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

from pydantic import BaseModel, SecretStr, ValidationError

from shared.clients.lazy import LazyClient

if TYPE_CHECKING:
    import httpx2
    from azure.core.credentials_async import AsyncTokenCredential

VERSIONLESS = "v1"
TOKEN_SCOPE = "https://cognitiveservices.azure.com/.default"  # noqa: S105 - a scope, not a token
CONNECT_SECONDS = 5.0


class CallRefused(Exception):
    """The service answered with an error status; `code` and `param` are words of its protocol, not its text."""

    def __init__(self, status: int, code: str | None, param: str | None, headers: Mapping[str, str]) -> None:
        super().__init__(f"status {status}, code {code}")
        self.status = status
        self.code = code
        self.param = param
        self.headers = headers


class CallLost(Exception):
    """No usable answer came: no connection, no answer in time, or one that is no JSON of the protocol."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer, unread. Names of headers are in lower case."""

    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the model is, and how to sign in: with the key, or with the managed identity where there is none."""

    api_base: str
    api_key: SecretStr | None
    api_version: str
    deployment: str
    timeout_seconds: float
    connections: int

    @property
    def compatible(self) -> bool:
        """Whether the URLs are in OpenAI's own style, with a bearer key; else they are Azure's classic ones."""
        return self._is_base_url or self.api_version == VERSIONLESS

    @property
    def completions_url(self) -> str:
        """Where completions are asked for."""
        base = self.api_base.rstrip("/")
        if not self.compatible:
            deployment, version = quote(self.deployment, safe=""), quote(self.api_version, safe="")
            return f"{base}/openai/deployments/{deployment}/chat/completions?api-version={version}"
        return f"{base}/chat/completions" if self._is_base_url else f"{base}/openai/v1/chat/completions"

    @property
    def _is_base_url(self) -> bool:
        return urlsplit(self.api_base).path.rstrip("/").endswith("/v1")


@dataclass(slots=True)
class _Open:
    """What exists once everything is imported. `headers` go with every call."""

    http: "httpx2.AsyncClient"
    url: "httpx2.URL"
    headers: Mapping[str, str]
    lost: tuple[type[Exception], ...]
    identity: "_Identity | None"


class Connection:
    """Posts to `chat/completions`; imports, in a thread, with the first call. Nothing is retried here."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        http_client: "httpx2.AsyncClient | None" = None,
        credential: "AsyncTokenCredential | None" = None,
    ) -> None:
        self._endpoint = endpoint
        self._http_client = http_client
        self._credential = credential
        self._opened = LazyClient(self._modules(), self._build)

    async def open(self) -> None:
        """Import and build what a call needs: that should not hold a place in the quota."""
        await self._opened.get()

    async def post(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        """Call the model. Raises `CallRefused` and `CallLost`; after `timeout_seconds` in all it is lost."""
        opened = await self._opened.get()
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            async with asyncio.timeout(self._endpoint.timeout_seconds):
                signed = await _signed(opened, headers)
                response = await opened.http.post(opened.url, content=content, headers=signed)
        except (*opened.lost, TimeoutError) as error:
            raise CallLost(type(error).__name__) from None
        if not response.is_success:
            raise _refused(response)
        return Reply(response.headers, response.content)

    async def aclose(self) -> None:
        """Close the connections and the credential."""
        opened = self._opened.take()
        if opened is not None:
            await opened.http.aclose()
            if opened.identity is not None:
                await opened.identity.credential.close()

    def _modules(self) -> list[str]:
        modules = ["httpx2"] if self._http_client else ["shared.clients.openai.transport"]
        if self._endpoint.api_key is None:
            modules.append("azure.identity.aio")
        return modules

    def _build(self) -> _Open:
        import httpx2

        endpoint = self._endpoint
        headers = {"content-type": "application/json", "accept": "application/json"}
        if endpoint.api_key is not None:
            key = endpoint.api_key.get_secret_value()
            headers |= {"authorization": f"Bearer {key}"} if endpoint.compatible else {"api-key": key}
        return _Open(
            http=self._http_client or self._new_http_client(),
            url=httpx2.URL(endpoint.completions_url),
            headers=headers,
            lost=(httpx2.RequestError,),
            identity=_Identity.of(self._credential) if endpoint.api_key is None else None,
        )

    def _new_http_client(self) -> "httpx2.AsyncClient":
        import httpx2

        from shared.clients.openai.transport import AiohttpTransport

        return httpx2.AsyncClient(
            transport=AiohttpTransport(
                connections=self._endpoint.connections, proxy=_proxy_for(self._endpoint.api_base)
            ),
            timeout=httpx2.Timeout(self._endpoint.timeout_seconds, connect=CONNECT_SECONDS),
        )


@dataclass(frozen=True, slots=True)
class _Identity:
    """Signing in without a key: the credential, its tokens, and how it fails."""

    credential: "AsyncTokenCredential"
    tokens: Callable[[], Awaitable[str]]
    unauthenticated: type[Exception]
    down: type[Exception]

    @classmethod
    def of(cls, given: "AsyncTokenCredential | None") -> "_Identity":
        from azure.core.exceptions import AzureError, ClientAuthenticationError
        from azure.identity.aio import DefaultAzureCredential, get_bearer_token_provider

        credential = given or DefaultAzureCredential()
        tokens = get_bearer_token_provider(credential, TOKEN_SCOPE)
        return cls(credential, tokens, ClientAuthenticationError, AzureError)

    async def token(self) -> str:
        """A token for the service. Raises `CallRefused` and `CallLost`."""
        try:
            return await self.tokens()
        except self.unauthenticated:
            raise CallRefused(401, "identity", None, {}) from None
        except self.down as error:
            raise CallLost(type(error).__name__) from None


async def _signed(opened: _Open, headers: Mapping[str, str]) -> dict[str, str]:
    signed = {**opened.headers, **headers}
    if opened.identity is not None:
        signed["authorization"] = f"Bearer {await opened.identity.token()}"
    return signed


class _ErrorBody(BaseModel):
    code: str | int | None = None
    param: str | None = None


class _ErrorAnswer(BaseModel):
    error: _ErrorBody


def _refused(response: "httpx2.Response") -> CallRefused:
    """Azure's gateway, the model behind it and other servers differ in their bodies, and some send none."""
    try:
        error = _ErrorAnswer.model_validate_json(response.content).error
    except ValidationError:
        error = _ErrorBody()
    code = None if error.code is None else str(error.code)
    return CallRefused(response.status_code, code, error.param, response.headers)


def _proxy_for(url: str) -> str | None:
    parts = urlsplit(url)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)
