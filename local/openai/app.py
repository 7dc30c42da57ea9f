"""The service: routes, and the way of one call through key, deployment, checks, quota, engine and pace."""

import asyncio
import random
import re
import time
import uuid
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.openai.answer import finish
from local.openai.auth import authorise
from local.openai.chat_request import ChatRequest, read_body, read_chat_request
from local.openai.completion import Completion
from local.openai.deployments import API_KEY, DEPLOYMENTS, MODEL, Deployment
from local.openai.engine.documents import find_documents
from local.openai.engine.engine import reply_to
from local.openai.engine.refusal import refused_at_rate
from local.openai.errors import (
    ApiError,
    bad_request,
    deployment_not_found,
    fault_response,
    no_capacity,
    resource_not_found,
    retired,
)
from local.openai.event_stream import CompletionStream
from local.openai.limits import Limits
from local.openai.quota import Quota
from local.standin.control import Control

CLIENT_GONE = 499
_API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
_V1_VERSIONS = (None, "preview", "latest", "v1")


class Service:
    """One Azure OpenAI resource."""

    def __init__(self, limits: Limits, api_key: str, deployments: tuple[Deployment, ...] = DEPLOYMENTS) -> None:
        self.limits = limits
        self.quota = Quota(limits)
        self._api_key = api_key
        self._deployments = {deployment.name: deployment for deployment in deployments}
        self._serving = 0
        self._random = random.Random()

    async def reset(self) -> None:
        """Forget the used quota and put the limits back."""
        self.quota.reset()
        for name, value in Limits():
            setattr(self.limits, name, value)

    def routes(self) -> list[Route]:
        """The paths with a deployment name, and the version-less ones."""
        return [
            Route("/openai/deployments/{deployment}/chat/completions", self._answering(self._chat), methods=["POST"]),
            Route("/openai/deployments/{deployment}/completions", self._answering(self._completions), methods=["POST"]),
            Route("/openai/v1/chat/completions", self._answering(self._chat_v1), methods=["POST"]),
            Route("/openai/v1/completions", self._answering(self._completions), methods=["POST"]),
            Route("/openai/v1/models", self._answering(self._models), methods=["GET"]),
            Route("/openai/v1/models/{model}", self._answering(self._model), methods=["GET"]),
            Route(
                "/{path:path}", self._answering(self._nothing_here), methods=["GET", "POST", "PUT", "PATCH", "DELETE"]
            ),
        ]

    def _answering(self, serve: Any) -> Any:
        """`serve` behind the key check, its errors as Azure's answers, the usual headers on both."""

        async def endpoint(request: Request) -> Response:
            headers = _usual_headers(request)
            try:
                authorise(request.headers, self._api_key)
                response: Response = await serve(request)
            except ApiError as error:
                return error.response(headers)
            except ClientDisconnect:
                return Response(status_code=CLIENT_GONE)  # nobody hears it; the log of calls shows it
            response.headers.update(headers)
            return response

        return endpoint

    async def _chat(self, request: Request) -> Response:
        api_version = _api_version(request)
        deployment = self._deployment(request.path_params["deployment"])
        return await self._complete(request, deployment, read_body(await request.body()), api_version)

    async def _chat_v1(self, request: Request) -> Response:
        if request.query_params.get("api-version") not in _V1_VERSIONS:
            raise resource_not_found()
        body = read_body(await request.body())
        return await self._complete(request, self._deployment(_named_model(body)), body, "v1")

    async def _completions(self, request: Request) -> Response:
        raise retired(MODEL)

    async def _models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_model_card(name) for name in self._deployments]})

    async def _model(self, request: Request) -> Response:
        return JSONResponse(_model_card(self._deployment(request.path_params["model"]).name))

    async def _nothing_here(self, request: Request) -> Response:
        raise resource_not_found()

    def _deployment(self, name: str) -> Deployment:
        if name not in self._deployments:
            raise deployment_not_found()
        return self._deployments[name]

    async def _complete(
        self, request: Request, deployment: Deployment, body: dict[str, Any], api_version: str
    ) -> Response:
        asked_at = time.monotonic()
        noted = request.scope["state"]["call"]
        noted["deployment"] = deployment.name
        chat = read_chat_request(body, deployment, api_version)
        documents = find_documents(chat.messages)
        noted |= {
            "promptTokens": chat.prompt_tokens,
            "reservedTokens": chat.reserved_tokens,
            "stream": chat.stream,
            "documentSha256": documents.sha256 if documents else None,
        }
        headers = self.quota.admit(deployment.name, chat.reserved_tokens, api_version)
        if self.limits.max_concurrent and self._serving >= self.limits.max_concurrent:
            raise no_capacity()
        self._serving += 1
        try:
            completion = self._completion(chat)
            noted["completionTokens"] = completion.completion_tokens
            await self._wait(asked_at, 0 if chat.stream else completion.completion_tokens)
            if chat.stream:  # it is served until its last event
                return CompletionStream(completion, self.limits, chat.include_usage, headers, self._served)
        except BaseException:
            self._served()
            raise
        self._served()
        return JSONResponse(completion.body(), headers=headers)

    def _served(self) -> None:
        self._serving -= 1

    def _completion(self, chat: ChatRequest) -> Completion:
        reply = refused_at_rate(chat, self.limits.refusal_rate) or reply_to(chat)
        answer = finish(reply, chat, self.limits.truncate_at_tokens)
        return Completion(answer, chat.prompt_tokens, chat.choices)

    async def _wait(self, asked_at: float, tokens: int) -> None:
        """Until the pace is kept. What working out the answer took is part of the latency."""
        limits = self.limits
        latency = limits.latency_ms * (1 + limits.latency_jitter * self._random.uniform(-1, 1))
        seconds = (latency + tokens * limits.ms_per_token) / 1000
        await asyncio.sleep(max(0.0, asked_at + seconds - time.monotonic()))


def build(api_key: str = API_KEY) -> Control:
    """The stand-in as an ASGI application."""
    service = Service(Limits(), api_key)
    return Control(
        "openai",
        Starlette(routes=service.routes()),
        limits=service.limits,
        reset=service.reset,
        fault_response=fault_response,
        health=lambda: {"model": MODEL, "deployments": [deployment.name for deployment in DEPLOYMENTS]},
    )


def _usual_headers(request: Request) -> dict[str, str]:
    headers = {
        "apim-request-id": str(uuid.uuid4()),
        "x-request-id": str(uuid.uuid4()),
        "x-ms-region": "Local",
        "x-content-type-options": "nosniff",
    }
    if client_id := request.headers.get("x-ms-client-request-id"):
        headers["x-ms-client-request-id"] = client_id
    return headers


def _api_version(request: Request) -> str:
    """The `api-version` of the query; the gateway answers 404 without a valid one."""
    version = request.query_params.get("api-version", "")
    if not _API_VERSION.fullmatch(version):
        raise resource_not_found()
    return version


def _named_model(body: dict[str, Any]) -> str:
    """The deployment that a version-less request names in its body."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise bad_request("Missing required parameter: 'model'.", "model", "missing_required_parameter")
    return model


def _model_card(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "local", "status": "succeeded", "model": MODEL}
