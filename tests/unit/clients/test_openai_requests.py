"""What goes out to the model service, for each way of reaching it."""

import time

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from pydantic import SecretStr

from shared.ai.ports import ModelDeferred
from shared.errors import Unauthorized
from tests.unit.clients.openai_http import REQUEST, SCHEMA, ScriptedService, model_on


class FakeCredential:
    """A managed identity."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.scopes: list[str] = []
        self.closed = False

    async def get_token(self, *scopes: str, **_: object) -> AccessToken:
        if self.error:
            raise self.error
        self.scopes += scopes
        return AccessToken("identity-token", int(time.time()) + 3600)

    async def close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> "FakeCredential":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def test_the_classic_api_is_called_with_deployment_version_and_key():
    service = ScriptedService()
    async with model_on(service) as model:
        await model.complete(REQUEST)
    request = service.requests[0]
    assert str(request.url) == (
        "https://example.openai.azure.com/openai/deployments/summaries/chat/completions?api-version=2025-01-01-preview"
    )
    assert request.headers["api-key"] == "key-1"
    assert request.headers["x-ms-client-request-id"] == "job-1:row-1"


@pytest.mark.parametrize(
    ("base", "version", "url"),
    [
        ("https://a.openai.azure.com", "v1", "https://a.openai.azure.com/openai/v1/chat/completions"),
        ("https://a.openai.azure.com/openai/v1", "v1", "https://a.openai.azure.com/openai/v1/chat/completions"),
        ("http://localhost:11434/v1", "2025-01-01-preview", "http://localhost:11434/v1/chat/completions"),
    ],
)
async def test_the_versionless_api_and_other_servers_are_called_with_a_bearer_key(base: str, version: str, url: str):
    service = ScriptedService()
    async with model_on(service, api_base=base, api_version=version) as model:
        await model.complete(REQUEST)
    assert str(service.requests[0].url) == url
    assert service.requests[0].headers["authorization"] == "Bearer key-1"
    assert service.body["model"] == "summaries"


async def test_the_answer_is_asked_for_by_a_strict_schema_with_the_models_parameters():
    service = ScriptedService()
    async with model_on(service) as model:
        await model.complete(REQUEST)
    assert service.body == {
        "model": "summaries",
        "messages": [{"role": "system", "content": "Summarise."}, {"role": "user", "content": "A pump leaks."}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "summary", "strict": True, "schema": SCHEMA},
        },
        "max_tokens": 300,
        "temperature": 0.7,
        "top_p": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
    }


async def test_a_reasoning_model_gets_no_parameters_that_it_refuses():
    service = ScriptedService()
    async with model_on(service, model="o4-mini") as model:
        await model.complete(REQUEST)
    assert set(service.body) == {
        "model", "messages", "response_format", "max_completion_tokens", "reasoning_effort",
    }  # fmt: skip


@pytest.mark.parametrize("version", ["2025-01-01-preview", "v1"])
async def test_without_a_key_the_managed_identity_signs_in(version: str):
    service, credential = ScriptedService(), FakeCredential()
    async with model_on(service, api_key=None, api_version=version, credential=credential) as model:
        await model.complete(REQUEST)
    assert service.requests[0].headers["authorization"] == "Bearer identity-token"
    assert credential.scopes == ["https://cognitiveservices.azure.com/.default"]
    assert credential.closed


@pytest.mark.parametrize("version", ["2025-01-01-preview", "v1"])
async def test_an_identity_that_is_refused_is_said_plainly_and_nothing_is_sent(version: str):
    service, credential = ScriptedService(), FakeCredential(ClientAuthenticationError("SECRET"))
    async with model_on(service, api_key=None, api_version=version, credential=credential) as model:
        with pytest.raises(Unauthorized) as raised:
            await model.complete(REQUEST)
    assert raised.value.code == "model_unauthorized"
    assert not service.requests


async def test_an_identity_service_that_is_down_defers_the_row():
    credential = FakeCredential(ServiceRequestError("SECRET"))
    async with model_on(ScriptedService(), api_key=None, credential=credential) as model:
        with pytest.raises(ModelDeferred):
            await model.complete(REQUEST)


async def test_the_key_of_the_environment_is_never_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "other-key")
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "other-token")
    service = ScriptedService()
    async with model_on(service, api_key=SecretStr("key-1")) as model:
        await model.complete(REQUEST)
    assert service.requests[0].headers["api-key"] == "key-1"
    assert "authorization" not in service.requests[0].headers


async def test_closing_a_model_that_was_never_used_does_no_harm():
    async with model_on(ScriptedService()) as model:
        await model.aclose()
        assert await model.complete(REQUEST)
