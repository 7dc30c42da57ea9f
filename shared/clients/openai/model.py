"""Azure OpenAI as the application's model."""

import logging
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import SecretStr

from shared.ai.estimates import TokenEstimator, prompt_characters
from shared.ai.ports import ModelAnswer, ModelDeferred, ModelRefusal, ModelRequest
from shared.ai.profiles import ModelProfile, profile_of
from shared.ai.quota import QuotaGate, Ticket
from shared.clients.openai.answers import Completion, Usage, read_completion, structured_answer
from shared.clients.openai.connection import CallLost, CallRefused, Connection, Endpoint
from shared.clients.openai.headers import asked_delay, rate_limits
from shared.errors import InvalidInput, Unauthorized, UpstreamUnavailable
from shared.resilience.circuit import CircuitBreaker
from shared.telemetry import get_logger

if TYPE_CHECKING:
    import httpx2
    from azure.core.credentials_async import AsyncTokenCredential

log = get_logger(__name__)

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 60.0
BROKEN_SECONDS = 10.0
"""After how long a row is asked about again while the circuit is open."""


class OpenAIModel:
    """Implements `shared.ai.ports.Model`.

    `api_base` is an Azure resource, or the base URL of any OpenAI-compatible server when it ends in `/v1`;
    `api_version` `v1` is Azure's version-less API. Without `api_key` the managed identity signs in. `deployment`
    is what is called, `model` decides what is sent. Nothing is retried here: whoever gets `ModelDeferred` asks again.
    """

    def __init__(
        self,
        *,
        api_base: str,
        api_key: SecretStr | None,
        api_version: str,
        deployment: str,
        model: str,
        timeout_seconds: float,
        gate: QuotaGate,
        breaker: CircuitBreaker,
        profile: ModelProfile | None = None,
        http_client: "httpx2.AsyncClient | None" = None,
        credential: "AsyncTokenCredential | None" = None,
        random: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deployment = deployment
        self._model = model
        self._gate = gate
        self._breaker = breaker
        self._profile = profile or profile_of(model)
        self._random = random
        self._clock = clock
        self._backoff_seconds = 0.0
        self._backoff_ends = clock()
        self._estimator = TokenEstimator()
        endpoint = Endpoint(api_base, api_key, api_version, deployment, timeout_seconds, gate.concurrency)
        self._connection = Connection(endpoint, http_client=http_client, credential=credential)

    @property
    def gate(self) -> QuotaGate:
        """The quota that its calls go through."""
        return self._gate

    @property
    def estimator(self) -> TokenEstimator:
        """Token estimates as corrected by this model's answers so far."""
        return self._estimator

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """See `Model.complete`. Also raises `ModelRefusal` with the code `input_too_long`."""
        characters = prompt_characters(request)
        estimate = self._estimator.tokens(characters)
        await self._connection.open()
        if self._breaker.state == "open":
            raise ModelDeferred(self._spread(BROKEN_SECONDS))
        async with self._gate.admit(estimate + self._profile.output_cap(request.max_output_tokens)) as ticket:
            completion = await self._call(request, ticket)
        usage = completion.usage or _estimated_usage(completion, estimate)
        self._estimator.learn(characters, usage.prompt_tokens)
        return structured_answer(completion, usage, self._model)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connection.aclose()

    async def _call(self, request: ModelRequest, ticket: Ticket) -> Completion:
        started = time.perf_counter()
        outcome, usage = "cancelled", Usage()
        try:
            with self._breaker.guard(_is_outage):
                reply = await self._connection.post(self._body(request), {"x-ms-client-request-id": request.request_id})
                completion = read_completion(reply.content)
            outcome, usage = "200", completion.usage or usage
            self._backoff_seconds = 0.0
            self._gate.adapt(ticket, rate_limits(reply.headers))
            return completion
        except CallRefused as refused:
            outcome = f"{refused.status} {_word(refused.code)}"
            self._fail(refused, ticket)
        except CallLost as lost:
            outcome = f"lost ({lost})"
            raise ModelDeferred(self._backoff()) from None
        except UpstreamUnavailable as broken:
            outcome = "not sent, the circuit is open"
            raise ModelDeferred(self._spread(broken.retry_after_seconds or BROKEN_SECONDS)) from None
        finally:
            log.log(
                logging.DEBUG if outcome == "200" else logging.INFO,
                "model call %s: %s in %d ms after %d ms, %d+%d tokens",
                request.request_id,
                outcome,
                (time.perf_counter() - started) * 1000,
                ticket.waited_seconds * 1000,
                usage.prompt_tokens,
                usage.completion_tokens,
            )

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        return {
            "model": self._deployment,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": request.schema_name, "strict": True, "schema": request.schema},
            },
            **self._profile.parameters(request.max_output_tokens),
        }

    def _fail(self, refused: CallRefused, ticket: Ticket) -> NoReturn:
        """Raise what an error status means to the application."""
        status = refused.status
        if status == 429:
            self._gate.adapt(ticket, rate_limits(refused.headers))
            asked = asked_delay(refused.headers)
            seconds = self._backoff() if asked is None else asked
            self._gate.close_for(seconds)
            raise ModelDeferred(self._spread(seconds)) from None
        if status >= 500 or status in (408, 409):
            asked = asked_delay(refused.headers)
            raise ModelDeferred(self._backoff() if asked is None else self._spread(asked)) from None
        raise _permanent(refused) from None

    def _backoff(self) -> float:
        """Doubles with each failure, but once for all the calls that fail together; half of it at random."""
        now = self._clock()
        if now >= self._backoff_ends or not self._backoff_seconds:
            self._backoff_seconds = min(LONGEST_BACKOFF_SECONDS, max(FIRST_BACKOFF_SECONDS, self._backoff_seconds * 2))
            self._backoff_ends = now + self._backoff_seconds
        return self._backoff_seconds * (1 + self._random()) / 2

    def _spread(self, seconds: float) -> float:
        """A little later, at random, so that those who were told the same do not come back together."""
        return seconds + self._random() * max(1.0, seconds / 10)


