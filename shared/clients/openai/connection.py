"""The connection to Azure OpenAI, or to a server that speaks the same protocol, through the openai SDK."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pydantic import BaseModel, SecretStr, ValidationError

from shared.clients.lazy import LazyClient

if TYPE_CHECKING:
    import httpx2
    from azure.core.credentials_async import AsyncTokenCredential
    from openai import AsyncOpenAI

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
    def compatible_base_url(self) -> str | None:
        """The base URL in OpenAI's own style; None where Azure's classic URLs are asked for."""
        if urlsplit(self.api_base).path.rstrip("/").endswith("/v1"):
            return self.api_base.rstrip("/") + "/"
        return f"{self.api_base.rstrip('/')}/openai/v1/" if self.api_version == VERSIONLESS else None


@dataclass(slots=True)
class _Open:
    """What exists once the SDK is imported."""

    client: "AsyncOpenAI"
    credential: "AsyncTokenCredential | None"
    unauthenticated: tuple[type[Exception], ...] = field(default=())
    identity_down: tuple[type[Exception], ...] = field(default=())


class Connection:
    """Posts to `chat/completions`; the SDK is imported, in a thread, by the first call. Nothing is retried here."""

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
        """Import the SDK and build its client: half a second that should not hold a place in the quota."""
        await self._opened.get()

    async def post(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply:
        """Call the model. Raises `CallRefused` and `CallLost`; after `timeout_seconds` in all it is lost."""
        opened = await self._opened.get()
        import httpx2
        import openai

        try:
            async with asyncio.timeout(self._endpoint.timeout_seconds):
                # The raw response: building the SDK's typed one costs as much again as the call.
                response = await opened.client.post(
                    "/chat/completions", cast_to=httpx2.Response, body=body, options={"headers": headers}
                )
        except openai.APIStatusError as error:
            raise _refused(error.response) from None
        except (openai.APIConnectionError, TimeoutError) as error:
            raise CallLost(type(error).__name__) from None
        except opened.unauthenticated:
            raise CallRefused(401, "identity", None, {}) from None
        except opened.identity_down as error:
            raise CallLost(type(error).__name__) from None
        return Reply(response.headers, response.content)

    async def aclose(self) -> None:
        """Close the connections and the credential."""
        opened = self._opened.take()
        if opened is not None:
            await opened.client.close()
            if opened.credential is not None:
                await opened.credential.close()

    def _modules(self) -> list[str]:
        modules = ["openai"]
        if self._http_client is None:
            modules.append("shared.clients.openai.transport")
        if self._endpoint.api_key is None:
            modules.append("azure.identity.aio")
        return modules

    def _build(self) -> _Open:
        import openai

        endpoint = self._endpoint
        common: dict[str, Any] = {
            "max_retries": 0,
            "timeout": self._timeouts(),
            "http_client": self._http_client or self._new_http_client(),
        }
        identity = _Identity.of(self._credential) if endpoint.api_key is None else None
        key = endpoint.api_key.get_secret_value() if endpoint.api_key else None
        base_url = endpoint.compatible_base_url
        if base_url is not None:
            client = openai.AsyncOpenAI(base_url=base_url, api_key=identity.tokens if identity else key, **common)
        else:
            client = openai.AsyncAzureOpenAI(
                azure_endpoint=endpoint.api_base,
                azure_deployment=endpoint.deployment,
                api_version=endpoint.api_version,
                api_key=key,
                azure_ad_token_provider=identity.tokens if identity else None,
                **common,
            )
        if identity is None:
            return _Open(client, None)
        return _Open(client, identity.credential, identity.unauthenticated, identity.down)

    def _timeouts(self) -> "httpx2.Timeout":
        import httpx2

        return httpx2.Timeout(self._endpoint.timeout_seconds, connect=CONNECT_SECONDS)

    def _new_http_client(self) -> "httpx2.AsyncClient":
        import httpx2

        from shared.clients.openai.transport import AiohttpTransport

        return httpx2.AsyncClient(
            transport=AiohttpTransport(
                connections=self._endpoint.connections, proxy=_proxy_for(self._endpoint.api_base)
            )
        )


@dataclass(frozen=True, slots=True)
class _Identity:
    """Signing in without a key: the credential, its tokens, and how it fails."""

    credential: "AsyncTokenCredential"
    tokens: Callable[[], Awaitable[str]]
    unauthenticated: tuple[type[Exception], ...]
    down: tuple[type[Exception], ...]

    @classmethod
    def of(cls, given: "AsyncTokenCredential | None") -> "_Identity":
        from azure.core.exceptions import AzureError, ClientAuthenticationError
        from azure.identity.aio import DefaultAzureCredential, get_bearer_token_provider

        credential = given or DefaultAzureCredential()
        tokens = get_bearer_token_provider(credential, TOKEN_SCOPE)
        return cls(credential, tokens, (ClientAuthenticationError,), (AzureError,))


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