def _is_outage(error: Exception) -> bool:
    return isinstance(error, CallLost) or (
        isinstance(error, CallRefused) and (error.status >= 500 or error.status == 408)
    )


def _permanent(refused: CallRefused) -> Exception:
    """What asking again would not change: the row's outcome, or settings that are wrong."""
    if refused.code == "content_filter":
        return ModelRefusal("content_filtered", "The content filter refused the text of this row.")
    if refused.code in ("context_length_exceeded", "string_above_max_length") or refused.status == 413:
        return ModelRefusal("input_too_long", "The text of this row is longer than the model can read.")
    if refused.status in (401, 403):
        return Unauthorized(
            "The model service does not accept AZURE_OPENAI_API_KEY (or, without one, the managed identity).",
            code="model_unauthorized",
        )
    if refused.status == 404:
        return InvalidInput(
            "The model service does not know the deployment: check AZURE_OPENAI_DEPLOYMENT, AZURE_OPENAI_API_BASE "
            "and AZURE_OPENAI_API_VERSION.",
            code="model_deployment_not_found",
        )
    parameter = f" ({_word(refused.param)})" if refused.param else ""
    return InvalidInput(
        f"The model service refused a parameter{parameter}: check that AZURE_OPENAI_MODEL names the deployed model and "
        "that it supports structured outputs.",
        code="model_request_refused",
    )


def _word(text: str | None) -> str:
    """A word of the service's protocol, safe to show: anything that is not one is left out."""
    return text if text and len(text) <= 64 and text.replace("_", "").replace(".", "").isalnum() else ""


def _estimated_usage(completion: Completion, prompt_tokens: int) -> Usage:
    """Some compatible servers count nothing: the budget still must not see zero."""
    said = completion.choices[0].message.content or ""
    return Usage(prompt_tokens=prompt_tokens, completion_tokens=len(said) // 4 + 1)
